"""The end of the road: 404, or 503 while not all paths are installed. Mirrors pkg/util/notfoundhandler."""

from collections.abc import Awaitable, Callable
from typing import Final

from genericapiserver.apimachinery.errors import ServiceUnavailableError, StatusError
from genericapiserver.apimachinery.meta import StatusDetails
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.mux import not_found
from genericapiserver.request import request_context

RETRY_AFTER_SECONDS: Final = 5

_MESSAGE: Final = "the request has been made before all known HTTP paths have been installed, please try again"


def not_found_handler(*, send_error: Callable[[Scope, Send, StatusError], Awaitable[None]]) -> Handler:
    """A plain 404 for what nobody serves.

    A request that came while paths were still being installed gets a 503 instead: a controller that took a 404 for the
    truth would delete what it believes to be orphaned.
    """

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        if request_context(scope).paths_incomplete:
            details = StatusDetails(retry_after_seconds=RETRY_AFTER_SECONDS)
            await send_error(scope, send, ServiceUnavailableError(_MESSAGE, details=details))
        else:
            await not_found(scope, receive, send)

    return handler
