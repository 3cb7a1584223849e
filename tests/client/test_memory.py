"""A client in the process of its server: the connection layer between them, and no network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from genericapiserver.asgi import Receive, Scope, Send, read_body, send_response
from genericapiserver.certificates import StaticCertKeyContent, generate_self_signed
from genericapiserver.client import ClientConfig, RESTClient
from genericapiserver.client.memory import MemoryTransport
from genericapiserver.client.rest import ssl_context
from genericapiserver.connection import ConnectionLimits, MemoryListener
from genericapiserver.secure_serving import DeprecatedInsecureServingInfo, SecureServingInfo

PAIR = generate_self_signed("localhost")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/watch":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
        return
    text = f"{scope['http_version']} {scope['scheme']} {scope['client']} ".encode()
    await send_response(send, 200, text + await read_body(receive), b"text/plain")


@asynccontextmanager
async def served(
    listener: MemoryListener, *, http2: bool = True, limits: ConnectionLimits | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    content = StaticCertKeyContent("memory", PAIR.certificate_pem, PAIR.private_key_pem)
    info = SecureServingInfo(more_listeners=[listener], cert=content)
    context = ssl.create_default_context(cadata=PAIR.certificate_pem.decode())
    async with (
        info.serve(app, limits=limits),
        httpx.AsyncClient(transport=MemoryTransport(listener, ssl_context=context, http2=http2)) as client,
    ):
        assert info.host_port() == ("localhost", 443)
        yield client


@pytest.mark.parametrize(("http2", "version"), [(True, "2"), (False, "1.1")])
async def test_requests_pass_through_tls_and_http(http2: bool, version: str) -> None:
    async with served(MemoryListener(), http2=http2) as client:
        answers = await asyncio.gather(*[client.post("https://localhost/", content=b"x" * 100_000) for _ in range(20)])
        assert {answer.text for answer in answers} == {f"{version} https None " + "x" * 100_000}
        async with client.stream("GET", "https://localhost:6443/watch") as response:
            assert [line async for line in response.aiter_lines()] == ["0", "1", "2"]


async def test_the_name_of_the_server_is_verified() -> None:
    async with served(MemoryListener()) as client:
        with pytest.raises(httpx.ConnectError, match="not valid for 'elsewhere'"):
            await client.get("https://elsewhere/")


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    limits = ConnectionLimits(idle_timeout=0.05, goaway_linger=0.05)
    async with served(MemoryListener(), http2=False, limits=limits) as client:
        for _ in range(3):
            assert (await client.get("https://localhost/")).status_code == 200
            await asyncio.sleep(0.3)


async def test_a_server_that_is_not_there_refuses() -> None:
    listener = MemoryListener()
    async with served(listener) as client:
        await client.get("https://localhost/")
        listener.close()
        async with httpx.AsyncClient(transport=MemoryTransport(listener)) as another:
            with pytest.raises(httpx.ConnectError, match="nobody listens on memory:memory"):
                await another.get("http://localhost/")


async def test_answers_that_do_not_come_are_not_waited_for() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()

    listener = MemoryListener(secure=False)
    async with (
        DeprecatedInsecureServingInfo(listener=listener).serve(never, shutdown_timeout=1),
        httpx.AsyncClient(transport=MemoryTransport(listener), timeout=0.05) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://localhost/")


async def test_an_answer_is_read_although_the_server_has_closed_the_connection() -> None:
    """As it does behind an answer to somebody unknown: what a client still has to say goes nowhere then."""

    async def goodbye(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b"no" * 50_000})

    listener = MemoryListener()
    content = StaticCertKeyContent("memory", PAIR.certificate_pem, PAIR.private_key_pem)
    config = ClientConfig(host="https://localhost", ca_data=PAIR.certificate_pem)
    async with SecureServingInfo(more_listeners=[listener], cert=content).serve(goodbye):
        for _ in range(3):
            transport = MemoryTransport(listener, ssl_context=ssl_context(config))
            client = RESTClient(config, transport=transport)
            try:
                assert await client.get("/") == (403, b"no" * 50_000)
            finally:
                await client.aclose()
