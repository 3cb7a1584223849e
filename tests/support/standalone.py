"""A server that stands alone, as `make serve` and `genericapiserver serve` start it: everything in one folder."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from tests.support.https_client import HTTPSClient
from tests.support.kubectl import Kubectl
from tests.support.server_process import ServerProcess, server_process

WARDLE = "examples.wardle.standalone"
WORDS = 10_000
"""What a failure quotes of a server's log, from its end."""
FLUNDERS = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders"


@attrs.frozen
class Standalone:
    """A running server, its folder, and two ways to talk to it as its administrator."""

    process: ServerProcess
    data: Path
    port: int

    @property
    def admin(self) -> HTTPSClient:
        pki = self.data / "pki"
        return HTTPSClient(self.port, authority=pki / "ca.crt", certificate=pki / "admin.crt", key=pki / "admin.key")

    @property
    def kubeconfig(self) -> Path:
        return self.data / "kubeconfig"

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.data.parent / "home", [f"--kubeconfig={self.kubeconfig}"])


@contextlib.contextmanager
def standalone(
    data: Path,
    port: int,
    *flags: str,
    module: str = WARDLE,
    before: Sequence[str] = (),
    file_limit: int | None = None,
) -> Iterator[Standalone]:
    """Start *module* with its data in *data*; it has said that it is ready when the block begins, and is killed at its end.

    *before* stands before the flags: the words of a command that has some.
    """
    arguments = [*before, f"--data={data}", f"--port={port}", *flags]
    with server_process(module, arguments, data.parent / "logs", file_limit=file_limit) as process:
        process.until_it_says("try:")
        try:
            yield Standalone(process, data, port)
        except Exception as failure:
            failure.add_note(f"the server has said:\n{process.stderr[-WORDS:]}")
            raise


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a command that goes on, whatever happens in the block."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
