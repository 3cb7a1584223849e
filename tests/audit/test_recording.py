"""What an event takes from the request line, the headers and the connection."""

import json
from typing import Any

import pytest

from genericapiserver.audit.policy import RequestAuditConfig
from genericapiserver.audit.recording import new_event, source_ips
from genericapiserver.authentication import UserInfo
from genericapiserver.request import AuditLevel, RequestContext, RequestInfoFactory


def recorded(
    path: str = "/api/v1/namespaces/default/pods/a", query: str = "", headers: Any = (), **context: Any
) -> dict[str, Any]:
    info = RequestInfoFactory().resolve("GET", path, query.encode())
    uri = f"{path}?{query}" if query else path
    made = RequestContext(request_info=info, **{"path": path, "request_uri": uri, "audit_id": "id", **context})
    scope = {"headers": list(headers), "client": ("192.0.2.1", 1)}
    event = new_event(made, scope, RequestAuditConfig(AuditLevel.METADATA))
    document: dict[str, Any] = json.loads(event.json())
    return document


@pytest.mark.parametrize(
    ("forwarded", "real", "peer", "addresses"),
    [
        (b"", b"", "127.0.0.1", ["127.0.0.1"]),
        (b"10.1.1.1", b"", "127.0.0.1", ["10.1.1.1", "127.0.0.1"]),
        (b"10.1.1.1, 10.2.2.2", b"10.2.2.2", "10.2.2.2", ["10.1.1.1", "10.2.2.2"]),
        (b"10.2.2.2, 10.1.1.1", b"10.2.2.2", "10.2.2.2", ["10.2.2.2", "10.1.1.1", "10.2.2.2"]),
        (b"", b"10.3.3.3", "127.0.0.1", ["10.3.3.3", "127.0.0.1"]),
        (b"nonsense, 10.1.1.1,,1.2.3", b"also", "127.0.0.1", ["10.1.1.1", "127.0.0.1"]),
        (b"::1, fe80::1%eth0, ::ffff:1.2.3.4", b"", "", ["::1", "1.2.3.4"]),
        (b"2001:DB8::0001", b"", "::ffff:127.0.0.1", ["2001:db8::1", "127.0.0.1"]),
        (b"10.0.0.01", b"\xff", "unix", []),
        (b", ".join([b"10.1.1.1"] * 100), b"", "127.0.0.1", ["10.1.1.1"] * 100 + ["127.0.0.1"]),
    ],
)
def test_source_addresses(forwarded: bytes, real: bytes, peer: str, addresses: list[str]) -> None:
    assert list(source_ips(peer, forwarded, real)) == addresses


def test_of_several_lines_of_a_header_the_first_counts() -> None:
    document = recorded(headers=[(b"user-agent", b"one"), (b"user-agent", b"two"), (b"x-forwarded-for", b"10.0.0.1")])
    assert document["userAgent"] == "one"
    assert document["sourceIPs"] == ["10.0.0.1", "192.0.2.1"]


@pytest.mark.parametrize(("length", "shown"), [(1024, "x" * 1024), (1025, "x" * 1024 + "...TRUNCATED")])
def test_a_long_user_agent_is_cut(length: int, shown: str) -> None:
    assert recorded(headers=[(b"user-agent", b"x" * length)])["userAgent"] == shown


def test_the_object_reference_is_that_of_resource_requests() -> None:
    document = recorded("/apis/apps/v1/namespaces/ns/deployments/a/scale")
    assert document["objectRef"] == {
        "resource": "deployments",
        "namespace": "ns",
        "name": "a",
        "apiGroup": "apps",
        "apiVersion": "v1",
        "subresource": "scale",
    }
    assert document["verb"] == "get"
    assert "objectRef" not in recorded("/version")


def test_the_id_is_verbatim_and_utf_8() -> None:
    assert recorded(audit_id="x" * 5000)["auditID"] == "x" * 5000
    assert recorded(audit_id="é".encode().decode("latin-1"))["auditID"] == "é"
    assert recorded(audit_id=b"\xff".decode("latin-1"))["auditID"] == "\ufffd"


def test_the_user_is_who_authenticated() -> None:
    assert recorded(user=UserInfo(name="a", groups=("g",)))["user"] == {"username": "a", "groups": ["g"]}
    assert recorded()["user"] == {}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("watch=1", "watch=1"),
        ("access_token=secret", "access_token=REDACTED"),
        ("a=b&access_token=secret&c=d", "a=b&access_token=REDACTED&c=d"),
        ("access%5Ftoken=secret", "access%5Ftoken=REDACTED"),
        ("%61ccess_token=secret&%", "%61ccess_token=REDACTED&%"),
        ("Access_Token=secret", "Access_Token=REDACTED"),
        ("access_token=a&access_token=b", "access_token=REDACTED&access_token=REDACTED"),
        ("a=b;access_token=secret", "a=b;access_token=REDACTED"),
        ("access_token", "access_token"),
        ("fieldSelector=metadata.name%3Dtoken", "fieldSelector=metadata.name%3Dtoken"),
        ("continue=access_token", "continue=access_token"),
    ],
)
def test_the_request_line_is_as_sent_but_for_tokens(query: str, shown: str) -> None:
    assert recorded(query=query)["requestURI"] == f"/api/v1/namespaces/default/pods/a?{shown}"


def test_no_credential_of_a_header_is_read() -> None:
    headers = [
        (b"authorization", b"Bearer secret"),
        (b"sec-websocket-protocol", b"base64url.bearer.authorization.k8s.io.c2VjcmV0"),
        (b"cookie", b"session=secret"),
        (b"x-remote-user", b"secret"),
    ]
    text = json.dumps(recorded(headers=headers))
    assert "secret" not in text
    assert "c2VjcmV0" not in text
