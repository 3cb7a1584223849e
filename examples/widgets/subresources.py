"""Two subresources beside status and scale: a log that streams, and an echo that answers by itself."""

from collections.abc import AsyncIterator
from typing import Any

from genericapiserver.apimachinery.meta import GetOptions
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.registry.rest import ConnectMethod, Responder, StreamedResource
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request import RequestContext


class Log(Subresource):
    """`GET .../widgets/a/log`"""

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> StreamedResource:
        await self.store.get(context, name, options)
        return StreamedResource(body=self.lines(name), media_type="text/plain")

    async def lines(self, name: str) -> AsyncIterator[bytes]:
        yield f"log of {name}\n".encode()


class Echo(Subresource):
    """`GET` and `POST .../widgets/a/echo/any/path`"""

    connect_methods: tuple[ConnectMethod, ...] = ("GET", "POST")
    connect_options_type = None
    connect_options_path = "path"

    async def connect(self, context: RequestContext, name: str, options: Any, responder: Responder) -> Handler:
        await self.store.get(context, name, GetOptions())

        async def echo(scope: Scope, receive: Receive, send: Send) -> None:
            await send_response(send, 200, f"{scope['method']} {name}\n".encode(), b"text/plain")

        return echo
