"""`python -m genericapiserver.aggregator`: the aggregator beside a cluster, with the reference's flags.

Who asks and what he may do is that cluster's affair; `genericapiserver aggregator` needs none.
"""

import sys

from genericapiserver.aggregator.options import AggregatorServerOptions
from genericapiserver.options.command import run_command

if __name__ == "__main__":
    sys.exit(run_command("kube-aggregator", AggregatorServerOptions(), sys.argv[1:]))
