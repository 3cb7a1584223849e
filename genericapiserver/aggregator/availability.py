"""The condition Available of every APIService: what is local is, what is behind a service is looked at.

Source: pkg/controllers/status/{local,remote} of k8s.io/kube-aggregator, whose reasons and messages these are.
"""

import asyncio
import datetime as dt
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from typing import Any, Final, Protocol

from genericapiserver.aggregator.client import WriteError
from genericapiserver.aggregator.controller import CallLater, Controller, TryAgainError, call_later
from genericapiserver.aggregator.listers import service_of
from genericapiserver.aggregator.metrics import AvailabilityMetrics
from genericapiserver.aggregator.probe import ProbeError
from genericapiserver.aggregator.resolvers import EndpointSliceLister, ServiceLister, ready_endpoints
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.apiregistration_v1 import (
    AVAILABLE,
    DEFAULT_PORT,
    FALSE,
    TRUE,
    UNKNOWN,
    APIService,
    APIServiceCondition,
    ServiceReference,
    find_condition,
    is_condition_true,
    local_available,
    set_condition,
)
from genericapiserver.client.informer import Informer
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

LOCAL_HOOK: Final = "apiservice-status-local-available-controller"
REMOTE_HOOK: Final = "apiservice-status-remote-available-controller"
LOCAL_CONTROLLER: Final = "LocalAvailabilityController"
REMOTE_CONTROLLER: Final = "RemoteAvailabilityController"
WORKERS: Final = 5
RESYNC: Final = 30.0
"""Seconds after which everything is looked at again: servers come and go without an event."""

_NOT_FOUND, _CONFLICT = 404, 409


class StatusWriter(Protocol):
    """APIServiceClient, or a test's own."""

    async def update_status(self, service: APIService) -> None: ...


class Probes(Protocol):
    """Prober, or a test's own."""

    async def probe(self, service: APIService) -> None:
        """Raises ProbeError."""

    async def forget(self, name: str) -> None: ...


class _Availability(ABC):
    """What both controllers do: write a condition if it is another, and show it."""

    def __init__(
        self,
        name: str,
        services: Informer[APIService],
        client: StatusWriter,
        metrics: AvailabilityMetrics,
        now: Callable[[], dt.datetime],
        call_later: CallLater,
    ) -> None:
        self._api_services = services
        self._client = client
        self._metrics = metrics
        self._now = now
        self.controller = Controller(name, self.reconcile, workers=WORKERS, call_later=call_later)
        services.add_change_handler(self._changed)

    @abstractmethod
    async def reconcile(self, name: str) -> None:
        """Look at the APIService *name*. Raises TryAgainError, WriteError."""

    def enqueue_all(self) -> None:
        for service in self._api_services:
            self.controller.add(service.metadata.name)

    async def run(self, *, resync: float = RESYNC) -> None:
        """Follow until cancelled."""
        await self._api_services.synced.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.controller.run())
            while True:
                self.enqueue_all()
                await asyncio.sleep(resync)

    def _changed(self, before: APIService | None, now: APIService | None) -> None:
        either = now or before
        assert either is not None
        self.controller.add(either.metadata.name)

    async def _write(self, service: APIService, condition: APIServiceCondition) -> None:
        """Give *service* the *condition*; nothing is written when it has it. Raises TryAgainError, WriteError."""
        name = service.metadata.name
        if condition.status == TRUE:
            self._metrics.set_available(name)
        else:
            self._metrics.set_unavailable(name)
        changed = deep_copy(service)
        set_condition(changed, condition)
        if changed.status == service.status:
            return
        try:
            await self._client.update_status(changed)
        except WriteError as error:
            if error.status == _NOT_FOUND:
                return
            if error.status == _CONFLICT:
                raise TryAgainError from error  # with what is there by then
            raise
        _log_change(service, condition)
        if is_condition_true(service, AVAILABLE) and condition.status != TRUE:
            self._metrics.became_unavailable(name, condition.reason)


def _log_change(service: APIService, condition: APIServiceCondition) -> None:
    """Say that *service* is available now, or why it is not; another message alone is no news."""
    before = find_condition(service, AVAILABLE)
    if before is not None and (before.status, before.reason) == (condition.status, condition.reason):
        return
    reference = service.spec.service
    where = "Local" if reference is None else f"{reference.namespace}/{reference.name}"
    known = {"name": service.metadata.name, "service": where, "reason": condition.reason}
    if condition.status == TRUE:
        logger.info(kv("An APIService is available", known))
    else:
        logger.warning(kv("An APIService is not available", known, message=condition.message))


