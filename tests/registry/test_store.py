"""What a store is made of, and what it says about itself."""

from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.types import list_of
from genericapiserver.registry import rest
from genericapiserver.registry.generic.options import RESTOptions, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.strategy import DefaultStrategy
from tests.registry.support import (
    GADGETS,
    GROUP_VERSION,
    SCHEME,
    Gadget,
    create,
    new_backend,
    new_gadget,
    new_store,
)


@pytest.mark.parametrize(
    "protocol",
    [
        rest.StandardStorage,
        rest.RESTStorage,
        rest.Scoper,
        rest.SingularNameProvider,
        rest.ShortNamesProvider,
        rest.CategoriesProvider,
        rest.StorageVersionProvider,
        rest.ResetFieldsProvider,
        rest.ReadinessChecker,
        rest.DeletedObjectReturner,
        rest.TableConvertor,
        rest.Patcher,
        rest.CreatorUpdater,
    ],
)
def test_a_store_is_everything_kubectl_expects(protocol: Any) -> None:
    assert isinstance(new_store(), protocol)


@pytest.mark.parametrize(
    "protocol",
    [rest.Connector, rest.NamedCreator, rest.GetterWithOptions, rest.KindProvider, rest.StorageMetadata],
)
def test_a_store_is_nothing_else(protocol: Any) -> None:
    assert not isinstance(new_store(), protocol)


def test_the_facts() -> None:
    store = new_store(short_names=["gd"], categories=["all"], storage_version=GROUP_VERSION)
    assert store.object_type is Gadget
    assert store.list_type is list_of(Gadget)
    assert store.namespace_scoped
    assert (store.singular_name, store.short_names, store.categories) == ("gadget", ("gd",), ("all",))
    assert store.storage_version == GROUP_VERSION
    store.readiness_check()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"singular_name": ""}, "needs a resource and its singular name"),
        ({"qualified_resource": GroupResource("g", "")}, "needs a resource and its singular name"),
        ({"strategy": None}, "neither a create nor an update strategy"),
        ({"strategy": None, "create_strategy": DefaultStrategy(SCHEME)}, "no delete strategy"),
    ],
)
def test_what_cannot_work_is_refused(change: dict[str, Any], text: str) -> None:
    arguments: dict[str, Any] = {
        "object_type": Gadget,
        "qualified_resource": GADGETS,
        "singular_name": "gadget",
        "strategy": DefaultStrategy(SCHEME),
        "backend": new_backend(),
        **change,
    }
    with pytest.raises(ValueError, match=text):
        Store(**arguments)


async def test_closing_runs_the_callback_once() -> None:
    calls: list[str] = []

    async def close() -> None:
        calls.append("closed")

    store = new_store(on_close=close)
    await store.with_strategy().aclose()
    await store.aclose()
    await store.aclose()
    assert calls == ["closed"]


class Getter:
    """Answers with one backend and notes what was asked for."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.opened: list[Any] = []

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        return RESTOptions(open_backend=self.open, resource_prefix=self.prefix, delete_collection_workers=4)

    def open(self, *, object_type: Any, resource_prefix: str, attributes: Any) -> Any:
        self.opened.append((object_type, resource_prefix, attributes(new_gadget()).fields))
        return new_backend(prefix=resource_prefix)


async def test_where_objects_are_kept_is_asked_for_by_resource() -> None:
    getter = Getter("some/where")
    store = store_for(
        getter,
        object_type=Gadget,
        qualified_resource=GADGETS,
        singular_name="gadget",
        strategy=DefaultStrategy(SCHEME),
        short_names=["gd"],
    )
    assert getter.opened == [(Gadget, "/some/where", {"metadata.name": "a", "metadata.namespace": "ns"})]
    assert (store.delete_collection_workers, store.short_names) == (4, ("gd",))
    await create(store, new_gadget())
    assert (await store.backend.get("/some/where/ns/a")).shared.metadata.name == "a"


def test_an_empty_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="has an invalid prefix"):
        store_for(
            Getter("/"),
            object_type=Gadget,
            qualified_resource=GADGETS,
            singular_name="gadget",
            strategy=DefaultStrategy(SCHEME),
        )
