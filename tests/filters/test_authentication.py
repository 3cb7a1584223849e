import logging
from collections.abc import Callable

import pytest

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.metrics import AuthenticationMetrics, compress_username
from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.filters.authentication import attempted_methods, unauthorized, with_authentication
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, request_context
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, ok, send_error

Function = Callable[[AuthenticationRequest], AuthenticationResponse | None]


def user(name: str, *groups: str, audiences: tuple[str, ...] = ()) -> Function:
    response = AuthenticationResponse(UserInfo(name=name, groups=groups), audiences)
    return lambda request: response


def fail(request: AuthenticationRequest) -> AuthenticationResponse | None:
    raise AuthenticationError("the token is from yesterday")


def broken(request: AuthenticationRequest) -> AuthenticationResponse | None:
    raise KeyError("bug")


def filtered(
    function: Function,
    *,
    handler: Handler = ok,
    audiences: tuple[str, ...] = (),
    config: RequestHeaderConfig | None = None,
    registry: MetricsRegistry | None = None,
    observed: list[float] | None = None,
    close: bool = True,
    prepare: Callable[[RequestContext], None] | None = None,
) -> Handler:
    return in_context(
        with_authentication(
            handler,
            FunctionAuthenticator(function),
            failed=unauthorized(send_error=send_error, close_unauthenticated_http2=close),
            api_audiences=audiences,
            request_header_config=None if config is None else lambda: config,
            close_unauthenticated_http2=close,
            metrics=AuthenticationMetrics(registry or MetricsRegistry()),
            observe_latency=None if observed is None else observed.append,
        ),
        prepare=prepare,
    )


async def test_the_user_is_put_into_the_context() -> None:
    contexts: list[RequestContext] = []
    response = await ASGIClient(filtered(user("alice", audiences=("a",)), prepare=contexts.append)).get("/")
    assert response.status == 200
    assert contexts[0].user == UserInfo(name="alice")
    assert contexts[0].audiences == ("a",)


@pytest.mark.parametrize("function", [fail, broken, lambda request: None], ids=["error", "bug", "no opinion"])
async def test_failures_are_a_401_that_tells_nothing(function: Function, caplog: pytest.LogCaptureFixture) -> None:
    observed: list[float] = []
    response = await ASGIClient(filtered(function, observed=observed)).get("/")
    assert (response.status, response.text) == (401, "Unauthorized: Unauthorized")
    assert "www-authenticate" not in response.headers
    assert "x-content-type-options" not in response.headers
    assert len(observed) == 1


async def test_the_reason_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await ASGIClient(filtered(fail)).get("/")
    assert '"Unable to authenticate the request" err="the token is from yesterday"' in caplog.text


def test_without_an_authenticator_there_is_no_filter() -> None:
    assert with_authentication(ok, None, failed=ok) is ok


@pytest.mark.parametrize(
    ("accepted", "granted", "status"),
    [
        ((), (), 200),
        ((), ("a",), 200),
        (("a",), (), 200),
        (("a", "b"), ("b", "c"), 200),
        (("a",), ("b",), 401),
    ],
)
async def test_audiences(accepted: tuple[str, ...], granted: tuple[str, ...], status: int) -> None:
    registry = MetricsRegistry()
    asked: list[tuple[str, ...]] = []

    def function(request: AuthenticationRequest) -> AuthenticationResponse | None:
        asked.append(request.audiences)
        return AuthenticationResponse(UserInfo(name="u"), granted)

    client = ASGIClient(filtered(function, audiences=accepted, registry=registry))
    assert (await client.get("/")).status == status
    assert asked == [accepted]
    result = "success" if status == 200 else "error"
    assert registry.collectors.get_sample_value("authentication_attempts_total", {"result": result}) == 1


async def headers_behind(headers: dict[str, str], config: RequestHeaderConfig | None = None) -> list[str]:
    left: list[str] = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        left.extend(name.decode() for name, _ in scope["headers"])
        await ok(scope, receive, send)

    await ASGIClient(filtered(user("a"), handler=handler, config=config)).request("GET", "/", headers=headers)
    return left


async def test_no_credential_reaches_the_handler() -> None:
    headers = {
        "Authorization": "x",
        "Accept": "x",
        "X-Remote-User": "x",
        "X-Remote-Uid": "x",
        "X-Remote-Group": "x",
        "X-Remote-Extra-Scopes": "x",
        "X-Remote-Addr": "x",
        "X-Custom-User": "x",
        "X-Custom-Extra-a": "x",
    }
    assert await headers_behind(headers) == ["accept", "x-remote-addr", "x-custom-user", "x-custom-extra-a"]
    config = RequestHeaderConfig(username_headers=("X-Custom-User",), extra_header_prefixes=("X-Custom-Extra-",))
    assert await headers_behind(headers, config) == ["accept", "x-remote-addr"]


