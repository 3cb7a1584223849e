"""Watches of every kind: from which version, of what, in which form, and what they tell of writes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.scenarios import (
    ALPHA,
    BETA,
    FISCHERS,
    GROUP,
    MERGE,
    NAMESPACE,
    SPEC,
    Scenario,
    Step,
    create,
    delete,
    flunder,
    patch,
    scenario,
    table,
    update,
    watch,
)

OLD_FORM = BETA.replace("/namespaces/", "/watch/namespaces/")
PLACES = (BETA, ALPHA, OLD_FORM, f"{BETA}/a", f"{OLD_FORM}/a")
SOON = "timeoutSeconds=1"
FORMS = (
    None,
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
)
IN_FORMS = (
    "resourceVersion=0",
    "resourceVersion=0&includeObject=None",
    "resourceVersion=0&includeObject=Object",
    "resourceVersion=999999999",
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
    "resourceVersion=0&includeObject=x",
)
SELECTIONS = (
    "",
    "&labelSelector=i%3D1",
    "&labelSelector=i%3D2",
    "&fieldSelector=metadata.name%3Dc",
    "&fieldSelector=metadata.name%3Da",
    "&allowWatchBookmarks=true",
)
ELSEWHERE = (
    f"{GROUP}/v1beta1/flunders?watch=1&fieldSelector=metadata.namespace%3D{NAMESPACE}&resourceVersion=0",
    f"{GROUP}/v1beta1/watch/flunders?fieldSelector=metadata.namespace%3D{NAMESPACE}&resourceVersion=0",
    f"{FISCHERS}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dnone",
    f"{FISCHERS.replace('/fischers', '/watch/fischers')}/x?resourceVersion=0",
)


def two() -> list[Step]:
    """Flunders a and b; `${rv}` is from before the third write."""
    labelled = {"labels": {"i": "1"}}
    return [
        create(flunder(spec=SPEC, metadata=labelled), capture={"rv": "/body/metadata/resourceVersion"}),
        create(flunder("b", metadata={"labels": {"i": "2"}})),
        patch(MERGE, {"metadata": {"labels": {"z": "1"}}}),
    ]


def writes() -> tuple[Step, ...]:
    """What a watch is to see: c comes and goes, and changes its label in between."""
    path = f"{BETA}/c"
    return (
        create(flunder("c", spec=SPEC, metadata={"labels": {"i": "1"}})),
        patch(MERGE, {"metadata": {"labels": {"i": "2"}}}, path=path),
        patch(MERGE, {"metadata": {"labels": {"i": "1"}, "finalizers": ["x/y"]}}, path=path),
        update(flunder("c"), "?dryRun=All", path=path),
        delete(path),
        patch(MERGE, {"metadata": {"finalizers": None}}, path=path),
        delete(BETA),
    )


def scenarios() -> Iterator[Scenario]:
    tables = table("watches")
    for query in tables["queries"]:
        for place in PLACES:
            yield scenario("watches", f"{place}{query}", *two(), watch(f"{place}{query}&{SOON}"))
    for path in ELSEWHERE:
        yield scenario("watches", path, *two(), watch(f"{path}&{SOON}"))
    for accept in tables["accepts"]:
        for query in IN_FORMS:
            path = f"{BETA}?watch=1&{query}&{SOON}"
            yield scenario("watches", f"{accept} {query}", *two(), watch(path, _accepting(accept)))
    for selection in SELECTIONS:
        for accept in FORMS:
            path = f"{BETA}?watch=1&timeoutSeconds=2&resourceVersion=${{rv}}{selection}"
            step = watch(path, _accepting(accept), during=writes())
            yield scenario("watches", f"{accept} of writes{selection}", *two(), step)


def _accepting(accept: str | None) -> dict[str, str]:
    return {} if accept is None else {"Accept": accept}
