"""What is accepted, in which media type bodies come, and compression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.differential.scenarios import (
    BETA,
    JSON,
    MERGE,
    PAD,
    SPEC,
    Headers,
    Scenario,
    Step,
    create,
    delete,
    flunder,
    get,
    scenario,
    table,
    update,
)

BIG = 150_000
"""Bytes; above what is compressed."""
YAML_FLUNDER = "apiVersion: wardle.example.com/v1beta1\nkind: Flunder\nmetadata:\n  name: y\n"
SEVERAL_ACCEPTS = (["text/html", "application/json"], ["application/yaml", "application/json"])
REQUEST_HEADERS: tuple[tuple[str, str, Headers], ...] = (
    ("POST", BETA, {"Content-Encoding": "gzip"}),
    ("POST", BETA, {"Content-Encoding": "x"}),
    ("POST", BETA, {"Expect": "x"}),
    ("POST", BETA, {"If-Match": "x"}),
    ("GET", BETA, {"If-None-Match": "*"}),
    ("GET", "/openapi/v2", {"If-None-Match": "*"}),
    ("GET", BETA, {"Range": "bytes=0-3"}),
    ("GET", BETA, {"X-HTTP-Method-Override": "DELETE"}),
    ("GET", BETA, {"Origin": "http://x"}),
    ("OPTIONS", BETA, {"Origin": "http://x", "Access-Control-Request-Method": "GET"}),
    ("GET", BETA, {"Upgrade": "websocket", "Connection": "Upgrade"}),
    ("GET", BETA, {"Audit-Id": "abc"}),
    ("GET", BETA, {"X-Request-Id": "abc"}),
    ("GET", BETA, {"Connection": "close"}),
)


def scenarios() -> Iterator[Scenario]:
    tables = table("negotiation")
    for accept in tables["accepts"]:
        accepting = {} if accept is None else {"Accept": accept}
        yield scenario("negotiation", f"accept {accept}", *_accepting(accepting, tables["accepted"]))
    for accepts in SEVERAL_ACCEPTS:
        yield scenario(
            "negotiation", f"accepts {accepts}", *(get(path, {"Accept": accepts}) for path in (BETA, "/apis"))
        )
    for media_type in tables["content_types"]:
        yield scenario("negotiation", f"content type {media_type}", *_sending({"Content-Type": media_type}))
    for encoding in tables["accept_encodings"]:
        yield scenario("negotiation", f"encoding {encoding}", *_compressing({"Accept-Encoding": encoding}))
    for number, (method, path, headers) in enumerate(REQUEST_HEADERS):
        body = flunder(f"a{number}") if method == "POST" else None
        yield scenario("negotiation", f"header {number} {next(iter(headers))}", Step(method, path, body, headers))


def _accepting(headers: dict[str, Any], paths: list[str]) -> Iterator[Step]:
    yield create(flunder("a", spec=SPEC))
    for path in paths:
        yield get(path, headers)
    yield create(flunder("b"), headers={**headers, **JSON})
    yield update(flunder("b", metadata={"labels": {"x": "y"}}), path=f"{BETA}/b", headers={**headers, **JSON})
    yield Step("PATCH", f"{BETA}/b", {"metadata": {"labels": {"z": "y"}}}, {**headers, **MERGE})
    yield create("{", headers={**headers, **JSON})
    yield delete(f"{BETA}/b", headers=headers)
    yield delete(BETA, headers=headers)
    yield get(f"{BETA}?watch=1&timeoutSeconds=1&resourceVersion=x", headers)
    yield get("/apis/wardle.example.com/v1alpha1/fischers", headers)


def _sending(headers: Headers) -> Iterator[Step]:
    yield create(flunder("a"), headers=headers)
    yield create(YAML_FLUNDER, headers=headers)
    yield create(flunder("c"))
    yield update(flunder("c", metadata={"labels": {"a": "b"}}), path=f"{BETA}/c", headers=headers)
    for path, body in (
        (f"{BETA}/c", {"metadata": {"labels": {"z": "1"}}}),
        (f"{BETA}/c?fieldManager=x", flunder("c", metadata={"labels": {"q": "1"}})),
        (f"{BETA}/zz?fieldManager=x", flunder("zz", metadata={"labels": {"q": "1"}})),
        (f"{BETA}/c", [{"op": "add", "path": "/metadata/labels", "value": {"n": "y"}}]),
    ):
        yield Step("PATCH", path, body, headers)
    yield delete(f"{BETA}/c", {"kind": "DeleteOptions", "apiVersion": "v1"}, headers)
    yield delete(BETA, {"gracePeriodSeconds": 0}, headers)
    yield delete(BETA, "", headers)
    yield get(BETA, headers)
    yield create({}, path="/apis", headers=headers)


def _compressing(headers: Headers) -> Iterator[Step]:
    yield create(flunder("big", metadata={"annotations": {"x": PAD}}), pad=BIG)
    for path in (
        BETA,
        f"{BETA}/big",
        "/apis",
        "/openapi/v2",
        "/openapi/v3/apis/wardle.example.com/v1beta1",
        "/metrics",
    ):
        yield get(path, headers)
    yield get(f"{BETA}/big", {**headers, "Accept": "application/yaml"})
    changed = flunder("big", metadata={"annotations": {"x": PAD, "y": "1"}})
    yield update(changed, path=f"{BETA}/big", headers=headers, pad=BIG)
