"""The audit backend in the life of a server, and the audit filter in the default chain."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from genericapiserver.apis.audit_v1 import Policy, PolicyRule
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.audit import AuditEvent, PolicyRuleEvaluator
from genericapiserver.audit.backend import Accepted
from genericapiserver.authentication import AuthenticationRequest, AuthenticationResponse, UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.chain import default_filters
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo
from genericapiserver.prepared import AuditBackendError
from genericapiserver.request import request_context
from genericapiserver.server import GenericAPIServer
from tests.server.servers import connected, new_config, new_server, serving_info
from tests.support.asgi_client import ASGIClient
from tests.support.audit import Backend

METADATA = PolicyRuleEvaluator(Policy(rules=[PolicyRule(level="Metadata")]))


def audited(backend: Any, **settings: Any) -> GenericAPIServer:
    return new_server(audit_backend=backend, audit_policy=METADATA, **settings)


class Annotating:
    """An authenticator that has something to say to the audit log, long before there is an event."""

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse:
        context = request_context(request.scope)
        context.add_audit_annotation("authenticator.example.com/said", "first")
        context.add_audit_annotation("authenticator.example.com/said", "second")
        return AuthenticationResponse(UserInfo(name="alice"))


async def test_what_an_authenticator_annotates_is_in_the_last_event() -> None:
    def allow(attributes: AuthorizationAttributes) -> AuthorizationResult:
        return AuthorizationResult(Decision.ALLOW, "because")

    backend = Backend()
    server = audited(
        backend,
        authentication=AuthenticationInfo(Annotating()),
        authorization=AuthorizationInfo(FunctionAuthorizer(allow)),
    )
    await ASGIClient(server.handler).get("/version")
    assert backend.events[-1]["annotations"] == {
        "authenticator.example.com/said": "first",
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason": "because",
    }


@pytest.mark.parametrize(("backend", "policy"), [(None, None), (Backend(), None), (None, METADATA)])
def test_the_filter_needs_a_backend_and_a_policy(backend: Any, policy: Any) -> None:
    completed = new_config(audit_backend=backend, audit_policy=policy).complete()
    handler = audited(Backend()).handler
    assert dict(default_filters(completed))["audit"](handler) is handler


async def test_a_request_that_finds_no_room_is_recorded() -> None:
    backend = Backend()
    server = audited(backend, max_requests_in_flight=1, max_mutating_requests_in_flight=1)
    entered, release = asyncio.Event(), asyncio.Event()

    async def blocks(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await release.wait()
        await send_text(send, 200, "ok")

    server.handler.non_api_mux.handle("/blocks", blocks)
    client = ASGIClient(server.handler)
    async with client.open("GET", "/blocks", wait=False):
        await entered.wait()
        assert (await client.get("/blocks")).status == 429
        release.set()
    codes = [event["responseStatus"]["code"] for event in backend.events if event["stage"] == "ResponseComplete"]
    assert 429 in codes


class Witness(Backend):
    """Notes what happens, in order, with what the server does."""

    def __init__(self, happened: list[str]) -> None:
        super().__init__()
        self.happened = happened

    async def start(self) -> None:
        self.happened.append("audit starts")

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        self.happened.extend(f"{event.record.request_uri} {event.record.stage}" for event in events)
        return True

    async def aclose(self) -> None:
        self.happened.append("audit ends")


@pytest.mark.parametrize("send_retry_after", [True, False])
async def test_the_backend_runs_from_before_the_first_request_to_after_the_last(send_retry_after: bool) -> None:
    happened: list[str] = []
    server = audited(Witness(happened), secure_serving=serving_info(), shutdown_send_retry_after=send_retry_after)
    signals = server.lifecycle_signals
    signals.in_flight_requests_drained.on_set(lambda: happened.append("drained"))
    entered, release = asyncio.Event(), asyncio.Event()

    async def blocks(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await release.wait()
        await send_text(send, 200, "ok")

    server.handler.non_api_mux.handle("/blocks", blocks)
    signals.not_accepting_new_request.on_set(release.set)
    async with asyncio.timeout(20):
        async with server.prepare_run().serving() as address:
            happened.append("serving")
            client_block = connected(address)
            client = await client_block.__aenter__()
            request = asyncio.create_task(client.get("/blocks"))
            await entered.wait()
        assert (await request).status_code == 200
        await client_block.__aexit__(None, None, None)
    assert happened == [
        "audit starts",
        "serving",
        "/blocks RequestReceived",
        "/blocks ResponseComplete",
        "drained",
        "audit ends",
    ]


async def test_a_backend_that_does_not_start_keeps_the_server_from_serving() -> None:
    class Broken(Backend):
        async def start(self) -> None:
            raise OSError("no room")

    backend, serving = Broken(), serving_info()
    server = audited(backend, secure_serving=serving)
    with pytest.raises(AuditBackendError, match=r"^failed to run the audit backend: no room$"):
        async with server.prepare_run().serving():
            raise AssertionError("served")
    assert backend.closed
    assert serving.listener is not None
    serving.listener.close()
