"""Deletes with options, of one and of all, and updates, with what they demand of the object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.differential.scenarios import (
    ALPHA,
    BETA,
    MERGE,
    SPEC,
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
)

FINALIZERS = (None, ["x/y"], ["orphan"], ["foregroundDeletion"])
CHANGED = {"referenceType": "Flunder", "flunderReference": "q"}


def scenarios() -> Iterator[Scenario]:
    tables = table("deletes")
    for number, options in enumerate(tables["options"]):
        for finalizers in FINALIZERS:
            title = f"options {number} with {(finalizers or ['no finalizer'])[0]}"
            yield scenario("deletes", title, *_deleting(options, finalizers))
    for query in tables["collections"]:
        four = [create(flunder(name, metadata={"labels": {"i": str(n % 2)}})) for n, name in enumerate("abcd")]
        yield scenario("deletes", f"collection {query}", *four, delete(f"{BETA}{query}"), get(BETA))
    for number, metadata in enumerate(tables["updates"]):
        for exists in (True, False):
            title = f"update {number} of {'an object' if exists else 'nothing'}"
            yield scenario("deletes", title, *_updating(metadata, exists=exists))


def _deleting(options: Any, finalizers: list[str] | None) -> Iterator[Step]:
    yield create(flunder(spec=SPEC, metadata={"finalizers": finalizers} if finalizers else {}))
    yield delete(f"{BETA}/a", options)
    yield get(f"{BETA}/a")
    for query in ("dryRun=All", "propagationPolicy=Foreground"):
        yield delete(f"{BETA}/a?{query}", options)
    yield get(f"{BETA}/a")
    yield update(flunder(spec=SPEC, metadata={"finalizers": ["x/y", "n/w"], "labels": {"l": "1"}}))
    yield patch(MERGE, {"metadata": {"labels": {"x": "y"}}})
    yield patch(MERGE, {"metadata": {"finalizers": None}})
    yield get(f"{BETA}/a")
    yield create(flunder("c1"))
    yield create(flunder("c2", metadata={"finalizers": ["x/y"]}))
    yield delete(BETA, options)
    yield get(BETA)


def _updating(metadata: dict[str, Any], *, exists: bool) -> Iterator[Step]:
    if exists:
        pointers = {"rv": "/body/metadata/resourceVersion", "uid": "/body/metadata/uid"}
        yield create(flunder(spec=SPEC), capture=pointers)
    bare = flunder(spec=CHANGED, metadata=metadata)
    demanding = flunder(spec=CHANGED, metadata={"resourceVersion": "${rv}", "uid": "${uid}", **metadata})
    yield update(bare)
    yield update(demanding, "?dryRun=All")
    yield update(demanding)
    yield update(bare, path=f"{ALPHA}/a")
    yield update(demanding)
    yield update(flunder(spec=SPEC), "?fieldManager=z")
    yield get(f"{BETA}/a")
