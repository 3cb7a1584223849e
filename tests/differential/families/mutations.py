"""Valid requests, changed at random: fields dropped, doubled, renamed and filled with anything, texts cut and garbled,
paths, queries, media types and methods exchanged.

A seed makes the same requests each time. After each the whole namespace is read, so that what a request has done counts,
too, not only what was said of it.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from tests.differential.families.patches import patched
from tests.differential.scenarios import (
    ALPHA,
    APPLY,
    BETA,
    JSON,
    JSON_PATCH,
    MERGE,
    NAMESPACE,
    SPEC,
    STRATEGIC,
    YAML,
    Scenario,
    Step,
    create,
    delete,
    flunder,
    get,
    scenario,
    table,
)

PER_SCENARIO: Final = 4
CHARACTERS: Final = "\"\\{}[],:/ \n\t-+.019aeE'%&=?#~\0é\u20ac"
METHODS: Final = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS")
METADATA: Final = {
    "labels": {"app": "x", "n": "1"},
    "annotations": {"k": "v"},
    "finalizers": ["x/y"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": True}],
}


def _valid() -> list[Step]:
    """What is mutated."""
    whole = flunder(spec=SPEC, metadata=METADATA)
    new = flunder("new", spec=SPEC, metadata=METADATA)
    alpha = flunder("new", "v1alpha1", spec={"reference": "x", "referenceType": "Flunder"}, metadata=METADATA)
    operations = [
        {"op": "test", "path": "/metadata/labels/app", "value": "x"},
        {"op": "add", "path": "/metadata/labels/n", "value": "2"},
        {"op": "replace", "path": "/spec/flunderReference", "value": "y"},
        {"op": "move", "from": "/metadata/annotations/k", "path": "/metadata/annotations/l"},
        {"op": "copy", "from": "/metadata/labels/app", "path": "/metadata/labels/copy"},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]
    change = {"metadata": {"labels": {"app": None, "z": "1"}, "finalizers": ["x/n"]}, "spec": {"flunderReference": "z"}}
    options = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u"},
        "dryRun": ["All"],
    }
    one = f"{BETA}/a"
    return [
        create(new, headers=JSON),
        create(alpha, path=ALPHA, headers=JSON),
        create(new, "?fieldValidation=Strict", headers=JSON),
        create(_as_yaml(new), headers=YAML),
        Step("PUT", one, whole, JSON),
        Step("PUT", f"{one}?fieldValidation=Strict", whole, JSON),
        Step("PATCH", one, change, MERGE),
        Step("PATCH", one, change, STRATEGIC),
        Step("PATCH", one, operations, JSON_PATCH),
        Step("PATCH", f"{one}?fieldManager=m", whole, APPLY),
        Step("PATCH", f"{one}?fieldManager=m&force=true", whole, APPLY),
        Step("PATCH", f"{one}?fieldManager=m&force=true", _as_yaml(whole), APPLY),
        delete(one, options, JSON),
        delete(BETA, {**options, "preconditions": {}}, JSON),
        get(one, {"Accept": "application/json"}),
        get(f"{BETA}?limit=1&labelSelector=app%3Dx", {"Accept": "application/json"}),
        get(f"{BETA}?fieldSelector=metadata.name%3Da&resourceVersion=0", {"Accept": "application/yaml"}),
    ]


def _as_yaml(document: dict[str, Any]) -> str:
    """Block style for the outer fields, flow style within: both are then garbled."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in document.items())


