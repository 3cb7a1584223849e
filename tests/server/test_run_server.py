"""run_server: serving until told to stop, and what becomes of a listener that ends by itself."""

import asyncio
import logging
import socket

import httpx
import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.connection import HTTPServer, ListenerError, SocketListener, create_listener
from genericapiserver.run_server import run_server
from genericapiserver.secure_serving import DeprecatedInsecureServingInfo


class Handler:
    """Answers at once, but for /hold."""

    def __init__(self) -> None:
        self.entered, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hold":
            self.entered.set()
            await self.go.wait()
        await send_response(send, 200, b"ok", b"text/plain")


async def test_it_serves_until_it_is_told_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handler, stop, listener = Handler(), Signal("stop"), create_listener("127.0.0.1", 0)
    host, port = listener.getsockname()
    running = await run_server(HTTPServer(handler, tls=None), listener, shutdown_timeout=10, stop=stop)
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        held = asyncio.create_task(client.get("/hold"))
        await asyncio.wait_for(handler.entered.wait(), 10)
        stop.set()
        await asyncio.wait_for(running.listener_stopped.wait(), 10)
        assert not running.stopped.is_set()
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        handler.go.set()
        assert (await held).status_code == 200
    await asyncio.wait_for(running.stopped.wait(), 10)
    await running.task
    assert f"Stopped listening on {host}:{port}" in caplog.text


async def test_requests_that_do_not_end_are_not_waited_for_beyond_the_time() -> None:
    handler, stop, listener = Handler(), Signal("stop"), create_listener("127.0.0.1", 0)
    host, port = listener.getsockname()
    running = await run_server(HTTPServer(handler, tls=None), listener, shutdown_timeout=0.05, stop=stop)
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        held = asyncio.create_task(client.get("/hold"))
        await asyncio.wait_for(handler.entered.wait(), 10)
        stop.set()
        await asyncio.wait_for(running.stopped.wait(), 10)
        with pytest.raises(httpx.HTTPError):
            await held


async def test_a_listener_that_ends_by_itself_ends_the_server() -> None:
    listener = create_listener("127.0.0.1", 0)
    host, port = listener.getsockname()
    running = await run_server(HTTPServer(Handler(), tls=None), listener, shutdown_timeout=1, stop=Signal("stop"))
    listener.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ListenerError, match=f"^Stopped listening on {host}:{port} due to error: Invalid argument$"):
        await asyncio.wait_for(running.task, 10)
    assert running.stopped.is_set()
    assert running.listener_stopped.is_set()


async def test_a_listener_that_is_closed_cannot_be_served() -> None:
    listener = SocketListener(create_listener("127.0.0.1", 0))
    listener.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await run_server(HTTPServer(Handler(), tls=None), listener, shutdown_timeout=1, stop=Signal("stop"))


@pytest.mark.parametrize(("address", "warned"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
async def test_insecure_serving_warns_of_ports_that_others_reach(
    address: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        listener = create_listener(address, 0)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    async with DeprecatedInsecureServingInfo(listener=listener).serve(Handler()):
        pass
    assert ("bind it to 127.0.0.1 instead" in caplog.text) == warned


async def test_a_socket_that_is_handed_in_gets_the_settings_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = Signal("stop")
        running = await run_server(HTTPServer(Handler(), tls=None), listener, shutdown_timeout=1, stop=stop)
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        stop.set()
        await running.task
