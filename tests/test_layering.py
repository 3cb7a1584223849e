"""The rooms form strict layers: a room imports only rooms with a smaller row, never a neighbour, never the root package.

The table is the design; this test walks the syntax tree of every module, so that a cycle cannot be merged.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import genericapiserver

ROOT = Path(genericapiserver.__file__).parent
SIBLINGS = ("filters", "healthz", "mux", "options", "routes")

ROWS: dict[str, int] = {
    "aio": 0,
    "asgi": 0,
    "logs": 0,
    "metrics": 0,
    "apimachinery": 1,
    "connection": 1,
    "tracing": 1,
    "apis": 2,
    "cel": 2,
    "component": 2,
    "healthz": 2,
    "mux": 2,
    "certificates": 3,
    "client": 3,
    "openapi": 3,
    "storage": 3,
    "workers": 3,
    "authentication": 4,
    "authorization": 5,
    "request": 5,
    "audit": 6,
    "registry": 6,
    "admission": 7,
    "flowcontrol": 7,
    "endpoints": 8,
    "debugging": 9,
    "filters": 9,
    "inspector": 9,
    "routes": 9,
    "": 10,  # the root modules: the server itself
    "options": 11,
    "controlplane": 12,
    "aggregator": 13,
    "builder": 13,
    "ext": 13,
    "minkapi": 13,
    "testing": 14,
}
FACADES = {"__init__", "__main__"}
"""Root modules that only gather: nothing inside the library imports them, they may import everything."""


def modules() -> Iterator[tuple[str, str, Path]]:
    """Every module as (room, name within the package, file)."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield (parts[0] if len(parts) > 1 else ""), ".".join(parts), path
    for sibling in SIBLINGS:
        directory = ROOT / sibling
        if directory.is_symlink():  # rglob does not follow links
            for path in sorted(directory.resolve().rglob("*.py")):
                parts = (sibling, *path.relative_to(directory.resolve()).with_suffix("").parts)
                yield sibling, ".".join(parts), path


def imported(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "genericapiserver":  # `from genericapiserver import config` names a root module or a room
                for alias in node.names:
                    yield node.lineno, f"genericapiserver.{alias.name}"
            else:
                yield node.lineno, module


def room_of(module: str) -> str | None:
    """The room an import reaches into; None when it is not ours, "" for the root modules."""
    name, *rest = module.split(".")
    if name != "genericapiserver":
        return None
    if not rest:
        return "genericapiserver"
    return rest[0] if rest[0] in ROWS else ""


def test_every_room_has_its_row() -> None:
    rooms = {room for room, _, _ in modules()}
    assert rooms <= ROWS.keys(), f"give these rooms a row: {sorted(rooms - ROWS.keys())}"


def test_every_room_says_what_lives_in_it() -> None:
    for room in {room for room, _, _ in modules() if room}:
        init = ROOT / room / "__init__.py"
        assert init.exists(), f"{room} is not a package"
        assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), f"{room}/__init__.py has no docstring"


@pytest.mark.parametrize(("room", "name", "path"), [pytest.param(*module, id=module[1]) for module in modules()])
def test_imports_point_downwards(room: str, name: str, path: Path) -> None:
    if room == "" and name in FACADES:
        return
    wrong = []
    for line, module in imported(path):
        target = room_of(module)
        if target is None or target == room:
            continue
        if target == "genericapiserver" or ROWS[target] >= ROWS[room]:
            wrong.append(f"{path}:{line}: {room or 'root'} (row {ROWS[room]}) imports {module}")
    assert not wrong, "\n".join(wrong)
