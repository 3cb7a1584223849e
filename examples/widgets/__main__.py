"""`python -m examples.widgets`: the sample server with the reference's flags."""

import sys

from examples.widgets.server import main

if __name__ == "__main__":
    sys.exit(main())
