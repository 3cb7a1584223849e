"""Every parameter of a query with values that are right, wrong and odd, at every request that might read it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tests.differential.scenarios import (
    APPLY,
    BETA,
    MERGE,
    Scenario,
    Step,
    create,
    delete,
    flunder,
    get,
    patch,
    scenario,
    table,
    update,
    watch,
)

VERSIONS = ("", "0", "1", "999999999", "x")
MATCHES = ("", "Exact", "NotOlderThan", "x")
LIMITS = ("", "1", "0")
CONTINUES = ("", "x")
MODES = (
    "",
    "watch=1&timeoutSeconds=1",
    "sendInitialEvents=true",
    "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1",
)


def three(**metadata: object) -> list[Step]:
    """Flunders a, b and c, with labels."""
    return [
        create(
            flunder(
                name,
                spec={"referenceType": "Flunder", "flunderReference": f"{name}1"},
                metadata={"labels": {"app": name, "n": str(number)}, **metadata},
            )
        )
        for number, name in enumerate("abc")
    ]


def scenarios() -> Iterator[Scenario]:
    tables = table("queries")
    for name, values in tables["parameters"].items():
        for value in values:
            yield scenario("queries", f"{name}={value}", *three(), *_requests(f"{name}={value}"))
    for query in tables["odd"]:
        yield scenario("queries", f"odd {query}", *three(), *_requests(query))
    for choice in product(VERSIONS, MATCHES, LIMITS, CONTINUES, MODES):
        yield _matrix(*choice)


def _requests(query: str) -> Iterator[Step]:
    named = {"referenceType": "Flunder", "flunderReference": "y"}
    yield get(f"{BETA}?{query}")
    yield get(f"{BETA}/a?{query}")
    yield create(flunder("z", metadata={"labels": {"q": "1"}}), f"?{query}")
    yield update(flunder("a", spec=named, metadata={"labels": {"app": "a", "n": "0"}}), f"?{query}")
    yield patch(MERGE, {"metadata": {"labels": {"p": "1"}}}, f"?{query}", path=f"{BETA}/b")
    yield patch(APPLY, flunder("ap", spec=named), f"?{query}", path=f"{BETA}/ap")
    changed = flunder("ap", spec={"referenceType": "Flunder", "flunderReference": "w"})
    yield patch(APPLY, changed, f"?fieldManager=q&{query}", path=f"{BETA}/ap")
    yield delete(f"{BETA}/c?{query}")
    yield delete(f"{BETA}?{query}")
    yield get(BETA)


def _matrix(version: str, match: str, limit: str, token: str, mode: str) -> Scenario:
    """A list or a watch with what decides together which revision it is of."""
    pairs = (("resourceVersionMatch", match), ("limit", limit), ("continue", token))
    query = f"resourceVersion={version}" + "".join(f"&{name}={value}" for name, value in pairs if value)
    path = f"{BETA}?{query}&{mode}" if mode else f"{BETA}?{query}"
    return scenario("queries", f"matrix {path.partition('?')[2]}", watch(path) if "watch" in mode else get(path))
