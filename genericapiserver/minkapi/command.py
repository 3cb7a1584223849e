"""The command `minkapi`: flags, signals and exit statuses. `App` is the same for programs that embed it.

Exit status: 0 after a signal and for help, 1 for flags that are wrong, 2 when the start failed, 254 when the end did.
Source: minkapi/cli/cli.go of gardener's scaling-advisor.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import attrs

from genericapiserver.connection.listener import raise_descriptor_limit
from genericapiserver.logs.setup import logging_as
from genericapiserver.logs.streams import open_standard_streams
from genericapiserver.minkapi.config import (
    DEFAULT_BASE_PREFIX,
    DEFAULT_BIND_ADDRESS,
    DEFAULT_KUBE_CONFIG_PATH,
    DEFAULT_SHUTDOWN_TIMEOUT,
    DEFAULT_WATCH_QUEUE_SIZE,
    DEFAULT_WATCH_TIMEOUT,
    Config,
    WatchConfig,
)
from genericapiserver.minkapi.dump import save
from genericapiserver.minkapi.errors import PROGRAM_NAME, MinkAPIError
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS
from genericapiserver.minkapi.server import Server
from genericapiserver.options.flags import (
    BOOL,
    DURATION,
    INT,
    STRING,
    TEXTS,
    FlagError,
    FlagSet,
    HelpRequested,
    aggregate,
    report,
)
from genericapiserver.options.interpreter import prepare_interpreter, tune_interpreter
from genericapiserver.options.logs import LoggingOptions
from genericapiserver.signals import setup_signal_handler

OK: Final = 0
BAD_OPTIONS: Final = 1
START_FAILED: Final = 2
SHUTDOWN_FAILED: Final = 254
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


@attrs.define
class Options:
    """The flags, with the reference's names and defaults; *load*, *save* and *further_kinds* are ours. *host* and *port* are
    those of earlier releases, and stand for the parts of *bind_address*."""

    bind_address: str = DEFAULT_BIND_ADDRESS
    host: str = ""
    port: int = 0
    kubeconfig: str = DEFAULT_KUBE_CONFIG_PATH
    base_prefix: str = DEFAULT_BASE_PREFIX
    watch_queue_size: int = DEFAULT_WATCH_QUEUE_SIZE
    watch_timeout: float = DEFAULT_WATCH_TIMEOUT
    profile: bool = False
    shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT
    load: list[str] = attrs.field(factory=list)
    save: str = ""
    further_kinds: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, short, text in (
            (
                "bind-address",
                STRING,
                "",
                "The address to serve on, host:port; without a host it is 127.0.0.1, because nobody is asked who he is.",
            ),
            ("host", STRING, "H", "The host of --bind-address."),
            ("port", INT, "P", "The port of --bind-address."),
            ("kubeconfig", STRING, "k", "Where to write the kubeconfig of the base view; the others lie beside it."),
            ("base-prefix", STRING, "b", "The path below which the base view is served."),
            ("watch-queue-size", INT, "s", "Accepted for compatibility: watches are no queues here."),
            ("watch-timeout", DURATION, "t", "How long a watch goes on, up to twice as long; clients then begin anew."),
            ("profile", BOOL, "p", "Serve /debug/pprof and /trigger-gc."),
            ("shutdown-timeout", DURATION, "", "How long requests that are being served get to end."),
            ("further-kinds", BOOL, "", "Serve secrets, jobs, daemon sets, role bindings and some more kinds, too."),
            ("load", TEXTS, "", "Manifests to begin with: a file, a folder, or - for standard input. May be repeated."),
            ("save", STRING, "", "Where to write the objects of the base view at the end: a file, a new folder, or -."),
        ):
            aliases = ["pprof"] if name == "profile" else []
            flags.add(name, kind, self, name.replace("-", "_"), text, shorthand=short, aliases=aliases)

    def config(self) -> Config:
        """Raises ValueError for what cannot be."""
        if not self.bind_address.strip():
            raise ValueError("invalid option value: --bind-address must be specified")
        if not self.kubeconfig.strip():
            raise ValueError("missing option: --kubeconfig/-k")
        for name in ("watch_queue_size", "watch_timeout", "shutdown_timeout"):
            if getattr(self, name) < 0:
                raise ValueError(f"invalid option value: --{name.replace('_', '-')} must not be negative")
        return Config(
            base_prefix=self.base_prefix,
            bind_address=self._address(),
            kube_config_path=self.kubeconfig,
            graceful_shutdown_timeout=self.shutdown_timeout,
            profiling_enabled=self.profile,
            watch_config=WatchConfig(queue_size=self.watch_queue_size, timeout=self.watch_timeout),
            kinds=(*KINDS, *FURTHER_KINDS) if self.further_kinds else KINDS,
        )

    def _address(self) -> str:
        host, _, port = self.bind_address.rpartition(":")
        if self.host:
            host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port or port}" if self.host or self.port else self.bind_address


@attrs.define
class App:
    """A server that runs until `cancel` is set. See `launch_app` and `shutdown_app`."""

    server: Server
    cancel: asyncio.Event = attrs.field(factory=asyncio.Event)


async def launch_app(config: Config | None = None, *, manifests: Sequence[str] = ()) -> App:
    """Start a server whose base view begins with *manifests*. Raises MinkAPIError; nothing runs then."""
    server = Server(config)
    await server.start(manifests=manifests)
    return App(server)


async def shutdown_app(app: App, *, target: str = "") -> None:
    """Stop, and write the base view to *target*, if there is one, once nothing is written to it any more.

    Raises MinkAPIError, OSError; it is stopped then.
    """
    app.cancel.set()
    server = app.server
    try:
        try:
            await server.stop_serving()
        finally:
            if target:
                await save(server, server.base_view, target)
    finally:
        await server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default those of the process; the exit status."""
    open_standard_streams()
    raise_descriptor_limit()
    flags, log, options = FlagSet(PROGRAM_NAME), LoggingOptions(), Options()
    log.add_flags(flags)
    options.add_flags(flags)
    try:
        flags.parse(sys.argv[1:] if arguments is None else arguments)
        config = options.config()
        if problems := log.validate():
            raise FlagError(aggregate(problems))
    except HelpRequested:
        sys.stdout.write(flags.usage())
        return OK
    except (FlagError, ValueError) as error:
        report(flags, str(error), hint=True)
        return BAD_OPTIONS
    prepare_interpreter()
    wait_for_signal = setup_signal_handler(SIGNALS)
    with logging_as(log.config()):
        return asyncio.run(_run(flags, options, config, wait_for_signal))


async def _run(flags: FlagSet, options: Options, config: Config, wait_for_signal: Callable[[], Awaitable[None]]) -> int:
    try:
        app = await launch_app(config, manifests=options.load)
    except MinkAPIError as error:
        report(flags, str(error))
        return START_FAILED
    base = app.server.base_view
    sys.stdout.write(
        f"{PROGRAM_NAME} serves the view {base.name} at {app.server.url(base)}\n"
        f"try:  kubectl --kubeconfig {base.kube_config_path} get all -A\n"
    )
    sys.stdout.flush()
    tune_interpreter()
    await wait_for_signal()
    try:
        await shutdown_app(app, target=options.save)
    except (MinkAPIError, OSError) as error:
        report(flags, str(error))
        return SHUTDOWN_FAILED
    return OK


if __name__ == "__main__":
    sys.exit(main())
