"""Both servers through all scenarios, and what came of it: new differences, known ones, and known ones that are gone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

import attrs

from tests.differential.exchange import Clients, Taken, Visitor
from tests.differential.judge import compared, diverged
from tests.differential.known import LUCK, Known
from tests.differential.scenarios import Scenario

AT_ONCE: Final = {"watches": 8}
"""Scenarios of a family that go on at a time. One of the others: they see all namespaces in places."""
ATTEMPTS: Final = 3
"""How often a scenario with new differences is tried: what a second's end or a slow moment did does not come again."""


@attrs.frozen
class Difference:
    """One place in the answers to one request."""

    scenario: str
    request: str
    line: str

    def __str__(self) -> str:
        return f"{self.scenario}: {self.request}\n      {self.line}"


@attrs.define
class Report:
    """What a run has found."""

    requests: int = 0
    scenarios: int = 0
    new: list[Difference] = attrs.field(factory=list)
    known: dict[Known, int] = attrs.field(factory=dict)
    gone: list[Known] = attrs.field(factory=list)

    def lines(self) -> Iterator[str]:
        """The report as text: differences that are the same in several requests are shown with the first three."""
        groups: dict[str, list[Difference]] = {}
        for each in self.new:
            groups.setdefault(each.line, []).append(each)
        for line, found in groups.items():
            yield shown_line(line)
            for each in found[:3]:
                yield f"    {each.scenario}: {each.request}"
            if len(found) > 3:
                yield f"    and {len(found) - 3} more"
        for known in self.gone:
            yield f"gone: {known.name} ({known.reason}): no request of {known.family} shows it any more"
        yield (
            f"{self.requests} requests in {self.scenarios} scenarios: {len(self.new)} new differences in {len(groups)}"
            f" groups, {sum(self.known.values())} known ones by {len(self.known)} reasons, {len(self.gone)} gone"
        )


def shown_line(line: str, longest: int = 700) -> str:
    return line if len(line) <= longest else f"{line[:longest]}..."


class Comparison:
    """Takes scenarios to both servers. *known* is what need not be told again."""

    def __init__(self, reference: Clients, ours: Clients, known: Sequence[Known] = ()) -> None:
        self.report = Report()
        self._sides = (reference, ours)
        self._known = known
        self._namespaces = count()
        self._lock = threading.Lock()

    def run(self, scenarios: Iterable[Scenario]) -> None:
        """Compare all of *scenarios*, in their order."""
        waiting: list[Scenario] = []
        for each in scenarios:
            if waiting and each.family != waiting[0].family:
                self._run_family(waiting)
                waiting = []
            waiting.append(each)
        if waiting:
            self._run_family(waiting)

    def judge_gone(self, families: Iterable[str]) -> None:
        """Note which known differences of *families*, all of whose scenarios have been run, were not seen."""
        whole = set(families)
        self.report.gone = [
            each for each in self._known if each.kind != LUCK and each.family in whole and each not in self.report.known
        ]

    def _run_family(self, scenarios: list[Scenario]) -> None:
        with ThreadPoolExecutor(AT_ONCE.get(scenarios[0].family, 1)) as several, ThreadPoolExecutor(16) as sides:
            list(several.map(lambda each: self._compare(each, sides), scenarios))

    def _compare(self, scenario: Scenario, sides: ThreadPoolExecutor) -> None:
        new = known = None
        for _ in range(ATTEMPTS):
            new_now, known = self._differences(scenario, sides)
            new = new_now if new is None else [each for each in new if each in new_now]
            if not new:
                break
        with self._lock:
            self.report.requests += scenario.requests
            self.report.scenarios += 1
            self.report.new += new or []
            for each in known or ():
                self.report.known[each] = self.report.known.get(each, 0) + 1

    def _differences(self, scenario: Scenario, sides: ThreadPoolExecutor) -> tuple[list[Difference], list[Known]]:
        """One attempt, in a namespace that nobody has."""
        namespace = f"ns-{next(self._namespaces):05}"
        wanted, found = sides.map(lambda clients: _visited(clients, scenario, namespace), self._sides)
        new: list[Difference] = []
        known: list[Known] = []
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            request = str(one[0])
            lines = compared(one, other, namespace)
            for line in lines:
                reason = next((each for each in self._known if each.covers(scenario.name, request, line)), None)
                if reason is None:
                    new.append(Difference(f"{scenario.name}[{index}]", request, line))
                else:
                    known.append(reason)
            if diverged(one[0], lines):
                break
        return new, known


def _visited(clients: Clients, scenario: Scenario, namespace: str) -> list[Taken]:
    visitor = Visitor(clients)
    try:
        return visitor.visit(scenario, namespace)
    finally:
        visitor.close()
