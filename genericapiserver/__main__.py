"""The command line: `genericapiserver serve notes.py [flags]`."""

import gc
import signal
import sys
from collections.abc import Sequence

USAGE = """\
Usage: genericapiserver serve FILE.py [flags]

Serves every resource that the Python file declares, through every admission plugin that it defines, alone on this
machine: certificates, a kubeconfig and the objects are kept in the folder of --data.
`genericapiserver serve --help` lists the flags.
"""

HELP = ("-h", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in HELP:
        sys.stdout.write(USAGE)
        return 0
    if len(given) < 2 or given[0] != "serve":
        sys.stderr.write(USAGE)
        return 2
    return _serve(given[1], given[2:])


def _serve(path: str, arguments: Sequence[str]) -> int:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end in order: no traceback
    gc.set_threshold(50_000)  # what imports make lives to the end: collecting it again and again finds nothing
    from genericapiserver.builder.program import print_flags, serve_module
    from genericapiserver.config import ConfigError

    try:
        if path in HELP:
            return print_flags("genericapiserver serve FILE.py")
        return serve_module(path, arguments)
    except ConfigError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
