"""`python -m examples.widgets`: the sample server with the reference's flags."""

import gc
import sys

if __name__ == "__main__":
    gc.set_threshold(50_000)  # what imports make lives to the end: collecting it again and again finds nothing
    from examples.widgets.server import main

    sys.exit(main())
