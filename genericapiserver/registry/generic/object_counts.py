"""How many objects of each resource there are, and how large they are, as gauges that are refreshed from time to time.

Counting looks at the whole resource, so it is done by a poll and not when the metrics page is read. Go:
pkg/registry/generic/registry/store.go (startObservingCount).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.logs import kv
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.interface import Stats, StorageBackend

JITTER: Final = 1.2
"""A period lasts up to so many times longer, so that many servers do not count in step."""

FAILED: Final = -1

_log = logging.getLogger(__name__)


@attrs.frozen
class Counted:
    """What the last count of a resource found, and when, on the monotonic clock."""

    stats: Stats
    at: float


class ObjectCounts:
    """The counts of one server's resources."""

    def __init__(self, metrics: MetricsRegistry, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._last: dict[GroupResource, Counted] = {}
        self._objects = metrics.gauge(
            "apiserver_resource_objects",
            "[ALPHA] Number of stored objects at the time of last check split by kind. In case of a fetching error, the "
            "value will be -1.",
            ("group", "resource"),
        )
        self._size = metrics.gauge(
            "apiserver_resource_size_estimate_bytes",
            "[ALPHA] Estimated size of stored objects in database. Estimate is based on sum of last observed sizes of "
            "serialized objects. In case of a fetching error, the value will be -1.",
            ("group", "resource"),
        )
        self._deprecated = metrics.gauge(
            "apiserver_storage_objects",
            "[STABLE] [DEPRECATED, consider using apiserver_resource_objects instead] Number of stored objects at the time "
            "of last check split by kind. In case of a fetching error, the value will be -1.",
            ("resource",),
        )
        self._backends: dict[GroupResource, StorageBackend[Any]] = {}

    def add(self, resource: GroupResource, backend: StorageBackend[Any]) -> None:
        """Count *resource* from the next round on."""
        self._backends[resource] = backend

    @property
    def backends(self) -> Mapping[GroupResource, StorageBackend[Any]]:
        """What is counted."""
        return self._backends

    def last(self, resource: GroupResource) -> Counted | None:
        """The last count of *resource* that did not fail; None before there was one."""
        return self._last.get(resource)

    def remove(self, resource: GroupResource) -> None:
        """Count it no more, and forget its gauges. Does nothing for a resource that was never added."""
        if self._backends.pop(resource, None) is None:
            return
        self._last.pop(resource, None)
        for gauge, labels in (
            (self._objects, (resource.group, resource.resource)),
            (self._size, (resource.group, resource.resource)),
            (self._deprecated, (str(resource),)),
        ):
            if labels in {tuple(sample.labels.values()) for family in gauge.collect() for sample in family.samples}:
                gauge.remove(*labels)

    async def observe(self) -> None:
        """Count everything once. A resource that cannot be counted shows -1."""
        for resource, backend in list(self._backends.items()):
            try:
                stats = await backend.stats()
            except Exception as error:  # noqa: BLE001 - a gauge must not end the poll of all others
                _log.warning(kv("Cannot count objects", resource=str(resource), err=error))
                count, size = FAILED, FAILED
            else:
                count = stats.object_count
                size = stats.object_count * stats.estimated_average_object_size_bytes
            if resource not in self._backends:  # removed while it was counted
                continue
            if count != FAILED:
                self._last[resource] = Counted(stats, self._clock.monotonic())
            self._objects.labels(resource.group, resource.resource).set(count)
            self._size.labels(resource.group, resource.resource).set(size)
            self._deprecated.labels(str(resource)).set(count)

    async def run(self, period: float, *, uniform: Callable[[float, float], float] = random.uniform) -> None:
        """Count every *period* seconds, a little longer each time, until cancelled."""
        while True:
            await self.observe()
            await asyncio.sleep(uniform(period, period * JITTER))
