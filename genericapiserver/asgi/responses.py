"""Plain responses. `send_plain_error` has the shape of Go's net/http.Error: one newline, nosniff."""

from collections.abc import Iterable

from genericapiserver.asgi.types import RawHeaders, Send

TEXT_PLAIN = b"text/plain; charset=utf-8"
NOSNIFF = (b"x-content-type-options", b"nosniff")


async def send_response(
    send: Send, status: int, body: bytes, content_type: bytes | None, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send one complete response with its content-length; without a *content_type* none is set."""
    raw: RawHeaders = [] if content_type is None else [(b"content-type", content_type)]
    raw.append((b"content-length", b"%d" % len(body)))
    raw.extend(headers)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_text(send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send *text* as it stands as text/plain."""
    await send_response(send, status, text.encode(), TEXT_PLAIN, headers)


async def send_plain_error(send: Send, status: int, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send *message* and a newline as text/plain with nosniff (net/http.Error)."""
    await send_text(send, status, message + "\n", [NOSNIFF, *headers])
