"""`make serve`: the sample server without any other cluster, everything it needs in one folder."""

import sys

from examples.wardle.server import WardleServerOptions
from genericapiserver.builder.standalone import run_standalone

if __name__ == "__main__":
    sys.exit(run_standalone("wardle", WardleServerOptions(), sys.argv[1:], hint="explain flunders.spec"))
