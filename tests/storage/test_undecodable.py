"""What no codec can decode, stored by somebody else: whoever looks for objects is told, whatever the selector.

The reference decodes before it selects (pkg/storage/etcd3/store.go, processListItem; watcher.go, transform), and only an
object whose attributes cannot be found out is passed over.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage import cache_index
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.interface import WatchStream
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.stored import WatchEvent
from tests.conformance.storage_harness import Harness, Pod, everything, path_of

SELECTORS = [
    pytest.param({"label_selector": "team=a"}, id="label"),
    pytest.param({"label_selector": "team!=a"}, id="no label"),
    pytest.param({"field_selector": "spec.nodeName=n"}, id="field"),
    pytest.param({"field_selector": "metadata.name=a"}, id="name"),
]


@pytest.fixture(params=[True, False], ids=["cache", "store"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    engine = MemoryEngine(initial_rev=1, retention=Retention(interval=0, max_events=0))
    harness = Harness(engine, cached=request.param)
    yield harness
    await harness.aclose()
    await engine.aclose()


async def rest(stream: WatchStream[Pod]) -> list[WatchEvent[Pod]]:
    """Everything that *stream* tells until it ends."""
    events: list[WatchEvent[Pod]] = []
    async with asyncio.timeout(30):
        while some := await stream.next_events():
            events += some
    return events


def is_told(event: WatchEvent[Pod]) -> bool:
    status: Any = event.object
    return event.type is EventType.ERROR and status.code == 500 and "object not decodable" in status.message


@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_list_fails_whatever_it_selects(harness: Harness, selector: dict[str, str]) -> None:
    await harness.create("ns/a", node="n", labels_={"team": "a"})
    await harness.put_raw("ns/bad", b"nonsense")
    with pytest.raises(CorruptObjectError, match="object not decodable"):
        await harness.backend.get_list("/pods/", everything(**selector))
    elsewhere = await harness.backend.get_list("/pods/other/", everything(**selector))
    assert not elsewhere.items


async def test_a_page_fails_only_when_it_comes_to_what_cannot_be_decoded(harness: Harness) -> None:
    for name in "ac":
        await harness.create(f"ns/{name}", labels_={"team": "a"})
    await harness.put_raw("ns/b", b"nonsense")
    first = await harness.backend.get_list("/pods/", everything(label_selector="team=a", limit=1))
    assert [path_of(stored) for stored in first.items] == ["ns/a"]
    with pytest.raises(CorruptObjectError):
        await harness.backend.get_list(
            "/pods/", everything(label_selector="team=a", limit=1, continue_token=first.continue_token)
        )


async def test_a_list_by_index_fails_until_the_object_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_index, "WORTH_IT", 1)
    engine = MemoryEngine(initial_rev=1, retention=Retention(interval=0, max_events=0))
    harness = Harness(engine, cached=True)
    cache = harness.backend
    assert isinstance(cache, Cacher)
    for number in range(20):
        await harness.create(f"ns/{number:02}", labels_={"team": "a" if number else "b"})
    await cache.get_list("/pods/", everything(label_selector="team=b"))
    while cache._lists.indexing is not None:
        await asyncio.wait([cache._lists.indexing])
        await asyncio.sleep(0)
    state = cache._feed.state
    assert state is not None
    assert [index.facet for index in state.indexes] == ["l:team"]
    selected = everything(label_selector="team=b")
    assert len((await cache.get_list("/pods/", selected)).items) == 1
    await harness.put_raw("ns/07", b"nonsense")
    with pytest.raises(CorruptObjectError):
        await cache.get_list("/pods/", selected)
    await cache.delete("/pods/ns/07", ignore_store_read_error=True)
    assert len((await cache.get_list("/pods/", selected)).items) == 1
    await harness.aclose()
    await engine.aclose()


@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_watch_ends_with_the_error_whatever_it_selects(harness: Harness, selector: dict[str, str]) -> None:
    seen = await harness.create("ns/a", node="n", labels_={"team": "x"})
    stream = await harness.backend.watch("/pods/", everything(seen.revision, **selector))
    reading = asyncio.create_task(rest(stream))
    await asyncio.sleep(0)
    await harness.put_raw("ns/bad", b"nonsense")
    events = await reading
    assert len(events) == 1
    assert is_told(events[0])


@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_watch_that_resumes_before_it_is_told(harness: Harness, selector: dict[str, str]) -> None:
    seen = await harness.create("ns/a", node="n", labels_={"team": "x"})
    await harness.backend.get_list("/pods/", everything())
    await harness.put_raw("ns/bad", b"nonsense")
    await harness.create("ns/b")
    events = await rest(await harness.backend.watch("/pods/", everything(seen.revision, **selector)))
    assert is_told(events[-1])
    assert len(events) == 1


@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_watch_that_begins_with_it_is_told(harness: Harness, selector: dict[str, str]) -> None:
    await harness.put_raw("ns/bad", b"nonsense")
    await harness.backend.get_list("/pods/", everything())
    options = everything(0, **selector)
    if not harness.cached:  # the list that it begins with fails
        with pytest.raises(CorruptObjectError):
            await harness.backend.watch("/pods/", options)
        return
    assert is_told((await rest(await harness.backend.watch("/pods/", options)))[-1])
