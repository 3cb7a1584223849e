"""Servers behind as plain ASGI applications, APIServices that name them, and timers that a test lets run."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from genericapiserver.aggregator.in_process import transport_as
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.apiregistration_v1 import APIService, APIServiceSpec, ServiceReference, group_version_of
from genericapiserver.asgi import Handler, Receive, Scope, Send, header_value, send_response
from genericapiserver.authentication.user import UserInfo
from genericapiserver.client.transport import Transport
from genericapiserver.request import RequestInfoFactory, request_context

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@attrs.frozen
class Asked:
    """A request that a backend got."""

    path: str
    user: str
    groups: tuple[str, ...]
    accept: str
    if_none_match: str


@attrs.define(eq=False)
class Page:
    """What is at a path."""

    body: bytes
    content_type: str = "application/json"
    etag: str = ""
    status: int = 200


class Backend:
    """Serves *pages*; 404 elsewhere. While `gate` is set to an Event, answers wait for it."""

    def __init__(self, pages: Mapping[str, Page | Any] | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.gate: asyncio.Event | None = None
        self.broken = 0
        """Answer with this status whatever is asked."""
        for path, page in (pages or {}).items():
            self.put(path, page)

    def put(self, path: str, page: Any) -> None:
        self.pages[path] = page if isinstance(page, Page) else Page(json.dumps(page).encode())

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = request_context(scope).user
        assert user is not None
        self.asked.append(
            Asked(
                scope["path"],
                user.name,
                user.groups,
                header_value(scope, b"accept") or "",
                header_value(scope, b"if-none-match") or "",
            )
        )
        if self.gate is not None:
            await self.gate.wait()
        page = self.pages.get(scope["path"], Page(b"not found", "text/plain", status=404))
        if self.broken:
            page = Page(b"broken", "text/plain", status=self.broken)
        headers = [(b"etag", page.etag.encode())] if page.etag else []
        if page.etag and header_value(scope, b"if-none-match") == page.etag:
            await send_response(send, 304, b"", None, headers)
        else:
            await send_response(send, page.status, page.body, page.content_type.encode(), headers)


def transport(handler: Handler, user: UserInfo) -> Transport:
    return transport_as(handler, user, RequestInfoFactory())


def api_service(
    name: str, service: str | None = "backend", *, group_priority: int = 1000, version_priority: int = 15
) -> APIService:
    """The APIService *name* (`v1.group`) for a service in the namespace `ns`, or for this server itself."""
    version = group_version_of(name)
    reference = None if service is None else ServiceReference(namespace="ns", name=service, port=443)
    return APIService(
        metadata=ObjectMeta(name=name),
        spec=APIServiceSpec(
            group=version.group,
            version=version.version,
            service=reference,
            group_priority_minimum=group_priority,
            version_priority=version_priority,
        ),
    )


@attrs.define(eq=False)
class Timer:
    seconds: float
    function: Callable[[], None]
    over: bool = False

    def cancel(self) -> None:
        self.over = True


class Timers:
    """Stands in for the loop's clock: what is to happen later happens when the test says so."""

    def __init__(self) -> None:
        self._timers: list[Timer] = []

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        timer = Timer(seconds, function)
        self._timers.append(timer)
        return timer

    @property
    def seconds(self) -> list[float]:
        """In how many seconds what is waiting happens."""
        return [timer.seconds for timer in self._timers if not timer.over]

    def fire(self) -> None:
        """Have all that is waiting happen now."""
        waiting, self._timers = [timer for timer in self._timers if not timer.over], []
        for timer in waiting:
            timer.over = True
            timer.function()
