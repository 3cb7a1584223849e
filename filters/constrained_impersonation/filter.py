"""The filter that stands in the place of the plain impersonation when the gate is on.

Mirrors pkg/endpoints/filters/impersonation/constrained_impersonation.go.
"""

import logging
from collections.abc import Callable

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.errors import BadRequestError, ForbiddenError
from genericapiserver.apimachinery.go import quote, string_slice_literal
from genericapiserver.asgi import Handler, Scope, Send
from genericapiserver.authorization import Authorizer
from genericapiserver.filters.authorization import authorization_attributes
from genericapiserver.filters.constrained_impersonation.modes import Attempt, ImpersonationModes
from genericapiserver.filters.impersonation import RequestedIdentity, go_on_as, when_impersonating
from genericapiserver.filters.responses import NOSNIFF, SendStatusError
from genericapiserver.logs import kv
from genericapiserver.request import RequestContext
from genericapiserver.request.internal_error import send_internal_error
from genericapiserver.request.redact import without_secrets

logger = logging.getLogger(__name__)


def with_constrained_impersonation(
    handler: Handler,
    authorizer: Authorizer | None,
    *,
    send_error: SendStatusError,
    clock: Clock | None = None,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Replace the context's user by the one that the headers ask for, and remove the headers.

    400 for parts of an identity without a user; 403 when no mode allows it, with the first mode's refusal. Unlike the
    plain filter an ALLOW counts whatever else went wrong, and a refusal tells what did.
    """
    if authorizer is None:
        return handler
    modes = ImpersonationModes(authorizer, clock=clock or SystemClock())

    async def impersonate(context: RequestContext, scope: Scope, send: Send) -> bool:
        """Whether the request may go on."""
        wanted = RequestedIdentity.from_headers(scope["headers"])
        if not wanted.user:
            if not (wanted.uid or wanted.groups or wanted.extra):
                return True
            context.response_headers.append(NOSNIFF)
            message = f"requested {_go_syntax(wanted)} without impersonating a user name"
            await send_error(scope, send, BadRequestError(message))
            return False
        caller = context.user
        if caller is None:
            await send_internal_error(scope, send, "no User found in the context")
            return False
        try:
            user, constraint = await modes.authorize(Attempt(caller, wanted, authorization_attributes(context)))
        except ForbiddenError as error:
            logger.debug(kv("Forbidden", URI=without_secrets(context.request_uri), err=error))
            context.response_headers.append(NOSNIFF)
            await send_error(scope, send, error)
            return False
        go_on_as(user, context, scope, constraint=constraint)
        return True

    return when_impersonating(handler, impersonate, observe_latency)


def _go_syntax(wanted: RequestedIdentity) -> str:
    """`%#v` of Go's user.DefaultInfo: the reference shows the request's headers in this form."""
    groups = string_slice_literal(wanted.groups) if wanted.groups else "[]string(nil)"
    pairs = ", ".join(f"{quote(key)}:{string_slice_literal(values)}" for key, values in sorted(wanted.extra.items()))
    extra = f"map[string][]string{{{pairs}}}" if wanted.extra else "map[string][]string(nil)"
    return f"&user.DefaultInfo{{Name:{quote(wanted.user)}, UID:{quote(wanted.uid)}, Groups:{groups}, Extra:{extra}}}"
