"""Routes follow APIServices: each is a path of the mux for as long as the object is there.

Until all APIServices have been seen once, what nobody serves is not "not found" but 503: a client that believed a 404 could
delete what it takes for orphaned. Source: pkg/apiserver/apiservice_controller.go of k8s.io/kube-aggregator.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from genericapiserver.aggregator.controller import Controller
from genericapiserver.aio import Signal
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.client.informer import Informer

CONTROLLER: Final = "APIServiceRegistrationController"
SIGNAL: Final = "APIServiceRegistrationControllerInitiated"


class RegistersAPIServices(Protocol):
    """What has routes for APIServices."""

    @property
    def registered(self) -> Iterable[str]:
        """The names of those there are routes for."""

    def add_api_service(self, service: APIService) -> None:
        """Add routes, or have those there are answer for *service* as it is now."""

    async def remove_api_service(self, name: str) -> None:
        """Take the routes away, and end what is under way there."""


class RegistrationController:
    """Keeps the routes of *aggregator* as *services* say. `initiated` fires when all have been added once."""

    def __init__(self, aggregator: RegistersAPIServices, services: Informer[APIService]) -> None:
        self._aggregator = aggregator
        self._services = services
        self.initiated = Signal(SIGNAL)
        self.controller = Controller(CONTROLLER, self.reconcile)
        services.add_change_handler(self._changed)

    def enqueue_all(self) -> None:
        """Have every APIService looked at again: the proxy's certificate is another one."""
        for service in self._services:
            self.controller.add(service.metadata.name)

    async def reconcile(self, name: str) -> None:
        service = self._services.get(name)
        if service is None:
            await self._aggregator.remove_api_service(name)
        else:
            self._aggregator.add_api_service(service)

    async def run(self) -> None:
        """Add all that there are, say so, and follow until cancelled."""
        await self._services.synced.wait()
        for service in self._services:
            self._aggregator.add_api_service(service)
        self.initiated.set()
        await self.controller.run()

    def _changed(self, before: APIService | None, now: APIService | None) -> None:
        either = now or before
        assert either is not None
        self.controller.add(either.metadata.name)
