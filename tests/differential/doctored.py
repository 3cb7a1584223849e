"""`python -m tests.differential.doctored`: the sample server, but for one word in one answer.

For the tool's own test: a comparison that finds nothing there would find nothing anywhere.
"""

import sys

from examples.wardle import server
from genericapiserver.component import BuildInfo, Version

_true_build = server.unstamped_build


def _doctored_build(version: Version) -> BuildInfo:
    build = _true_build(version)
    build.git_version = "v0.0.0-doctored"
    return build


if __name__ == "__main__":
    server.unstamped_build = _doctored_build
    sys.exit(server.main())
