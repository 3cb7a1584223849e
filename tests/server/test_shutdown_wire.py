"""What goes over the wire when a server stops (server reference, 4.4.1), on connections that are already open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated

from tests.server.servers import client_context
from tests.server.worlds import WATCH, World, world
from tests.support.h2_client import H2Client, h2_client

REFUSAL = b"The apiserver is shutting down, please try again later.\n"


class HTTP1:
    """One HTTP/1.1 connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def ask(self, path: str, *headers: str) -> None:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        self._writer.write("\r\n".join(lines).encode())

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next response, whose length is known."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, body

    async def rest(self) -> bytes:
        """What comes until the server ends the connection."""
        return await self._reader.read()


@contextlib.asynccontextmanager
async def http1(w: World) -> AsyncIterator[HTTP1]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", w.address[1], ssl=client_context(), server_hostname="localhost"
    )
    try:
        yield HTTP1(reader, writer)
    finally:
        writer.transport.abort()


async def stop(w: World) -> None:
    """Return when no new request is accepted."""
    w.hook_may_end.set()
    w.stop.set()
    signals = w.server.lifecycle_signals
    retry_after = w.server.shutdown_send_retry_after
    await (signals.not_accepting_new_request if retry_after else signals.http_server_stopped_listening).wait()


def goaways(client: H2Client) -> list[tuple[int, int]]:
    return [
        (int(event.error_code or 0), event.last_stream_id or 0)
        for event in client.events
        if isinstance(event, ConnectionTerminated)
    ]


# ---- default


async def test_an_idle_connection_sees_its_end_at_once() -> None:
    async with world() as w, http1(w) as idle:
        idle.ask("/version")
        assert (await idle.answer())[0] == 200
        await stop(w)
        assert await idle.rest() == b""


async def test_a_connection_that_has_said_nothing_gets_no_answer() -> None:
    async with world() as w, http1(w) as silent, http1(w) as blocked:
        blocked.ask("/blocked")
        await w.blocked.wait()
        await stop(w)
        silent.ask("/version")
        assert await silent.rest() == b""
        w.go.set()
        assert (await blocked.answer())[0] == 200


async def test_a_request_in_flight_is_answered_and_its_connection_closed() -> None:
    async with world() as w, http1(w) as client:
        client.ask("/blocked")
        client.ask("/version")  # waits for its turn: it is not accepted
        await w.blocked.wait()
        await stop(w)
        w.go.set()
        status, headers, body = await client.answer()
        assert (status, body, headers["connection"]) == (200, b"done", "close")
        assert await client.rest() == b""


async def test_http2_says_goaway_once_and_ends_what_it_has_accepted() -> None:
    async with world() as w, h2_client(w.address[1], client_context()) as client:
        w.expected = 2
        accepted = [client.send_request("/blocked") for _ in range(2)]
        await client.flush()
        await w.blocked.wait()
        await stop(w)
        await client.until(lambda: client.goaway is not None)
        late = client.send_request("/version")
        await client.flush()
        await asyncio.sleep(0.05)
        assert client.responses[late].status == 0, "a request after GOAWAY is not served"
        w.go.set()
        for stream in accepted:
            assert bytes((await client.finished(stream)).body) == b"done"
        await client.until_closed(seconds=3.0)
        assert goaways(client) == [(ErrorCodes.NO_ERROR, max(accepted))]


async def test_an_idle_http2_connection_ends_with_goaway() -> None:
    async with world() as w, h2_client(w.address[1], client_context()) as client:
        assert (await client.request("/version")).status == 200
        await stop(w)
        await client.until_closed(seconds=3.0)
        assert goaways(client) == [(ErrorCodes.NO_ERROR, 1)]
        await asyncio.wait_for(w.stopped.wait(), 5.0)


# ---- with --shutdown-send-retry-after


async def test_new_requests_are_sent_away_word_by_word() -> None:
    async with world(shutdown_send_retry_after=True) as w, http1(w) as blocked, http1(w) as old:
        blocked.ask("/blocked")
        await w.blocked.wait()
        old.ask("/version")
        assert (await old.answer())[0] == 200
        await stop(w)
        for path in ("/version", WATCH):
            async with http1(w) as new:
                new.ask(path)
                status, headers, body = await new.answer()
                assert await new.rest() == b""
            assert (status, body) == (429, REFUSAL)
            assert headers.pop("date")
            assert len(headers.pop("audit-id")) == 36
            assert headers == {
                "connection": "close",
                "content-length": "56",
                "content-type": "text/plain; charset=utf-8",
                "retry-after": "5",
                "x-content-type-options": "nosniff",
            }
        old.ask("/version")
        assert (await old.answer())[0] == 429
        assert await old.rest() == b""
        w.go.set()
        assert (await blocked.answer())[0] == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/healthz", (), 200),
        ("/livez", (), 200),
        ("/readyz", (), 500),
        ("/metrics", (), 200),
        ("/metrics/slis", (), 200),
        ("/healthzfoo", (), 404),
        ("/version", ("User-Agent: kube-apiserver/v1.35.0",), 200),
        ("/version", ("User-Agent: my-kube-apiserver/v1.35.0",), 429),
        ("/apis", (), 429),
    ],
)
async def test_probes_and_the_servers_own_calls_are_served(path: str, headers: tuple[str, ...], status: int) -> None:
    async with world(shutdown_send_retry_after=True) as w, http1(w) as blocked:
        blocked.ask("/blocked")
        await w.blocked.wait()
        await stop(w)
        async with http1(w) as client:
            client.ask(path, *headers)
            assert (await client.answer())[0] == status
        w.go.set()
        assert (await blocked.answer())[0] == 200


async def test_http2_gets_the_refusal_and_then_goaway() -> None:
    async with (
        world(shutdown_send_retry_after=True) as w,
        h2_client(w.address[1], client_context()) as client,
        http1(w) as blocked,
    ):
        blocked.ask("/blocked")
        await w.blocked.wait()
        await stop(w)
        response = await client.request("/version")
        assert (response.status, bytes(response.body)) == (429, REFUSAL)
        assert response.headers["retry-after"] == "5"
        assert "connection" not in response.headers
        await client.until_closed(seconds=3.0)
        assert goaways(client) == [(ErrorCodes.NO_ERROR, 1)]
        w.go.set()
        assert (await blocked.answer())[0] == 200
