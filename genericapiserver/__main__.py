"""The command line: `genericapiserver COMMAND ...`. What a command needs is imported when it is asked for."""

import gc
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

USAGE = """\
Usage: genericapiserver serve FILE.py [flags]
       genericapiserver run FILE.py [flags]
       genericapiserver manifests [FILE.py] [flags]
       genericapiserver aggregator [flags]
       genericapiserver storage COMMAND [flags]

serve      Serves every resource that the Python file declares, through every admission plugin that it defines, alone on
           this machine: certificates, a kubeconfig and the objects are kept in the folder of --data.
run        Serves the same behind a kube-apiserver, which says who asks and what he may do.
manifests  Writes what it takes to run that in a cluster, for Kustomize, as a Helm chart or as plain YAML.
aggregator  Serves other API servers as one, by APIService objects, alone on this machine.
storage    Backups, checks, compaction, migration and time travel of the stores of servers.

`genericapiserver COMMAND --help` lists the flags of a command.
"""

HELP = ("-h", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in HELP:
        sys.stdout.write(USAGE)
        return 0
    command = COMMANDS.get(given[0]) if given else None
    if command is None:
        sys.stderr.write(USAGE)
        return 2
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end in order: no traceback
    gc.set_threshold(50_000)  # what imports make lives to the end: collecting it again and again finds nothing
    from genericapiserver.config import ConfigError

    try:
        return command(given[1:])
    except ConfigError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1


def _serve(arguments: Sequence[str]) -> int:
    from genericapiserver.builder.program import print_flags, serve_module

    if not arguments:
        return _no_file()
    if arguments[0] in HELP:
        return print_flags("genericapiserver serve FILE.py")
    return serve_module(arguments[0], arguments[1:])


def _run(arguments: Sequence[str]) -> int:
    from genericapiserver.builder.program import print_run_flags, run_module

    if not arguments:
        return _no_file()
    if arguments[0] in HELP:
        return print_run_flags("genericapiserver run FILE.py")
    return run_module(arguments[0], arguments[1:])


def _manifests(arguments: Sequence[str]) -> int:
    from genericapiserver.builder.manifests.command import run_manifests

    return run_manifests(arguments)


def _aggregator(arguments: Sequence[str]) -> int:
    from genericapiserver.aggregator.options import AggregatorServerOptions
    from genericapiserver.builder.standalone import run_standalone

    return run_standalone("aggregator", AggregatorServerOptions(), arguments, hint="get apiservices")


def _storage(arguments: Sequence[str]) -> int:
    from genericapiserver.options.storage_command import run_storage

    return run_storage(arguments)


def _no_file() -> int:
    sys.stderr.write(USAGE)
    return 2


COMMANDS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    "serve": _serve,
    "run": _run,
    "manifests": _manifests,
    "aggregator": _aggregator,
    "storage": _storage,
}
"""Each is given the arguments after its name and gives the exit status. May raise ConfigError."""


if __name__ == "__main__":
    sys.exit(main())
