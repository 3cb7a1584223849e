"""The one place where an exception of a handler ends. Mirrors pkg/server/filters/wrap.go."""

import logging
from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_plain_error
from genericapiserver.audit import shortened_audit_id
from genericapiserver.filters.metrics import RequestMetrics
from genericapiserver.logs import kv
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.redact import without_secrets

logger = logging.getLogger(__name__)

_MESSAGE: Final = "This request caused apiserver to panic. Look in the logs for details."


class AbortRequestError(Exception):
    """The response cannot be finished properly: break it off, so that the client sees it is incomplete."""


def with_exception_recovery(handler: Handler, *, metrics: RequestMetrics | None = None) -> Handler:
    """Log what *handler* raises, with the audit ID, and answer 500 without a word about it.

    Once a response has begun nothing can be taken back: the handler's return without an end of the body makes the
    server break the stream off. A cancelled request passes through, since nobody waits for its answer.
    """

    async def exception_recovery(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await handler(scope, receive, send)
        except AbortRequestError as error:
            context = request_context(scope)
            why = {"err": error} if error.args else {}
            logger.info(kv("Timeout or abort while handling", _describe(context), **why))
            if metrics is not None:
                metrics.aborted(context, scope)
        except Exception:
            context = request_context(scope)
            logger.exception(kv("apiserver panic'd", _describe(context)))
            if not context.response_status:
                await send_plain_error(send, 500, _MESSAGE)

    return exception_recovery


def _describe(context: RequestContext) -> dict[str, str]:
    return {
        "method": context.method,
        "URI": without_secrets(context.request_uri),
        "audit-ID": shortened_audit_id(context.audit_id),
    }