class LocalAvailability(_Availability):
    """What this process answers for itself is available."""

    def __init__(
        self,
        services: Informer[APIService],
        client: StatusWriter,
        metrics: AvailabilityMetrics,
        *,
        now: Callable[[], dt.datetime],
        call_later: CallLater = call_later,
    ) -> None:
        super().__init__(LOCAL_CONTROLLER, services, client, metrics, now, call_later)

    async def reconcile(self, name: str) -> None:
        service = self._api_services.get(name)
        if service is None:
            self._metrics.forget(name)
        elif service.spec.service is None:
            await self._write(service, local_available(self._now()))


class RemoteAvailability(_Availability):
    """What is behind a service is available if that is there, has somebody ready, and answers.

    *services* and *slices* are not asked for the services in *static*, which are wherever a table says they are.
    """

    def __init__(
        self,
        api_services: Informer[APIService],
        client: StatusWriter,
        metrics: AvailabilityMetrics,
        probes: Probes,
        *,
        services: ServiceLister | None,
        slices: EndpointSliceLister | None,
        static: Container[str] = (),
        now: Callable[[], dt.datetime],
        call_later: CallLater = call_later,
    ) -> None:
        super().__init__(REMOTE_CONTROLLER, api_services, client, metrics, now, call_later)
        self._probes = probes
        self._services = services
        self._slices = slices
        self._static = static

    async def reconcile(self, name: str) -> None:
        service = self._api_services.get(name)
        if service is None:
            self._metrics.forget(name)
            await self._probes.forget(name)
            return
        reference = service.spec.service
        if reference is None:
            await self._probes.forget(name)
            return
        condition = self._without_asking(reference)
        if condition is not None:
            await self._write(service, condition)
            return
        try:
            await self._probes.probe(service)
        except ProbeError as error:
            await self._write(service, self._condition(FALSE, "FailedDiscoveryCheck", str(error)))
            raise TryAgainError from error
        await self._write(service, self._condition(TRUE, "Passed", "all checks passed"))

    def service_changed(self, before: Any | None, now: Any | None) -> None:
        """Look at the APIServices that name a service again, which is another now."""
        either = now or before
        assert either is not None
        self._enqueue(either.metadata.namespace, either.metadata.name)

    def slice_changed(self, before: Any | None, now: Any | None) -> None:
        """The same for an EndpointSlice; one that changes its service is news for both."""
        for each in (before, now):
            if each is not None:
                self._enqueue(each.metadata.namespace, service_of(each))

    def _enqueue(self, namespace: str, name: str) -> None:
        for service in self._api_services:
            reference = service.spec.service
            if reference is not None and (reference.namespace, reference.name) == (namespace, name):
                self.controller.add(service.metadata.name)

    def _without_asking(self, reference: ServiceReference) -> APIServiceCondition | None:
        """Why the server need not be asked, because there is none that could be."""
        if self._services is None or f"{reference.namespace}/{reference.name}" in self._static:
            return None
        where, namespace = f"service/{reference.name}", quote(reference.namespace)
        try:
            service = self._services.get(reference.name, namespace=reference.namespace)
        except LookupError as error:
            text = f"{where} in {namespace} cannot be checked due to: {error}"
            return self._condition(UNKNOWN, "ServiceAccessError", text)
        if service is None:
            return self._condition(FALSE, "ServiceNotFound", f"{where} in {namespace} is not present")
        if service.spec.type not in ("", "ClusterIP"):
            return None
        port = reference.port or DEFAULT_PORT
        names = [each.name for each in service.spec.ports if each.port == port]
        if not names:
            text = f"{where} in {namespace} is not listening on port {port}"
            return self._condition(FALSE, "ServicePortError", text)
        return self._endpoints(reference, names[0])

    def _endpoints(self, reference: ServiceReference, port_name: str) -> APIServiceCondition | None:
        if self._slices is None:
            return None
        where, namespace = f"service/{reference.name}", quote(reference.namespace)
        try:
            slices = self._slices.of_service(reference.namespace, reference.name)
        except LookupError as error:
            text = f"{where} in {namespace} cannot be checked due to: {error}"
            return self._condition(UNKNOWN, "EndpointsAccessError", text)
        if not slices:
            text = f"cannot find endpointslices for {where} in {namespace}"
            return self._condition(FALSE, "EndpointsNotFound", text)
        if not any(True for _ in ready_endpoints(slices, port_name)):
            text = f"endpointslices for {where} in {namespace} have no addresses with port name {quote(port_name)}"
            return self._condition(FALSE, "MissingEndpoints", text)
        return None

    def _condition(self, status: str, reason: str, message: str) -> APIServiceCondition:
        return APIServiceCondition(
            type=AVAILABLE, status=status, last_transition_time=self._now(), reason=reason, message=message
        )
