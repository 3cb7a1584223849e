"""APIServices without a server: what an informer shows, and what is written."""

from __future__ import annotations

from typing import Any, cast

from genericapiserver.aggregator.client import WriteError
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.client.informer import ChangeHandler, Informer
from genericapiserver.client.transport import Response


class KnownServices:
    """An informer whose objects a test puts there."""

    def __init__(self, *services: APIService) -> None:
        self.objects = {service.metadata.name: service for service in services}
        self.synced = Signal("synced")
        self.synced.set()
        self.handlers: list[ChangeHandler[APIService]] = []

    def __iter__(self) -> Any:
        return iter(list(self.objects.values()))

    def get(self, name: str, *, namespace: str = "") -> APIService | None:
        return self.objects.get(name)

    def add_change_handler(self, handler: ChangeHandler[APIService]) -> None:
        self.handlers.append(handler)

    def put(self, name: str, service: APIService | None) -> None:
        before = self.objects.pop(name, None)
        if service is not None:
            self.objects[name] = service
        for handler in self.handlers if before is not service else ():
            handler(before, service)

    @property
    def informer(self) -> Informer[APIService]:
        return cast("Informer[APIService]", self)


class Writes:
    """Remembers what is written, and lets *services* show it; refuses with *status* if that is set."""

    def __init__(self, services: KnownServices) -> None:
        self.services = services
        self.done: list[tuple[str, str]] = []
        self.status = 0

    async def create(self, service: APIService) -> None:
        self._write("create", service.metadata.name, service)

    async def update(self, service: APIService) -> None:
        self._write("update", service.metadata.name, service)

    async def update_status(self, service: APIService) -> None:
        self._write("update_status", service.metadata.name, service)

    async def delete(self, name: str, *, uid: str) -> None:
        self._write(f"delete {uid}", name, None)

    def _write(self, verb: str, name: str, service: APIService | None) -> None:
        self.done.append((verb.strip(), name))
        if self.status:
            raise WriteError("refused", Response(self.status, {}, b"{}"))
        self.services.put(name, None if service is None else deep_copy(service))
