"""HTTP/2 as RFC 9113 and RFC 7541 ask for it, over TLS: what h2spec measures, case by case."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable

import pytest

from genericapiserver.asgi import Receive, Scope, Send, read_body, send_response
from tests.connection.conftest import Serve
from tests.connection.h2_cases import (
    CASES,
    GREETING,
    Answered,
    Case,
    ConnectionError_,
    Lives,
    Piece,
    Ponged,
    StreamError,
)
from tests.support.raw_http2 import ACK, DATA, END_STREAM, GOAWAY, HEADERS, PING, SETTINGS, RawConnection, raw_http2

Contexts = Callable[..., ssl.SSLContext]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await read_body(receive)
    await send_response(send, 200, b"hello world", b"text/plain")


def test_every_case_of_h2spec_is_here_once() -> None:
    by_suite = Counter(case.spec.split("/")[0] for case in CASES)
    assert by_suite == {"generic": 44, "http2": 95, "hpack": 8}
    assert len({case.spec for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_case(case: Case, serve: Serve, client_context: Contexts) -> None:
    async with serve(hello) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.send(case.greeting)
        if case.greeting.startswith(GREETING[:24]):
            await connection.until(lambda: connection.of(SETTINGS, ACK))
            assert connection.frames[0].kind == SETTINGS
            assert not connection.frames[0].flags & ACK
        for number, piece in enumerate(case.sends):
            if number and case.after_answer:
                await connection.until(lambda: connection.ended(1))
            await connection.send(piece)
            if number + 1 < len(case.sends):
                await connection.answers_pings(b"write %2d" % number)
        await met(case, connection)


async def met(case: Case, connection: RawConnection) -> None:
    match case.expects:
        case ConnectionError_(code):
            await connection.until_closed()
            assert connection.goaway() == code, str(connection)
            assert [frame.goaway_code for frame in connection.of(GOAWAY)] == [code]
        case StreamError(code, stream):
            await connection.until(lambda: connection.resets(stream))
            await connection.answers_pings()
            assert connection.resets() == [code]
            assert connection.goaway() is None
        case Answered(stream):
            await connection.until(lambda: connection.ended(stream))
            assert connection.status(stream) == "200"
            assert connection.resets() == []
            if connection.goaway() is None:
                await connection.answers_pings()
        case Lives():
            await connection.answers_pings()
            assert connection.goaway() is None
            assert connection.resets() == []
        case Piece():
            await connection.until(lambda: any(len(piece.payload) == 1 for piece in connection.of(DATA, 0, 1)))
            await connection.answers_pings()
            assert len(connection.of(DATA, 0, 1)[-1].payload) == 1
            assert not connection.of(DATA, END_STREAM)
            assert connection.of(HEADERS, 0, 1)
        case Ponged(payload):
            await connection.until(lambda: connection.of(PING, ACK))
            await connection.answers_pings()
            assert [frame.payload for frame in connection.of(PING, ACK)] == [payload, b"still on"]
