"""A server in a process of its own: started, waited for, stopped or killed.

Its output goes to files, so that nothing blocks however much it says, and a test may read what was said at any time.
Nothing here waits a fixed time: deadlines are generous, for machines that have more to do, and reached only by a failure.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parents[2]
START_DEADLINE = 120.0
STOP_DEADLINE = 60.0
POLL = 0.02

_LIMITED = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""


def eventually(probe: Callable[[], T | None], what: str, *, seconds: float = START_DEADLINE) -> T:
    """What *probe* gives once it gives anything true. Raises TimeoutError with *what* when it never does."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} seconds: {what}")
        time.sleep(POLL)
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, though somebody might take it before its use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ServerProcess:
    """`python -m MODULE ARGUMENTS` in the checkout, its output in *logs*.

    *file_limit* bounds how many bytes any file of the process may have: a disk that is full.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        logs: Path,
        *,
        env: Mapping[str, str] | None = None,
        file_limit: int | None = None,
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._stdout, self._stderr = logs / "stdout", logs / "stderr"
        command = [sys.executable, "-m", module, *arguments]
        if file_limit is not None:
            command = [sys.executable, "-c", _LIMITED, str(file_limit), *command]
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> str:
        return self._stdout.read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text("utf-8", "replace")

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def until(self, probe: Callable[[], T | None], what: str) -> T:
        """What *probe* gives once it gives anything; a failure with all that was said when the process ends before."""

        def alive() -> T | None:
            ended = self.status
            found = probe()
            assert found or ended is None, f"ended with status {ended} before {what}\n{self.output()}"
            return found

        try:
            return eventually(alive, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.output()}") from error

    def until_it_says(self, text: str) -> None:
        """Wait for a line with *text* on stdout."""
        self.until(lambda: text in self.stdout.rpartition("\n")[0], f"{text!r} on stdout")

    def wait(self) -> int:
        """The exit status, once there is one."""
        return self._process.wait(STOP_DEADLINE)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_DEADLINE)

    def stop(self) -> None:
        """End it as an administrator would. Fails unless it goes quietly."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.output()
        assert "Traceback" not in self.stderr, self.stderr

    def output(self) -> str:
        return f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}"


@contextlib.contextmanager
def server_process(
    module: str,
    arguments: Sequence[str],
    logs: Path,
    *,
    env: Mapping[str, str] | None = None,
    file_limit: int | None = None,
) -> Iterator[ServerProcess]:
    """A process for the length of the block; whatever is left of it afterwards is killed."""
    process = ServerProcess(module, arguments, logs, env=env, file_limit=file_limit)
    try:
        yield process
    finally:
        process.kill()
