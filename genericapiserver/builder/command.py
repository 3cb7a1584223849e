"""The command line of a builder's server: flags, signals, exit statuses, and a word on what to do next."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import attrs

from genericapiserver.builder.running import write_client_kubeconfig
from genericapiserver.builder.start import ServerStartOptions
from genericapiserver.config import ConfigError
from genericapiserver.options.command import run_command
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.logs import LoggingOptions
from genericapiserver.server import GenericAPIServer


@attrs.define(eq=False)
class Command:
    """Runs a server of *options* as a program does. *hint* is what to try with kubectl."""

    name: str
    options: ServerStartOptions
    hint: str = "api-resources"
    output: TextIO | None = None
    """Instead of standard output and standard error."""

    @property
    def flags(self) -> FlagSet:
        """The flags, with those of the log, which belong to every command; a new set at each call."""
        flags = FlagSet(self.name)
        LoggingOptions().add_flags(flags)
        self.options.add_flags(flags)
        return flags

    def execute(self, arguments: Sequence[str] | None = None) -> int:
        """Serve until SIGINT or SIGTERM; the exit status (docs/lifecycle.md). A second signal ends the process with 1.

        *arguments* default to those of the process. Once in a process.
        """
        given = sys.argv[1:] if arguments is None else arguments
        with written_to(self.output):
            return run_command(self.name, _Announced(self), given, on_ready=self._announce)

    async def _announce(self, server: GenericAPIServer) -> None:
        """Tell the user where the server is, and how to ask it something."""
        config = self.options.client_config(server.config)
        serving = self.options.serving_options
        where = config.host if serving.conn_provider is None else "connections of its provider"
        lines = [f"{server.name} is ready on {where}"]
        if serving.kubeconfig:
            lines.append(f"try:  kubectl --kubeconfig {serving.kubeconfig} {self.hint}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


class _Announced:
    """The options of *command*, with the kubeconfig that a user of the command line needs to get in."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._options = command.options

    def add_flags(self, flags: FlagSet) -> None:
        self._options.add_flags(flags)

    def complete(self) -> None:
        self._options.complete()
        serving = self._options.serving_options
        if serving.token_is_made and not serving.kubeconfig:
            serving.kubeconfig = f"{self._command.name}.kubeconfig"

    def validate(self) -> list[str]:
        return self._options.validate()

    async def server(self) -> GenericAPIServer:
        """Raises ConfigError. The kubeconfig is written last, and before anybody is served."""
        server = await self._options.server()
        path = self._options.serving_options.kubeconfig
        if path:
            async with server.config.closed_on_error():
                try:
                    write_client_kubeconfig(Path(path), self._options.client_config(server.config), name=server.name)
                except OSError as error:
                    raise ConfigError(
                        f"--write-kubeconfig {path}: {error.strerror or error}. "
                        "Give a file that can be written, or a --token"
                    ) from error
        return server


def report_build_error(error: Exception, output: TextIO | None) -> int:
    """Tell on standard error what is wrong with a program's declarations; the exit status."""
    with written_to(output):
        sys.stderr.write(f"Error: {error}\n")
    return 1


@contextlib.contextmanager
def written_to(output: TextIO | None) -> Iterator[None]:
    """Have the process write to *output* instead of its standard streams; None changes nothing."""
    if output is None:
        yield
        return
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield
