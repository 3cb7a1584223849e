"""The record of a request: its JSON, its legacy line, and what goes into it (filters reference, section 7.1)."""

import json
import re
from typing import Any

import attrs
import msgspec
import pytest

from genericapiserver.apimachinery.meta import ObjectMeta, Status, StatusDetails
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.audit_v1 import GROUP_VERSION, Event, add_to_scheme
from genericapiserver.audit.event import AuditEvent, ObjectReference, micro_time, raw_user
from genericapiserver.authentication import UserInfo
from genericapiserver.request import AuditLevel
from tests.support.audit import TIME, new_event
from tests.support.clock import START

KEYS = [
    "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
    "authenticationMetadata", "sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject",
    "requestReceivedTimestamp", "stageTimestamp", "annotations",
]  # fmt: skip


@attrs.frozen
class Body:
    """A request's body, and what its encoding is."""

    object: Any
    data: bytes = b'{"kind":"Pod"}'

    def json(self) -> bytes:
        return self.data


def full_event() -> AuditEvent:
    event = new_event(level=AuditLevel.REQUEST_RESPONSE)
    event.record_impersonated_user(UserInfo(name="bob", uid="1", groups=("b", "a"), extra={"z": ("1",), "a": ("2",)}))
    event.record_impersonation_constraint("impersonate:user-info")
    event.record_request_object(Body(None))
    event.record_response_object(Body(None, b'{"kind":"Pod","metadata":{}}'))
    event.set_code(200)
    event.add_annotation("b.example.com/x", "1")
    event.add_annotation("a.example.com/x", "2")
    return event


def test_the_keys_stand_in_the_order_of_the_reference() -> None:
    document = json.loads(full_event().line())
    assert list(document) == KEYS
    assert (document["kind"], document["apiVersion"]) == ("Event", "audit.k8s.io/v1")
    assert list(document["annotations"]) == ["a.example.com/x", "b.example.com/x"]
    assert document["impersonatedUser"] == {
        "username": "bob",
        "uid": "1",
        "groups": ["b", "a"],
        "extra": {"a": ["2"], "z": ["1"]},
    }
    assert list(document["impersonatedUser"]["extra"]) == ["a", "z"]
    assert document["authenticationMetadata"] == {"impersonationConstraint": "impersonate:user-info"}


def test_the_bytes_are_those_of_the_declared_type() -> None:
    scheme = Scheme("test")
    add_to_scheme(scheme)
    codec, line = CodecFactory(scheme), full_event().line()
    decoded = codec.decode(line, strict=True)
    assert decoded.strict_errors == []
    assert isinstance(decoded.object, Event)
    assert codec.encode(decoded.object, GROUP_VERSION.with_kind("Event")) == line


def test_a_line_is_the_item_with_kind_and_newline() -> None:
    event = new_event()
    assert event.line() == b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",' + event.json()[1:] + b"\n"
    assert b"\n" not in event.json()


def test_what_is_empty_is_left_out_but_the_user() -> None:
    event = new_event(user=raw_user(None), source_ips=(), user_agent=None, object_ref=None)
    assert list(json.loads(event.json())) == [
        "level", "auditID", "stage", "requestURI", "verb", "user", "requestReceivedTimestamp", "stageTimestamp",
    ]  # fmt: skip
    assert json.loads(event.json())["user"] == {}


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("<a&b>", rb"\u003ca\u0026b\u003e"),
        ("\u2028\u2029", rb"\u2028\u2029"),
        ("a\r\nb\0", rb"a\r\nb\u0000"),
        ("\x1b[31m", rb"\u001b[31m"),
        ("\x7f", rb"\u007f"),
        ("\x9b31m\u00e9", rb"\u009b31m" + "é".encode()),
        ("\x7fé", rb"\u007f" + "é".encode()),
        ("a\udcffb", "a\ufffdb".encode()),
    ],
)
def test_texts_cannot_be_more_than_text(text: str, encoded: bytes) -> None:
    event = new_event(
        user_agent=text, object_ref=ObjectReference(name=text), annotations={"k": text}, source_ips=(text,)
    )
    event.record.user = raw_user(UserInfo(name=text, groups=(text,), extra={text: (text,)}))
    data = event.json()
    assert data.count(encoded) == 8
    assert json.loads(data)["userAgent"] == text.replace("\udcff", "\ufffd")
    data.decode()


def test_a_snapshot_stays_as_it_is() -> None:
    event = full_event()
    kept = event.snapshot()
    before = kept.json()
    event.set_stage("ResponseComplete", "later")
    event.add_annotation("c.example.com/x", "3")
    event.set_code(500)
    event.record_impersonated_user(UserInfo(name="eve"))
    assert kept.json() == before
    assert event.json() != before


def test_a_truncated_event_has_no_bodies_and_says_so() -> None:
    event = full_event()
    document = json.loads(event.truncated().json())
    assert "requestObject" not in document
    assert "responseObject" not in document
    assert document["annotations"]["audit.k8s.io/truncated"] == "true"
    assert "requestObject" in json.loads(event.json())


@pytest.mark.parametrize("level", [AuditLevel.METADATA, AuditLevel.REQUEST, AuditLevel.REQUEST_RESPONSE])
def test_bodies_and_annotations_are_kept_from_their_level_on(level: AuditLevel) -> None:
    event = new_event(level=level)
    event.record_request_object(Body(None))
    event.record_response_object(Body(None))
    for one in (AuditLevel.METADATA, AuditLevel.REQUEST, AuditLevel.REQUEST_RESPONSE):
        event.add_annotation(f"example.com/{one.text}", "x", one)
    document = json.loads(event.json())
    assert ("requestObject" in document) is (level >= AuditLevel.REQUEST)
    assert ("responseObject" in document) is (level >= AuditLevel.REQUEST_RESPONSE)
    assert len(document["annotations"]) == level


def test_nothing_is_encoded_that_is_not_kept() -> None:
    class Forbidden:
        object = None

        def json(self) -> bytes:
            raise AssertionError("encoded in vain")

    event = new_event()
    event.record_request_object(Forbidden())
    event.record_response_object(Forbidden())


def test_the_body_completes_the_object_reference() -> None:
    class Object:
        metadata = ObjectMeta(name="other", namespace="ns", uid="u", resource_version="7")

    event = new_event(object_ref=ObjectReference("pods", name="a"))
    first = event.snapshot()
    event.record_request_object(Body(Object()))
    assert json.loads(event.json())["objectRef"] == {
        "resource": "pods",
        "namespace": "ns",
        "name": "a",
        "uid": "u",
        "resourceVersion": "7",
    }
    assert json.loads(first.json())["objectRef"] == {"resource": "pods", "name": "a"}


@pytest.mark.parametrize(
    ("patch", "recorded"),
    [
        (b'{"a": 1.5, "b": "<"}', {"a": 1.5, "b": "<"}),
        (b'[{"op": "remove", "path": "/a"}]', [{"op": "remove", "path": "/a"}]),
        (b"a: 1\nb: [x]\n", {"a": 1, "b": ["x"]}),
        (b"{", "{"),
        (b" [a: b", " [a: b"),
        (b"\x80{[", "\ufffd{["),
        (b"[" * 1000, "[" * 1000),
    ],
)
def test_a_patch_is_recorded_as_json_whatever_it_is(patch: bytes, recorded: Any) -> None:
    event = new_event(level=AuditLevel.REQUEST)
    event.record_request_patch(patch)
    assert json.loads(event.line())["requestObject"] == recorded
    assert event.line().count(b"\n") == 1


def test_a_body_that_cannot_be_encoded_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        object = None

        def json(self) -> bytes:
            raise ZeroDivisionError

    event = new_event("the-id", level=AuditLevel.REQUEST_RESPONSE)
    event.record_request_object(Broken())
    event.record_response_object(Broken())
    assert "requestObject" not in json.loads(event.json())
    assert caplog.messages == ['Encoding failed of the object for audit:"the-id"'] * 2


MANAGED: dict[str, Any] = {"metadata": {"name": "a", "managedFields": [{"manager": "m"}]}}
CLEAN: dict[str, Any] = {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("document", "clean"),
    [
        (MANAGED, CLEAN),
        ({"items": [MANAGED, MANAGED], **MANAGED}, {"items": [CLEAN, CLEAN], **CLEAN}),
        ({"rows": [{"object": MANAGED, "cells": [1]}, {}]}, {"rows": [{"object": CLEAN, "cells": [1]}, {}]}),
        ({"spec": MANAGED}, {"spec": MANAGED}),
        ([MANAGED], [MANAGED]),
        ({"items": "managedFields", "rows": None}, {"items": "managedFields", "rows": None}),
    ],
)
def test_managed_fields_are_left_out_where_that_is_wanted(document: Any, clean: Any) -> None:
    body = Body(None, json.dumps(document).encode())
    for omit, expected in ((True, clean), (False, document)):
        event = AuditEvent(new_event().record, AuditLevel.REQUEST_RESPONSE, omit_managed_fields=omit)
        event.record_request_object(body)
        event.record_response_object(body)
        shown = json.loads(event.json())
        assert (shown["requestObject"], shown["responseObject"]) == (expected, expected)


def test_a_status_is_shown_without_its_metadata_and_with_the_code_that_was_sent() -> None:
    event = new_event()
    details = StatusDetails(name="a", group="g", kind="pods", uid="u")
    event.record_response_status(Status(status="Success", details=details))
    event.set_code(200)
    assert event.record.response_status is not None
    assert bytes(event.record.response_status) == (
        b'{"metadata":{},"status":"Success","details":{"name":"a","group":"g","kind":"pods","uid":"u"},"code":200}'
    )


def test_times_have_six_digits() -> None:
    assert micro_time(START) == "2026-01-01T00:00:00.000000Z"
    assert micro_time(START.replace(microsecond=46841)) == "2026-01-01T00:00:00.046841Z"


# The format that people read; the reference's test, plugin/pkg/audit/log/backend_test.go


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            {"audit_id": "1", "user": raw_user(None), "object_ref": None, "source_ips": (), "user_agent": None},
            r'[\d\:\-\.\+TZ]+ AUDIT: id="1" stage="RequestReceived" ip="<unknown>" method="get" user="<none>" '
            r'groups="<none>" as="<self>" asgroups="<lookup>" user-agent="" namespace="<none>" '
            r'uri="/api/v1/namespaces/default/pods/busybox" response="<deferred>"',
            id="nobody",
        ),
        pytest.param(
            {"response_status": msgspec.Raw(b'{"metadata":{},"code":200}')},
            r'[\d\:\-\.\+TZ]+ AUDIT: id="id" stage="RequestReceived" ip="127.0.0.1" method="get" user="admin" '
            r'groups="\\"system:masters\\",\\"system:authenticated\\"" as="<self>" asgroups="<lookup>" '
            r'user-agent="kubectl/x" namespace="default" uri="/api/v1/namespaces/default/pods/busybox" response="200"',
            id="admin",
        ),
        pytest.param(
            {
                "impersonated_user": raw_user(UserInfo(name='imp"x', groups=("a b", "system:authenticated"))),
                "object_ref": None,
            },
            r'[\d\:\-\.\+TZ]+ AUDIT: .* as="imp\\"x" asgroups="\\"a b\\",\\"system:authenticated\\"" .* '
            r'namespace="<none>" .* response="<deferred>"',
            id="impersonation",
        ),
    ],
)
def test_the_legacy_line(fields: dict[str, Any], line: str) -> None:
    assert re.fullmatch(line, new_event(**fields).legacy_line())


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        (TIME, "2026-11-20T10:58:48.046841Z"),
        ("2026-11-20T10:58:40.100000Z", "2026-11-20T10:58:40.1Z"),
        ("2026-11-20T10:50:00.000000Z", "2026-11-20T10:50:00Z"),
    ],
)
def test_the_legacy_time_has_no_needless_zeros(received: str, shown: str) -> None:
    assert new_event(request_received_timestamp=received).legacy_line().split(" ")[0] == shown
