"""A source in memory that counts how often it is asked, and the resource over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs

from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    Object,
    ObjectMeta,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field
from genericapiserver.builder import Source
from genericapiserver.builder.resource import new_scheme
from genericapiserver.registry.generic.options import RESTOptions
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import DefaultUpdatedObjectInfo, UpdateResult
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.store import Store as StorageStore
from genericapiserver.storage.stored import ObjectForm
from tests.registry.support import new_context, plain

GROUP = "fridge.example.com"
NEVER = 3600.0
"""Seconds between polls where a test says itself when to look."""


@api_type
class NoteSpec:
    text: str = field(default="", doc="What it says.")


@api_type
class NoteStatus:
    read_by: str = field(default="", doc="Who has read it.")


@api_type
class Note(Object):
    spec: NoteSpec = field(factory=NoteSpec)
    status: NoteStatus = field(factory=NoteStatus)


def note(name: str, text: str = "", **metadata: Any) -> Note:
    return Note(metadata=ObjectMeta(name=name, namespace="ns", **metadata), spec=NoteSpec(text=text))


@attrs.define(eq=False)
class Notes:
    """The source: notes by name. *asked* counts the calls of each function."""

    notes: dict[str, Note] = attrs.Factory(dict)
    asked: dict[str, int] = attrs.Factory(dict)
    failure: Exception | None = None
    """What every function raises."""

    def _asked(self, verb: str) -> None:
        self.asked[verb] = self.asked.get(verb, 0) + 1
        if self.failure is not None:
            raise self.failure

    def put(self, *notes: Note) -> None:
        self.notes |= {each.metadata.name: each for each in notes}

    def set(self, texts: dict[str, str]) -> None:
        """Have these texts by name and nothing else."""
        self.notes = {name: note(name, text) for name, text in texts.items()}

    def list(self) -> list[Note]:
        self._asked("list")
        return list(self.notes.values())

    def get(self, namespace: str, name: str) -> Note:
        self._asked("get")
        return self.notes[name]

    def create(self, obj: Note) -> None:
        self._asked("create")
        if obj.metadata.name in self.notes:
            raise FileExistsError(obj.metadata.name)
        self.notes[obj.metadata.name] = note(obj.metadata.name, obj.spec.text)

    def update(self, obj: Note) -> None:
        self._asked("update")
        self.notes[obj.metadata.name].spec.text  # noqa: B018  a KeyError if it is gone
        self.notes[obj.metadata.name] = note(obj.metadata.name, obj.spec.text)

    def delete(self, namespace: str, name: str) -> None:
        self._asked("delete")
        del self.notes[name]


def declared(notes: Notes, *verbs: str, **arguments: Any) -> Source:
    """The resource over *notes* with list and *verbs*."""
    functions = {verb: getattr(notes, verb) for verb in verbs}
    return Source(
        Note, **{"group": GROUP, "version": "v1", "list": notes.list, "interval": NEVER, **functions, **arguments}
    )


WRITES = ("get", "create", "update", "delete")


class Engine:
    """A RESTOptionsGetter that keeps everything in *engine*, behind a watch cache."""

    def __init__(self, scheme: Scheme, source: Source, engine: StorageEngine, *, shared: bool = False) -> None:
        self._codec = CodecFactory(scheme).storage_codec(source.group_version, source.object_type)
        self._engine = engine
        self._shared = shared
        self.caches: list[Cacher[Any]] = []

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        return RESTOptions(open_backend=self._open, resource_prefix=f"/{resource}", shared=self._shared)

    def _open(self, *, object_type: type[Any], resource_prefix: str, attributes: Any) -> Cacher[Any]:
        form = ObjectForm(codec=self._codec, new=object_type, attributes=attributes, copy=deep_copy)
        self.caches.append(Cacher(StorageStore(self._engine, form=form, resource_prefix=resource_prefix)))
        return self.caches[-1]


@asynccontextmanager
async def opened(source: Source, engine: StorageEngine | None = None, *, below: str = "") -> AsyncIterator[Any]:
    """The store of *source*, or its subresource *below*; with *engine* the mirror is kept there, or found there."""
    scheme = new_scheme([source])
    own = MemoryEngine(initial_rev=1) if engine is None else None
    getter = Engine(scheme, source, own or engine or MemoryEngine())
    storages = source.storages(getter, scheme)
    store = storages[source.plural]
    try:
        yield storages[f"{source.plural}/{below}"] if below else store
    finally:
        await store.aclose()
        for cache in getter.caches:
            await cache.aclose()
        if own is not None:
            await own.aclose()


CONTEXT = new_context("ns", resource="notes", group=GROUP)


async def get(store: Store, name: str) -> Note:
    found: Note = (await store.get(CONTEXT, name, GetOptions())).object()
    return found


async def listed(store: Store, **options: Any) -> dict[str, str]:
    page = await store.list(CONTEXT, ListOptions(**options))
    return {item.shared.metadata.name: item.shared.spec.text for item in page.items}


async def create(store: Store, obj: Note, **options: Any) -> Note:
    made: Note = plain(await store.create(CONTEXT, obj, validate=None, options=CreateOptions(**options)))
    return made


async def update(store: Store, obj: Note | None, *transformers: Any, name: str = "a", **options: Any) -> UpdateResult:
    """Replace the note called *name*, or with `force` create it."""
    force = options.pop("force", False)
    return await store.update(
        CONTEXT,
        name,
        DefaultUpdatedObjectInfo(obj, *transformers),
        validate_create=None,
        validate_update=None,
        force_allow_create=force,
        options=UpdateOptions(**options),
    )


async def delete(store: Store, name: str, options: DeleteOptions | None = None) -> Any:
    return await store.delete(CONTEXT, name, validate=None, options=options)


async def soon(awaitable: Any) -> Any:
    """The result of *awaitable*, which comes without anybody's doing."""
    async with asyncio.timeout(30):
        return await awaitable
