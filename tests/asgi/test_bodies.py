from collections.abc import Iterable

import pytest

from genericapiserver.asgi import BodyTooLargeError, ClientDisconnectedError, Message, Receive, read_body


def receiving(*messages: Message) -> Receive:
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    return receive


def chunks(*bodies: bytes) -> Iterable[Message]:
    for index, body in enumerate(bodies):
        yield {"type": "http.request", "body": body, "more_body": index < len(bodies) - 1}


@pytest.mark.parametrize("bodies", [(b"",), (b"abc",), (b"a", b"b", b"c"), (b"abc", b"")])
async def test_a_body_comes_whole_or_in_chunks(bodies: tuple[bytes, ...]) -> None:
    assert await read_body(receiving(*chunks(*bodies)), limit=3) == b"".join(bodies)


@pytest.mark.parametrize("bodies", [(b"abcd",), (b"ab", b"cd"), (b"abcd", b"", b"")])
async def test_one_byte_more_than_the_limit_is_too_much(bodies: tuple[bytes, ...]) -> None:
    with pytest.raises(BodyTooLargeError) as caught:
        await read_body(receiving(*chunks(*bodies)), limit=3)
    assert caught.value.limit == 3


async def test_without_a_limit_everything_is_read() -> None:
    assert await read_body(receiving(*chunks(b"a" * 5000, b"b"))) == b"a" * 5000 + b"b"


async def test_a_client_that_goes_away_is_an_error_of_its_own() -> None:
    first: Message = {"type": "http.request", "body": b"a", "more_body": True}
    with pytest.raises(ClientDisconnectedError):
        await read_body(receiving(first, {"type": "http.disconnect"}))
