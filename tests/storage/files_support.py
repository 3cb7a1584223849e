"""What the tests of the file engine share: a store in a folder, and its journal."""

import json
from pathlib import Path
from typing import Any

from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.retention import Retention

NO_COMPACTION = Retention(interval=0, max_events=0)
ALL = (b"/registry/", b"/registry0")
ONE = b"/registry/wardle.example.com/flunders/default/one"
TWO = b"/registry/wardle.example.com/flunders/default/two"
ONE_FILE = "wardle.example.com/flunders/default/one.json"
TWO_FILE = "wardle.example.com/flunders/default/two.json"


async def reopen(folder: Path, **options: Any) -> FileEngine:
    return await FileEngine.open(folder, **{"initial_rev": 1, "retention": NO_COMPACTION, **options})


def flunder(name: str, **spec: Any) -> bytes:
    """The stored bytes of an object."""
    value = {"apiVersion": "v1", "kind": "Flunder", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    return json.dumps(value, separators=(",", ":")).encode()


def journal_of(folder: Path) -> list[Path]:
    """The files of the journal, the oldest first."""
    return sorted((folder / "journal").glob("*.jsonl"))


def lines_in(folder: Path) -> list[dict[str, Any]]:
    """Every line of the journal."""
    return [json.loads(line) for path in journal_of(folder) for line in path.read_bytes().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
