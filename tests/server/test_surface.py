"""docs/server-surface.md: every name of Go's pkg/server has a row, and every row leads to something that is there."""

import ast
import importlib
import inspect
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).parents[2]
NAMES = (Path(__file__).parent / "pkg_server_names.txt").read_text(encoding="utf-8").split()
"""The exported names of the older listing, and of v0.35 where they differ: data, not made from the table."""

_ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]+)`|–) \| (?:`([^`]+)`|–) \| (.*) \|$")


@attrs.frozen
class Row:
    go: str
    python: str
    module: str
    note: str


@cache
def rows() -> list[Row]:
    lines = (ROOT / "docs/server-surface.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ") and not line.startswith(("| Go ", "| --- "))]
    found = [_ROW.match(line) for line in table]
    assert None not in found, [line for line, match in zip(table, found, strict=True) if match is None]
    return [Row(match[1], match[2] or "", match[3] or "", match[4].strip()) for match in found if match is not None]


def has_attribute(owner: Any, name: str) -> bool:
    """Whether *owner* has it: as it is, as a field, or given to instances by the constructor."""
    if hasattr(owner, name) or not inspect.isclass(owner):
        return hasattr(owner, name)
    if any(name in getattr(base, "__annotations__", {}) for base in owner.__mro__):
        return True
    return any(name in given_by_constructor(base) for base in owner.__mro__ if base is not object)


@cache
def given_by_constructor(owner: type) -> frozenset[str]:
    if "__init__" not in vars(owner):
        return frozenset()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner.__init__)))  # type: ignore[misc]
    except (OSError, TypeError):
        return frozenset()
    targets = [
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return frozenset(
        target.attr
        for target in targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    )


def test_every_name_has_one_row() -> None:
    in_table = [row.go for row in rows()]
    assert sorted(in_table) == sorted(set(in_table)), "a name has two rows"
    assert sorted(set(NAMES) - set(in_table)) == [], "names without a row"
    assert sorted(set(in_table) - set(NAMES)) == [], "rows without a name in the list"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.go)
def test_what_a_row_leads_to_is_there(row: Row) -> None:
    if not row.python:
        assert not row.module
        assert row.note, "a name without a counterpart says why"
        return
    owner: Any = importlib.import_module(row.module)
    *path, last = row.python.split(".")
    for name in path:
        owner = getattr(owner, name)
    assert has_attribute(owner, last)
    assert all(not name.startswith("_") or name == "__call__" for name in [*path, last]), "private"


def test_few_names_are_without_a_counterpart() -> None:
    """A list, so that no row loses its counterpart unnoticed."""
    assert [row.go for row in rows() if not row.python] == [
        "BuildHandlerChainWithStorageVersionPrecondition",
        "AuthenticationInfo.SupportsBasicAuth",
        "Config.StorageVersionManager",
        "GenericAPIServer.PeerAggregatedDiscoveryManager",
        "GenericAPIServer.StorageVersionManager",
    ]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("genericapiserver.server.GenericAPIServer", "no_such_method"),
        ("genericapiserver.config.Config", "no_such_field"),
        ("genericapiserver.handler.APIServerHandler", "no_such_attribute"),
    ],
)
def test_what_is_not_there_is_noticed(owner: str, name: str) -> None:
    module, _, cls = owner.rpartition(".")
    assert not has_attribute(getattr(importlib.import_module(module), cls), name)
