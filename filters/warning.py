"""Let inner handlers warn the client. Mirrors pkg/endpoints/filters/warning.go."""

from collections.abc import Awaitable

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.request import WarningRecorder, request_context


def with_warning_recorder(handler: Handler) -> Handler:
    """Give each request a WarningRecorder; what it has when the response starts goes out as `Warning` headers."""

    def warning_recorder(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        request_context(scope).warnings = WarningRecorder()
        return handler(scope, receive, send)

    return warning_recorder
