"""Find out who asks, or answer 401. Mirrors pkg/endpoints/filters/authentication.go."""

import logging
from collections.abc import Callable, Iterable
from time import perf_counter

from genericapiserver.apimachinery.errors import UnauthorizedError
from genericapiserver.asgi import Handler, Receive, Scope, Send, parse_query
from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.metrics import AuthenticationMetrics
from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.authentication.user import ALL_UNAUTHENTICATED, ANONYMOUS
from genericapiserver.filters.responses import SendStatusError, close_connection
from genericapiserver.logs import kv
from genericapiserver.request import RequestContext, request_context

logger = logging.getLogger(__name__)

_AUTHORIZATION = b"authorization"
_REMOTE = b"x-remote-"
_REMOTE_NAMES = frozenset({b"x-remote-user", b"x-remote-uid", b"x-remote-group"})
_REMOTE_EXTRA = b"x-remote-extra-"


def with_authentication(
    handler: Handler,
    authenticator: RequestAuthenticator | None,
    *,
    failed: Handler,
    api_audiences: Iterable[str] = (),
    request_header_config: Callable[[], RequestHeaderConfig] | None = None,
    close_unauthenticated_http2: bool = True,
    metrics: AuthenticationMetrics | None = None,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Put the user into the context and take every credential header out of the request, or call *failed*.

    Whatever goes wrong is logged and never shown. With *close_unauthenticated_http2* the HTTP/2 connection of anonymous
    users ends with the response, so that nobody floods the server over one connection without proving who they are.
    Without an *authenticator* nobody is authenticated and there is no user.
    """
    if authenticator is None:
        return handler
    audiences = tuple(api_audiences)

    async def authentication(scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        context = request_context(scope)
        response: AuthenticationResponse | None = None
        failure: str | None = None
        try:
            response = await authenticator.authenticate_request(
                AuthenticationRequest(scope, audiences, context.add_warning)
            )
            if response is not None and not _is_for(audiences, response.audiences):
                failure = f"unable to match the audience: {list(response.audiences)} , accepted: {list(audiences)}"
        except AuthenticationError as error:
            failure = str(error) or type(error).__name__
        except Exception:
            # An authenticator with a fault must not let anybody in, nor take the server down.
            logger.exception("Unable to authenticate the request")
            failure = ""
        seconds = perf_counter() - start
        context.add_latency("authentication", seconds)
        if response is None or failure is not None:
            if failure:
                logger.warning(kv("Unable to authenticate the request", err=failure))
            if metrics is not None:
                (metrics.failure if failure is None else metrics.error)(seconds)
            if observe_latency is not None:
                observe_latency(seconds)
            await failed(scope, receive, send)
            return
        user = response.user
        _remove_credentials(scope, request_header_config)
        if close_unauthenticated_http2 and scope["http_version"] == "2" and _is_anonymous(user):
            close_connection(scope, context.response_headers)
        context.user = user
        context.audiences = response.audiences
        for key, value in response.audit_annotations:
            context.add_audit_annotation(key, value)
        for text in response.warnings:
            context.add_warning(text)
        if metrics is not None:
            metrics.success(user.name, seconds)
        if observe_latency is not None:
            observe_latency(seconds)
        await handler(scope, receive, send)

    return authentication


def unauthorized(*, send_error: SendStatusError, close_unauthenticated_http2: bool = True) -> Handler:
    """The 401 for requests whose sender is not known."""

    async def failed(scope: Scope, receive: Receive, send: Send) -> None:
        if close_unauthenticated_http2 and scope["http_version"] == "2":
            close_connection(scope, request_context(scope).response_headers)
        await send_error(scope, send, UnauthorizedError("Unauthorized"))

    return failed


def attempted_methods(context: RequestContext, scope: Scope) -> str:
    """What a failed request tried, as the audit event tells it (pkg/endpoints/filters/authn_audit.go)."""
    attempts: list[str] = []
    for name, value in scope["headers"]:
        if name == _AUTHORIZATION:
            scheme = value.strip().lower()
            if scheme.startswith(b"basic "):
                attempts.append("basic")
            elif scheme.startswith(b"bearer "):
                attempts.append("bearer")
            break
    if _has_access_token(scope["query_string"]):
        attempts.append("access_token")
    tls = scope.get("extensions", {}).get("tls")
    if tls and tls.get("peer_certificate_chain_der"):
        attempts.append("x509")
    if not attempts:
        return "Authentication failed, no credentials provided"
    return f"Authentication failed, attempted: {', '.join(attempts)}"


def _has_access_token(query: bytes) -> bool:
    return bool(query) and bool(parse_query(query).get("access_token", ("",))[0].strip())


def _is_for(accepted: tuple[str, ...], granted: tuple[str, ...]) -> bool:
    return not accepted or not granted or not set(accepted).isdisjoint(granted)


def _is_anonymous(user: UserInfo) -> bool:
    return user.name == ANONYMOUS or ALL_UNAUTHENTICATED in user.groups


def _remove_credentials(scope: Scope, request_header_config: Callable[[], RequestHeaderConfig] | None) -> None:
    """No handler behind this may take a header for a credential, whichever credential was the good one."""
    headers = scope["headers"]
    if request_header_config is not None:
        config = request_header_config()
        names = config.names | _REMOTE_NAMES | {_AUTHORIZATION}
        prefixes = (*config.extra_header_prefixes, _REMOTE_EXTRA)
        scope["headers"] = [pair for pair in headers if pair[0] not in names and not pair[0].startswith(prefixes)]
        return
    for name, _ in headers:
        if name == _AUTHORIZATION or name.startswith(_REMOTE):
            break
    else:
        return
    scope["headers"] = [
        pair
        for pair in headers
        if pair[0] != _AUTHORIZATION and pair[0] not in _REMOTE_NAMES and not pair[0].startswith(_REMOTE_EXTRA)
    ]