async def test_after_a_failure_the_headers_stay() -> None:
    seen: list[bytes] = []

    async def failed(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(name for name, _ in scope["headers"])
        await ok(scope, receive, send)

    handler = in_context(with_authentication(ok, FunctionAuthenticator(fail), failed=failed))
    await ASGIClient(handler).get("/", authorization="Bearer x")
    assert seen == [b"authorization"]


@pytest.mark.parametrize(
    ("version", "function", "close", "ends"),
    [
        ("2", user("system:anonymous", "system:unauthenticated"), True, True),
        ("2", user("odd", "system:unauthenticated"), True, True),
        ("2", fail, True, True),
        ("2", user("alice", "system:authenticated"), True, False),
        ("2", user("system:anonymous"), False, False),
        ("2", fail, False, False),
        ("1.1", user("system:anonymous"), True, False),
        ("1.1", fail, True, False),
    ],
)
async def test_unauthenticated_http2_connections_end(version: str, function: Function, close: bool, ends: bool) -> None:
    closed: list[bool] = []

    def prepare(scope: Scope) -> None:
        scope["http_version"] = version
        scope["extensions"]["genericapiserver.close_connection"] = lambda: closed.append(True)

    response = await ASGIClient(filtered(function, close=close), prepare=prepare).get("/")
    assert bool(closed) is ends
    assert "connection" not in response.headers


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("admin", "admin"),
        ("kubelet", "kubelet"),
        ("bob@example.com", "email_id"),
        ("system:serviceaccount:x:y", "other"),
        ("system:serviceaccount:kube-system:default", "system:serviceaccount:kube-system:default"),
    ],
)
async def test_few_usernames_are_labels(name: str, label: str) -> None:
    assert compress_username(name) == label
    registry = MetricsRegistry()
    await ASGIClient(filtered(user(name), registry=registry)).get("/")
    value = registry.collectors.get_sample_value
    assert value("authenticated_user_requests_total", {"username": label}) == 1
    assert value("authentication_duration_seconds_count", {"result": "success"}) == 1


@pytest.mark.parametrize(
    ("target", "authorization", "certificate", "expected"),
    [
        ("/", "Basic 123", False, "attempted: basic"),
        ("/", "Basic 123", True, "attempted: basic, x509"),
        ("/", "bearer 123", False, "attempted: bearer"),
        ("/?access_token=x", "", False, "attempted: access_token"),
        ("/?access_token=%20", "", False, "no credentials provided"),
        ("/?access_token=x", "Bearer y", True, "attempted: bearer, access_token, x509"),
        ("/", "Basic", False, "no credentials provided"),
        ("/", "", False, "no credentials provided"),
    ],
)
async def test_what_a_failed_request_tried(target: str, authorization: str, certificate: bool, expected: str) -> None:
    said: list[str] = []

    async def failed(scope: Scope, receive: Receive, send: Send) -> None:
        said.append(attempted_methods(request_context(scope), scope))
        await ok(scope, receive, send)

    def prepare(scope: Scope) -> None:
        scope["extensions"]["tls"] = {"peer_certificate_chain_der": [b"x"] if certificate else []}

    handler = in_context(with_authentication(ok, FunctionAuthenticator(fail), failed=failed))
    await ASGIClient(handler, prepare=prepare).get(target, authorization=authorization)
    prefix = "Authentication failed, "
    assert said == [prefix + expected]


async def test_what_the_authenticator_warns_of_is_told() -> None:
    from genericapiserver.filters.warning import with_warning_recorder

    def function(request: AuthenticationRequest) -> AuthenticationResponse | None:
        request.add_warning("careful")
        return AuthenticationResponse(UserInfo(name="a"))

    inner = with_authentication(ok, FunctionAuthenticator(function), failed=ok)
    response = await ASGIClient(in_context(with_warning_recorder(inner))).get("/")
    assert response.headers["warning"] == '299 - "careful"'


async def test_what_belongs_to_a_remembered_response_is_told_each_time() -> None:
    from genericapiserver.filters.warning import with_warning_recorder

    response = AuthenticationResponse(
        UserInfo(name="a"), audit_annotations=(("k", "v"), ("l", "w")), warnings=("careful", "very")
    )
    annotations: list[tuple[str, str]] = []

    class Recorder:
        def add_annotation(self, key: str, value: str, level: object = None) -> None:
            annotations.append((key, value))

    def prepare(context: RequestContext) -> None:
        context.audit = Recorder()  # type: ignore[assignment]

    inner = with_authentication(ok, FunctionAuthenticator(lambda _: response), failed=ok)
    client = ASGIClient(in_context(with_warning_recorder(inner), prepare=prepare))
    for _ in range(2):
        answer = await client.get("/")
        assert "careful" in answer.headers["warning"]
    assert annotations == [("k", "v"), ("l", "w")] * 2
