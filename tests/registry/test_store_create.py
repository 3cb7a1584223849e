import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    AlreadyExistsError,
    BadRequestError,
    ForbiddenError,
    GenerateNameConflictError,
    InvalidError,
    MethodNotSupportedError,
    RequestEntityTooLargeError,
)
from genericapiserver.apimachinery.field import FieldError, Path, invalid
from genericapiserver.apimachinery.meta import CreateOptions
from genericapiserver.registry.generic.hooks import Hooks
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.stored import StoredObject
from tests.registry.support import (
    GADGETS,
    SCHEME,
    FakeClock,
    Gadget,
    create,
    names,
    new_backend,
    new_context,
    new_gadget,
    new_store,
    read,
    seed,
)


class TrailStrategy(DefaultStrategy):
    """Writes into the object which hook saw it."""

    def prepare_for_create(self, context: Any, obj: Any) -> None:
        obj.spec.trail.append("prepare_for_create")

    def canonicalize(self, obj: Any) -> None:
        obj.spec.trail.append("canonicalize")


@asynccontextmanager
async def begin(context: Any, obj: Any, options: Any) -> AsyncIterator[None]:
    obj.spec.trail.append("begin_create")
    yield


async def test_create_fills_what_the_system_owns() -> None:
    clock = FakeClock()
    made = await create(
        new_store(clock=clock), new_gadget(uid="theirs", creation_timestamp=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    )
    assert made.metadata.uid not in ("", "theirs")
    assert made.metadata.creation_timestamp == clock.time.replace(microsecond=0)
    assert made.metadata.resource_version == "2"


async def test_create_gives_what_storage_made() -> None:
    made = await new_store().create(new_context(), new_gadget(), validate=None, options=CreateOptions())
    assert isinstance(made, StoredObject)
    assert b"resourceVersion" not in made.value


async def test_changes_of_every_hook_are_stored_in_their_order() -> None:
    store = new_store(TrailStrategy(SCHEME), hooks=Hooks(begin_create=begin))
    made = await create(store, new_gadget())
    assert made.spec.trail == ["begin_create", "prepare_for_create", "canonicalize"]
    assert (await read(store)).spec.trail == made.spec.trail


async def test_begin_ends_before_after_create_and_the_decorator() -> None:
    calls: list[str] = []

    @asynccontextmanager
    async def begin_create(context: Any, obj: Any, options: Any) -> AsyncIterator[None]:
        calls.append("begin")
        yield
        calls.append("finish")

    async def after_create(context: Any, obj: Any, options: Any) -> None:
        assert obj.metadata.resource_version == "2"
        calls.append("after")

    async def validate(obj: Any) -> None:
        calls.append("validate")

    store = new_store(
        hooks=Hooks(begin_create=begin_create, after_create=after_create),
        decorator=lambda obj: calls.append("decorate"),
    )
    await create(store, new_gadget(), validate=validate)
    assert calls == ["begin", "validate", "finish", "after", "decorate"]


async def test_a_failure_leaves_begin_by_its_exception() -> None:
    seen: list[BaseException] = []

    @asynccontextmanager
    async def begin_create(context: Any, obj: Any, options: Any) -> AsyncIterator[None]:
        try:
            yield
        except AlreadyExistsError as error:
            seen.append(error)
            raise

    store = new_store(hooks=Hooks(begin_create=begin_create))
    await create(store, new_gadget())
    with pytest.raises(AlreadyExistsError):
        await create(store, new_gadget())
    assert len(seen) == 1


async def test_an_existing_name_is_refused() -> None:
    store = new_store()
    await create(store, new_gadget())
    with pytest.raises(AlreadyExistsError) as raised:
        await create(store, new_gadget())
    assert str(raised.value) == 'gadgets.things.example.com "a" already exists'


async def test_an_existing_object_on_its_way_out_is_mentioned() -> None:
    store = new_store()
    await seed(
        store, new_gadget(deletion_timestamp=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), finalizers=["example.com/x"])
    )
    with pytest.raises(AlreadyExistsError) as raised:
        await create(store, new_gadget())
    expected = 'object is being deleted: gadgets.things.example.com "a" already exists'
    assert str(raised.value) == raised.value.status().message == expected


async def test_a_name_whose_object_cannot_be_read_is_taken_all_the_same() -> None:
    backend = new_backend()
    store, engine = new_store(backend=backend), backend.engine
    await create(store, new_gadget())
    [taken] = (await engine.range(b"/", b"0")).kvs
    await engine.put(taken.key, b"not an object", expect_rev=taken.mod_rev)
    with pytest.raises(AlreadyExistsError) as raised:
        await create(store, new_gadget())
    assert str(raised.value) == 'gadgets.things.example.com "a" already exists'