@attrs.frozen
class Mutator:
    """Changes requests, with *chance* deciding what."""

    chance: random.Random
    values: list[Any]
    parameters: dict[str, list[str]]
    accepts: list[str | None]
    content_types: list[str | None]

    @classmethod
    def of(cls, seed: int) -> Mutator:
        negotiation = table("negotiation")
        return cls(
            chance=random.Random(seed),
            values=[*table("bodies")["values"], "Flunder", "wardle.example.com/v1alpha1", NAMESPACE, "é"],
            parameters=table("queries")["parameters"],
            accepts=negotiation["accepts"],
            content_types=negotiation["content_types"],
        )

    def mutated(self, step: Step) -> Step:
        """*step* with one to three changes."""
        changes = (self._body, self._query, self._path, self._headers, self._method)
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            (change,) = self.chance.choices(changes, (12, 4, 2, 2, 1))
            step = change(step)
        return step

    def _body(self, step: Step) -> Step:
        if step.body is None:
            return self._query(step)
        if isinstance(step.body, str):
            return attrs.evolve(step, body=self._text(step.body))
        if self.chance.random() < 0.25:
            return attrs.evolve(step, body=self._text(json.dumps(step.body)))
        return attrs.evolve(step, body=self._document(copy.deepcopy(step.body)))

    def _document(self, document: Any) -> Any:
        """*document* with one change somewhere in it."""
        places = list(_places(document))
        if not places:
            return self.chance.choice(self.values)
        holder, key = self.chance.choice(places)
        change: Callable[[Any, Any], None] = self.chance.choice(
            (self._fill, self._drop, self._rename, self._swap, self._add)
        )
        change(holder, key)
        return document

    def _fill(self, holder: Any, key: Any) -> None:
        holder[key] = copy.deepcopy(self.chance.choice(self.values))

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _rename(self, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
            return
        name = self.chance.choice((key.upper(), key.capitalize(), f"{key}x", key[:-1], f" {key}", "$patch", f"{key}/x"))
        holder[name] = holder.pop(key)

    def _swap(self, holder: Any, key: Any) -> None:
        """The value of another place."""
        others = list(_places(holder))
        where, name = self.chance.choice(others)
        holder[key] = copy.deepcopy(where[name])

    def _add(self, holder: Any, key: Any) -> None:
        value = copy.deepcopy(self.chance.choice(self.values))
        if isinstance(holder, list):
            holder.insert(key, value)
        else:
            fields = (*table("bodies")["metadata_fields"], "spec", "status", "kind", "$patch", "x")
            holder[self.chance.choice(fields)] = value

    def _text(self, text: str) -> str:
        """*text* with a few characters gone, doubled, or others."""
        start = self.chance.randrange(len(text) + 1)
        end = min(len(text), start + self.chance.choice((0, 1, 1, 2, 8)))
        middle = self.chance.choice(("", "", text[start:end] * 2, self.chance.choice(CHARACTERS)))
        return text[:start] + middle + text[end:]

    def _query(self, step: Step) -> Step:
        path = step.path
        for _ in range(self.chance.choice((1, 1, 2))):
            name = self.chance.choice(list(self.parameters))
            if name in ("watch", "timeout"):  # a watch is for the family of watches; a deadline is a matter of luck
                continue
            path += f"{'&' if '?' in path else '?'}{name}={self.chance.choice(self.parameters[name])}"
        return attrs.evolve(step, path=path)

    def _path(self, step: Step) -> Step:
        path, mark, query = step.path.partition("?")
        segments = path.split("/")
        at = self.chance.randrange(1, len(segments))
        kept = segments[at]
        if kept == NAMESPACE:  # whoever writes into another namespace meets other scenarios there
            return attrs.evolve(step, path=f"{path}/status{mark}{query}")
        choices = (
            "",
            f"{kept}/",
            f"{kept.upper()}",
            f"{kept}%20",
            f"%{ord(kept[:1] or 'x'):02x}{kept[1:]}",
            f"{kept}s",
            "..",
        )
        segments[at] = self.chance.choice(choices)
        return attrs.evolve(step, path="/".join(segments) + mark + query)

    def _headers(self, step: Step) -> Step:
        name, choices = self.chance.choice((("Accept", self.accepts), ("Content-Type", self.content_types)))
        return attrs.evolve(step, headers={**step.headers, name: self.chance.choice(choices)})

    def _method(self, step: Step) -> Step:
        return attrs.evolve(step, method=self.chance.choice(METHODS))


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every field and item of *document* as what holds it and where."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(len(document))
    for key in keys:
        yield document, key
        yield from _places(document[key])


def mutated(seed: int, requests: int) -> Iterator[Scenario]:
    """Scenarios with *requests* mutated requests, by *seed*."""
    mutator, valid = Mutator.of(seed), _valid()
    for first in range(0, requests, PER_SCENARIO):
        steps = [patched(), create(flunder("b", metadata={"labels": {"app": "x"}}))]
        for _ in range(min(PER_SCENARIO, requests - first)):
            steps += [mutator.mutated(mutator.chance.choice(valid)), get(BETA)]
        yield scenario("mutations", f"{seed} {first}", *steps)
