"""Server-side apply: owners, conflicts, versions, wrong configurations, managers' names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.differential.scenarios import (
    ALPHA,
    APPLY,
    BETA,
    FISCHERS,
    JSON,
    MERGE,
    NAMESPACE,
    SPEC,
    STRATEGIC,
    Scenario,
    Step,
    apply,
    create,
    delete,
    flunder,
    get,
    patch,
    scenario,
    table,
    update,
)

OTHER = {"referenceType": "Flunder", "flunderReference": "y"}
MANAGERS = ("", "a" * 128, "a" * 129, "%00", "%C3%A9", "%20")
AGENTS = (None, "", "kubectl/v1.32 (linux)", "a/b/c", "x" * 200, "é/1", "curl/7", "foo bar/1", "/x")
FORCES = ("true", "false", "1", "0", "x", "", "T", "TRUE")
TEXT = (
    "apiVersion: wardle.example.com/v1beta1\nkind: Flunder\nmetadata:\n  name: a\n"
    "spec:\n  referenceType: Flunder\n  flunderReference: x\n"
)
AGAIN = "  flunderReference: y\n"
FISCHER_TEXT = (
    "apiVersion: wardle.example.com/v1alpha1\nkind: Fischer\n"
    f"metadata: {{name: {NAMESPACE}}}\ndisallowedFlunders: [a,LAST]\n"
)


def scenarios() -> Iterator[Scenario]:
    yield scenario("apply", "owners", *_owners())
    yield scenario("apply", "sets and maps", *_sets_and_maps())
    yield scenario("apply", "versions", *_versions())
    for number, body in enumerate(table("patches")["applied"]):
        yield scenario("apply", f"wrong {number}", *_wrong(body))
    for number, manager in enumerate(MANAGERS):
        yield scenario("apply", f"manager {number}", *_manager(manager))
    for number, agent in enumerate(AGENTS):
        yield scenario("apply", f"agent {number}", *_agent(agent))
    for force in FORCES:
        yield scenario(
            "apply", f"force={force}", _by("a", spec=SPEC), _by("b", f"&force={force}", spec=OTHER),
            patch(MERGE, {}, f"?force={force}"),
        )  # fmt: skip
    yield scenario("apply", "yaml", *_texts())
    yield scenario("apply", "fischers", *_fischers())


def _by(manager: str, query: str = "", **fields: Any) -> Step:
    return apply(flunder(**fields), f"?fieldManager={manager}{query}")


def _alpha(manager: str, query: str = "", **fields: Any) -> Step:
    return apply(flunder(version="v1alpha1", **fields), f"?fieldManager={manager}{query}", path=f"{ALPHA}/a")


def _owners() -> Iterator[Step]:
    yield _by("m", spec=SPEC)
    yield _by("m", spec=SPEC)
    yield _by("n", spec=OTHER)
    yield _by("n", spec={"referenceType": "Fischer", "fischerReference": "y"})
    yield _by("n", "&force=true", spec=OTHER)
    yield _by("n")
    yield _by("m")
    yield _by("m", spec=SPEC)
    changed = {"referenceType": "Flunder", "flunderReference": "w"}
    yield update(flunder(spec=changed, metadata={"labels": {"q": "r"}}), "?fieldManager=u")
    yield get(f"{BETA}/a")


def _sets_and_maps() -> Iterator[Step]:
    everything = {"labels": {"a": "1", "b": "2"}, "annotations": {"x": "y"}, "finalizers": ["f/a"]}
    yield _by("m", metadata=everything, spec=SPEC)
    yield _by("m", metadata={"labels": {"a": "1"}, "finalizers": ["f/b"]}, spec=SPEC)
    yield _by("two", metadata={"labels": {"a": "2"}, "finalizers": ["f/b"]})
    yield _by("two", metadata={"labels": {"a": "1"}, "finalizers": ["f/b", "f/c"]})
    yield _by("m")
    yield patch(MERGE, {"metadata": {"labels": {"a": "9", "z": "1"}}}, "?fieldManager=p")
    for force in ("", "&force=true"):
        yield _by("two", force, metadata={"labels": {"a": "1", "z": "2"}})
    yield patch(MERGE, {"metadata": {"finalizers": None}}, "?fieldManager=p")
    yield _by("two", metadata={"labels": {}})


def _versions() -> Iterator[Step]:
    yield _alpha("m", spec={"reference": "x"})
    yield _by("n", spec=OTHER)
    for force in ("", "&force=true"):
        yield _alpha("n", force, spec={"reference": "z"})
    yield _by("m", spec={})
    yield _alpha("m")
    yield get(f"{ALPHA}/a")
    yield get(f"{BETA}/a")


def _wrong(body: Any) -> Iterator[Step]:
    for query in ("", "&force=true", "&fieldValidation=Strict", "&fieldValidation=Warn"):
        yield apply(body, f"?fieldManager=m{query}")
    yield apply(body, "?fieldManager=m&dryRun=All", path=f"{BETA}/zz")
    yield _by("other", "&force=true", spec=SPEC)
    yield apply(body, "?fieldManager=m2")
    yield apply(body, "?fieldManager=m2", path=f"{ALPHA}/a")


def _manager(manager: str) -> Iterator[Step]:
    query = f"?fieldManager={manager}"
    yield apply(flunder(spec=SPEC), query)
    yield apply(flunder("b"), query, path=f"{BETA}/b")
    yield create(flunder("c", spec=SPEC), query)
    yield update(flunder("c", metadata={"labels": {"a": "b"}}), query, path=f"{BETA}/c")


def _agent(agent: str | None) -> Iterator[Step]:
    headers = {"User-Agent": agent}
    labelled = {"labels": {"a": "b"}}
    yield create(flunder("c", spec=SPEC), headers={**JSON, **headers})
    yield update(flunder("c", metadata=labelled), path=f"{BETA}/c", headers={**JSON, **headers})
    yield patch({**MERGE, **headers}, {"metadata": {"labels": {"c": "b"}}}, path=f"{BETA}/c")


def _texts() -> Iterator[Step]:
    yield apply(TEXT)
    yield apply(TEXT + AGAIN)
    yield apply(TEXT + AGAIN, "?fieldManager=m&fieldValidation=Strict")
    for text in (f"{TEXT}---\n{TEXT}", f"{TEXT}---\n", f"---\n{TEXT}", TEXT.replace("name: a", "name: b")):
        yield apply(text)


def _fischers() -> Iterator[Step]:
    path = f"{FISCHERS}/{NAMESPACE}"
    for manager, last in (("x", "b"), ("y", "c")):
        yield patch(APPLY, FISCHER_TEXT.replace("LAST", last), f"?fieldManager={manager}", path=path)
    for names in (["z1"], None):
        yield patch(STRATEGIC, {"disallowedFlunders": names}, path=path)
    yield delete(path)
