"""What the storage of one resource counts, over engines that are real."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.cacher import MAX_EVENTS
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.errors import CorruptObjectError, StorageError
from genericapiserver.storage.factory import StorageConfig, new_backend, open_engine
from genericapiserver.storage.interface import ListOptions, StorageBackend
from genericapiserver.storage.metrics import EngineSize, StorageMetrics
from tests.conformance.storage_harness import CODEC, Pod, everything, new_pod

ALL = ListOptions(recursive=True)

Backends = Callable[[bool], StorageBackend[Pod]]


@pytest.fixture
def registry() -> MetricsRegistry:
    return MetricsRegistry()


@pytest.fixture(params=["memory", "sqlite"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StorageEngine]:
    engine = await open_engine(StorageConfig(type=request.param, path=str(tmp_path / "store.db")))
    yield engine
    await engine.aclose()


@pytest.fixture
def backend(engine: StorageEngine, registry: MetricsRegistry) -> Backends:
    metrics = StorageMetrics(registry).resource("demo.example.com", "pods")

    def make(cached: bool) -> StorageBackend[Pod]:
        config = StorageConfig(type="memory", watch_cache=cached)
        return new_backend(engine, config, codec=CODEC, object_type=Pod, resource_prefix="/pods", metrics=metrics)

    return make


def counted(registry: MetricsRegistry, name: str, **labels: str) -> float | None:
    labels = {"group": "demo.example.com", "resource": "pods", **labels}
    return registry.collectors.get_sample_value(name, labels)


async def test_calls_of_the_engine_are_named_after_etcds(backend: Backends, registry: MetricsRegistry) -> None:
    store = backend(False)
    await store.create("/pods/ns/a", new_pod("ns/a"))
    await store.get("/pods/ns/a")
    await store.get_list("/pods/", ALL)
    await store.delete("/pods/ns/a")
    await store.stats()
    operations = {"create": 1, "get": 2, "list": 1, "delete": 1, "listWithCount": 1}
    for operation, calls in operations.items():
        assert counted(registry, "etcd_requests_total", operation=operation) == calls
        assert counted(registry, "etcd_request_duration_seconds_count", operation=operation) == calls
        assert counted(registry, "etcd_request_errors_total", operation=operation) is None


async def test_failed_calls_are_counted_as_such(
    engine: StorageEngine, backend: Backends, registry: MetricsRegistry
) -> None:
    store = backend(False)
    await engine.aclose()
    with pytest.raises(StorageError):
        await store.create("/pods/ns/a", new_pod("ns/a"))
    assert counted(registry, "etcd_requests_total", operation="create") == 1
    assert counted(registry, "etcd_request_errors_total", operation="create") == 1


async def test_lists_from_storage_say_how_much_was_read_for_how_little(
    backend: Backends, registry: MetricsRegistry
) -> None:
    store = backend(False)
    for name in "abcd":
        await store.create(f"/pods/ns/{name}", new_pod(f"ns/{name}"))
    one = everything(field_selector="metadata.name=b", limit=1)
    assert len((await store.get_list("/pods/", one)).items) == 1
    prefix = "apiserver_storage_list"
    assert counted(registry, f"{prefix}_total") == 1
    assert counted(registry, f"{prefix}_returned_objects_total") == 1
    fetched = counted(registry, f"{prefix}_fetched_objects_total")
    assert fetched is not None
    assert fetched >= 2
    assert counted(registry, f"{prefix}_evaluated_objects_total") == 2


async def test_the_cache_counts_what_it_answers(backend: Backends, registry: MetricsRegistry) -> None:
    cache = backend(True)
    for name in "ab":
        created = await cache.create(f"/pods/ns/{name}", new_pod(f"ns/{name}"))
    assert counted(registry, "apiserver_storage_list_total") is None
    await cache.get_list("/pods/", ALL)
    assert counted(registry, "apiserver_watch_cache_initializations_total") == 1
    assert counted(registry, "apiserver_storage_list_returned_objects_total") == 2
    assert counted(registry, "watch_cache_capacity") == MAX_EVENTS
    assert counted(registry, "apiserver_cache_list_total", index="") == 1
    assert counted(registry, "apiserver_cache_list_fetched_objects_total", index="") == 2
    assert counted(registry, "apiserver_cache_list_returned_objects_total") == 2
    consistent = {"success": "true", "fallback": "false"}
    assert counted(registry, "apiserver_watch_cache_consistent_read_total", **consistent) == 1
    await cache.get_list("/pods/", ListOptions(recursive=True, resource_version=str(created.revision)))
    assert counted(registry, "apiserver_watch_cache_consistent_read_total", **consistent) == 1
    assert counted(registry, "apiserver_watch_cache_read_wait_seconds_count") == 1
    newest = await cache.create("/pods/ns/c", new_pod("ns/c"))
    assert counted(registry, "apiserver_storage_events_received_total") == 1
    assert counted(registry, "apiserver_watch_cache_events_received_total") == 1
    assert counted(registry, "apiserver_watch_cache_events_dispatched_total") == 1
    assert counted(registry, "apiserver_watch_cache_resource_version") == newest.revision


async def test_watches_count_what_they_begin_with(backend: Backends, registry: MetricsRegistry) -> None:
    cache = backend(True)
    first = await cache.create("/pods/ns/a", new_pod("ns/a"))
    await cache.create("/pods/ns/b", new_pod("ns/b"))
    await cache.get_list("/pods/", ALL)
    async with await cache.watch("/pods/", ALL):
        assert counted(registry, "apiserver_init_events_total") == 2
    async with await cache.watch("/pods/", ListOptions(recursive=True, resource_version=str(first.revision))):
        assert counted(registry, "apiserver_init_events_total") == 3


async def test_bytes_that_cannot_be_read_are_counted(
    engine: StorageEngine, backend: Backends, registry: MetricsRegistry
) -> None:
    await engine.put(b"/registry/pods/ns/bad", b"{", expect_rev=0)
    stored = await backend(False).get("/pods/ns/bad")
    with pytest.raises(CorruptObjectError):
        stored.object()
    assert counted(registry, "apiserver_storage_decode_errors_total") == 1


async def test_the_size_of_the_engine_is_what_it_takes(engine: StorageEngine, registry: MetricsRegistry) -> None:
    EngineSize(registry, [engine.size_bytes], "memory")
    sample = "apiserver_storage_size_bytes", {"storage_cluster_id": "etcd-0"}
    before = registry.collectors.get_sample_value(*sample)
    await engine.put(b"/registry/pods/ns/large", b"x" * 200_000, expect_rev=0)
    after = registry.collectors.get_sample_value(*sample)
    assert before is not None
    assert after is not None
    assert after - before >= 200_000
    old = "apiserver_storage_db_total_size_in_bytes", {"endpoint": "memory"}
    assert registry.collectors.get_sample_value(*old) == after
