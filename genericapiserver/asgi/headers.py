"""Request headers by name. ASGI hands them over as pairs of bytes with lower-case names; both functions read only that."""

from collections.abc import Iterable

from genericapiserver.asgi.types import Message, RawHeaders, Scope, Send


def header_value(scope: Scope, name: bytes) -> str | None:
    """The first value of header *name* (lower case), or None when the request has no such header."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Every value of header *name* (lower case), in the order sent, not split at commas."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def asks_for_websocket(scope: Scope) -> bool:
    """Whether the client wants a websocket, even where its handshake is broken and the request came as plain HTTP.

    Go's wsstream.IsWebSocketRequest: Connection need only hold the word.
    """
    if scope["type"] == "websocket":
        return True
    upgrade = header_value(scope, b"upgrade")
    if upgrade is None or upgrade.strip().lower() != "websocket":
        return False
    return any("upgrade" in value.lower() for value in header_values(scope, b"connection"))


def add_response_headers(send: Send, headers: Iterable[tuple[bytes, bytes]], *, only_if_absent: bool = True) -> Send:
    """Wrap *send* so that the response start carries *headers*; a name that the response has already is left alone."""
    extra: RawHeaders = list(headers)

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = message.get("headers") or []
            if only_if_absent:
                names = {name for name, _ in present}
                added = [pair for pair in extra if pair[0] not in names]
            else:
                added = extra
            message = {**message, "headers": [*present, *added]}
        await send(message)

    return send_with_headers
