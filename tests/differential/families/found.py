"""What mutated requests have found: each once more, so that a run without them tells whether it is still so."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.scenarios import Scenario, Step, create, flunder, scenario, table


def scenarios() -> Iterator[Scenario]:
    for name, requests in table("found").items():
        steps = [Step(each["method"], each["path"], each.get("body"), each.get("headers", {})) for each in requests]
        yield scenario("found", name, create(flunder()), *steps)
