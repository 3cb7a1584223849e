"""A kind of our own, its strategies, and stores of it in memory."""

import asyncio
import datetime as dt
from typing import Any

from genericapiserver.apimachinery.meta import CreateOptions, GetOptions, Object, ObjectMeta, UpdateOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import DefaultUpdatedObjectInfo, UpdateResult
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import RequestContext, RequestInfo, WarningRecorder
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.store import Store as StorageStore
from genericapiserver.storage.stored import (
    ObjectForm,
    StoredObject,
    cluster_scoped_attributes,
    metadata_attributes,
)

GROUP_VERSION = GroupVersion("things.example.com", "v1")
GADGETS = GroupResource("things.example.com", "gadgets")


@api_type
class GadgetSpec:
    """GadgetSpec is what a Gadget is to be."""

    size: int = field(default=0, doc="How big.")
    trail: list[str] = field(factory=list, doc="Who touched it.")


@api_type
class GadgetStatus:
    """GadgetStatus is what a Gadget is."""

    phase: str = field(default="", doc="How far it came.")


@api_type
class Gadget(Object):
    """Gadget is a thing to test with."""

    spec: GadgetSpec = field(factory=GadgetSpec, doc="What it is to be.")
    status: GadgetStatus = field(factory=GadgetStatus, doc="What it is.")


def new_scheme() -> Scheme:
    scheme = Scheme("test")
    scheme.add_known_types(GROUP_VERSION, Gadget)
    return scheme


SCHEME = new_scheme()
CODEC = CodecFactory(SCHEME).storage_codec(GROUP_VERSION, Gadget)


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 11, 20, 12, 0, 0, 250000, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


class GracefulStrategy(DefaultStrategy):
    """Deletes with grace: the time asked for, or *default_grace*."""

    default_grace: int | None = 30

    def check_graceful_delete(self, context: RequestContext, obj: Any, options: Any) -> bool:
        if options.grace_period_seconds is None:
            options.grace_period_seconds = self.default_grace
        return True


def new_context(namespace: str = "ns", *, resource: str = "gadgets", group: str = GADGETS.group) -> RequestContext:
    info = RequestInfo(
        is_resource_request=True, api_group=group, api_version="v1", namespace=namespace, resource=resource
    )
    return RequestContext(request_info=info, warnings=WarningRecorder())


def new_gadget(name: str = "a", *, namespace: str = "ns", **metadata: Any) -> Gadget:
    return Gadget(metadata=ObjectMeta(name=name, namespace=namespace, **metadata))


def new_backend(*, prefix: str = "/things.example.com/gadgets", namespaced: bool = True) -> StorageStore[Gadget]:
    form = ObjectForm(
        codec=CODEC,
        new=Gadget,
        attributes=metadata_attributes if namespaced else cluster_scoped_attributes,
        copy=deep_copy,
    )
    return StorageStore(MemoryEngine(initial_rev=1), form=form, resource_prefix=prefix)


def new_store(strategy: Any = None, *, backend: Any = None, clock: Any = None, **arguments: Any) -> Store:
    strategy = strategy or DefaultStrategy(SCHEME)
    return Store(
        object_type=Gadget,
        qualified_resource=GADGETS,
        singular_name="gadget",
        strategy=strategy,
        backend=backend or new_backend(namespaced=strategy.namespace_scoped),
        clock=clock or FakeClock(),
        **arguments,
    )


def plain(obj: Any) -> Any:
    """The object in a result, stored or not."""
    return obj.shared if isinstance(obj, StoredObject) else obj


async def create(store: Store, obj: Gadget, *, context: RequestContext | None = None, **options: Any) -> Gadget:
    validate = options.pop("validate", None)
    made = await store.create(context or new_context(), obj, validate=validate, options=CreateOptions(**options))
    result: Gadget = plain(made)
    return deep_copy(result)


async def seed(store: Store, obj: Gadget) -> Gadget:
    """Put *obj* into storage as it is, past every rule."""
    obj.metadata.uid = obj.metadata.uid or "uid-" + obj.metadata.name
    obj.metadata.creation_timestamp = obj.metadata.creation_timestamp or dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    key = store.keys.item(obj.metadata.namespace, obj.metadata.name)
    stored = await store.backend.create(key, obj)
    result: Gadget = stored.object()
    return result


async def read(store: Store, name: str = "a", *, context: RequestContext | None = None) -> Gadget:
    found = await store.get(context or new_context(), name, GetOptions())
    result: Gadget = deep_copy(plain(found))
    return result


async def names(store: Store, namespace: str = "ns") -> list[str]:
    page = await store.list_stored(new_context(namespace), ListOptions())
    return [item.shared.metadata.name for item in page.items]


async def update(
    store: Store, obj: Gadget | None, *transformers: Any, name: str = "a", context: Any = None, **arguments: Any
) -> UpdateResult:
    call = {
        key: arguments.pop(key, default)
        for key, default in (("validate_create", None), ("validate_update", None), ("force_allow_create", False))
    }
    return await store.update(
        context or new_context(),
        name,
        DefaultUpdatedObjectInfo(obj, *transformers),
        options=UpdateOptions(**arguments),
        **call,
    )


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)
