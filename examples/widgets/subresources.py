"""What hangs below a widget: its status, its scale, a log that streams, an echo that answers by itself."""

from collections.abc import AsyncIterator
from typing import Any

from examples.widgets.strategy import WidgetStatusStrategy, WidgetStrategy
from examples.widgets.types import Widget
from genericapiserver.apimachinery.meta import GetOptions
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import ConnectMethod, Responder, StreamedResource
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.registry.status_store import StatusStore
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request import RequestContext


class Log(Subresource):
    async def get(self, context: RequestContext, name: str, options: GetOptions) -> "LogStream":
        await self.store.get(context, name, options)
        return LogStream(name)


class LogStream:
    def __init__(self, name: str) -> None:
        self.name = name

    async def input_stream(self, api_version: str, accept: str) -> StreamedResource:
        return StreamedResource(body=self.lines(), media_type="text/plain")

    async def lines(self) -> AsyncIterator[bytes]:
        yield f"log of {self.name}\n".encode()


class Echo(Subresource):
    connect_methods: tuple[ConnectMethod, ...] = ("GET", "POST")
    connect_options_type = None
    connect_options_path = "path"

    async def connect(self, context: RequestContext, name: str, options: Any, responder: Responder) -> Handler:
        await self.store.get(context, name, GetOptions())

        async def echo(scope: Scope, receive: Receive, send: Send) -> None:
            await send_response(send, 200, f"{scope['method']} {name}\n".encode(), b"text/plain")

        return echo


def status(store: Store, strategy: WidgetStrategy) -> StatusStore:
    return StatusStore(store, WidgetStatusStrategy(strategy, strategy.scheme))


def scale(store: Store, strategy: WidgetStrategy) -> ScaleStore:
    def set_replicas(widget: Widget, replicas: int) -> None:
        widget.spec.replicas = replicas

    fields = ScaleFields(
        spec_replicas=lambda widget: widget.spec.replicas,
        set_spec_replicas=set_replicas,
        status_replicas=lambda widget: widget.status.replicas,
        selector=lambda widget: widget.spec.selector,
    )
    return ScaleStore(store, fields)


SUBRESOURCES = {
    "status": status,
    "scale": scale,
    "log": lambda store, strategy: Log(store),
    "echo": lambda store, strategy: Echo(store),
}
