"""Test what is installed: keep the checkout's root off sys.path, so that bare `import filters` cannot work by accident.

Only the folders that are not part of the library are made importable one by one.
"""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("hypothesis") is not None:  # not where only other people's clients are tested
    from hypothesis import settings

    settings.register_profile("suite", deadline=None)  # how long an example takes is the machine's business
    settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent
BESIDE_THE_LIBRARY = ("examples", "benchmarks")


def make_importable(package: str) -> None:
    """Register the package in the folder *package*, so that its modules are found from there."""
    init = ROOT / package / "__init__.py"
    spec = importlib.util.spec_from_file_location(package, init, submodule_search_locations=[str(init.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{init} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    spec.loader.exec_module(module)


sys.path[:] = [entry for entry in sys.path if entry not in ("", str(ROOT))]
for package in BESIDE_THE_LIBRARY:
    make_importable(package)
if importlib.util.find_spec("genericapiserver") is None:
    sys.path.append(str(ROOT))
