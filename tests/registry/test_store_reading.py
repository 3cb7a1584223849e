from typing import Any

import pytest

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.errors import BadRequestError, NotFoundError
from genericapiserver.apimachinery.meta import GetOptions, TableOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.registry.generic.store import Store
from genericapiserver.storage.errors import InvalidResourceVersionError
from genericapiserver.storage.stored import StoredList, StoredObject
from tests.registry.support import Gadget, create, new_backend, new_context, new_gadget, new_store, seed


class Watchful:
    """A backend that notes which keys are listed and watched."""

    def __init__(self) -> None:
        self.backend = new_backend()
        self.asked: list[tuple[str, bool]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    async def get_list(self, key: str, options: Any) -> Any:
        self.asked.append((key, options.recursive))
        return await self.backend.get_list(key, options)

    async def watch(self, key: str, options: Any) -> Any:
        self.asked.append((key, options.recursive))
        return await self.backend.watch(key, options)


async def list_stored(store: Store, namespace: str = "ns", **options: Any) -> StoredList[Any]:
    result = await store.list(new_context(namespace), ListOptions(**options))
    assert isinstance(result, StoredList)
    return result


async def filled(**arguments: Any) -> Store:
    store = new_store(**arguments)
    for namespace in ("n0", "n1"):
        for name in ("a", "b"):
            await seed(store, new_gadget(name, namespace=namespace, labels={"name": name}))
    return store


async def test_get_hands_on_what_storage_holds() -> None:
    store = new_store()
    made = await create(store, new_gadget())
    found = await store.get(new_context(), "a", GetOptions())
    assert isinstance(found, StoredObject)
    assert found.shared == made


async def test_get_of_what_is_missing_or_cannot_be() -> None:
    store = new_store()
    with pytest.raises(NotFoundError) as raised:
        await store.get(new_context(), "a", GetOptions())
    assert str(raised.value) == 'gadgets.things.example.com "a" not found'
    with pytest.raises(BadRequestError):
        await store.get(new_context(), "..", GetOptions())
    with pytest.raises(BadRequestError, match="invalid resource version"):
        await store.get(new_context(), "a", GetOptions(resource_version="x"))


async def test_errors_name_the_resource_of_the_request() -> None:
    with pytest.raises(NotFoundError, match=r'^others\.example\.com "a" not found$'):
        await new_store().get(new_context(resource="others", group="example.com"), "a", GetOptions())


async def test_list_of_a_namespace_and_of_all() -> None:
    store = await filled()
    assert [item.key for item in (await list_stored(store, "n0")).items] == [
        "/things.example.com/gadgets/n0/a",
        "/things.example.com/gadgets/n0/b",
    ]
    assert len((await list_stored(store, "")).items) == 4


async def test_list_by_label() -> None:
    store = await filled()
    page = await list_stored(store, "", label_selector=labels.parse("name=a"))
    assert [item.shared.metadata.namespace for item in page.items] == ["n0", "n1"]


async def test_list_in_pages() -> None:
    store = await filled()
    first = await list_stored(store, "", limit=3)
    assert (len(first.items), first.remaining_item_count) == (3, 1)
    second = await list_stored(store, "", limit=3, continue_token=first.continue_token)
    assert (len(second.items), second.continue_token) == (1, "")


NARROWING = [
    pytest.param("n0", "", False, ("/n0", True), id="the request's namespace"),
    pytest.param("n0", "metadata.name=a", False, ("/n0/a", False), id="a pinned name"),
    pytest.param("", "metadata.namespace=n0", False, ("/n0", True), id="a pinned namespace"),
    pytest.param("", "metadata.namespace=n0,metadata.name=a", False, ("/n0/a", False), id="both pinned"),
    pytest.param("", "metadata.name=a", False, ("", True), id="a name in an unknown namespace"),
    pytest.param("", "metadata.namespace=N_0", False, ("", True), id="no namespace at all"),
    pytest.param("n0", "metadata.name!=a", False, ("/n0", True), id="not pinned"),
    pytest.param("n0", "metadata.name=a/b", False, ("/n0", True), id="a name nothing can have"),
    pytest.param("", "metadata.namespace=n0", True, ("", True), id="a pinned namespace in pages"),
]


@pytest.mark.parametrize(("namespace", "selector", "paged", "expected"), NARROWING)
async def test_selectors_that_pin_a_key_spare_reading_the_rest(
    namespace: str, selector: str, paged: bool, expected: tuple[str, bool]
) -> None:
    backend = Watchful()
    store = await filled(backend=backend)
    await list_stored(store, namespace, field_selector=fields.parse(selector), limit=1 if paged else 0)
    root = "/things.example.com/gadgets"
    assert backend.asked == [(root + expected[0], expected[1])]
    if not paged:
        async with await store.watch(new_context(namespace), ListOptions(field_selector=fields.parse(selector))):
            pass
        assert backend.asked[1] == backend.asked[0]


async def test_pages_of_a_pinned_namespace_follow_each_other() -> None:
    store = await filled()
    selector = fields.parse("metadata.namespace=n1")
    first = await list_stored(store, "", field_selector=selector, limit=1)
    second = await list_stored(store, "", field_selector=selector, limit=1, continue_token=first.continue_token)
    assert [item.shared.metadata.name for item in (*first.items, *second.items)] == ["a", "b"]


async def test_watch_gives_what_storage_gives() -> None:
    store = await filled()
    async with await store.watch(new_context("n0"), ListOptions()) as events:
        seen = await events.next_events()
        while len(seen) < 2:
            seen += await events.next_events()
    assert [(event.type, event.stored.key[-4:]) for event in seen] == [
        (EventType.ADDED, "n0/a"),
        (EventType.ADDED, "n0/b"),
    ]


async def test_a_watch_version_that_is_no_number_is_not_an_api_error() -> None:
    with pytest.raises(InvalidResourceVersionError):
        await new_store().watch(new_context(), ListOptions(resource_version="x"))


def decorate(obj: Any) -> None:
    obj.status.phase = "Decorated"


async def test_a_decorator_changes_what_clients_see_and_not_what_is_stored() -> None:
    store = new_store(decorator=decorate)
    made = await create(store, new_gadget())
    assert made.status.phase == "Decorated"
    found = await store.get(new_context(), "a", GetOptions())
    assert isinstance(found, Gadget)
    assert found.status.phase == "Decorated"
    page = await store.list(new_context(), ListOptions())
    assert isinstance(page, store.list_type)
    assert (page.metadata.resource_version, page.items[0].status.phase) == ("2", "Decorated")
    stored = await store.backend.get(store.keys.item("ns", "a"))
    assert stored.shared.status.phase == ""


async def test_a_decorator_sees_the_objects_of_a_watch() -> None:
    store = new_store(decorator=decorate)
    await create(store, new_gadget())
    async with await store.watch(
        new_context(),
        ListOptions(allow_watch_bookmarks=True, send_initial_events=True, resource_version_match="NotOlderThan"),
    ) as events:
        seen = await events.next_events()
        while len(seen) < 2:
            seen += await events.next_events()
    assert [(event.type, event.stored.shared.status.phase, event.stored.revision) for event in seen] == [
        (EventType.ADDED, "Decorated", 2),
        (EventType.BOOKMARK, "Decorated", 2),
    ]


async def test_errors_in_a_decorated_watch_pass_through() -> None:
    store = new_store(decorator=decorate)
    async with await store.watch(new_context(), ListOptions(resource_version="99", send_initial_events=True)) as events:
        (event,) = await events.next_events()
        assert event.type is EventType.ERROR
        assert await events.next_events() == []


async def test_tables_are_made_of_stored_objects_as_they_are() -> None:
    store = await filled()
    page = await list_stored(store, "n0")
    table = store.convert_to_table(new_context(), page, TableOptions())
    assert [row.object for row in table.rows] == page.items
    assert table.metadata.resource_version == str(page.resource_version)
    one = store.convert_to_table(new_context(), page.items[0], TableOptions())
    assert (one.rows[0].cells[0], one.metadata.resource_version) == ("a", "2")


async def test_a_table_convertor_of_ones_own_sees_objects() -> None:
    seen: list[Any] = []

    class Convertor:
        def convert_to_table(self, context: Any, obj: Any, options: Any) -> Any:
            seen.append(obj)
            return None

    store = await filled(table_convertor=Convertor())
    page = await list_stored(store, "n0")
    store.convert_to_table(new_context(), page, None)
    store.convert_to_table(new_context(), page.items[0], None)
    assert [item.metadata.name for item in seen[0].items] == ["a", "b"]
    assert isinstance(seen[1], Gadget)
