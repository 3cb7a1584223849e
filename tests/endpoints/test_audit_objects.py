"""What the audit event is handed on the way of a request (filters reference, section 7.1)."""

import json
from typing import Any

import pytest

from genericapiserver.apimachinery.meta import Status
from genericapiserver.authentication.user import UserInfo
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.request import AuditLevel, RequestInfoFactory, long_running_check
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, context_of, gadget, gadgets


class Recorder:
    """Keeps everything, in the form it has at that moment."""

    def __init__(self) -> None:
        self.annotations: dict[str, str] = {}
        self.request: Any = None
        self.response: Any = None
        self.status: Status | None = None

    level = AuditLevel.REQUEST_RESPONSE

    def add_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        self.annotations[key] = value

    def record_impersonated_user(self, user: UserInfo) -> None: ...

    def record_impersonation_constraint(self, constraint: str) -> None: ...

    def record_request_object(self, body: Any) -> None:
        self.request = json.loads(body.json())

    def record_request_patch(self, patch: bytes) -> None:
        self.request = patch

    def record_response_object(self, body: Any) -> None:
        self.response = json.loads(body.json())

    def record_response_status(self, status: Status) -> None:
        self.status = status


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def audited(server: DemoServer, recorder: Recorder) -> ASGIClient:
    async def with_recorder(scope: Any, receive: Any, send: Any) -> None:
        context_of(scope).audit = recorder
        await server.container(scope, receive, send)

    return ASGIClient(
        with_request_info(with_recorder, resolver=RequestInfoFactory(), long_running=long_running_check())
    )


async def test_a_body_is_recorded_as_declared_and_before_it_is_changed(audited: ASGIClient, recorder: Recorder) -> None:
    body = gadget("a", color="blue")
    body["metadata"]["uid"] = "mine"
    response = await audited.request("POST", gadgets(), body=body)
    assert recorder.request == {
        "kind": "Gadget",
        "apiVersion": "demo.example.com/v1",
        "metadata": {"name": "a", "uid": "mine"},
        "spec": {"color": "blue", "size": 1},
        "status": {},
    }
    assert recorder.response == response.json()


async def test_a_patch_is_recorded_as_sent(audited: ASGIClient, recorder: Recorder) -> None:
    await audited.request(
        "PATCH", gadgets(name="a"), body=b'{"a": 1}', headers={"content-type": "application/merge-patch+json"}
    )
    assert recorder.request == b'{"a": 1}'
    assert recorder.status is not None
    assert (recorder.status.code, recorder.status.reason) == (404, "NotFound")
    assert (recorder.response["kind"], recorder.response["reason"]) == ("Status", "NotFound")


async def test_options_of_a_delete_are_recorded_only_as_a_body(audited: ASGIClient, recorder: Recorder) -> None:
    await create(audited, "a", "b")
    await audited.request("DELETE", gadgets(name="a") + "?propagationPolicy=Background")
    assert recorder.request["kind"] == "Gadget"
    await audited.request("DELETE", gadgets(name="b"), body={"propagationPolicy": "Background"})
    assert recorder.request == {
        "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/__internal",
        "propagationPolicy": "Background",
    }
    assert recorder.status is not None
    assert (recorder.status.status, recorder.status.code) == ("Success", 0)


async def test_a_response_in_yaml_is_recorded_as_json(audited: ASGIClient, recorder: Recorder) -> None:
    await create(audited, "a")
    await audited.get(gadgets(name="a"), accept="application/yaml")
    assert recorder.response["metadata"]["name"] == "a"
    await audited.get(gadgets(name="a?pretty=1"))
    assert recorder.response["metadata"]["name"] == "a"


async def test_a_deprecated_version_is_annotated(audited: ASGIClient, recorder: Recorder) -> None:
    await audited.get(gadgets(version="v1beta1"))
    assert recorder.annotations == {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.9"}


async def test_a_client_that_goes_in_the_middle_of_its_body_is_no_bug(server: DemoServer) -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await server.app(server.client.scope("POST", gadgets(), {}), receive, send)
    assert sent[0]["status"] == 500
    assert b"unexpected EOF" in sent[1]["body"]
