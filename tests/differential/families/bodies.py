"""Objects as JSON and YAML: broken, of the wrong kind, with wrong types in every field, too deep and too large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.differential.scenarios import (
    ALPHA,
    APPLY,
    BETA,
    FISCHERS,
    JSON_PATCH,
    MERGE,
    NAMESPACE,
    PAD,
    SPEC,
    STRATEGIC,
    YAML,
    Scenario,
    Step,
    apply,
    create,
    delete,
    fischer,
    flunder,
    get,
    patch,
    scenario,
    table,
    update,
)

TOP_FIELDS = ("spec", "status", "metadata", "apiVersion", "kind", "extra")
SPEC_FIELDS = ("referenceType", "flunderReference", "fischerReference", "reference")
DEPTHS = (10, 100, 1000, 9990, 9998, 9999, 10000, 10001, 20000)
SIZES = (260_000, 262_144, 262_145, 2**20, 3 * 2**20 - 200, 3 * 2**20, 3 * 2**20 + 10)
"""Bytes: around the limits of annotations and of bodies."""
VALIDATIONS = ("", "?fieldValidation=Strict", "?fieldValidation=Warn")
STRICT_DRY_RUN = "?fieldValidation=Strict&dryRun=All"
START = '{"kind":"Flunder","apiVersion":"wardle.example.com/v1beta1","metadata":'


def scenarios() -> Iterator[Scenario]:
    tables = table("bodies")
    yield from _raw(tables["json"])
    yield from _yaml(tables["yaml"])
    yield from _wrong_types(tables["values"], tables["metadata_fields"])
    yield from _fischers(tables["values"])
    yield from _owners(tables["owners"])
    for number, name in enumerate(tables["names"]):
        yield scenario("bodies", f"name {number}", *_named(name))
    for number, entry in enumerate(tables["managed_fields"]):
        yield scenario("bodies", f"managed fields {number}", *_managed(entry))
    yield from _limits()


def _raw(bodies: list[str]) -> Iterator[Scenario]:
    for number, body in enumerate(bodies):
        for validation in VALIDATIONS:
            yield scenario(
                "bodies",
                f"json {number}{validation}",
                create(body, validation),
                update(body, validation, path=f"{BETA}/x"),
                create(body, validation, path=FISCHERS),
            )
        yield scenario(
            "bodies", f"json {number} of a delete", create(flunder()), delete(f"{BETA}/a", body),
            create(flunder("b")), delete(BETA, body),
        )  # fmt: skip
        for kind in (MERGE, JSON_PATCH, STRATEGIC, APPLY):
            yield scenario(
                "bodies",
                f"json {number} of {kind['Content-Type']}",
                create(flunder()),
                patch(kind, body, "?fieldManager=m"),
                patch(kind, body, "?fieldManager=m&fieldValidation=Strict"),
                patch(kind, body, "?fieldManager=m", path=f"{BETA}/zz"),
            )


def _yaml(bodies: list[str]) -> Iterator[Scenario]:
    for number, body in enumerate(bodies):
        for validation in VALIDATIONS[:2]:
            yield scenario(
                "bodies",
                f"yaml {number}{validation}",
                create(body, validation, headers=YAML),
                update(body, validation, path=f"{BETA}/x", headers=YAML),
            )
        yield scenario(
            "bodies",
            f"yaml {number} of others",
            create(flunder()),
            delete(f"{BETA}/a", body, YAML),
            apply(body, path=f"{BETA}/zz"),
            apply(body, "?fieldManager=m&fieldValidation=Strict", path=f"{BETA}/zz"),
        )


def _wrong_types(values: list[Any], metadata: list[str]) -> Iterator[Scenario]:
    for field in metadata:
        for number, value in enumerate(values):
            item = flunder("m", spec=SPEC, metadata={field: value})
            yield scenario(
                "bodies",
                f"metadata {field} {number}",
                create(item),
                create(item, STRICT_DRY_RUN),
                update(item, path=f"{BETA}/m"),
            )
    for field in TOP_FIELDS:
        for number, value in enumerate(values):
            item = {**flunder("t", spec=SPEC), field: value}
            yield scenario(
                "bodies",
                f"field {field} {number}",
                create(item),
                create(item, STRICT_DRY_RUN),
                create(item, "?fieldValidation=Warn&dryRun=All"),
                update(item, path=f"{BETA}/t"),
            )
    for field in SPEC_FIELDS:
        for number, value in enumerate([*values, "Flunder", "Fischer"]):
            item = flunder("s", spec={field: value})
            yield scenario(
                "bodies",
                f"spec {field} {number}",
                create(item),
                create(flunder("sa", "v1alpha1", spec={field: value}), path=ALPHA),
                create(item, STRICT_DRY_RUN),
                get(f"{ALPHA}/s"),
                get(f"{BETA}/sa"),
            )


def _fischers(values: list[Any]) -> Iterator[Scenario]:
    for number, value in enumerate([*values, ["a", "b"], ["a", "a"], ["A_B"]]):
        name = f"{NAMESPACE}f{number}"
        yield scenario(
            "bodies",
            f"fischer {number}",
            create(fischer(name, disallowedFlunders=value), path=FISCHERS),
            delete(f"{FISCHERS}/{name}"),
        )


def _owners(owners: list[dict[str, Any]]) -> Iterator[Scenario]:
    for number, owner in enumerate(owners):
        yield scenario(
            "bodies",
            f"owner {number}",
            create(flunder("o", metadata={"ownerReferences": [owner]})),
            create(flunder("o", metadata={"ownerReferences": [owner, owner]})),
            get(BETA),
        )
    one = owners[2]
    for number, several in enumerate((
        [{**one, "controller": True}, {**one, "uid": "u2", "controller": True}],
        [{**one, "controller": True}, {**one, "uid": "u", "controller": False}],
        [one, {**one, "uid": "u2"}, one, one],
    )):  # fmt: skip
        yield scenario("bodies", f"owners {number}", create(flunder("o", metadata={"ownerReferences": several})))


def _named(name: str) -> Iterator[Step]:
    """*name* wherever something of its kind is wanted."""
    for metadata in (
        {"name": name},
        {"generateName": name, "name": "fixed"},
        {"name": "n2", "namespace": name},
        {"name": "n3", "finalizers": [name]},
        {"name": "n4", "finalizers": [f"x/{name}"]},
        {"name": "n5", "labels": {name: "v"}},
        {"name": "n6", "labels": {"v": name}},
        {"name": "n7", "annotations": {name: "v"}},
        {"name": "n8", "labels": {f"{name}/x": "v"}},
        {"name": "n9", "annotations": {f"{name}/x": "v"}},
        {"name": "n10", "annotations": {f"x/{name}": "v"}},
    ):
        yield create(flunder(metadata=metadata))
    yield create(fischer(name, metadata={"name": name, "namespace": "x"}), path=FISCHERS)


def _managed(entry: dict[str, Any]) -> Iterator[Step]:
    metadata = {"managedFields": [entry]}
    yield create(flunder("mf", metadata=metadata, spec=SPEC))
    yield create(flunder("mg"))
    yield patch(MERGE, {"metadata": metadata}, path=f"{BETA}/mg")
    yield update(flunder("mg", metadata={**metadata, "labels": {"a": "b"}}), path=f"{BETA}/mg")
    yield apply(flunder("mg", metadata=metadata), "?fieldManager=x", path=f"{BETA}/mg")


def _limits() -> Iterator[Scenario]:
    for depth in DEPTHS:
        objects = '{"a":' * depth + "1" + "}" * depth
        arrays = "[" * depth + "]" * depth
        yield scenario(
            "bodies",
            f"depth {depth}",
            create(f'{START}{{"name":"d"}},"x":{objects}}}'),
            create(f'{START}{{"name":"d2"}},"x":{arrays}}}'),
        )
    for size in SIZES:
        padded = flunder("c", spec={**SPEC, "flunderReference": PAD})
        yield scenario(
            "bodies",
            f"size {size}",
            create(flunder("b", metadata={"annotations": {"x": PAD}}), pad=size),
            create(padded, pad=size),
            apply(flunder("a", spec={**SPEC, "flunderReference": PAD}), pad=size),
            patch(MERGE, {"metadata": {"labels": {"a": PAD}}}, path=f"{BETA}/c", pad=size),
            delete(f"{BETA}/c", {"x": PAD}, pad=size),
        )
    for number, metadata in enumerate((b'{"name":"u","annotations":{"a":"\xff\xfe"}}', b'{"name":"u2","\xff":1}')):
        yield scenario("bodies", f"no utf-8 {number}", create(START.encode() + metadata + b"}"))
    many = {**flunder("w"), **{f"unknown{number}": 1 for number in range(30)}}
    inner = flunder("w2", metadata={f"u{number}": 1 for number in range(20)}, spec={"x": 1, "y": 2})
    yield scenario(
        "bodies", "many unknown fields", create(many), create(many, "?fieldValidation=Strict"), create(inner)
    )
