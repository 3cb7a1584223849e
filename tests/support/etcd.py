"""A real etcd: one member or several, started, killed, stopped and started again on the same data.

Data lie in memory where the machine has a place for that: what is tested here is not the disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.server_process import eventually, free_port

ETCD = os.environ.get("TEST_ETCD") or shutil.which("etcd")
"""The program that is run; another version than the one on the path by the environment."""
MEMORY = Path("/dev/shm")

needs_etcd = pytest.mark.skipif(ETCD is None, reason="there is no etcd on the path (Debian: etcd-server)")


class EtcdProcess:
    """One member. *peers* are all members by name, this one among them."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "m0",
        client_port: int = 0,
        peers: dict[str, str] | None = None,
        options: Sequence[str] = (),
        scheme: str = "http",
        host: str = "127.0.0.1",
    ) -> None:
        self.folder = folder
        self.name = name
        self.port = client_port or free_port()
        self.url = f"{scheme}://{host}:{self.port}"
        self._peers = peers or {name: f"http://127.0.0.1:{free_port()}"}
        # A cluster elects slowly enough for a machine that has other things to do.
        self._pace = ("10", "100") if len(self._peers) == 1 else ("50", "500")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Begin to start; `wait` for it."""
        assert ETCD is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        peer = self._peers[self.name]
        arguments = [
            ETCD,
            f"--name={self.name}",
            f"--data-dir={self.folder / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={','.join(f'{name}={url}' for name, url in self._peers.items())}",
            f"--heartbeat-interval={self._pace[0]}",
            f"--election-timeout={self._pace[1]}",
            "--logger=zap",
            "--log-level=warn",
            *self._options,
        ]
        with (self.folder / "log").open("ab") as log:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
            self._process = subprocess.Popen(
                arguments, stdout=log, stderr=log, env=environment | {"ETCD_UNSUPPORTED_ARCH": os.uname().machine}
            )

    def wait(self) -> None:
        """Return once it serves, which a member of a cluster does when there is a leader."""
        eventually(self._serves, f"etcd at {self.url}: {(self.folder / 'log').read_text()[-2000:]}", seconds=60)

    def _serves(self) -> bool:
        process = self._process
        assert process is not None
        if process.poll() is not None:
            raise RuntimeError(f"etcd has ended: {(self.folder / 'log').read_text()[-2000:]}")
        if self.url.startswith("https"):
            return self._listens()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
            return b'"true"' in answer.read()
        return False

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Returns once it has had its effect, where that can be seen: a process that is stopped does nothing any more."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            _, status = os.waitpid(self._process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="etcd-test-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))


@contextlib.contextmanager
def one_etcd(*options: str, scheme: str = "http", host: str = "127.0.0.1") -> Iterator[EtcdProcess]:
    """An empty etcd at revision 1."""
    folder = _folder()
    member = EtcdProcess(folder, options=options, scheme=scheme, host=host)
    try:
        member.wait()
        yield member
    finally:
        member.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def etcd_cluster(size: int = 3) -> Iterator[list[EtcdProcess]]:
    """A cluster that has a leader."""
    folder = _folder()
    peers = {f"m{number}": f"http://127.0.0.1:{free_port()}" for number in range(size)}
    members = [EtcdProcess(folder / name, name=name, peers=peers) for name in peers]
    try:
        for member in members:
            member.wait()
        yield members
    finally:
        for member in members:
            member.kill()
        shutil.rmtree(folder, ignore_errors=True)


class FreshEtcds:
    """Empty etcds, one after the other: while one is used, the next one starts."""

    def __init__(self) -> None:
        self._spare: tuple[Path, EtcdProcess] | None = None

    def _start(self) -> tuple[Path, EtcdProcess]:
        folder = _folder()
        return folder, EtcdProcess(folder)

    @contextlib.contextmanager
    def take(self) -> Iterator[EtcdProcess]:
        folder, member = self._spare or self._start()
        self._spare = None
        try:
            member.wait()
            self._spare = self._start()
            yield member
        finally:
            member.kill()
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        if self._spare is not None:
            self._spare[1].kill()
            shutil.rmtree(self._spare[0], ignore_errors=True)
