"""Following the OpenAPI documents of servers behind: a second after they are registered, and then every minute.

What fails is tried again after a minute, then two, up to an hour, and at once when its APIService changes; until then what
it said last counts.

Source: the controllers of pkg/controllers/openapi and pkg/controllers/openapiv3 of k8s.io/kube-aggregator. Deviations: each
APIService is worked on by itself, so that a server that hangs keeps nobody else waiting; an APIService that becomes a local
one is no longer followed; a server without documents is asked again, as it may have some one day.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from genericapiserver.aggregator.controller import CallLater, Controller, TryAgainError
from genericapiserver.aggregator.openapi_fetch import OpenAPIError
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.asgi import Handler
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

S = TypeVar("S")

FIRST: Final = 1.0
REFRESH: Final = 60.0
FIRST_RETRY: Final = 60.0
LONGEST_RETRY: Final = 3600.0
WORKERS: Final = 64


class Following(Generic[S]):
    """What is known of each APIService that a server behind answers for. An APIServiceObserver.

    *new* makes what is known of one at first, *refresh* asks its server and raises OpenAPIError; *changed* is called when
    there is one more or less.
    """

    def __init__(
        self,
        name: str,
        *,
        new: Callable[[APIService, Handler], S],
        refresh: Callable[[S], Awaitable[None]],
        changed: Callable[[], None],
        call_later: CallLater,
    ) -> None:
        self._new = new
        self._refresh = refresh
        self._changed = changed
        self._known: dict[str, S] = {}
        self._services: dict[str, APIService] = {}
        self.controller = Controller(
            name,
            self.reconcile,
            workers=WORKERS,
            first_retry=FIRST_RETRY,
            longest_retry=LONGEST_RETRY,
            call_later=call_later,
        )

    def __iter__(self) -> Iterator[S]:
        """Those that matter most first: by the priority of the group, then of the version, then by name.

        (The reference compares a version's priority with itself.)
        """
        priorities: dict[str, int] = {}
        for service in self._services.values():
            spec = service.spec
            priorities[spec.group] = max(priorities.get(spec.group, 0), spec.group_priority_minimum)

        def key(name: str) -> tuple[Any, ...]:
            spec = self._services[name].spec
            return (-priorities[spec.group], spec.group, -spec.version_priority, name)

        return iter([self._known[name] for name in sorted(self._known, key=key)])

    def get(self, name: str) -> S | None:
        return self._known.get(name)

    def add_api_service(self, service: APIService, handler: Handler) -> None:
        name = service.metadata.name
        if service.spec.service is None:
            self.remove_api_service(name)
            return
        self._services[name] = service
        self._known[name] = self._new(service, handler)
        self._changed()
        self.controller.add_after(name, FIRST)

    def update_api_service(self, service: APIService, handler: Handler) -> None:
        name = service.metadata.name
        if name not in self._known or service.spec.service is None:
            self.add_api_service(service, handler)
            return
        self._services[name] = service
        self._changed()
        self.controller.add(name)

    def remove_api_service(self, name: str) -> None:
        self._services.pop(name, None)
        if self._known.pop(name, None) is not None:
            self._changed()

    async def reconcile(self, name: str) -> None:
        """Ask the server behind an APIService, and know when to ask again."""
        known = self._known.get(name)
        if known is None:
            return
        try:
            await self._refresh(known)
        except OpenAPIError as error:
            logger.warning(
                kv("Loading OpenAPI of an APIService failed", controller=self.controller.name, name=name, err=error)
            )
            raise TryAgainError from error
        self.controller.add_after(name, REFRESH)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self.controller.run()
