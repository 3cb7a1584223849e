import datetime as dt
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import ConflictError, ForbiddenError, NotFoundError
from genericapiserver.apimachinery.meta import DeleteOptions, Preconditions, Status, StatusDetails
from genericapiserver.registry.generic.hooks import Hooks
from genericapiserver.registry.rest import DeleteResult
from genericapiserver.registry.strategy import DefaultStrategy, GarbageCollectionPolicy
from tests.registry.support import (
    GADGETS,
    SCHEME,
    FakeClock,
    GracefulStrategy,
    create,
    names,
    new_backend,
    new_context,
    new_gadget,
    new_store,
    plain,
    read,
    seed,
    update,
)

NOW = FakeClock().time.replace(microsecond=0)


async def delete(store: Any, name: str = "a", *, validate: Any = None, options: Any = "default") -> DeleteResult:
    if options == "default":
        options = DeleteOptions()
    result: DeleteResult = await store.delete(new_context(), name, validate=validate, options=options)
    return result


async def test_delete_answers_which_object_is_gone() -> None:
    store = new_store()
    made = await create(store, new_gadget())
    result = await delete(store)
    assert result.immediate
    assert result.object == Status(
        status="Success",
        details=StatusDetails(name="a", group="things.example.com", kind="gadgets", uid=made.metadata.uid),
    )
    assert await names(store) == []


async def test_delete_may_answer_with_the_object() -> None:
    store = new_store(return_deleted_object=True)
    await create(store, new_gadget())
    gone = plain((await delete(store)).object)
    assert (gone.metadata.name, gone.metadata.resource_version) == ("a", "3")


async def test_what_is_missing_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        await delete(new_store())


async def test_no_options_means_at_once_even_for_a_graceful_kind() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget())
    assert (await delete(store, options=None)).immediate
    assert await names(store) == []


async def test_after_delete_sees_the_last_state() -> None:
    seen: list[Any] = []

    async def after_delete(context: Any, obj: Any, options: Any) -> None:
        seen.append((obj.metadata.name, obj.metadata.resource_version))

    store = new_store(hooks=Hooks(after_delete=after_delete))
    await create(store, new_gadget())
    await delete(store)
    assert seen == [("a", "3")]


async def test_grace_marks_the_object_and_keeps_it() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget(generation=1))
    result = await delete(store, options=DeleteOptions(grace_period_seconds=10))
    assert not result.immediate
    kept = await read(store)
    assert plain(result.object) == kept
    assert kept.metadata.deletion_timestamp == NOW + dt.timedelta(seconds=10)
    assert kept.metadata.deletion_grace_period_seconds == 10
    assert kept.metadata.generation == 2


async def test_grace_zero_deletes_what_was_waiting() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget())
    await delete(store, options=DeleteOptions(grace_period_seconds=10))
    result = await delete(store, options=DeleteOptions(grace_period_seconds=0))
    assert result.immediate
    assert await names(store) == []


async def test_a_longer_grace_changes_nothing() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget())
    await delete(store, options=DeleteOptions(grace_period_seconds=10))
    before = await read(store)
    result = await delete(store, options=DeleteOptions(grace_period_seconds=20))
    assert not result.immediate
    assert isinstance(result.object, Status)
    assert await read(store) == before


async def test_a_resource_version_precondition_works_with_grace() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    made = await create(store, new_gadget())
    preconditions = Preconditions(resource_version=made.metadata.resource_version)
    result = await delete(store, options=DeleteOptions(grace_period_seconds=0, preconditions=preconditions))
    assert result.immediate
    assert await names(store) == []


async def test_a_resource_version_precondition_stands_when_nothing_was_written_before() -> None:
    store = new_store()
    await seed(store, new_gadget(finalizers=["orphan"]))
    options = DeleteOptions(propagation_policy="Background", preconditions=Preconditions(resource_version="2"))
    assert (await delete(store, options=options)).immediate


@pytest.mark.parametrize("preconditions", [Preconditions(uid="other"), Preconditions(resource_version="77")])
async def test_preconditions_that_do_not_hold_are_a_conflict(preconditions: Preconditions) -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(ConflictError):
        await delete(store, options=DeleteOptions(preconditions=preconditions))
    assert await names(store) == ["a"]


async def test_finalizers_keep_the_object_marked() -> None:
    store = new_store()
    await create(store, new_gadget(generation=5, finalizers=["example.com/x"]))
    result = await delete(store)
    assert not result.immediate
    kept = plain(result.object)
    assert kept == await read(store)
    assert kept.metadata.deletion_timestamp == NOW
    assert kept.metadata.deletion_grace_period_seconds == 0
    assert kept.metadata.generation == 6


async def test_deleting_again_changes_nothing() -> None:
    clock = FakeClock()
    store = new_store(clock=clock)
    await create(store, new_gadget(generation=5, finalizers=["example.com/x"]))
    first = plain((await delete(store)).object)
    clock.advance(100)
    result = await delete(store)
    assert not result.immediate
    assert plain(result.object) == first


async def test_a_graceful_kind_keeps_finalizers_and_grace() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget(finalizers=["example.com/x"]))
    result = await delete(store, options=DeleteOptions(grace_period_seconds=0))
    assert not result.immediate
    assert plain(result.object).metadata.deletion_grace_period_seconds == 0


