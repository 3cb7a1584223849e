"""What becomes of connections: kept ones that the server closed, ones that are idle, ones that never come about."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from genericapiserver.aggregator.proxy.backend import Backend
from genericapiserver.aggregator.proxy.connection import BackendError, RequestHead
from genericapiserver.aggregator.proxy.dial import dial
from genericapiserver.aggregator.proxy.http2 import HTTP2Connection
from genericapiserver.aggregator.proxy.tls import TLSSettings
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.request import CONTEXT_KEY
from genericapiserver.tracing import CURRENT
from genericapiserver.tracing.trace import Request
from tests.aggregator.support import GOOD, Recorder, api_service, client_of, proxy, serving, until

PATH = "/apis/foo/v1/things"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def answering_once() -> AsyncIterator[tuple[Endpoint, list[bytes]]]:
    """A server of HTTP/1.1 that keeps a connection after the first answer, and closes it when it is asked again."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    GOOD.load_into(context)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1]), asked


async def test_a_kept_connection_that_was_closed_costs_a_read_nothing() -> None:
    async with answering_once() as (endpoint, asked), proxy(endpoint, api_service()) as (_, client):
        assert (await client.get(PATH)).text == "ok"
        assert (await client.get(PATH)).text == "ok"
        assert len(asked) == 3


async def test_a_write_is_never_sent_twice() -> None:
    """Whether the server has done what it was told before it closed the connection, nobody knows."""
    async with answering_once() as (endpoint, asked), proxy(endpoint, api_service()) as (_, client):
        assert (await client.get(PATH)).text == "ok"
        response = await client.request("POST", PATH, body={})
        assert (response.status, response.text) == (503, "error trying to reach service: EOF\n")
        assert len(asked) == 2


@pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])
async def test_idle_connections_are_closed(http2: bool) -> None:
    async with serving(Recorder(), http2=http2) as endpoint:
        backend = Backend(TLSSettings.of(api_service(), None), idle_seconds=0.05)
        try:
            exchange = await backend.open(endpoint)
            await exchange.send_head(RequestHead("GET", str(endpoint), b"/", [], 0))
            assert (await exchange.response()).status == 200
            while await exchange.read():
                pass
            assert backend.connections == 1
            exchange.close()
            await until(lambda: backend.connections == 0)
        finally:
            await backend.aclose()


@pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])
async def test_who_came_before_a_replacement_is_still_served(http2: bool) -> None:
    """A certificate that is replaced between two steps of a request costs the request nothing."""
    async with serving(Recorder(), http2=http2) as endpoint:
        backend = Backend(TLSSettings.of(api_service(), None))
        try:
            backend.retire()
            exchange = await backend.open(endpoint)
            await exchange.send_head(RequestHead("GET", str(endpoint), b"/", [], 0))
            assert (await exchange.response()).status == 200
            while await exchange.read():
                pass
            exchange.close()
            assert backend.connections == 0
        finally:
            await backend.aclose()


async def test_a_server_that_never_agrees_on_tls_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        backend = Backend(TLSSettings.of(api_service(), None), connect_timeout=0.1)
        with pytest.raises(BackendError, match="TLS handshake timeout"):
            await backend.open(endpoint)
        await backend.aclose()


async def test_a_connection_given_up_on_the_way_harms_no_other() -> None:
    """Its descriptor is nobody else's before it is closed, at whichever moment it is given up."""
    dialled: list[socket.socket] = []

    async def dialling(endpoint: Endpoint) -> socket.socket:
        dialled.append(await dial(endpoint))
        return dialled[-1]

    async with serving(Recorder(), http2=False) as endpoint:
        backend = Backend(TLSSettings.of(api_service(), None), dial=dialling)
        try:
            for turns in range(40):
                opening = [asyncio.create_task(backend.open(endpoint, fresh=True)) for _ in range(2)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                opening[0].cancel()
                await asyncio.gather(*opening, return_exceptions=True)
                for each in opening:
                    if not each.cancelled():
                        each.result().close()
            assert dialled
            await until(lambda: all(each.fileno() == -1 for each in dialled))
        finally:
            await backend.aclose()


async def test_an_address_of_the_local_network_is_not_dialled() -> None:
    async with proxy(Endpoint("169.254.169.254", 80), api_service()) as (_, client):
        response = await client.get(PATH)
    assert response.status == 503
    assert "this address is not dialled" in response.text


async def test_a_connection_that_says_nothing_is_asked_and_given_up() -> None:
    """A network that drops everything ends the watches on it in time, not after the hours that TCP takes."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    written: list[bytes] = []

    class Writer:
        transport = type("Transport", (), {"abort": lambda self: None})()

        def write(self, data: bytes) -> None:
            written.append(data)

        async def drain(self) -> None:
            return None

        def is_closing(self) -> bool:
            return False

    writer: Any = Writer()
    connection = HTTP2Connection(
        reader, writer, released=lambda connection: None, quiet_seconds=0.01, pong_seconds=0.01
    )
    connection.start()
    exchange = connection.take()
    await exchange.send_head(RequestHead("GET", "localhost", b"/", [], 0))
    task = loop.create_task(connection.run())
    with pytest.raises(BackendError, match="client connection lost"):
        await exchange.response()
    await task
    assert any(b"alive???" in data for data in written)


async def test_a_trace_goes_on_behind_with_a_span_of_its_own() -> None:
    """TestTracerProvider: what the client says of traces is replaced by this server's span."""

    class Span:
        recording = True

        def child(self, name: str, attributes: Mapping[str, Any], **more: Any) -> "Span":
            return self

        def headers(self) -> Mapping[str, str]:
            return {"traceparent": "00-ours"}

        def end(self, error: BaseException | None = None, **more: Any) -> None:
            return None

    backend, span = Recorder(), Span()
    async with serving(backend) as endpoint, proxy(endpoint, api_service()) as (_, client):
        token = CURRENT.set(Request(span=span))  # type: ignore[arg-type]
        try:
            await client.request("GET", PATH, headers={"traceparent": "00-theirs"})
        finally:
            CURRENT.reset(token)
        await client.request("GET", PATH, headers={"traceparent": "00-theirs"})
    assert [asked.one("traceparent") for asked in backend.asked] == ["00-ours", "00-theirs"]


async def test_flow_control_is_told_of_a_watch_only_when_it_is_passed_on() -> None:
    """TestFlowControlSignal."""
    told: list[str] = []
    async with serving(Recorder()) as endpoint, proxy(endpoint, api_service(available=False)) as (handler, _):
        client = client_of(handler)
        inner = client.prepare
        assert inner is not None

        def prepare(scope: Any) -> None:
            inner(scope)
            scope[CONTEXT_KEY].watch_initialized = lambda: told.append(scope["path"])

        client.prepare = prepare
        await client.get(f"{PATH}?watch=1")
        assert told == []
        handler.update(api_service())
        await client.get(f"{PATH}?watch=1")
        assert told == [PATH]
