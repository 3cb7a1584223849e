from typing import Any

import pytest

from genericapiserver.apimachinery.errors import NotFoundError
from genericapiserver.apimachinery.meta import GetOptions, UpdateOptions
from genericapiserver.registry import rest
from genericapiserver.registry.rest import DefaultUpdatedObjectInfo
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStore, StatusStrategy
from tests.registry.support import (
    GROUP_VERSION,
    SCHEME,
    Gadget,
    GadgetSpec,
    GadgetStatus,
    create,
    new_context,
    new_gadget,
    new_store,
    plain,
    read,
    update,
)

MAIN = SpecStatusStrategy(SCHEME, versions=[GROUP_VERSION])


def stores() -> tuple[Any, StatusStore]:
    store = new_store(MAIN)
    return store, StatusStore(store, StatusStrategy(MAIN, SCHEME, versions=[GROUP_VERSION]))


def gadget(**metadata: Any) -> Gadget:
    made = new_gadget(**metadata)
    made.spec = GadgetSpec(size=2)
    made.status = GadgetStatus(phase="Ready")
    return made


async def update_status(status: StatusStore, obj: Gadget) -> Gadget:
    result = await status.update(
        new_context(),
        "a",
        DefaultUpdatedObjectInfo(obj),
        validate_create=None,
        validate_update=None,
        force_allow_create=True,
        options=UpdateOptions(),
    )
    made: Gadget = plain(result.object)
    return made


async def test_a_new_object_has_no_status_and_generation_one() -> None:
    store, _ = stores()
    made = await create(store, gadget(generation=8))
    assert made.status == GadgetStatus()
    assert made.metadata.generation == 1


async def test_an_update_leaves_the_status_alone_and_counts_changes_of_the_spec() -> None:
    store, status = stores()
    await create(store, gadget())
    obj = await read(store)
    obj.status.phase = "Ready"
    await update_status(status, obj)
    obj = await read(store)
    obj.status.phase = "Broken"
    assert plain((await update(store, obj)).object).metadata.generation == 1
    obj.spec.size = 3
    changed = plain((await update(store, obj)).object)
    assert (changed.metadata.generation, changed.status.phase) == (2, "Ready")


async def test_a_status_update_leaves_everything_else_alone() -> None:
    store, status = stores()
    await create(store, gadget(labels={"k": "v"}))
    obj = await read(store)
    obj.spec.size = 99
    obj.status.phase = "Ready"
    obj.metadata.labels = {}
    changed = await update_status(status, obj)
    assert (changed.spec.size, changed.status.phase, changed.metadata.labels) == (2, "Ready", {"k": "v"})
    assert changed.metadata.generation == 1


async def test_a_kind_may_take_metadata_from_status_updates() -> None:
    class Labelled(StatusStrategy):
        keeps = ("spec", "metadata.owner_references")

    store, _ = stores()
    status = StatusStore(store, Labelled(MAIN, SCHEME, versions=[GROUP_VERSION]))
    await create(store, gadget(labels={"k": "v"}))
    obj = await read(store)
    obj.spec.size = 99
    obj.metadata.labels = {"k": "w"}
    changed = await update_status(status, obj)
    assert (changed.spec.size, changed.metadata.labels) == (2, {"k": "w"})
    assert status.get_reset_fields() == {"things.example.com/v1": [("spec",), ("metadata", "ownerReferences")]}


async def test_each_says_what_it_ignores() -> None:
    store, status = stores()
    assert store.get_reset_fields() == {"things.example.com/v1": [("status",)]}
    assert status.get_reset_fields() == {
        "things.example.com/v1": [
            ("spec",),
            ("metadata", "labels"),
            ("metadata", "annotations"),
            ("metadata", "finalizers"),
            ("metadata", "ownerReferences"),
            ("metadata", "deletionTimestamp"),
        ]
    }


async def test_a_status_can_be_read_and_patched_and_nothing_more() -> None:
    store, status = stores()
    await create(store, gadget())
    assert plain(await status.get(new_context(), "a", GetOptions())).metadata.name == "a"
    assert isinstance(status, rest.Patcher)
    assert not isinstance(status, rest.Creator | rest.Lister | rest.Watcher | rest.GracefulDeleter)


async def test_a_status_update_never_creates() -> None:
    _, status = stores()
    with pytest.raises(NotFoundError):
        await update_status(status, gadget())
