"""Random clients, a store that is killed and closed under them: everybody was told one story, and every watch all of it.

A few histories for each engine. The seeds are the same each time, the interleaving is not. For others, and for more of them:
HISTORIES_SEED=7 HISTORIES=1000, or `python -m tests.histories` (docs/testing.md).
"""

import asyncio
import os

import pytest

from tests.histories.runs import Judged, Summary, judged
from tests.support.etcd import needs_etcd

SEED = int(os.environ.get("HISTORIES_SEED", "1"))
NUMBER = int(os.environ.get("HISTORIES", "0"))
"""Histories of each engine; 0: as many as fit into a few seconds."""


def run(engine: str, number: int, *, http: bool = False) -> Summary:
    """Tell and judge so many histories. Fails with what is wrong in the first bad one."""

    async def work() -> tuple[Summary, list[Judged]]:
        summary, bad = Summary(), []
        async for found in judged(engine, SEED, NUMBER or number, http=http):
            summary.add(found)
            if found.violations:
                bad.append(found)
        return summary, bad

    summary, bad = asyncio.run(work())
    for found in bad[:1]:
        violations = "\n".join(map(str, found.violations[:5]))
        again = f"python -m tests.histories --engine {engine}{' --http' if http else ''} --histories 1 --seed"
        pytest.fail(f"{again} {found.history.seed}\n{violations}", pytrace=False)
    return summary


@pytest.mark.parametrize(
    ("engine", "number"),
    [("memory", 40), ("view", 40), ("sqlite", 24), ("file", 16), pytest.param("etcd", 12, marks=needs_etcd)],
)
def test_histories_are_linearizable_and_watches_whole(
    engine: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = run(engine, number)
    with capsys.disabled():
        print(f"\n{engine}, seeds from {SEED} on:", *summary.lines(), sep="\n    ")  # noqa: T201
    assert summary.histories == (NUMBER or number)
    assert summary.harmed >= summary.histories // 4, "something is done to the store in most histories"
    assert summary.outcomes["ok"] > sum(summary.outcomes.values()) // 3, "clients get somewhere"


@pytest.mark.e2e
def test_a_server_that_is_killed_keeps_its_histories() -> None:
    assert run("sqlite", 2, http=True).histories >= 2
