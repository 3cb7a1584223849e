"""The plain 500 for what fails before, or outside of, content negotiation.

Mirrors pkg/endpoints/handlers/responsewriters/errors.go, InternalError.
"""

from genericapiserver.apimachinery.go import quote
from genericapiserver.asgi import Scope, Send, send_plain_error

_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def request_uri(scope: Scope) -> str:
    """Path and query as the client sent them."""
    raw_path = scope.get("raw_path")
    path = scope["path"] if raw_path is None else raw_path.decode("latin-1")
    query = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path


async def send_chain_error(scope: Scope, send: Send) -> None:
    """Answer 500 for what an outer filter should have found out, and has not."""
    message = f"Internal Server Error: {quote(request_uri(scope))}"
    await send_plain_error(send, 500, message.translate(_ENTITIES))


async def send_internal_error(scope: Scope, send: Send, error: object) -> None:
    """Answer 500 with a text that names the request and *error*, safe to be shown by a browser."""
    message = f"Internal Server Error: {quote(request_uri(scope))}: {error}"
    await send_plain_error(send, 500, message.translate(_ENTITIES))
