"""Indexes of the watch cache: what they promise to lists (the same answer, fewer looks) and what they may cost."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from genericapiserver.aio.slices import at_once
from genericapiserver.apimachinery import fields, labels
from genericapiserver.storage import cache_index, cache_pages
from genericapiserver.storage.cache_facets import MAX_VALUES, Pin, pins, value_of
from genericapiserver.storage.cache_index import MAX_INDEXES, Index, Indexes
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.errors import StorageInternalError
from genericapiserver.storage.interface import EXACT, ListOptions
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import ObjectAttributes, StoredObject
from tests.conformance.storage_harness import FORM, Harness, Pod, everything, key_of, made, new_pod, path_of, selecting
from tests.storage.selector_support import random_selectors, write_something


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    monkeypatch.setattr(cache_index, "WORTH_IT", 0)
    async for ready in made(MemoryEngine(initial_rev=1, retention=Retention(interval=0, max_events=0)), cached=True):
        yield ready


def cache_of(harness: Harness) -> Cacher[Pod]:
    assert isinstance(harness.backend, Cacher)
    return harness.backend


async def indexed(cache: Cacher[Pod]) -> set[str]:
    """The facets that have an index once nothing is being indexed any more."""
    while cache._lists.indexing is not None:
        await asyncio.wait([cache._lists.indexing])
        await asyncio.sleep(0)
    assert cache._feed.state is not None
    return {index.facet for index in cache._feed.state.indexes}


def stored_pod(path: str, *, node: str = "", **labels_: str) -> StoredObject[Pod]:
    pod = new_pod(path, node=node, labels_=labels_)
    return StoredObject(key_of(path), 7, FORM.codec.encode(pod), FORM)


# ---- what a selector pins


@pytest.mark.parametrize(
    ("label_selector", "field_selector", "expected"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("app=a", "", [Pin("l:app", ("a",))], id="an equality of a label"),
        pytest.param("app==a", "", [Pin("l:app", ("a",))], id="with two signs"),
        pytest.param("app in (a,b)", "", [Pin("l:app", ("a", "b"))], id="one of several values"),
        pytest.param("app!=a,!tier,zone,tier notin (a),n>3", "", [], id="nothing that says what a value is not"),
        pytest.param("", "spec.nodeName=", [Pin("f:spec.nodeName", ("",))], id="a field that has to be empty"),
        pytest.param("", "spec.nodeName!=n1", [], id="no field that has to differ"),
        pytest.param(
            "app in (a,b),tier=x",
            "metadata.namespace=ns,spec.nodeName=n1",
            [
                Pin("f:spec.nodeName", ("n1",)),
                Pin("l:tier", ("x",)),
                Pin("l:app", ("a", "b")),
                Pin("f:metadata.namespace", ("ns",)),
            ],
            id="what promises the fewest objects first",
        ),
    ],
)
def test_a_selector_pins_what_has_one_of_some_values(
    label_selector: str, field_selector: str, expected: list[Pin]
) -> None:
    assert pins(selecting(label_selector=label_selector, field_selector=field_selector)) == expected


def test_a_requirement_of_very_many_values_pins_nothing() -> None:
    many = ",".join(f"v{number}" for number in range(MAX_VALUES + 1))
    assert pins(selecting(label_selector=f"app in ({many})")) == []


def test_a_selector_of_nothing_pins_nothing() -> None:
    assert pins(SelectionPredicate(label=labels.NOTHING, field=fields.NOTHING)) == []


def test_a_missing_label_has_no_value_and_a_missing_field_an_empty_one() -> None:
    attributes = ObjectAttributes({"app": "a"}, {"metadata.name": "one"})
    assert value_of("l:app", attributes) == "a"
    assert value_of("l:tier", attributes) is None
    assert value_of("f:spec.nodeName", attributes) == ""


# ---- one index


def test_an_index_knows_keys_by_value_in_order() -> None:
    index = Index("l:app")
    at_once(index.fill([stored_pod("ns/a", app="x"), stored_pod("ns/c", app="x"), stored_pod("ns/d", tier="x")]))
    index.change(None, stored_pod("ns/b", app="x"))
    index.change(None, stored_pod("ns/e", app="y"))
    assert index.keys(["x"], "/pods/", "/pods0") == ["/pods/ns/a", "/pods/ns/b", "/pods/ns/c"]
    assert index.keys(["y", "x"], "/pods/ns/b", "/pods0") == ["/pods/ns/b", "/pods/ns/c", "/pods/ns/e"]
    assert index.count(["y", "x"], "/pods/ns/b", "/pods0") == 3
    assert index.keys(["y"], "/pods/", "/pods/ns/e") == []
    assert index.keys(["z"], "/pods/", "/pods0") == []


def test_an_index_forgets_values_that_nobody_has_any_more() -> None:
    one, two = stored_pod("ns/a", app="x"), stored_pod("ns/b", app="x")
    index = Index("l:app")
    index.change(None, one)
    index.change(None, two)
    index.change(one, stored_pod("ns/a", app="y"))
    assert index.keys(["x"], "/pods/", "/pods0") == ["/pods/ns/b"]
    index.change(two, None)
    assert len(index) == 1
    index.change(stored_pod("ns/a", app="y"), None)
    assert len(index) == 0


def test_what_cannot_be_decoded_is_in_no_index() -> None:
    index = Index("l:app")
    broken: StoredObject[Pod] = StoredObject("/pods/ns/a", 7, b"no pod", FORM)
    index.change(None, broken)
    index.change(broken, None)
    assert len(index) == 0


# ---- which there are


def test_an_index_is_made_once_half_as_many_objects_were_looked_at_in_vain() -> None:
    indexes: Indexes[Pod] = Indexes()
    pinned = pins(selecting(label_selector="app=a"))
    assert indexes.looked_in_vain(pinned, 900, 2000) is None
    assert indexes.looked_in_vain(pins(selecting(label_selector="tier=a")), 900, 2000) is None
    assert indexes.looked_in_vain(pinned, 100, 2000) == "l:app"
    indexes.add(Index("l:app"))
    assert indexes.looked_in_vain(pinned, 5000, 2000) is None


def test_small_resources_have_no_index() -> None:
    assert Indexes[Pod]().looked_in_vain(pins(selecting(label_selector="app=a")), 10_000, 999) is None


def test_the_index_that_was_not_used_for_the_longest_time_makes_room() -> None:
    indexes: Indexes[Pod] = Indexes()
    for number in range(MAX_INDEXES):
        indexes.add(Index(f"l:{number}"))
    assert indexes.best([Pin("l:0", ("a",))], "/pods/", "/pods0") == ("l:0", [])
    indexes.add(Index("l:more"))
    facets = [index.facet for index in indexes]
    assert len(facets) == MAX_INDEXES
    assert "l:0" in facets
    assert "l:1" not in facets


def test_labels_that_clients_make_up_are_not_counted_for_ever() -> None:
    indexes: Indexes[Pod] = Indexes()
    for number in range(cache_index.MAX_COUNTED * 2):
        indexes.looked_in_vain([Pin(f"l:{number}", ("a",))], 1, 2000)
    assert len(indexes._in_vain) == cache_index.MAX_COUNTED


def test_of_several_indexes_the_one_with_the_fewest_keys_is_used() -> None:
    indexes: Indexes[Pod] = Indexes()
    for facet in ("l:app", "l:tier"):
        indexes.add(Index(facet))
    for number in range(5):
        indexes.change(None, stored_pod(f"ns/{number}", app="a", tier=f"t{number}"))
    found = indexes.best(pins(selecting(label_selector="app=a,tier=t3")), "/pods/", "/pods0")
    assert found == ("l:tier", ["/pods/ns/3"])


# ---- lists


async def test_a_list_looks_only_at_what_its_index_names(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        await harness.create(f"ns/{number:02}", labels_={"team": f"t-{number // 3}"})
    cache = cache_of(harness)
    looked = 0
    matches = SelectionPredicate.matches

    def counting(self: SelectionPredicate, stored: StoredObject[Pod]) -> bool:
        nonlocal looked
        looked += 1
        return matches(self, stored)

    monkeypatch.setattr(SelectionPredicate, "matches", counting)
    options = everything(label_selector="team=t-7")
    assert len((await cache.get_list("/pods/", options)).items) == 3
    assert looked == 60
    assert await indexed(cache) == {"l:team"}
    looked = 0
    found = await cache.get_list("/pods/", options)
    assert [path_of(stored) for stored in found.items] == ["ns/21", "ns/22", "ns/23"]
    assert looked == 3


async def test_writes_while_an_index_is_made_are_in_it(harness: Harness) -> None:
    for number in range(200):
        await harness.create(f"ns/{number:03}", labels_={"team": "a"})
    cache = cache_of(harness)
    await cache.get_list("/pods/", everything(label_selector="team=b"))
    assert cache._lists.indexing is not None
    await harness.update("ns/000", lambda pod: pod.metadata.labels.update(team="b"))
    await harness.backend.delete(key_of("ns/001"))
    await harness.create("ns/200", labels_={"team": "b"})
    assert await indexed(cache) == {"l:team"}
    found = await cache.get_list("/pods/", everything(label_selector="team in (b,c)"))
    assert [path_of(stored) for stored in found.items] == ["ns/000", "ns/200"]
    assert len((await cache.get_list("/pods/", everything(label_selector="team=a"))).items) == 198


async def test_closing_the_cache_ends_the_making_of_an_index(harness: Harness) -> None:
    for number in range(50):
        await harness.create(f"ns/{number:02}")
    cache = cache_of(harness)
    await cache.get_list("/pods/", everything(label_selector="team=b"))
    making = cache._lists.indexing
    assert making is not None
    await cache.aclose()
    assert making.done()


@pytest.mark.parametrize("seed", range(12))
async def test_lists_by_index_and_of_a_full_scan_are_the_same_page_by_page(harness: Harness, seed: int) -> None:
    """The store below the cache knows no index. Between the pages of a list others write."""
    chance, cache, alive = random.Random(seed), cache_of(harness), set[str]()
    used: set[str] = set()
    for _ in range(80):
        await write_something(harness, chance, alive)
    for _ in range(60):
        label, field = random_selectors(chance)
        prefix, limit = chance.choice(["/pods/", "/pods/", "/pods/ns1/"]), chance.choice([0, 1, 2, 7])
        token, revision = "", chance.choice(["", str(harness.engine.current_rev() - chance.randrange(10))])
        while True:
            options = everything(
                "" if token else revision,
                EXACT if revision and not token else "",
                limit=limit,
                label_selector=label,
                field_selector=field,
                continue_token=token,
            )
            cached = await cache.get_list(prefix, options)
            direct = await harness.store.get_list(prefix, options)
            assert [(stored.key, stored.revision) for stored in cached.items] == [
                (stored.key, stored.revision) for stored in direct.items
            ]
            assert cached.resource_version == direct.resource_version
            assert cached.continue_token == direct.continue_token
            assert cached.remaining_item_count == direct.remaining_item_count
            await write_something(harness, chance, alive)
            token = cached.continue_token
            if not token:
                break
        if chance.random() < 0.5:
            used |= await indexed(cache)
    assert len(used) >= 4


# ---- options of the cache that say nothing of indexes still hold


async def test_an_index_serves_no_single_key(harness: Harness) -> None:
    for number in range(20):
        await harness.create(f"ns/{number:02}", labels_={"team": "a"})
    cache = cache_of(harness)
    await cache.get_list("/pods/", everything(label_selector="team=b"))
    assert await indexed(cache) == {"l:team"}
    options = ListOptions(predicate=selecting(label_selector="team=a"))
    assert [path_of(one) for one in (await cache.get_list("/pods/ns/07", options)).items] == ["ns/07"]


@pytest.mark.parametrize("seed", range(6))
async def test_a_page_is_as_of_one_revision_whatever_is_written_while_it_is_made(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, cache, alive = random.Random(seed), cache_of(harness), set[str]()
    for _ in range(80):
        await write_something(harness, chance, alive)
    monkeypatch.setattr(cache_pages, "LOOK_EVERY", 1)
    monkeypatch.setattr(cache_pages, "SLICE", -1.0)  # everybody else gets a turn after each object

    async def write_on() -> None:
        while True:
            await write_something(harness, chance, alive)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write_on())
    for _ in range(40):
        label, field = random_selectors(chance)
        options = everything(limit=chance.randrange(1, 6), label_selector=label, field_selector=field)
        cached = await cache.get_list("/pods/", options)
        exact = everything(
            cached.resource_version,
            EXACT,
            limit=options.predicate.limit,
            label_selector=label,
            field_selector=field,
        )
        direct = await harness.store.get_list("/pods/", exact)
        assert [(stored.key, stored.revision) for stored in cached.items] == [
            (stored.key, stored.revision) for stored in direct.items
        ]
        assert cached.continue_token == direct.continue_token
    writing.cancel()
    assert await indexed(cache)


async def test_what_can_be_read_after_all_is_in_the_index(harness: Harness) -> None:
    for number in range(20):
        await harness.create(f"ns/{number:02}", labels_={"team": "a"})
    refused = harness.transformer.failure = lambda data: b'"name":"07"' in data
    cache = harness.cacher()
    await cache.start()
    assert refused(await harness.raw("ns/07"))
    with pytest.raises(StorageInternalError):
        await cache.get_list("/pods/", everything(label_selector="team=b"))
    await cache.get_list("/pods/ns2/", everything(label_selector="team=b"))
    state = cache._feed.state
    assert state is not None
    index = Index("l:team")
    at_once(index.fill(state.items))
    state.indexes.add(index)
    assert index.count(["a"], "/pods/", "/pods0") == 19
    harness.transformer.failure = None
    found = await cache.get_list("/pods/", everything(label_selector="team=a"))
    assert len(found.items) == 20
    await harness.update("ns/07", lambda pod: pod.metadata.labels.update(team="b"))
    assert len((await cache.get_list("/pods/", everything(label_selector="team=a"))).items) == 19
