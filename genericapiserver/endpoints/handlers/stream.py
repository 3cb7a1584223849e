"""Results that write their own bytes, such as logs (pkg/endpoints/handlers/responsewriters, StreamObject).

Over a websocket the stream is binary messages, or base64 in text messages, as the client's subprotocol says.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any, Final

from genericapiserver.asgi import asks_for_websocket
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.handlers.watch_websocket import refuse_handshake
from genericapiserver.endpoints.request_scope import RequestScope

DEFAULT_MEDIA_TYPE: Final = "application/octet-stream"

BASE64_PROTOCOL: Final = "base64.binary.k8s.io"
PROTOCOLS: Final = ("", "binary.k8s.io", BASE64_PROTOCOL)

GATHER_BYTES: Final = 32 * 1024
"""Without a wish to flush, small pieces are gathered up to this size."""


def is_streamer(result: Any) -> bool:
    """Whether a storage's result is a registry.rest.ResourceStreamer."""
    return hasattr(result, "input_stream")


async def stream_resource(request: APIRequest, scope: RequestScope, streamer: Any) -> APIResponse:
    """Send what *streamer* streams; 204 when it has no stream."""
    streamed = await streamer.input_stream(str(scope.kind.group_version), request.accept.decode("latin-1"))
    if streamed.body is None:
        return APIResponse(204)
    if request.scope["type"] == "websocket":
        return await _send_to_websocket(request, streamed.body)
    if asks_for_websocket(request.scope):
        return await refuse_handshake(request)
    media_type = streamed.media_type or DEFAULT_MEDIA_TYPE
    headers = [(b"content-type", media_type.encode())]
    await request.send({"type": "http.response.start", "status": 200, "headers": headers})
    await request.send({"type": "http.response.body", "body": b"", "more_body": True})
    size = 0
    body = streamed.body if streamed.flush else _gathered(streamed.body)
    async for chunk in body:
        size += len(chunk)
        await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
    await request.send({"type": "http.response.body", "body": b""})
    return APIResponse(200, streamed=True, size=size)


async def _gathered(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pending = bytearray()
    async for chunk in body:
        pending += chunk
        if len(pending) >= GATHER_BYTES:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


async def _send_to_websocket(request: APIRequest, body: AsyncIterator[bytes]) -> APIResponse:
    await request.receive()
    request.context.response_headers.clear()  # the reference writes handshakes itself, without what it adds elsewhere
    offered = list(request.scope.get("subprotocols", ()))
    known = [name for name in offered if name in PROTOCOLS]
    if offered and not known:
        await request.send({"type": "http.response.start", "status": 403, "headers": []})
        await request.send({"type": "http.response.body", "body": b""})
        return APIResponse(403, streamed=True)
    protocol = known[0] if known else None
    as_text = protocol == BASE64_PROTOCOL
    await request.send({"type": "websocket.accept", "subprotocol": protocol, "headers": []})
    # The first message is empty, so that a client knows at once that it is connected.
    size = await _send_message(request, b"", as_text)
    async for chunk in body:
        size += await _send_message(request, chunk, as_text)
    await request.send({"type": "websocket.close", "code": 1000})
    return APIResponse(101, streamed=True, size=size)


async def _send_message(request: APIRequest, data: bytes, as_text: bool) -> int:
    if as_text:
        await request.send({"type": "websocket.send", "text": base64.b64encode(data).decode()})
    else:
        await request.send({"type": "websocket.send", "bytes": data})
    return len(data)
