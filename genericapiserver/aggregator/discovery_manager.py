"""What servers behind have, in the one document of aggregated discovery, followed for as long as they are registered.

Each server is asked once for everything, however many of its group versions are registered, and again every minute; what
fails is tried again, at first after half a second. A group version stands in the document from the moment that it is
registered: Current when its server has answered, even if it does not have that version, else Stale and empty.

Source: pkg/apiserver/handler_discovery.go of k8s.io/kube-aggregator. Deviations: an APIService that becomes a local one is
no longer shown as that of the server behind; local ones give their priorities to the document; the group without a name
(`v1.`), which is not served at /apis, is not shown there.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.aggregator.controller import CallLater, Controller, TryAgainError, call_later
from genericapiserver.aggregator.discovery_fetch import DiscoveryClient, DiscoveryError, Everything
from genericapiserver.aggregator.in_process import KUBE_AGGREGATOR
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apis.apiregistration_v1 import (
    DEFAULT_PORT,
    GROUP,
    GROUP_VERSION,
    LEGACY_NAME,
    APIService,
    ServiceReference,
    group_version_of,
)
from genericapiserver.asgi import Handler
from genericapiserver.authentication.user import UserInfo
from genericapiserver.client.transport import Transport
from genericapiserver.endpoints.discovery.aggregated import FRESHNESS_CURRENT, FRESHNESS_STALE, APIVersionDiscovery
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager, Priorities, Source
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

CONTROLLER: Final = "discovery-manager"
REFRESH: Final = 60.0
"""Seconds until a server is asked again; the longest pause before what failed is tried again, too."""
FIRST_RETRY: Final = 0.5
WORKERS: Final = 64
"""How many group versions are asked about at the same time: servers that hang keep nobody else waiting."""
REGISTRATION_PRIORITY: Final = 20001
"""Above all that an APIService may ask for, so that apiregistration.k8s.io comes first."""
WITHOUT_GROUPS: Final = UserInfo(name=KUBE_AGGREGATOR.name)
"""Who asks for a single group version."""

NewTransport: TypeAlias = Callable[[Any, UserInfo], Transport]
"""A client that asks a handler as a user."""


@attrs.frozen
class ServiceKey:
    """A server behind, as APIServices name it."""

    namespace: str
    name: str
    port: int

    @classmethod
    def of(cls, reference: ServiceReference) -> "ServiceKey":
        return cls(reference.namespace, reference.name, reference.port or DEFAULT_PORT)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}:{self.port}"


@attrs.define(eq=False)
class _Registered:
    """A group version that a server behind answers for."""

    service: ServiceKey
    priorities: Priorities
    handler: Handler
    marked: int
    """When it was last said that what is known of it may be out of date."""


@attrs.define(eq=False)
class _Answer:
    """What a server said. None: it cannot tell everything at once."""

    everything: Everything | None
    asked: int
    """When it was asked."""


class DiscoveryManager:
    """Keeps *document* as APIServices and the servers behind say. An APIServiceObserver.

    `synced` fires when every APIService that was known when `run` began is in the document, be it as Stale.
    """

    def __init__(
        self,
        document: AggregatedDiscoveryManager,
        *,
        client: DiscoveryClient,
        transport: NewTransport,
        call_later: CallLater = call_later,
    ) -> None:
        self._remote = document.with_source(Source.AGGREGATOR)
        self._local = document.with_source(Source.BUILTIN)
        self._client = client
        self._transport = transport
        self._registered: dict[str, _Registered] = {}
        self._answers: dict[ServiceKey, _Answer] = {}
        self._asking: dict[ServiceKey, tuple[int, asyncio.Task[_Answer]]] = {}
        self._ticks = 0
        self._running = False
        self.synced = Signal("discovery synced")
        self.controller = Controller(
            CONTROLLER,
            self.reconcile,
            workers=WORKERS,
            first_retry=FIRST_RETRY,
            longest_retry=REFRESH,
            call_later=call_later,
        )
        self._local.set_priority(GROUP_VERSION, Priorities(REGISTRATION_PRIORITY, 0))

    @property
    def remembered(self) -> frozenset[ServiceKey]:
        """The servers whose documents are kept."""
        return frozenset(self._answers)

    def add_api_service(self, service: APIService, handler: Handler) -> None:
        self._set(service, handler)

    def update_api_service(self, service: APIService, handler: Any) -> None:
        """The server is asked although it may not count as available yet: what it has is to be there as soon as it does."""
        bypass = getattr(handler, "ignoring_availability", None)
        self._set(service, handler if bypass is None else bypass())

    def remove_api_service(self, name: str) -> None:
        if self._registered.pop(name, None) is not None:
            self._forget_unused()
            self._add(name)

    async def run(self) -> None:
        """Ask about all that is registered, say so, and follow until cancelled."""
        self._running = True
        try:
            await asyncio.gather(*(self._at_first(name) for name in list(self._registered)))
            self.synced.set()
            await self.controller.run()
        finally:
            for _, task in self._asking.values():
                task.cancel()

    async def reconcile(self, name: str) -> None:
        """Put the group version of an APIService into the document as it is now, or out of it."""
        version = group_version_of(name)
        registered = self._registered.get(name)
        if registered is None:
            self._remote.remove_group_version(version)
            return
        failure: DiscoveryError | None = None
        try:
            entry = await self._entry(version, registered)
        except DiscoveryError as error:
            failure = error
            entry = APIVersionDiscovery(version=version.version, freshness=FRESHNESS_STALE)
        if self._registered.get(name) is not registered:
            return  # it is another by now, and waits to be looked at again
        self._show(name, registered, entry)
        if failure is not None:
            logger.info(kv("Discovery of an APIService failed", name=name, err=failure))
            raise TryAgainError from failure
        self._ask_again_later(name, registered)

    def _set(self, service: APIService, handler: Handler) -> None:
        spec, name = service.spec, service.metadata.name
        priorities = Priorities(spec.group_priority_minimum, spec.version_priority)
        if name == LEGACY_NAME:
            return
        if spec.service is None:
            if spec.group != GROUP:
                self._local.set_priority(GroupVersion(spec.group, spec.version), priorities)
            self.remove_api_service(name)
            return
        key = ServiceKey.of(spec.service)
        self._registered[name] = _Registered(key, priorities, handler, self._tick())
        self._forget_unused()
        self._add(name)

    def _add(self, name: str) -> None:
        if self._running:  # before that, `run` looks at all that there are
            self.controller.add(name)

    async def _at_first(self, name: str) -> None:
        try:
            await self.reconcile(name)
        except TryAgainError:
            self.controller.add_after(name, FIRST_RETRY)
        except Exception:  # noqa: BLE001  it happens again there, and is complained of
            self.controller.add(name)

    def _show(self, name: str, registered: _Registered, entry: APIVersionDiscovery) -> None:
        version = group_version_of(name)
        self._remote.add_group_version(version.group, entry)
        self._remote.set_priority(version, registered.priorities)

    def _ask_again_later(self, name: str, registered: _Registered) -> None:
        registered.marked = self._tick()
        self.controller.add_after(name, REFRESH)

    async def _entry(self, version: GroupVersion, registered: _Registered) -> APIVersionDiscovery:
        """What the document says of *version*. Raises DiscoveryError."""
        answer = await self._answer(registered)
        if answer.everything is not None:
            return _current(answer.everything, version)
        transport = self._transport(registered.handler, WITHOUT_GROUPS)
        found = await self._client.version(transport, str(registered.service), version)
        return _fresh(found)

    async def _answer(self, registered: _Registered) -> _Answer:
        """What the server says, asked after *registered* was marked. Who wants it at the same time shares the answer."""
        key = registered.service
        known = self._answers.get(key)
        if known is not None and known.asked > registered.marked:
            return known
        started, task = self._asking.get(key, (0, None))
        if task is None or started <= registered.marked:
            started = self._tick()
            task = asyncio.create_task(self._ask(key, registered.handler, started))
            self._asking[key] = started, task
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and self._asking.get(key) == (started, task):
                del self._asking[key]

    async def _ask(self, key: ServiceKey, handler: Handler, asked: int) -> _Answer:
        known = self._answers.get(key)
        transport = self._transport(handler, KUBE_AGGREGATOR)
        everything = await self._client.everything(transport, str(key), known.everything if known is not None else None)
        answer = _Answer(everything, asked)
        newest = self._answers.get(key)
        if everything is None or (newest is not None and newest.asked > asked):
            return answer
        for name, registered in self._registered.items():
            if registered.service == key and registered.marked < asked:
                # Whoever asked: no version of this server is to be shown older than another.
                self._answers[key] = answer
                self._show(name, registered, _current(everything, group_version_of(name)))
                self._ask_again_later(name, registered)
        return answer

    def _forget_unused(self) -> None:
        used = {registered.service for registered in self._registered.values()}
        for key in self._answers.keys() - used:
            del self._answers[key]

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks


def _current(everything: Everything, version: GroupVersion) -> APIVersionDiscovery:
    found = everything.versions.get(version) or APIVersionDiscovery(version=version.version)
    return _fresh(found)


def _fresh(version: APIVersionDiscovery) -> APIVersionDiscovery:
    return APIVersionDiscovery(version=version.version, resources=version.resources, freshness=FRESHNESS_CURRENT)
