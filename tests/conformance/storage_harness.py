"""What the acceptance suite of storage needs: a type, a transformer to meddle with, and a backend with its engine.

A suite module takes the fixture `harness`; whoever runs the suite on an engine provides it. `CACHED` differences that the
reference allows are asked of `harness.cached`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.continue_token import encode_continue
from genericapiserver.storage.engine import RangeResult, StorageEngine
from genericapiserver.storage.interface import ListOptions, ResponseMeta, StorageBackend, WatchStream
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import ObjectAttributes, ObjectForm, StoredObject, WatchEvent

F = TypeVar("F", bound=Callable[..., Any])

FOREVER = 30.0
FRESHNESS = 0.05
"""How long the caches of the suite wait for the future; the real ones wait 3 seconds."""
MAX_INT64 = str(2**63 - 1)


@api_type
class PodSpec:
    """PodSpec says where a Pod runs."""

    node_name: str = field(default="", doc="The node.")


@api_type
class PodStatus:
    """PodStatus says how a Pod is."""

    phase: str = field(default="", doc="How far it is.")


@api_type
class Pod(Object):
    """Pod is the type of the suite."""

    spec: PodSpec = field(factory=PodSpec, doc="What it is to be.")
    status: PodStatus = field(factory=PodStatus, doc="What it is.")


SCHEME = Scheme("storage-suite")
SCHEME.add_known_types(GroupVersion("", "v1"), Pod)
CODEC = CodecFactory(SCHEME).storage_codec(GroupVersion("", "v1"), Pod)


def pod_attributes(pod: Pod) -> ObjectAttributes:
    return ObjectAttributes(
        pod.metadata.labels or {},
        {
            "metadata.name": pod.metadata.name,
            "metadata.namespace": pod.metadata.namespace,
            "spec.nodeName": pod.spec.node_name,
        },
    )


FORM = ObjectForm(codec=CODEC, new=Pod, attributes=pod_attributes, copy=deep_copy)


class PrefixTransformer:
    """Stores a prefix before the value and counts what it reads; can call everything stale, or fail."""

    def __init__(self, prefix: bytes = b"") -> None:
        self.prefix = prefix
        self.stale = False
        self.reads = 0
        self.failure: Callable[[bytes], bool] | None = None

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        self.reads += 1
        if not data.startswith(self.prefix):
            raise ValueError("value does not have expected prefix")
        if self.failure is not None and self.failure(data):
            raise ValueError("transformer was told to fail")
        return data[len(self.prefix) :], self.stale

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return self.prefix + data


class WatchedEngine:
    """An engine that counts its ranges and may do something after each."""

    def __init__(self, engine: StorageEngine) -> None:
        self._engine = engine
        self.ranges = 0
        self.after_range: Callable[[RangeResult], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        self.ranges += 1
        result = await self._engine.range(start, end, limit=limit, rev=rev)
        if self.after_range is not None:
            await self.after_range(result)
        return result


class Harness:
    """A backend under test and the hooks that the suite needs. The engine must be fresh and at revision 1."""

    def __init__(self, engine: StorageEngine, *, cached: bool) -> None:
        self.watched = WatchedEngine(engine)
        self.engine = cast("StorageEngine", self.watched)
        self.cached = cached
        self.transformer = PrefixTransformer()
        self.store = Store(self.engine, form=FORM, resource_prefix="/pods/", transformer=self.transformer)
        self._cachers: list[Cacher[Pod]] = []
        self.backend: StorageBackend[Pod] = self.cacher() if cached else self.store
        self._unrelated = 0

    def cacher(self, **options: Any) -> Cacher[Pod]:
        """Another watch cache on the same store."""
        made = Cacher(self.store, **{"freshness_timeout": FRESHNESS, **options})
        self._cachers.append(made)
        return made

    async def aclose(self) -> None:
        for cacher in self._cachers:
            await cacher.aclose()

    # ---- objects

    async def create(
        self,
        path: str,
        *,
        node: str = "",
        labels_: dict[str, str] | None = None,
        ttl: int = 0,
        uid: str = "",
    ) -> StoredObject[Pod]:
        """Create `ns/name`, or `name` without a namespace."""
        return await self.backend.create(key_of(path), new_pod(path, node=node, labels_=labels_, uid=uid), ttl=ttl)

    async def update(self, path: str, change: Callable[[Pod], None], ttl: int | None = None) -> StoredObject[Pod]:
        """Update through the backend under test."""

        async def apply(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
            assert existing is not None
            pod = existing.object()
            change(pod)
            return pod, ttl

        return await self.backend.guaranteed_update(key_of(path), apply)

    async def raw(self, path: str) -> bytes:
        """The bytes in the engine."""
        kv = (await self.engine.get(self.store.keys.engine_key(key_of(path)))).kv
        assert kv is not None
        return kv.value

    async def put_raw(self, path: str, data: bytes) -> int:
        """Write bytes past everything."""
        key = self.store.keys.engine_key(key_of(path))
        kv = (await self.engine.get(key)).kv
        result = await self.engine.put(key, data, expect_rev=kv.mod_rev if kv else 0)
        assert result.ok
        return result.rev

    # ---- revisions

    async def increase_rv(self) -> int:
        """One write to something else; the revision it got."""
        self._unrelated += 1
        result = await self.engine.put(b"/unrelated/%d" % self._unrelated, b"", expect_rev=0)
        return result.rev

    async def compact(self, revision: int) -> None:
        """Compact, which consumes a revision as it does in etcd."""
        await self.engine.compact(revision)
        await self.increase_rv()

    def token(self, start: str, revision: int, prefix: str = "/pods/") -> str:
        full = self.store.keys.full(prefix)
        return encode_continue(full + start, full, revision)


def key_of(path: str) -> str:
    return f"/pods/{path}"


def new_pod(path: str, *, node: str = "", labels_: dict[str, str] | None = None, uid: str = "") -> Pod:
    namespace, _, name = path.rpartition("/")
    metadata = ObjectMeta(name=name, namespace=namespace, labels=labels_ or {}, uid=uid)
    return Pod(metadata=metadata, spec=PodSpec(node_name=node))


def path_of(stored: StoredObject[Pod]) -> str:
    metadata = stored.shared.metadata
    return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name


def selecting(
    *,
    field_selector: str = "",
    label_selector: str = "",
    limit: int = 0,
    continue_token: str = "",
    bookmarks: bool = False,
) -> SelectionPredicate:
    return SelectionPredicate(
        field=fields.parse(field_selector),
        label=labels.parse(label_selector),
        limit=limit,
        continue_token=continue_token,
        allow_watch_bookmarks=bookmarks,
    )


def everything(resource_version: str | int = "", match: str = "", **predicate: Any) -> ListOptions:
    """Options of a recursive list or watch."""
    return ListOptions(
        resource_version=str(resource_version),
        resource_version_match=match,
        recursive=True,
        predicate=selecting(**predicate),
    )


class Reader:
    """Reads a watch event by event."""

    def __init__(self, stream: WatchStream[Pod]) -> None:
        self.stream = stream
        self._pending: list[WatchEvent[Pod]] = []
        self._ended = False

    async def next(self) -> WatchEvent[Pod] | None:
        """The next event; None when the watch has ended."""
        if not self._pending and not self._ended:
            async with asyncio.timeout(FOREVER):
                self._pending = list(await self.stream.next_events())
            self._ended = not self._pending
        return self._pending.pop(0) if self._pending else None

    async def expect(self, type: str, path: str, revision: int | None = None) -> StoredObject[Pod]:
        """The next event is this one."""
        event = await self.next()
        assert event is not None, f"the watch ended before {type} {path}"
        assert (str(event.type), path_of(event.stored)) == (type, path)
        if revision is not None:
            assert event.stored.revision == revision
        assert event.stored.shared.metadata.resource_version == str(event.stored.revision)
        return event.stored

    async def expect_error(self) -> Any:
        """The next event is an ERROR, the last one; its status."""
        event = await self.next()
        assert event is not None
        assert event.type == "ERROR", event
        assert await self.next() is None
        return event.object

    async def expect_nothing(self) -> None:
        """Nothing is pending now."""
        assert not self._pending, self._pending
        if self._ended:
            return
        try:
            async with asyncio.timeout(0.02):
                events = await self.stream.next_events()
        except TimeoutError:
            return
        raise AssertionError(f"unexpected events {events}")


async def open_watch(
    backend: StorageBackend[Pod], key: str, options: ListOptions, opened: list[WatchStream[Pod]] | None = None
) -> Reader:
    stream = await backend.watch(key, options)
    return Reader(stream)


def case(name: str) -> Callable[[F], F]:
    """Show the checklist's name of a test as its pytest id."""
    parametrize, use = pytest.mark.parametrize("case_name", [name]), pytest.mark.usefixtures("case_name")

    def mark(function: F) -> F:
        marked: F = use(parametrize(function))
        return marked

    return mark


async def made(engine: StorageEngine, *, cached: bool) -> AsyncIterator[Harness]:
    """For fixtures: a harness on *engine*, closed with it."""
    harness = Harness(engine, cached=cached)
    try:
        yield harness
    finally:
        await harness.aclose()
        await engine.aclose()
