import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from genericapiserver.apimachinery.go import NumError
from genericapiserver.apimachinery.meta import ManagedFieldsEntry
from genericapiserver.registry.generic.hooks import Hooks
from genericapiserver.registry.strategy import DefaultStrategy
from tests.registry.support import (
    GADGETS,
    SCHEME,
    Gadget,
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

LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Upserting(DefaultStrategy):
    allow_create_on_update = True


class Unconditional(DefaultStrategy):
    allow_unconditional_update = True


async def deny(*objects: Any) -> None:
    raise ForbiddenError(GADGETS, "a", "no")


class Conflicting(DefaultStrategy):
    missing_version_conflicts = True


async def test_an_update_without_a_version_may_be_a_conflict() -> None:
    store = new_store(Conflicting(SCHEME))
    obj = await create(store, new_gadget())
    obj.metadata.resource_version = ""
    with pytest.raises(ConflictError, match="the object has been modified"):
        await update(store, obj)


async def test_update_replaces_the_object() -> None:
    store = new_store()
    obj = await create(store, new_gadget())
    obj.spec.size = 3
    result = await update(store, obj)
    assert not result.created
    assert plain(result.object).spec.size == 3
    assert plain(result.object).metadata.resource_version == "3"
    assert (await read(store)).spec.size == 3


async def test_what_is_missing_is_not_found_even_with_denying_admission() -> None:
    with pytest.raises(NotFoundError) as raised:
        await update(new_store(), new_gadget(), validate_create=deny, validate_update=deny)
    assert str(raised.value) == 'gadgets.things.example.com "a" not found'


async def test_an_update_may_create_where_the_kind_allows_it() -> None:
    store = new_store(Upserting(SCHEME))
    result = await update(store, new_gadget(resource_version="77"))
    assert result.created
    made = plain(result.object)
    assert made.metadata.uid
    assert made.metadata.resource_version == "2"


async def test_an_update_may_create_when_it_is_forced_to() -> None:
    assert (await update(new_store(), new_gadget(), force_allow_create=True)).created


async def test_create_on_update_asks_the_admission_of_creates() -> None:
    store = new_store(Upserting(SCHEME))
    with pytest.raises(ForbiddenError):
        await update(store, new_gadget(), validate_create=deny)
    assert await names(store) == []
    assert (await update(store, new_gadget(), validate_update=deny)).created


async def test_create_on_update_with_a_uid_is_a_conflict() -> None:
    with pytest.raises(ConflictError, match="Precondition failed: UID in precondition: u, UID in object meta: "):
        await update(new_store(Upserting(SCHEME)), new_gadget(uid="u"))


async def test_a_stale_resource_version_is_a_conflict() -> None:
    store = new_store()
    obj = await create(store, new_gadget())
    obj.spec.size = 1
    await update(store, obj)
    obj.spec.size = 2
    with pytest.raises(ConflictError) as raised:
        await update(store, obj)
    assert str(raised.value) == (
        'Operation cannot be fulfilled on gadgets.things.example.com "a": '
        "the object has been modified; please apply your changes to the latest version and try again"
    )


async def test_another_uid_is_a_conflict() -> None:
    store = new_store()
    obj = await create(store, new_gadget())
    right = obj.metadata.uid
    obj.metadata.uid = "other"
    with pytest.raises(ConflictError) as raised:
        await update(store, obj)
    assert str(raised.value) == (
        'Operation cannot be fulfilled on gadgets.things.example.com "a": StorageError: invalid object, Code: 4, '
        "Key: /registry/things.example.com/gadgets/ns/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
        f"UID in precondition: other, UID in object meta: {right}"
    )


async def test_an_update_without_a_resource_version_is_invalid() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(InvalidError) as raised:
        await update(store, new_gadget())
    assert str(raised.value) == (
        'gadgets.things.example.com "a" is invalid: '
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    )
    assert raised.value.details is not None
    assert raised.value.details.kind == "gadgets"


async def test_an_unconditional_update_overwrites_what_is_there() -> None:
    store = new_store(Unconditional(SCHEME))
    await create(store, new_gadget())
    obj = new_gadget()
    obj.spec.size = 9
    assert plain((await update(store, obj)).object).spec.size == 9


async def test_a_resource_version_that_is_no_number_is_a_plain_error() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(NumError, match=r'^strconv.ParseUint: parsing "abc": invalid syntax$'):
        await update(store, new_gadget(resource_version="abc"))


async def test_nor_can_an_update_create_by_such_a_version() -> None:
    store = new_store()
    with pytest.raises(NumError, match=r'^strconv.ParseUint: parsing "abc": invalid syntax$'):
        await update(store, new_gadget(resource_version="abc"), force_allow_create=True)
    assert (await update(store, new_gadget(), force_allow_create=True)).created


async def test_nothing_changed_writes_nothing_and_returns_the_whole_object() -> None:
    store = new_store()
    obj = await create(store, new_gadget(labels={"k": "v"}))
    result = await update(store, obj)
    assert plain(result.object) == obj


async def test_new_times_in_managed_fields_change_nothing() -> None:
    store = new_store()
    entry = ManagedFieldsEntry(
        manager="m", operation="Update", api_version="v1", fields_type="FieldsV1", time=LONG_AGO, fields_v1={}
    )
    obj = await create(store, new_gadget(managed_fields=[entry]))
    obj.metadata.managed_fields = [
        ManagedFieldsEntry(
            manager="m",
            operation="Update",
            api_version="v1",
            fields_type="FieldsV1",
            time=LONG_AGO + dt.timedelta(days=1),
            fields_v1={},
        )
    ]
    assert plain((await update(store, obj)).object).metadata.resource_version == obj.metadata.resource_version


async def test_the_generation_of_clients_is_ignored() -> None:
    store = new_store()
    obj = await create(store, new_gadget(generation=4))
    obj.metadata.generation = 99
    obj.spec.size = 1
    assert plain((await update(store, obj)).object).metadata.generation == 4


async def test_an_error_while_making_the_object_reaches_the_caller() -> None:
    async def fail(context: Any, new: Any, old: Any) -> Any:
        raise ForbiddenError(GADGETS, "a", "not like that")

    store = new_store()
    obj = await create(store, new_gadget())
    with pytest.raises(ForbiddenError, match="not like that"):
        await update(store, obj, fail)


async def test_transformers_see_the_new_and_the_stored_object_and_an_empty_one_on_create() -> None:
    seen: list[tuple[str, str]] = []

    async def look(context: Any, new: Any, old: Any) -> Any:
        seen.append((new.metadata.name, old.metadata.uid))
        return new

    store = new_store(Upserting(SCHEME))
    made = plain((await update(store, new_gadget(), look)).object)
    await update(store, new_gadget(resource_version=made.metadata.resource_version), look)
    assert seen == [("a", ""), ("a", made.metadata.uid)]


async def test_what_may_not_change_is_noticed_also_when_the_stored_object_itself_was_changed() -> None:
    async def rename(context: Any, new: Any, old: Any) -> Any:
        old.metadata.name = "b"
        return old

    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(InvalidError, match=r"metadata\.name: Invalid value: \"b\": field is immutable"):
        await update(store, None, rename)


async def test_denying_admission_blocks() -> None:
    async def deny_update(obj: Any, old: Any) -> None:
        assert obj.spec.size == 5
        assert plain(old).spec.size == 0
        raise ForbiddenError(GADGETS, "a", "no")

    store = new_store()
    obj = await create(store, new_gadget())
    obj.spec.size = 5
    with pytest.raises(ForbiddenError):
        await update(store, obj, validate_create=deny, validate_update=deny_update)
    assert (await read(store)).spec.size == 0


class Racing:
    """A backend that lets somebody else write first, a few times."""

    def __init__(self, backend: Any, races: int) -> None:
        self.backend = backend
        self.races = races

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    async def guaranteed_update(self, key: str, attempt: Any, **options: Any) -> Any:
        async def raced(existing: Any, meta: Any) -> Any:
            result = await attempt(existing, meta)
            if self.races:
                self.races -= 1
                other = existing.object()
                other.spec.trail.append("somebody else")
                await self.backend.guaranteed_update(key, lambda *_: made(other))
            return result

        return await self.backend.guaranteed_update(key, raced, **options)


async def made(obj: Any) -> Any:
    return obj, None


async def test_hooks_run_once_per_attempt_and_begin_ends_before_the_write() -> None:
    calls: list[str] = []

    @asynccontextmanager
    async def begin_update(context: Any, obj: Any, old: Any, options: Any) -> AsyncIterator[None]:
        calls.append("begin")
        yield
        calls.append("finish")

    async def after_update(context: Any, obj: Any, options: Any) -> None:
        calls.append("after")

    async def add(context: Any, new: Any, old: Any) -> Any:
        calls.append("make")
        old.spec.trail.append("us")
        return old

    store = new_store(
        backend=Racing(new_backend(), races=2), hooks=Hooks(begin_update=begin_update, after_update=after_update)
    )
    await create(store, new_gadget())
    result = await update(store, None, add)
    attempt = ["make", "begin", "finish"]
    assert calls == [*attempt, *attempt, *attempt, "after"]
    assert plain(result.object).spec.trail == ["somebody else", "somebody else", "us"]


async def test_a_race_with_a_resource_version_is_a_conflict() -> None:
    store = new_store(backend=Racing(new_backend(), races=1))
    obj = await create(store, new_gadget())
    obj.spec.size = 1
    with pytest.raises(ConflictError):
        await update(store, obj)


async def test_after_create_runs_for_an_update_that_created() -> None:
    calls: list[Any] = []

    async def after_create(context: Any, obj: Any, options: Any) -> None:
        calls.append((type(options).__name__, options.field_manager))

    async def after_update(context: Any, obj: Any, options: Any) -> None:
        calls.append("update")

    store = new_store(Upserting(SCHEME), hooks=Hooks(after_create=after_create, after_update=after_update))
    await update(store, new_gadget(), field_manager="me")
    assert calls == [("CreateOptions", "me")]


def terminating(**metadata: Any) -> Gadget:
    return new_gadget(
        deletion_timestamp=LONG_AGO, deletion_grace_period_seconds=0, finalizers=["example.com/x"], **metadata
    )


async def test_removing_the_last_finalizer_deletes_and_returns_what_was_sent() -> None:
    deleted: list[str] = []

    async def after_delete(context: Any, obj: Any, options: Any) -> None:
        deleted.append(obj.metadata.resource_version)

    store = new_store(hooks=Hooks(after_delete=after_delete))
    obj = await seed(store, terminating())
    obj.metadata.finalizers = []
    obj.spec.size = 8
    result = await update(store, obj)
    assert await names(store) == []
    assert deleted == ["3"]  # the revision of the deletion
    assert not result.created
    assert plain(result.object).spec.size == 8
    assert plain(result.object).metadata.resource_version == "2"


async def test_other_finalizers_keep_it() -> None:
    store = new_store()
    obj = await seed(store, terminating())
    obj.metadata.finalizers.append("example.com/y")
    stored = await seed(new_store(), terminating())
    assert stored.metadata.finalizers == ["example.com/x"]
    obj.metadata.finalizers = ["example.com/x"]
    obj.spec.size = 1
    await update(store, obj)
    assert await names(store) == ["a"]


async def test_without_finalizers_but_with_grace_left_it_stays() -> None:
    store = new_store()
    obj = await seed(
        store, new_gadget(deletion_timestamp=LONG_AGO, deletion_grace_period_seconds=30, finalizers=["example.com/x"])
    )
    obj.metadata.finalizers = []
    await update(store, obj)
    assert await names(store) == ["a"]


async def test_the_store_may_decline_to_delete_during_an_update() -> None:
    store = new_store(should_delete_during_update=lambda context, obj, old: False)
    obj = await seed(store, terminating())
    obj.metadata.finalizers = []
    await update(store, obj)
    assert await names(store) == ["a"]


async def test_an_update_that_empties_what_is_gone_already_succeeds() -> None:
    class Faster(Racing):
        async def delete(self, key: str, **options: Any) -> Any:
            await self.backend.delete(key)
            return await self.backend.delete(key, **options)

    store = new_store(backend=Faster(new_backend(), races=0))
    obj = await seed(store, terminating())
    obj.metadata.finalizers = []
    assert plain((await update(store, obj)).object).metadata.name == "a"


async def test_the_ttl_is_set_again_on_every_update() -> None:
    asked: list[tuple[int, bool]] = []

    def ttl(obj: Any, existing: int, is_update: bool) -> int:
        asked.append((existing, is_update))
        return 50

    store = new_store(ttl=ttl)
    obj = await create(store, new_gadget())
    obj.spec.size = 1
    await update(store, obj)
    assert asked == [(0, False), (0, True)]


async def test_a_name_that_is_no_segment_is_refused() -> None:
    with pytest.raises(BadRequestError):
        await update(new_store(), new_gadget(), name="../x", context=new_context())
