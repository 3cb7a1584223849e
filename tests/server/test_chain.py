"""The default chain: its filters in the order of the reference, and what that order means for requests."""

from collections.abc import Callable
from typing import Any

import pytest

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, FunctionAuthenticator
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.chain import default_build_handler_chain, default_filters
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo, CompletedConfig
from genericapiserver.request import request_context
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_config, new_server
from tests.support.asgi_client import ASGIClient

REFERENCE = (
    "exception_recovery",
    "mux_and_discovery_complete",
    "request_info",
    "http_logging",
    "retry_after",
    "hsts",
    "cache_control",
    "probabilistic_goaway",
    "watch_termination",
    "in_flight_tracking",
    "request_deadline",
    "timeout",
    "warning_recorder",
    "cors",
    "tracer",
    "authentication",
    "tracing",
    "audit",
    "impersonation",
    "max_in_flight_limit",
    "authorization",
)
"""DefaultBuildHandlerChain, outermost first (filters reference, section 1), without those that are part of making the
RequestContext, and with `tracer`, which gives what authentication asks of others a way into a trace."""


def names(completed: CompletedConfig) -> list[str]:
    return [name for name, _ in default_filters(completed)]


def test_filters_stand_in_the_order_of_the_reference() -> None:
    completed = new_config().complete()
    # The one deviation: the context is made before everything, so that a 500 has an audit ID too.
    assert names(completed)[0] == "request_info"
    assert [name for name in names(completed) if name != "request_info"] == [
        name for name in REFERENCE if name != "request_info"
    ]


async def test_the_first_row_is_the_outermost(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def marker(name: str) -> tuple[str, Callable[[Handler], Handler]]:
        def wrap(handler: Handler) -> Handler:
            async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
                order.append(name)
                await handler(scope, receive, send)

            return wrapped

        return name, wrap

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, "ok")

    monkeypatch.setattr("genericapiserver.chain.default_filters", lambda completed: [marker("a"), marker("b")])
    await ASGIClient(default_build_handler_chain(handler, new_config().complete())).get("/")
    assert order == ["a", "b"]


def forbid(attributes: AuthorizationAttributes) -> AuthorizationResult:
    return AuthorizationResult(Decision.DENY, "no")


def refuse(request: AuthenticationRequest) -> None:
    raise AuthenticationError("bad credentials")


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a bug")


def guarded(**settings: Any) -> GenericAPIServer:
    """A server that lets nobody do anything."""
    return new_server(
        authentication=AuthenticationInfo(AnonymousAuthenticator()),
        authorization=AuthorizationInfo(FunctionAuthorizer(forbid)),
        **settings,
    )


@pytest.mark.parametrize(
    "path",
    ["/", "/index.html", "/version", "/apis", "/metrics", "/metrics/slis", "/debug/flags", "/nope", "/openapi/v2"],
)
async def test_no_path_passes_without_authorization(path: str) -> None:
    server = guarded()
    server.prepare_run()
    response = await ASGIClient(server).get(path)
    assert response.status == 403
    assert response.json()["reason"] == "Forbidden"


async def test_every_answer_has_an_audit_id() -> None:
    server = new_server()
    server.handler.non_api_mux.handle("/bug", fail)
    client = ASGIClient(server)
    for path, status in (("/version", 200), ("/nope", 404), ("/bug", 500), ("/version?timeout=x", 400)):
        response = await client.get(path, audit_id="given")
        assert (response.status, response.headers["audit-id"]) == (status, "given")
        assert (await client.get(path)).headers["audit-id"] not in ("", "given")


async def test_a_preflight_needs_no_credentials() -> None:
    server = guarded(cors_allowed_origins=["^https://good.example.com$"])
    headers = {"origin": "https://good.example.com", "access-control-request-method": "GET"}
    response = await ASGIClient(server).request("OPTIONS", "/version", headers=headers)
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == "https://good.example.com"


@pytest.mark.parametrize(
    ("gate", "latency", "asked"),
    [
        (False, "impersonation", "impersonate"),
        (True, "constrainedimpersonation", "impersonate-on:user-info:get"),
    ],
)
async def test_a_gate_constrains_impersonation(gate: bool, latency: str, asked: str) -> None:
    verbs: list[str] = []

    def allow(attributes: AuthorizationAttributes) -> AuthorizationResult:
        verbs.append(attributes.verb)
        return AuthorizationResult(Decision.ALLOW)

    config = new_config(
        authentication=AuthenticationInfo(AnonymousAuthenticator()),
        authorization=AuthorizationInfo(FunctionAuthorizer(allow)),
    )
    assert not config.feature_gate.enabled("ConstrainedImpersonation")
    config.feature_gate.set(f"ConstrainedImpersonation={gate}")
    server = config.complete().new("test")
    response = await ASGIClient(server).get("/version", impersonate_user="u")
    assert (response.status, verbs[0]) == (200, asked)
    count = "apiserver_request_filter_duration_seconds_count"
    assert config.metrics.collectors.get_sample_value(count, {"filter": latency}) == 1


async def test_bad_credentials_come_before_permission() -> None:
    server = new_server(
        authentication=AuthenticationInfo(FunctionAuthenticator(refuse)),
        authorization=AuthorizationInfo(FunctionAuthorizer(forbid)),
        hsts_directives=["max-age=1"],
    )
    response = await ASGIClient(server).get("/version")
    assert (response.status, response.json()["reason"]) == (401, "Unauthorized")
    assert response.headers["strict-transport-security"] == "max-age=1"
    assert response.headers["cache-control"] == "no-cache, private"


async def test_too_many_requests_are_refused_before_permission() -> None:
    server = guarded(max_requests_in_flight=1)
    limits = server.completed.in_flight_limits
    limits.read_only.used = 1
    response = await ASGIClient(server).get("/version")
    assert (response.status, response.headers["retry-after"]) == (429, "1")


async def test_requests_that_come_before_all_paths_are_known_are_marked() -> None:
    server = new_server()
    marked: list[bool] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        marked.append(request_context(scope).paths_incomplete)
        await send_text(send, 200, "ok")

    server.handler.non_api_mux.handle("/look", look)
    client = ASGIClient(server)
    await client.get("/look")
    server.lifecycle_signals.mux_and_discovery_complete.set()
    await client.get("/look")
    assert marked == [True, False]


async def test_a_chain_of_ones_own_wraps_every_path() -> None:
    seen: list[str] = []

    def build(handler: Handler, completed: CompletedConfig) -> Handler:
        default = default_build_handler_chain(handler, completed)

        async def own(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["path"])
            await default(scope, receive, send)

        return own

    server = new_server(build_handler_chain=build)
    mux = server.handler.non_api_mux

    async def ok(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, "ok")

    mux.handle("/exact", ok)
    mux.handle_prefix("/prefix/", ok)
    mux.handle("/unlisted", ok, listed=False)
    paths = ["/exact", "/prefix/x", "/unlisted", "/version", "/nope"]
    client = ASGIClient(server)
    assert [(await client.get(path)).status for path in paths] == [200, 200, 200, 200, 404]
    assert seen == paths


async def test_the_unprotected_handler_has_no_filters() -> None:
    server = guarded()
    assert server.unprotected_handler is not None
    response = await ASGIClient(server.unprotected_handler).get("/version")
    assert response.status == 200
    assert "audit-id" not in response.headers
