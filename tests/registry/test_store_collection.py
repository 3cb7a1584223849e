import asyncio
from typing import Any

import pytest

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.errors import ConflictError, ForbiddenError, NotFoundError
from genericapiserver.apimachinery.meta import DeleteOptions, Preconditions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.registry.generic import collection
from genericapiserver.registry.generic.store import Store
from genericapiserver.storage.stored import StoredList
from tests.registry.support import (
    GADGETS,
    SCHEME,
    GracefulStrategy,
    create,
    names,
    new_context,
    new_gadget,
    new_store,
    plain,
)


async def filled(count: int = 5, **arguments: Any) -> Store:
    store = new_store(arguments.pop("strategy", None), **arguments)
    for number in range(count):
        await create(store, new_gadget(f"g{number}", labels={"odd": str(number % 2)}))
    return store


async def delete_all(store: Store, *, validate: Any = None, options: Any = None, **listing: Any) -> StoredList[Any]:
    result = await store.delete_collection(
        new_context(), validate=validate, options=options, list_options=ListOptions(**listing)
    )
    assert isinstance(result, StoredList)
    return result


def listed(result: StoredList[Any]) -> list[str]:
    return [item.shared.metadata.name for item in result.items]


@pytest.mark.parametrize("workers", [1, 3])
async def test_everything_goes_and_is_returned_as_it_was(workers: int) -> None:
    store = await filled(delete_collection_workers=workers)
    result = await delete_all(store)
    assert listed(result) == ["g0", "g1", "g2", "g3", "g4"]
    assert all(item.shared.metadata.deletion_timestamp is None for item in result.items)
    assert await names(store) == []


async def test_an_empty_match_is_an_empty_list() -> None:
    assert (await delete_all(new_store())).items == []


async def test_only_what_the_selector_matches_goes() -> None:
    store = await filled()
    assert listed(await delete_all(store, label_selector=labels.parse("odd=1"))) == ["g1", "g3"]
    assert await names(store) == ["g0", "g2", "g4"]


async def test_a_limit_means_one_page() -> None:
    store = await filled()
    result = await delete_all(store, limit=2)
    assert listed(result) == ["g0", "g1"]
    assert result.continue_token
    assert await names(store) == ["g2", "g3", "g4"]


async def test_without_a_limit_every_page_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "PAGE_SIZE", 2)
    store = await filled()
    result = await delete_all(store, resource_version="0")
    assert listed(result) == ["g0", "g1", "g2", "g3", "g4"]
    assert result.continue_token  # that of the first page, stale as in the reference
    assert await names(store) == []


async def test_options_are_not_changed_by_what_happens_to_one_object() -> None:
    store = await filled(2, strategy=GracefulStrategy(SCHEME))
    options = DeleteOptions()
    await delete_all(store, options=options)
    assert options == DeleteOptions()


async def test_what_is_gone_meanwhile_is_no_error() -> None:
    store = await filled(3)

    async def faster(obj: Any) -> None:
        if plain(obj).metadata.name == "g0":
            await store.backend.delete(store.keys.item("ns", "g1"))

    assert listed(await delete_all(store, validate=faster)) == ["g0", "g1", "g2"]
    assert await names(store) == []


@pytest.mark.parametrize("workers", [1, 3])
async def test_the_first_error_ends_it(workers: int) -> None:
    async def deny(obj: Any) -> None:
        if plain(obj).metadata.name == "g1":
            raise ForbiddenError(GADGETS, "g1", "no")

    store = await filled(20, delete_collection_workers=workers)
    with pytest.raises(ForbiddenError):
        await delete_all(store, validate=deny)
    left = await names(store)
    assert "g1" in left
    assert len(left) >= 20 - workers


async def test_a_resource_version_precondition_holds_for_one_object_at_most() -> None:
    store = await filled(2)
    with pytest.raises(ConflictError):
        await delete_all(store, options=DeleteOptions(preconditions=Preconditions(resource_version="2")))
    assert await names(store) == ["g1"]


async def test_deleted_events_carry_advancing_versions() -> None:
    store = await filled(3)
    async with await store.watch(new_context(), ListOptions(resource_version="4")) as events:
        await delete_all(store)
        seen: list[Any] = []
        while len(seen) < 3:
            seen += await events.next_events()
    assert [(event.type, event.stored.shared.metadata.name, event.stored.revision) for event in seen] == [
        (EventType.DELETED, "g0", 5),
        (EventType.DELETED, "g1", 6),
        (EventType.DELETED, "g2", 7),
    ]


async def test_cancelling_stops_between_objects() -> None:
    reached = asyncio.Event()

    async def wait(obj: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    store = await filled(3, delete_collection_workers=2)
    task = asyncio.create_task(delete_all(store, validate=wait))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(store) == ["g0", "g1", "g2"]


async def test_one_object_that_fails_as_not_found_at_once() -> None:
    store = new_store()
    with pytest.raises(NotFoundError):
        await store.delete(new_context(), "a", validate=None, options=None)