class CountingNames(DefaultStrategy):
    """Generates names from a list."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        super().__init__(SCHEME)
        self.suffixes = list(suffixes)
        self.generated = 0

    def generate_name(self, base: str) -> str:
        self.generated += 1
        return base + self.suffixes.pop(0)


async def test_a_generated_name_that_is_taken_is_generated_again() -> None:
    strategy = CountingNames(["1"] * 3 + ["2"])
    store = new_store(strategy)
    await seed(store, new_gadget("g-1"))
    made = await create(store, Gadget(metadata=new_gadget("", generate_name="g-").metadata))
    assert made.metadata.name == "g-2"
    assert strategy.generated == 4


async def test_eight_names_are_tried() -> None:
    strategy = CountingNames(["1"] * 20)
    store = new_store(strategy)
    await seed(store, new_gadget("g-1"))
    with pytest.raises(GenerateNameConflictError) as raised:
        await create(store, new_gadget("", generate_name="g-"))
    assert strategy.generated == 8
    assert str(raised.value) == (
        'gadgets.things.example.com "g-1" already exists, the server was not able to generate a unique name for the object'
    )
    assert raised.value.retry_after_seconds == 1


async def test_names_are_generated_from_the_base() -> None:
    made = await create(new_store(), new_gadget("", generate_name="g-"))
    assert made.metadata.name.startswith("g-")
    assert len(made.metadata.name) == 7


async def test_the_namespace_of_the_request_is_filled_in_and_no_other_is_taken() -> None:
    store = new_store()
    assert (await create(store, new_gadget(namespace=""))).metadata.namespace == "ns"
    with pytest.raises(BadRequestError):
        await create(store, new_gadget("b", namespace="other"))


async def test_a_namespaced_resource_is_not_created_without_a_namespace() -> None:
    with pytest.raises(InvalidError, match=r"metadata\.namespace: Required value"):
        await create(new_store(), new_gadget(namespace=""), context=new_context(""))


async def test_a_cluster_scoped_object_has_no_namespace() -> None:
    strategy = DefaultStrategy(SCHEME)
    strategy.namespace_scoped = False
    store = new_store(strategy)
    made = await create(store, new_gadget(namespace="left over"), context=new_context(""))
    assert made.metadata.namespace == ""
    assert await names(store, "") == ["a"]


async def test_validation_runs() -> None:
    class Strict(DefaultStrategy):
        def validate(self, context: Any, obj: Any) -> Sequence[FieldError]:
            return [invalid(Path("spec"), "x", "never")]

    store = new_store(Strict(SCHEME))
    with pytest.raises(InvalidError):
        await create(store, new_gadget())
    assert await names(store) == []


async def test_denying_admission_blocks_and_sees_the_object_in_its_final_form() -> None:
    async def deny(obj: Any) -> None:
        assert obj.metadata.name
        assert obj.metadata.uid
        assert obj.spec.trail == ["prepare_for_create", "canonicalize"]
        raise ForbiddenError(GADGETS, obj.metadata.name, "no")

    store = new_store(TrailStrategy(SCHEME))
    with pytest.raises(ForbiddenError):
        await create(store, new_gadget("", generate_name="x"), validate=deny)
    assert await names(store) == []


async def test_a_resource_version_is_a_plain_error() -> None:
    with pytest.raises(StorageError, match=r"^resourceVersion should not be set on objects to be created$"):
        await create(new_store(), new_gadget(resource_version="7"))


async def test_too_much_to_store_is_413() -> None:
    obj = new_gadget()
    obj.spec.trail = ["x" * 1024] * 1600
    with pytest.raises(RequestEntityTooLargeError, match=r"^Request entity too large: limit is 1572864$"):
        await create(new_store(), obj)


async def test_objects_live_as_long_as_the_ttl_function_says() -> None:
    asked: list[tuple[int, bool]] = []

    def ttl(obj: Any, existing: int, update: bool) -> int:
        asked.append((existing, update))
        return 100

    await create(new_store(ttl=ttl), new_gadget())
    assert asked == [(0, False)]


async def test_a_store_that_cannot_create_says_so() -> None:
    strategy = DefaultStrategy(SCHEME)
    store = new_store(strategy)
    store.create_strategy = None
    with pytest.raises(MethodNotSupportedError):
        await create(store, new_gadget())


async def test_an_object_from_elsewhere_keeps_its_identity_where_that_is_wanted() -> None:
    born = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for keeps in (True, False):
        store = new_store().with_strategy(keeps_identity=keeps)
        gadget = new_gadget("a")
        gadget.metadata.uid, gadget.metadata.creation_timestamp = "the-uid", born
        made = await create(store, gadget)
        assert ((made.metadata.uid, made.metadata.creation_timestamp) == ("the-uid", born)) is keeps
        new = await create(store, new_gadget("b"))
        assert new.metadata.uid
        assert new.metadata.creation_timestamp is not None
