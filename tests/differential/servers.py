"""The two servers: any command that takes the flags of the reference, with certificates and reviews of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from tests.differential.exchange import Clients, certificates
from tests.support.delegation import delegation
from tests.support.https_client import HTTPSClient
from tests.support.reference_server import (
    IDENTITIES,
    is_ready,
    recorded_flags,
    write_certificates,
    write_kubeconfig,
)
from tests.support.server_process import free_port

START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 60.0
LISTS: Final = ("/apis/wardle.example.com/v1beta1/flunders", "/apis/wardle.example.com/v1alpha1/fischers")


class ServerError(Exception):
    """A server that does not start, is gone, or is not empty; the text says which and what it wrote."""


@attrs.frozen
class Server:
    """A server that answers."""

    name: str
    clients: Clients
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Raises ServerError when the process has ended."""
        if (status := self.process.poll()) is not None:
            raise ServerError(f"{self.name} ended with status {status}:\n{self.said()}")

    def require_empty(self) -> None:
        """Raises ServerError when it has objects: those of a run before would be told from nothing."""
        for path in LISTS:
            if items := self.clients["admin"].get(path).json()["items"]:
                raise ServerError(
                    f"{self.name} has {len(items)} objects at {path} before the first request: "
                    "give it a store of its own, such as --etcd-prefix=/{run}"
                )

    def said(self) -> str:
        """The last that it wrote."""
        return self.log.read_text("utf-8", "replace")[-4000:]


@contextlib.contextmanager
def server(name: str, command: str) -> Iterator[Server]:
    """Start *command* with the flags of the reference's recordings behind it; ended, and its files gone, afterwards.

    `{run}` in the command stands for what no other run has, `{folder}` for a folder of its own. Raises ServerError.
    """
    with tempfile.TemporaryDirectory(prefix="differential-") as place:
        folder = Path(place)
        write_certificates(folder)
        port = free_port()
        words = [word.replace("{run}", folder.name).replace("{folder}", place) for word in shlex.split(command)]
        with delegation(folder / "server.crt", folder / "server.key") as address:
            write_kubeconfig(folder, address)
            with _process(name, [*words, *recorded_flags(folder, port)], folder / "log") as process:
                started = Server(name, certificates(folder, port, IDENTITIES), process, folder / "log")
                _until_ready(started, started.clients["admin"])
                yield started


@contextlib.contextmanager
def _process(name: str, words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            raise ServerError(f"{name} cannot be started: {words[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until_ready(started: Server, client: HTTPSClient) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(client):
        started.require_alive()
        if time.monotonic() > deadline:
            raise ServerError(f"{started.name} is not ready after {START_SECONDS:.0f} seconds:\n{started.said()}")
        time.sleep(0.05)
