"""`python -m examples.wardle`: the sample server with the reference's flags."""

import sys

from examples.wardle.server import main

if __name__ == "__main__":
    sys.exit(main())
