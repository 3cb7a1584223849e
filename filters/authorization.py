"""Ask whether the user may do this, before anything of the request's body is read.

Mirrors pkg/endpoints/filters/authorization.go.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Authorizer, Decision
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.authorization.metrics import AuthorizationMetrics
from genericapiserver.filters.responses import NOSNIFF, SendStatusError
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.internal_error import send_internal_error

DECISION_ANNOTATION: Final = "authorization.k8s.io/decision"
REASON_ANNOTATION: Final = "authorization.k8s.io/reason"


def authorization_attributes(context: RequestContext) -> AuthorizationAttributes:
    """What an authorizer is asked for the request of *context*."""
    info = context.request_info
    return AuthorizationAttributes(
        user=context.user,
        verb=info.verb,
        namespace=info.namespace,
        api_group=info.api_group,
        api_version=info.api_version,
        resource=info.resource,
        subresource=info.subresource,
        name=info.name,
        is_resource_request=info.is_resource_request,
        path=info.path,
        field_selector=info.field_selector,
        label_selector=info.label_selector,
    )


def with_authorization(
    handler: Handler,
    authorizer: Authorizer | None,
    *,
    send_error: SendStatusError,
    metrics: AuthorizationMetrics | None = None,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Let allowed requests through; 403 for others, 500 when no decision came for an error.

    An ALLOW counts whatever else went wrong. An authorizer that raises has failed and allows nothing.
    """
    if authorizer is None:
        return handler

    async def authorization(scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        context = request_context(scope)
        attributes = authorization_attributes(context)
        try:
            result = await authorizer.authorize(attributes)
        except Exception as error:  # noqa: BLE001 whatever it is, it is no permission
            result = AuthorizationResult(Decision.NO_OPINION, error=error)
        seconds = perf_counter() - start
        context.add_parallel_latency("authorization", seconds)
        if metrics is not None:
            metrics.observe(_label(result), seconds)
        if result.decision is Decision.ALLOW:
            if context.audit is not None:
                _annotate(context, "allow", result.reason)
            if observe_latency is not None:
                observe_latency(seconds)
            await handler(scope, receive, send)
        elif result.error is not None:
            context.add_audit_annotation(REASON_ANNOTATION, "internal error")
            await send_internal_error(scope, send, result.error)
        else:
            _annotate(context, "forbid", result.reason)
            context.refused_unread = True
            context.response_headers.append(NOSNIFF)
            await send_error(scope, send, forbidden_error(attributes, result.reason))

    return authorization


def _annotate(context: RequestContext, decision: str, reason: str) -> None:
    context.add_audit_annotation(DECISION_ANNOTATION, decision)
    context.add_audit_annotation(REASON_ANNOTATION, reason)


def _label(result: AuthorizationResult) -> str:
    if result.decision is Decision.ALLOW:
        return "allowed"
    if result.error is not None:
        return "error"
    return "denied" if result.decision is Decision.DENY else "no-opinion"
