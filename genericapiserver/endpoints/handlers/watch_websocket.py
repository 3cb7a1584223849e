"""A watch over a websocket: each event is one text message, ending in its newline.

The handshake's rules are those of golang.org/x/net/websocket, which the reference serves watches with: an Origin is
required, and at most one subprotocol may be offered, which is then agreed on.
"""

from collections.abc import Sequence

from genericapiserver.asgi import header_value
from genericapiserver.endpoints.api_request import APIRequest, APIResponse

NORMAL_CLOSURE = 1000


class WebsocketSender:
    """Sends frames as text messages."""

    def __init__(self, request: APIRequest) -> None:
        self._send = request.send

    async def send(self, frames: Sequence[bytes]) -> int:
        size = 0
        for frame in frames:
            await self._send({"type": "websocket.send", "text": frame.decode()})
            size += len(frame)
        return size

    async def end(self) -> None:
        await self._send({"type": "websocket.close", "code": NORMAL_CLOSURE})


async def refuse_handshake(request: APIRequest) -> APIResponse:
    """Answer a handshake without a key, or of another version than 13."""
    request.context.response_headers.clear()
    version = header_value(request.scope, b"sec-websocket-version")
    headers = [] if version is not None and version.strip() == "13" else [(b"sec-websocket-version", b"13")]
    await request.send({"type": "http.response.start", "status": 400, "headers": headers})
    await request.send({"type": "http.response.body", "body": b""})
    return APIResponse(400, streamed=True)


async def open_websocket(request: APIRequest) -> WebsocketSender | None:
    """Accept the handshake and return what to send with; None when it had to be refused, which has been answered."""
    await request.receive()
    request.context.response_headers.clear()  # the reference writes handshakes itself, without what it adds elsewhere
    offered = list(request.scope.get("subprotocols", ()))
    status = 0
    if header_value(request.scope, b"origin") is None:
        status = 403
    elif len(offered) > 1:
        status = 400
    if status:
        await request.send({"type": "http.response.start", "status": status, "headers": []})
        await request.send({"type": "http.response.body", "body": b""})
        return None
    await request.send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None, "headers": []})
    return WebsocketSender(request)
