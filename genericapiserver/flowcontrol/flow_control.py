"""Everything of flow control that one server has: made once, handed to the filter, the hooks and the pages."""

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.client.informer import InformerFactory
from genericapiserver.flowcontrol.bootstrap import (
    mandatory_levels,
    mandatory_schemas,
    suggested_levels,
    suggested_schemas,
)
from genericapiserver.flowcontrol.consumer import ConfigConsumer
from genericapiserver.flowcontrol.controller import BORROWING_PERIOD, FlowController
from genericapiserver.flowcontrol.metrics import FlowControlMetrics
from genericapiserver.flowcontrol.turns import Turns
from genericapiserver.flowcontrol.watch_tracker import WatchTracker
from genericapiserver.flowcontrol.work_estimator import STALE, WorkEstimator
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.storage.interface import Stats

COUNT_LIFETIME: Final = 180.0
"""Seconds after which the number of a resource's objects is not believed any more."""


@attrs.define(eq=False)
class FlowControl:
    """The controller, what it is fed with, and what tells the cost of requests."""

    controller: FlowController
    estimator: WorkEstimator
    watches: WatchTracker
    turns: Turns
    consumer: ConfigConsumer | None = None
    """None while the configuration is what was digested first."""

    @classmethod
    def of(
        cls,
        server_limit: int,
        *,
        clock: Clock,
        metrics: MetricsRegistry,
        object_counts: ObjectCounts,
        by_size: bool = True,
    ) -> "FlowControl":
        """Share out *server_limit* seats among what is mandatory, until there is more; lists cost *by_size* or number."""
        controller = FlowController(
            server_limit,
            clock=clock,
            call_later=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
            metrics=FlowControlMetrics(metrics),
        )
        watches = WatchTracker()
        stats = counted_objects(object_counts, clock.monotonic)
        return cls(
            controller,
            WorkEstimator(stats=stats, watches=watches.interested, by_size=by_size),
            watches,
            Turns(call_soon=lambda call: asyncio.get_running_loop().call_soon(call)),
        )

    def use_bootstrap(self) -> None:
        """Work with the objects every server starts with, as if they were stored."""
        self.controller.digest([*mandatory_levels(), *suggested_levels()], [*mandatory_schemas(), *suggested_schemas()])

    def follow(self, informers: InformerFactory) -> ConfigConsumer:
        """Have the configuration come from *informers* once `run` runs and they have listed."""
        self.consumer = ConfigConsumer(self.controller, informers)
        return self.consumer

    async def run(self) -> None:
        """Keep the configuration current and the seats shared out, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._share_seats())
            if self.consumer is not None:
                tasks.create_task(self.consumer.run())

    async def _share_seats(self) -> None:
        while True:
            await asyncio.sleep(BORROWING_PERIOD)
            self.controller.share_seats()


def counted_objects(counts: ObjectCounts, now: Callable[[], float]) -> Callable[[str, str], Stats | None]:
    """What is known of the number of objects of a resource; STALE when it is too old."""

    def stats(group: str, resource: str) -> Stats | None:
        counted = counts.last(GroupResource(group, resource))
        if counted is None:
            return None
        return STALE if now() - counted.at > COUNT_LIFETIME else counted.stats

    return stats
