"""Starting to serve, and what becomes of a start that fails."""

import asyncio
import socket

import pytest

from genericapiserver.aio import Signal
from genericapiserver.connection import ListenerError
from genericapiserver.secure_serving import SecureServingError
from genericapiserver.server import GenericAPIServer
from tests.server.servers import connected, new_config, new_server, serving_info


async def never() -> None:
    await asyncio.Event().wait()


async def test_the_address_is_handed_out() -> None:
    server = new_server(secure_serving=serving_info())
    async with asyncio.timeout(10), server.prepare_run().serving() as address:
        assert address == server.config.secure_serving.host_port()  # type: ignore[union-attr]
        async with connected(address) as client:
            assert (await client.get("/version")).json()["minor"] == "2"


async def test_a_server_without_a_port_ends_when_it_is_told() -> None:
    server = new_server()
    stop = Signal("stop")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(server.prepare_run().run(shutdown_trigger=stop.wait))
        await server.wait_until_ready()
        stop.set()
        await run
    assert server.lifecycle_signals.http_server_stopped_listening.is_set()


async def fails_to_start(server: GenericAPIServer, error: type[Exception]) -> Exception:
    """The error that *server* ends with; it has closed what it held, and run no hook."""
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    async def hook(context: object) -> None:
        closed.append("a hook has run")

    server.config.add_cleanup(close)
    server.add_post_start_hook("hook", hook)
    async with asyncio.timeout(10):
        with pytest.raises(error) as caught:
            await server.prepare_run().run(shutdown_trigger=never)
    assert closed == ["closed"]
    return caught.value


async def test_a_server_needs_a_certificate_to_start() -> None:
    serving = serving_info()
    serving.cert = None
    server = new_config(secure_serving=serving).complete().new("test")
    await fails_to_start(server, ValueError)
    assert serving.listener is not None
    serving.listener.close()


async def test_tls_settings_must_work_together() -> None:
    serving = serving_info()
    serving.cipher_suites = ["ECDHE-RSA-AES256-GCM-SHA384"]
    server = new_config(secure_serving=serving).complete().new("test")
    error = await fails_to_start(server, SecureServingError)
    assert str(error).startswith("error configuring http2: ")
    assert serving.listener is not None
    serving.listener.close()


async def test_a_server_runs_once() -> None:
    server = new_server()
    async with asyncio.timeout(10), server.prepare_run().serving():
        pass
    with pytest.raises(RuntimeError, match=r'^server "test" has run already: make another one$'):
        await server.prepare_run().run(shutdown_trigger=never)


async def test_an_error_of_the_block_ends_the_server() -> None:
    server = new_server(secure_serving=serving_info())
    with pytest.raises(LookupError, match="mine"):
        async with asyncio.timeout(10), server.prepare_run().serving():
            raise LookupError("mine")
    assert not server.lifecycle_signals.shutdown_initiated.is_set()


async def test_cancelling_ends_the_server_at_once() -> None:
    server = new_server(secure_serving=serving_info(), shutdown_delay_duration=60.0)
    run = asyncio.create_task(server.prepare_run().run(shutdown_trigger=never))
    await server.wait_until_ready()
    run.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await run
    assert server.http_server_stopping.is_set()


async def test_a_listener_that_ends_by_itself_ends_the_server() -> None:
    serving = serving_info()
    server = new_server(secure_serving=serving)
    run = asyncio.create_task(server.prepare_run().run(shutdown_trigger=never))
    await server.wait_until_ready()
    assert serving.listener is not None
    serving.listener.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(10):
        with pytest.raises(ListenerError, match=r"^Stopped listening on .* due to error: Invalid argument$"):
            await run
