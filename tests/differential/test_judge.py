"""What the judge forgives and what it does not."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.differential.exchange import Answer
from tests.differential.judge import compared, diverged
from tests.differential.scenarios import Step, get

JSON = (("Content-Type", "application/json"),)
NAMESPACE = "ns-00007"


def answer(body: Any, status: int = 200, *headers: tuple[str, str]) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, (*JSON, *headers), data)


def differences(
    one: Answer, other: Answer, step: Step | None = None, captured: dict[str, str] | None = None
) -> list[str]:
    asked = step or get("/apis")
    return compared((asked, one, captured or {}), (asked, other, captured or {}), NAMESPACE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"uid": "01234567-89ab-cdef-0123-456789abcdef"}, {"uid": "fedcba98-89ab-cdef-0123-456789abcdef"}),
        ({"resourceVersion": "7"}, {"resourceVersion": "70001"}),
        ({"creationTimestamp": "2020-01-01T00:00:00Z"}, {"creationTimestamp": "2026-01-01T00:00:00Z"}),
        ({"at": "2020-01-01T00:00:00.123456Z"}, {"at": "2020-01-01T00:00:01.5Z"}),
        ({"goVersion": "go1.25.5"}, {"goVersion": "go1.26.6"}),
        ({"message": 'in scheme "k8s.io/sample/apiserver.go:47"'}, {"message": 'in scheme "ours"'}),
        (
            {"message": "Too large: 99, current: 12"},
            {"message": "Too large: 99, current: 3"},
        ),
        ({"continue": "abc"}, {"continue": "def="}),
    ],
)
def test_what_differs_between_any_two_runs_is_forgiven(one: Any, other: Any) -> None:
    assert differences(answer(one), answer(other)) == []


@pytest.mark.parametrize(
    ("one", "other", "lines"),
    [
        (
            answer({"kind": "Flunder"}),
            answer({"message": "no"}, 400),
            ['/status: wanted 200 application/json "Flunder", found 400 application/json "no"'],
        ),
        (answer({"a": 1}), answer({"a": 2}), ["/body/a: wanted 1, found 2"]),
        (answer({"a": 1}), answer({"a": 1.0}), ["/body/a: wanted 1, found 1.0"]),
        (answer({"a": 1}), answer({}), ["/body/a: missing, wanted 1"]),
        (answer(b'{"a":1,"b":2}'), answer(b'{"b":2,"a":1}'), ['/fields/0: wanted "a b", found "b a"']),
        (answer(b"{}\n"), answer(b"{}"), ["/line feed: wanted true, found false"]),
        (answer({}), answer({}, 200, ("Warning", "x")), ['/headers/warning: unwanted "x"']),
        (answer({}, 200, ("Audit-Id", "x")), answer({}), ['/headers/audit-id: missing, wanted "<any>"']),
        (answer({"message": "version 7"}), answer({"message": "version 8"}), None),
        (answer(b"\xff"), answer(b"\xfe"), ['/bytes: wanted "ff", found "fe"']),
        (answer({}), Answer(error="ConnectionResetError"), None),
        (answer({}), Answer(200, JSON, b"{}", ended=False), ["/ended: unwanted false"]),
    ],
)
def test_everything_else_is_told(one: Answer, other: Answer, lines: list[str] | None) -> None:
    found = differences(one, other)
    assert found == lines if lines is not None else found


def test_causes_and_the_order_of_fields_are_not_told_beside_what_they_follow_from() -> None:
    one = answer({"message": "a: no", "details": {"causes": [{"message": "no"}]}})
    other = answer({"details": {"causes": [{"message": "never"}]}, "message": "a: never"})
    assert differences(one, other) == ['/body/message: wanted "a: no", found "a: never"']


@pytest.mark.parametrize(
    ("method", "path", "line", "expected"),
    [
        ("POST", "/x", "/status: wanted 201, found 400", True),
        ("DELETE", "/x", "/status: wanted 404, found 200", True),
        ("POST", "/x", "/body/message: wanted 1, found 2", False),
        ("POST", "/x?dryRun=All", "/status: wanted 201, found 400", False),
        ("GET", "/x", "/status: wanted 200, found 400", False),
    ],
)
def test_servers_diverge_where_one_may_have_written_what_the_other_refused(
    method: str, path: str, line: str, expected: bool
) -> None:
    assert diverged(Step(method, path), [line]) is expected


def test_headers_that_say_when_and_how_long_do_not_count() -> None:
    one = answer({}, 200, ("Date", "now"), ("Content-Length", "3"), ("Audit-Id", "a"), ("ETag", '"1"'))
    other = answer({}, 200, ("date", "then"), ("Transfer-Encoding", "chunked"), ("Audit-ID", "b"), ("Etag", '"2"'))
    assert differences(one, other) == []


def test_compressed_answers_are_compared_by_what_is_in_them() -> None:
    packed = ("Content-Encoding", "gzip")
    fast, small = (gzip.compress(b'{"a": 1}', level) for level in (1, 9))
    assert differences(answer(fast, 200, packed), answer(small, 200, packed)) == []
    assert differences(answer(fast, 200, packed), answer(gzip.compress(b'{"a": 2}'), 200, packed))
    assert differences(answer(b"no gzip", 200, packed), answer(b"no gzip", 200, packed)) == []


def test_events_of_a_watch_are_compared_one_by_one() -> None:
    stream = (("Content-Type", "application/json;stream=watch"),)
    one = Answer(200, stream, b'{"type":"ADDED"}\n{"type":"DELETED"}\n')
    other = Answer(200, stream, b'{"type":"ADDED"}\n')
    assert differences(one, other) == ["/events: 2 items wanted, 1 found"]


def test_namespaces_and_what_was_captured_have_the_names_of_the_tables() -> None:
    step = get("/apis", capture={"uid": "/body/uid"})
    (line,) = differences(
        answer({"message": f"{NAMESPACE}/12345 is odd"}), answer({"message": ""}), step, {"rv": "12345"}
    )
    assert line == '/body/message: wanted "@NS@/${rv} is odd", found ""'


@pytest.mark.parametrize("path", ["/metrics", "/metrics/slis?x=y", "/debug/pprof/heap?debug=1", "/openapi/v2"])
def test_bodies_that_are_a_servers_own_are_left_out_but_not_their_heads(path: str) -> None:
    assert differences(answer({"a": 1}), answer({"a": 2}), get(path)) == []
    assert differences(answer({"a": 1}), answer({"a": 1}, 500), get(path)) == [
        '/status: wanted 200 application/json "", found 500 application/json ""'
    ]