async def test_the_last_finalizer_takes_the_object_with_it() -> None:
    store = new_store()
    await create(store, new_gadget(finalizers=["example.com/x"]))
    await delete(store)
    obj = await read(store)
    obj.metadata.finalizers = []
    await update(store, obj)
    assert await names(store) == []


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        (DeleteOptions(orphan_dependents=True), ["orphan"]),
        (DeleteOptions(propagation_policy="Orphan"), ["orphan"]),
        (DeleteOptions(propagation_policy="Foreground"), ["foregroundDeletion"]),
    ],
)
async def test_dependents_are_left_to_the_garbage_collector(options: DeleteOptions, finalizers: list[str]) -> None:
    store = new_store()
    await create(store, new_gadget())
    result = await delete(store, options=options)
    assert not result.immediate
    assert plain(result.object).metadata.finalizers == finalizers
    assert plain(result.object).metadata.deletion_timestamp == NOW


async def test_without_garbage_collection_nobody_would_remove_such_finalizers() -> None:
    store = new_store(enable_garbage_collection=False)
    await create(store, new_gadget())
    assert (await delete(store, options=DeleteOptions(propagation_policy="Orphan"))).immediate


async def test_the_kind_may_orphan_by_default() -> None:
    class Orphaning(DefaultStrategy):
        def default_garbage_collection_policy(self, context: Any) -> GarbageCollectionPolicy:
            return GarbageCollectionPolicy.ORPHAN_DEPENDENTS

    store = new_store(Orphaning(SCHEME))
    await create(store, new_gadget())
    assert plain((await delete(store)).object).metadata.finalizers == ["orphan"]


async def test_background_drops_a_finalizer_of_ours_and_deletes_at_once() -> None:
    store = new_store()
    await seed(store, new_gadget(finalizers=["orphan"]))
    assert (await delete(store, options=DeleteOptions(propagation_policy="Background"))).immediate
    assert await names(store) == []


async def test_options_do_not_change_finalizers_while_grace_runs() -> None:
    store = new_store(GracefulStrategy(SCHEME))
    await create(store, new_gadget())
    await delete(store, options=DeleteOptions(grace_period_seconds=10))
    await delete(store, options=DeleteOptions(grace_period_seconds=10, propagation_policy="Orphan"))
    assert (await read(store)).metadata.finalizers == []


class Interfering:
    """A backend where somebody changes the object once it was read for deletion."""

    def __init__(self, backend: Any, change: Any) -> None:
        self.backend = backend
        self.change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    async def get(self, key: str, **options: Any) -> Any:
        found = await self.backend.get(key, **options)
        change, self.change = self.change, None
        if change is not None:
            await change(self.backend, key)
        return found


async def add_finalizer(backend: Any, key: str) -> None:
    async def add(existing: Any, meta: Any) -> Any:
        obj = existing.object()
        obj.metadata.finalizers.append("example.com/late")
        return obj, None

    await backend.guaranteed_update(key, add)


async def test_a_finalizer_that_came_meanwhile_is_honoured_when_marking() -> None:
    backend = new_backend()
    store = new_store(backend=backend)
    await create(store, new_gadget(finalizers=["example.com/x"]))
    store.backend = Interfering(backend, add_finalizer)
    result = await delete(store)
    assert plain(result.object).metadata.finalizers == ["example.com/x", "example.com/late"]


async def test_what_somebody_else_deleted_first_counts_as_deleted_after_the_mark() -> None:
    class Faster(Interfering):
        async def delete(self, key: str, **options: Any) -> Any:
            await self.backend.delete(key)
            return await self.backend.delete(key, **options)

    backend = new_backend()
    store = new_store(GracefulStrategy(SCHEME), backend=Faster(backend, None))
    await create(store, new_gadget())
    assert (await delete(store, options=DeleteOptions(grace_period_seconds=0))).immediate
    await create(store, new_gadget())
    store = new_store(backend=Faster(backend, None))
    with pytest.raises(NotFoundError):
        await delete(store)


@pytest.mark.parametrize("finalizers", [[], ["example.com/x"]])
async def test_denying_admission_blocks(finalizers: list[str]) -> None:
    async def deny(obj: Any) -> None:
        assert plain(obj).metadata.name == "a"
        raise ForbiddenError(GADGETS, "a", "no")

    store = new_store()
    made = await create(store, new_gadget(finalizers=finalizers))
    with pytest.raises(ForbiddenError):
        await delete(store, validate=deny)
    assert await read(store) == made


async def test_admission_is_asked_again_when_a_race_is_lost() -> None:
    seen: list[str] = []
    store = new_store()
    await create(store, new_gadget())

    async def race(obj: Any) -> None:
        seen.append(plain(obj).metadata.resource_version)
        if len(seen) == 1:
            other = await read(store)
            other.spec.size = 1
            await update(store, other)

    assert (await delete(store, validate=race)).immediate
    assert seen == ["2", "3"]


async def test_a_ttl_survives_the_mark() -> None:
    asked: list[bool] = []

    def ttl(obj: Any, existing: int, is_update: bool) -> int:
        asked.append(is_update)
        return 60

    store = new_store(ttl=ttl)
    await create(store, new_gadget(finalizers=["example.com/x"]))
    await delete(store)
    assert asked == [False, True]
