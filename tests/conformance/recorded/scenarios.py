"""The recordings as values: scenarios of steps, read from JSON.

They were taken from the wardle sample server on k8s.io/apiserver v0.35 with etcd. A step holds one request and the
response to it, in which whatever differs from run to run is a placeholder (`normalisation`):

    request   method, path, headers, body, `as` (who asks), `pad` (how long `__PAD__` in the body is)
    capture   names for parts of the response; later requests write `${name}`
    loose     parts in which the reference speaks of its own insides: any text will do
    only      the parts that count; everything else is free
    watch     how many events to read, while the steps of `during` run
    sleep     the reference needed a moment here until its informers knew of the step before
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

CASES = Path(__file__).parent / "cases"
_NAMESPACE = re.compile(r"/namespaces/([^/?]+)")


@attrs.frozen
class Request:
    """What is asked; texts may name captured values."""

    method: str
    path: str
    headers: Mapping[str, str | list[str]]
    body: Any
    identity: str
    pad: int

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Request:
        return cls(
            method=raw["method"],
            path=raw["path"],
            headers=raw.get("headers", {}),
            body=raw.get("body"),
            identity=raw.get("as", "admin"),
            pad=raw.get("pad", 0),
        )


@attrs.frozen
class Step:
    """One request with the response that it is to have."""

    title: str
    request: Request
    response: dict[str, Any]
    capture: Mapping[str, str]
    loose: tuple[str, ...]
    only: tuple[str, ...]
    sleeps: bool
    events: int | None
    """How many events to read of a watch; None when it is none."""
    during: tuple[Step, ...]

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Step:
        request = Request.of(raw["request"])
        return cls(
            title=raw.get("name") or f"{request.method} {request.path}",
            request=request,
            response=raw["response"],
            capture=raw.get("capture", {}),
            loose=tuple(raw.get("loose", ())),
            only=tuple(raw.get("only", ())),
            sleeps=bool(raw.get("sleep")),
            events=raw["watch"]["lines"] if "watch" in raw else None,
            during=tuple(cls.of(inner) for inner in raw.get("during", ())),
        )


@attrs.frozen
class Scenario:
    """Steps that build on each other, called after their file and what they are about: `create/namespaced`."""

    title: str
    raw: list[dict[str, Any]]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(Step.of(step) for step in self.raw)

    @property
    def has_several_managers(self) -> bool:
        """Whether any object in it is managed by more than one, whose order then depends on the second of their writes."""
        return any(len(each.get("managedFields") or ()) > 1 for each in _objects(self.raw))

    def elsewhere(self, suffix: str) -> Scenario:
        """The same in namespaces that end in *suffix*."""
        text = json.dumps(self.raw)
        for namespace in sorted(set(_NAMESPACE.findall(text))):
            text = re.sub(rf'(?<=[/"]){re.escape(namespace)}(?=[/"?])', f"{namespace}{suffix}", text)
        return Scenario(self.title, json.loads(text))


def load(folder: Path = CASES) -> list[Scenario]:
    """Every scenario of *folder*, in the order in which they were recorded."""
    return [
        Scenario(f"{path.stem}/{raw['name']}", raw["steps"])
        for path in sorted(folder.glob("*.json"))
        for raw in json.loads(path.read_text("utf-8"))
    ]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
