"""The sample server without any other cluster, everything it needs in one folder."""

import gc
import sys

if __name__ == "__main__":
    gc.set_threshold(50_000)  # what imports make lives to the end: collecting it again and again finds nothing
    from examples.widgets.server import new_options
    from genericapiserver.builder.standalone import run_standalone

    sys.exit(run_standalone("widgets", new_options(), sys.argv[1:], hint="explain widgets.spec"))
