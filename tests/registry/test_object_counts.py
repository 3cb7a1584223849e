import asyncio
from typing import Any

import pytest

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.storage.errors import StorageUnreachableError
from tests.registry.support import GADGETS, create, new_gadget, new_store, settle


def values(metrics: MetricsRegistry) -> dict[str, float]:
    return {sample.name: sample.value for family in metrics.collectors.collect() for sample in family.samples}


async def test_objects_are_counted() -> None:
    store, metrics = new_store(), MetricsRegistry()
    counts = ObjectCounts(metrics)
    counts.add(GADGETS, store.backend)
    await create(store, new_gadget("a"))
    await create(store, new_gadget("b"))
    await counts.observe()
    seen = values(metrics)
    assert seen["apiserver_resource_objects"] == seen["apiserver_storage_objects"] == 2.0
    assert seen["apiserver_resource_size_estimate_bytes"] > 100


async def test_what_cannot_be_counted_is_minus_one(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def stats(self) -> Any:
            raise StorageUnreachableError("/gadgets")

    metrics = MetricsRegistry()
    counts = ObjectCounts(metrics)
    backend: Any = Broken()
    counts.add(GADGETS, backend)
    await counts.observe()
    assert set(values(metrics).values()) == {-1.0}
    assert '"Cannot count objects" resource="gadgets.things.example.com"' in caplog.text


async def test_what_is_removed_leaves_the_page() -> None:
    metrics = MetricsRegistry()
    counts = ObjectCounts(metrics)
    counts.add(GADGETS, new_store().backend)
    counts.remove(GADGETS)
    counts.add(GADGETS, new_store().backend)
    await counts.observe()
    counts.remove(GADGETS)
    assert values(metrics) == {}
    counts.remove(GADGETS)


async def test_the_poll_counts_at_once_and_again_after_a_jittered_period() -> None:
    store, metrics = new_store(), MetricsRegistry()
    counts = ObjectCounts(metrics)
    counts.add(GADGETS, store.backend)
    periods: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        periods.append((low, high))
        return 0.0

    task = asyncio.create_task(counts.run(60.0, uniform=uniform))
    await settle()
    await create(store, new_gadget())
    rounds = len(periods)
    while len(periods) < rounds + 2:
        await asyncio.sleep(0)
    assert values(metrics)["apiserver_resource_objects"] == 1.0
    assert periods[0] == (60.0, 72.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
