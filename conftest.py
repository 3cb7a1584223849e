"""Test what is installed: keep the checkout's root off sys.path, so that bare `import filters` cannot work by accident."""

import importlib.util
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent)
sys.path[:] = [entry for entry in sys.path if entry not in ("", ROOT)]
if importlib.util.find_spec("genericapiserver") is None:
    sys.path.append(ROOT)
