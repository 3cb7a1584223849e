"""Every path with every method."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.scenarios import Scenario, Step, scenario, table

WITH_BODIES = frozenset(("POST", "PUT", "PATCH"))


def scenarios() -> Iterator[Scenario]:
    tables = table("paths")
    for path in tables["paths"]:
        for method in tables["methods"]:
            if path.startswith("/debug/pprof/") and method not in ("GET", "POST"):
                continue  # a profile takes its time, whichever the method
            yield scenario("paths", f"{method} {path}", Step(method, path, {} if method in WITH_BODIES else None))
