"""A dry run checks everything and changes nothing."""

from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from genericapiserver.apimachinery.meta import DeleteOptions, Preconditions, Status
from genericapiserver.registry.strategy import DefaultStrategy
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
    read,
    seed,
    update,
)

DRY: Any = {"dry_run": ["All"]}


async def deny(*objects: Any) -> None:
    raise ForbiddenError(GADGETS, "a", "no")


async def dry_delete(store: Any, **options: Any) -> Any:
    validate = options.pop("validate", None)
    return await store.delete(new_context(), "a", validate=validate, options=DeleteOptions(dry_run=["All"], **options))


async def test_create_gives_the_object_without_a_version_and_stores_nothing() -> None:
    store = new_store()
    made = await create(store, new_gadget(), **DRY)
    assert made.metadata.uid
    assert made.metadata.resource_version == ""
    assert await names(store) == []


async def test_create_echoes_a_resource_version() -> None:
    assert (await create(new_store(), new_gadget(resource_version="7"), **DRY)).metadata.resource_version == "7"


async def test_create_of_what_exists_fails() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(AlreadyExistsError):
        await create(store, new_gadget(), **DRY)


async def test_create_runs_admission() -> None:
    with pytest.raises(ForbiddenError):
        await create(new_store(), new_gadget(), validate=deny, **DRY)


async def test_update_gives_the_object_at_its_version_and_stores_nothing() -> None:
    store = new_store()
    before = await create(store, new_gadget())
    obj = await read(store)
    obj.spec.size = 4
    result = plain((await update(store, obj, **DRY)).object)
    assert result.spec.size == 4
    assert result.metadata.resource_version == before.metadata.resource_version
    assert await read(store) == before


async def test_update_of_what_is_missing_fails() -> None:
    with pytest.raises(NotFoundError):
        await update(new_store(), new_gadget(), **DRY)


async def test_update_honours_preconditions_and_versions() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(ConflictError):
        await update(store, new_gadget(uid="other", resource_version="2"), **DRY)
    with pytest.raises(ConflictError):
        await update(store, new_gadget(resource_version="1"), **DRY)
    with pytest.raises(InvalidError):
        await update(store, new_gadget(), **DRY)


async def test_update_that_would_create_creates_nothing() -> None:
    class Upserting(DefaultStrategy):
        allow_create_on_update = True

    store = new_store(Upserting(SCHEME))
    result = await update(store, new_gadget(resource_version="9"), **DRY)
    assert result.created
    assert plain(result.object).metadata.resource_version == "9"
    assert await names(store) == []
    with pytest.raises(ConflictError):
        await update(store, new_gadget(uid="u"), **DRY)


async def test_update_that_would_delete_deletes_nothing() -> None:
    store = new_store()
    obj = await seed(
        store,
        new_gadget(deletion_timestamp=store.clock.now(), deletion_grace_period_seconds=0, finalizers=["example.com/x"]),
    )
    obj.metadata.finalizers = []
    assert plain((await update(store, obj, **DRY)).object).metadata.finalizers == []
    assert await names(store) == ["a"]


async def test_delete_gives_the_status_and_deletes_nothing() -> None:
    store = new_store()
    before = await create(store, new_gadget())
    result = await dry_delete(store)
    assert result.immediate
    assert isinstance(result.object, Status)
    assert await read(store) == before


async def test_delete_shows_the_mark_and_does_not_set_it() -> None:
    store = new_store()
    before = await create(store, new_gadget(finalizers=["example.com/x"]))
    result = await dry_delete(store)
    assert not result.immediate
    assert plain(result.object).metadata.deletion_timestamp is not None
    assert await read(store) == before


async def test_graceful_delete_now_shows_the_mark_and_says_it_would_be_gone() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    before = await create(store, new_gadget())
    result = await dry_delete(store, grace_period_seconds=0)
    assert result.immediate
    assert plain(result.object).metadata.deletion_grace_period_seconds == 0
    assert await read(store) == before


async def test_delete_of_what_is_missing_fails() -> None:
    with pytest.raises(NotFoundError):
        await dry_delete(new_store())


async def test_delete_honours_preconditions_and_admission() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(ConflictError):
        await dry_delete(store, preconditions=Preconditions(uid="other"))
    with pytest.raises(ForbiddenError):
        await dry_delete(store, validate=deny)
