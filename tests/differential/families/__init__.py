"""The families of scenarios, each made from tables, in the order in which they are run: what sees every namespace first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.differential.families import (
    access,
    applying,
    bodies,
    deletes,
    found,
    negotiation,
    patches,
    paths,
    queries,
    watches,
)
from tests.differential.scenarios import Scenario

FAMILIES: Final[Mapping[str, Callable[[], Iterable[Scenario]]]] = {
    "access": access.scenarios,
    "paths": paths.scenarios,
    "queries": queries.scenarios,
    "negotiation": negotiation.scenarios,
    "bodies": bodies.scenarios,
    "patches": patches.scenarios,
    "apply": applying.scenarios,
    "deletes": deletes.scenarios,
    "watches": watches.scenarios,
    "found": found.scenarios,
}
"""Families by name. `mutations` is not among them: its scenarios depend on a seed."""
