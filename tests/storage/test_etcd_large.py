"""Sizes: pages that no default of gRPC would let through, objects that etcd does not take, more keys than one page."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import EngineEvent, EngineTimeoutError, TooLargeError
from genericapiserver.storage.errors import ObjectTooLargeError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.etcd.compactor import Compactor
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.etcd.feed import COMPACT_KEY
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.store import Store
from tests.conformance.storage_harness import FORM, new_pod
from tests.support.etcd import EtcdProcess, FreshEtcds, needs_etcd

pytestmark = needs_etcd
MIB = 1024 * 1024
PODS = (b"/registry/pods/", b"/registry/pods0")
AT_ONCE = 125
"""Operations in one transaction; etcd takes 128."""


@pytest.fixture
def member(fresh_etcds: FreshEtcds) -> Iterator[EtcdProcess]:
    with fresh_etcds.take() as member:
        yield member


@pytest.fixture
async def engine(member: EtcdProcess) -> AsyncIterator[EtcdEngine]:
    engine = await EtcdEngine.open([member.url], compaction_interval=0)
    yield engine
    await engine.aclose()


@pytest.fixture
async def raw(member: EtcdProcess) -> AsyncIterator[EtcdClient]:
    client = EtcdClient([member.url])
    yield client
    await client.aclose()


async def fill(client: EtcdClient, objects: dict[bytes, bytes]) -> None:
    """Write as another program would, many keys with one revision."""
    operations = [
        messages.RequestOp(request_put=messages.PutRequest(key=key, value=value)) for key, value in objects.items()
    ]
    for first in range(0, len(operations), AT_ONCE):
        await client.write("Txn", messages.TxnRequest(success=operations[first : first + AT_ONCE]))


async def lease_of(client: EtcdClient, key: bytes) -> int:
    response = await client.read("Range", messages.RangeRequest(key=key))
    return int(response.kvs[0].lease)


async def test_a_page_and_a_watch_may_be_larger_than_grpc_lets_through_by_default(engine: EtcdEngine) -> None:
    heard: list[EngineEvent] = []
    engine.subscribe(b"/registry/", heard.extend)
    for number in range(12):
        await engine.put(b"/registry/pods/ns/%02d" % number, bytes([number]) * MIB, expect_rev=0)
    page = await engine.range(*PODS, limit=500)
    assert [(kv.key[-2:], len(kv.value)) for kv in page.kvs] == [(b"%02d" % number, MIB) for number in range(12)]
    assert [len(event.value or b"") for event in heard] == [MIB] * 12
    read_back = await engine._old.read(*PODS, 1, engine.current_rev(), proven=True)
    assert len(read_back[0]) == 12


@pytest.mark.parametrize("size", [MIB * 3 // 2 + 1, MIB * 2 - 10, MIB * 2 + 1, MIB * 5])
async def test_a_value_that_etcd_does_not_take_is_too_large(engine: EtcdEngine, size: int) -> None:
    with pytest.raises(TooLargeError):
        await engine.put(b"/registry/pods/ns/a", b"x" * size, expect_rev=0)
    assert (await engine.get(b"/registry/pods/ns/a")).kv is None
    assert (await engine.put(b"/registry/pods/ns/a", b"x" * (MIB * 3 // 2 - 200), expect_rev=0)).ok


class SlowMember:
    """Answers who waits long enough."""

    url = "http://slow:2379"

    def __init__(self, needed: float) -> None:
        self._needed = needed
        self.asked: list[float] = []

    async def call(self, method: str, request: Any, timeout: float) -> str:
        self.asked.append(timeout)
        if timeout < self._needed:
            nothing = Metadata()
            raise AioRpcError(StatusCode.DEADLINE_EXCEEDED, nothing, nothing, "Deadline Exceeded")
        return "the page"


async def test_a_page_that_takes_long_is_waited_for() -> None:
    client, slow = EtcdClient([]), SlowMember(20.0)
    client._endpoints = [slow]  # type: ignore[list-item]
    assert await client.read("Range", messages.RangeRequest(), timeout=60.0) == "the page"
    assert slow.asked == [3, 6, 12, 24]
    with pytest.raises(EngineTimeoutError):
        async with asyncio.timeout(5):
            await client.read("Range", messages.RangeRequest(), timeout=0.2)


async def test_an_object_is_refused_before_it_is_sent(engine: EtcdEngine) -> None:
    store = Store(engine, form=FORM, resource_prefix="/pods")
    large = new_pod("ns/a")
    large.metadata.annotations = {"a": "x" * (MIB * 3 // 2)}
    with pytest.raises(ObjectTooLargeError):
        await store.create("/pods/ns/a", large)


async def test_more_keys_than_one_page_has(engine: EtcdEngine, raw: EtcdClient) -> None:
    number = 10_050
    value = FORM.codec.encode(new_pod("ns/a"))
    await fill(raw, {b"/registry/pods/ns/%05d" % each: value for each in range(number)})
    await engine.catch_up()
    store: Store[Any] = Store(engine, form=FORM, resource_prefix="/pods")
    assert (await engine.stats(*PODS)).keys == number
    for backend in (store, Cacher(store)):
        assert len((await backend.get_list("/pods", ListOptions(recursive=True))).items) == number
        seen, token, pages = 0, "", 0
        while pages == 0 or token:
            predicate = SelectionPredicate(limit=4000, continue_token=token)
            found = await backend.get_list("/pods", ListOptions(recursive=True, predicate=predicate))
            seen, token, pages = seen + len(found.items), found.continue_token, pages + 1
        assert (seen, pages) == (number, 3)


async def test_a_write_without_a_time_to_live_takes_the_lease_away(engine: EtcdEngine, raw: EtcdClient) -> None:
    key = b"/registry/events/a"
    first = await engine.put(key, b"1", expect_rev=0, ttl=100.0)
    lease = await lease_of(raw, key)
    assert lease
    second = await engine.put(key, b"2", expect_rev=first.rev, ttl=100.0)
    assert await lease_of(raw, key) == lease
    await engine.put(key, b"3", expect_rev=second.rev, ttl=0.0)
    assert await lease_of(raw, key) == 0


async def test_a_server_that_was_restarted_goes_on_compacting(raw: EtcdClient, engine: EtcdEngine) -> None:
    async def stored() -> tuple[int, int]:
        kv = (await raw.read("Range", messages.RangeRequest(key=COMPACT_KEY))).kvs[0]
        return kv.version, int(kv.value)

    done: list[int] = []
    before = Compactor(raw, interval=300, compacted=done.append)
    for number in range(3):
        await before.turn()
        await engine.put(b"/registry/pods/ns/%d" % number, b"x", expect_rev=0)
    assert (await stored(), len(done)) == ((3, done[-1]), 2)
    after = Compactor(raw, interval=300, compacted=done.append)
    await after.turn()  # it hears who was there before it, and from then on counts along
    assert (await stored())[0] == 3
    await engine.put(b"/registry/pods/ns/x", b"x", expect_rev=0)
    await after.turn()
    assert await stored() == (4, done[-1])
    assert done == sorted(done)
    assert len(set(done)) == 3


async def test_what_stands_in_the_key_of_compaction_may_be_no_number(raw: EtcdClient, engine: EtcdEngine) -> None:
    await fill(raw, {COMPACT_KEY: b"not yet"})
    compactor = Compactor(raw, interval=300, compacted=lambda rev: pytest.fail(f"{rev}"))
    await compactor.turn()
    await engine.put(b"/registry/pods/ns/a", b"x", expect_rev=0)
    assert engine.compact_rev() == 0
