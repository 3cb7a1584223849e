"""The sample server without any other cluster, everything it needs in one folder."""

import sys

from examples.widgets.server import new_options
from genericapiserver.builder.standalone import run_standalone

if __name__ == "__main__":
    sys.exit(run_standalone("widgets", new_options(), sys.argv[1:], hint="explain widgets.spec"))
