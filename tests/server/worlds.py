"""A server that is about to stop, with everything in it that its end has to take care of."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import attrs

from genericapiserver.aio import Signal
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.request import request_context
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_config, record, serving_info

WATCH = "/apis/test.example.com/v1/things?watch=1"
"""A watch by its looks; no group is installed, so the mux serves it."""


@attrs.define(eq=False)
class World:
    """A server with a request that waits to be let go, a watch, and a hook that waits for the test."""

    server: GenericAPIServer
    fired: list[str]
    address: tuple[str, int] = ("", 0)
    ready: Signal = attrs.field(factory=lambda: Signal("the server listens"))
    blocked: Signal = attrs.field(factory=lambda: Signal("a request is blocked"))
    go: Signal = attrs.field(factory=lambda: Signal("let the request go"))
    watching: Signal = attrs.field(factory=lambda: Signal("a watch is open"))
    hook_may_end: Signal = attrs.field(factory=lambda: Signal("let the hook end"))
    answers_to_the_hook: list[int] = attrs.field(factory=list)
    stop: Signal = attrs.field(factory=lambda: Signal("stop"))
    stopped: Signal = attrs.field(factory=lambda: Signal("the server has ended"))
    destroyed: Signal = attrs.field(factory=lambda: Signal("storage is closed"))
    expected: int = 1
    """How many requests there must be for `blocked` to fire."""
    expected_watches: int = 1
    """How many watches there must be for `watching` to fire."""

    async def destroy(self) -> None:
        self.destroyed.set()

    async def serve_blocked(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.expected -= 1
        if self.expected == 0:
            self.blocked.set()
        await self.go.wait()
        await send_text(send, 200, "done")

    async def serve_watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}\n", "more_body": True})
        self.expected_watches -= 1
        if self.expected_watches == 0:
            self.watching.set()
        told = request_context(scope).shutdown
        await (self.destroyed if told is None else told).wait()  # a watch ends when it is told to, or with its storage
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def pre_shutdown(self) -> None:
        client = self.server.config.new_loopback_transport()
        while True:
            self.answers_to_the_hook.append((await client.request("GET", "/version")).status)
            if self.hook_may_end.is_set():
                return
            await self.hook_may_end.wait()

    async def run(self) -> None:
        try:
            async with self.server.prepare_run().serving() as self.address:
                self.ready.set()
                await self.stop.wait()
        finally:
            self.stopped.set()


@contextlib.asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    config = new_config(secure_serving=serving_info(), **settings)
    server = config.complete().new("test")
    made = World(server, record(server.lifecycle_signals))
    mux = server.handler.non_api_mux
    mux.handle("/blocked", made.serve_blocked)
    mux.handle(WATCH.partition("?")[0], made.serve_watch)
    server.add_pre_shutdown_hook("calls the API", made.pre_shutdown)
    server.config.add_cleanup(made.destroy)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(made.run())
        await made.ready.wait()
        yield made
        made.stop.set()
        made.hook_may_end.set()
        made.go.set()
