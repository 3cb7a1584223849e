"""Reading a request body with a limit."""

from genericapiserver.asgi.types import Receive


class BodyTooLargeError(Exception):
    """The body has more bytes than *limit*; reading stopped there."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request body is larger than {limit} bytes")
        self.limit = limit


class ClientDisconnectedError(Exception):
    """The client went away before its request was complete."""


async def read_body(receive: Receive, limit: int = 0) -> bytes:
    """The whole body; *limit* is in bytes, 0 means none.

    Raises BodyTooLargeError as soon as one byte more than *limit* has come, ClientDisconnectedError when the
    connection ends first.
    """
    message = await receive()
    if message["type"] != "http.request":
        raise ClientDisconnectedError
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if limit and len(body) > limit:
            raise BodyTooLargeError(limit)
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        if limit and size > limit:
            raise BodyTooLargeError(limit)
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnectedError
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
    if limit and size > limit:
        raise BodyTooLargeError(limit)
    return b"".join(chunks)
