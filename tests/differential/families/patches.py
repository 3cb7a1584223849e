"""JSON patches, merge patches and strategic merge patches of one object."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.scenarios import (
    ALPHA,
    APPLY,
    BETA,
    JSON_PATCH,
    MERGE,
    SPEC,
    STRATEGIC,
    Scenario,
    Step,
    create,
    flunder,
    patch,
    scenario,
    table,
)

NOPE = f"{BETA}/nope"
MOST_OPERATIONS = 10_000
PASSES = {"op": "test", "path": "/metadata/labels/app", "value": "x"}
AFTER = {"op": "add", "path": "/metadata/labels/after", "value": "1"}
DUPLICATES = (
    '{"metadata":{"labels":{"a":"1","a":"2"}}}',
    '{"metadata":{"labels":{"a":"1"},"labels":{"b":"2"}},"zz":1}',
    '{"spec":{"x":1,"x":2}}',
)
VALIDATIONS = ("", "&fieldValidation=Strict", "&fieldValidation=Warn", "&fieldValidation=Ignore")


def patched() -> Step:
    """What is patched."""
    metadata = {"labels": {"app": "x", "a/b": "c"}, "annotations": {"k": "v"}, "finalizers": ["x/y", "x/z"]}
    return create(flunder(spec=SPEC, metadata=metadata), "?fieldManager=creator")


def scenarios() -> Iterator[Scenario]:
    tables = table("patches")
    for number, operation in enumerate(tables["operations"]):
        yield scenario(
            "patches",
            f"operation {number}",
            patched(),
            patch(JSON_PATCH, [operation]),
            patch(JSON_PATCH, [operation], "?fieldValidation=Strict"),
            patch(JSON_PATCH, [PASSES, operation, AFTER]),
            patch(JSON_PATCH, [operation], path=NOPE),
            patch(JSON_PATCH, operation, "?dryRun=All"),
        )
    many = [patch(JSON_PATCH, [PASSES] * length) for length in (MOST_OPERATIONS, MOST_OPERATIONS + 1, 0)]
    yield scenario("patches", "many operations", patched(), *many)
    for number, body in enumerate(tables["merges"]):
        for name, kind in (("merge", MERGE), ("strategic", STRATEGIC)):
            yield scenario(
                "patches",
                f"{name} {number}",
                patched(),
                patch(kind, body),
                patch(kind, body, "?fieldValidation=Strict&fieldManager=x"),
                patch(kind, body, path=NOPE),
                patch(kind, body, "?dryRun=All", path=f"{ALPHA}/a"),
            )
    for number, text in enumerate(DUPLICATES):
        applied = '{"apiVersion":"wardle.example.com/v1beta1","kind":"Flunder",' + text[1:]
        for validation in VALIDATIONS:
            query = f"?fieldManager=f{validation}"
            for kind, body in ((MERGE, text), (STRATEGIC, text), (APPLY, applied)):
                title = f"duplicates {number} {kind['Content-Type']}{validation}"
                yield scenario("patches", title, patched(), patch(kind, body, query))
