"""The objects of one kind in one view, for code in this process: no HTTP, and no encoding but for storing.

Objects that are handed out are the caller's own. What goes wrong is an error of the API (`apimachinery.errors`). Source:
ResourceStore in minkapi's api/minkapi/types.go.
"""

import contextlib
from collections.abc import Awaitable
from typing import Any, TypeAlias

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.errors import BadRequestError, NotFoundError, StatusError, from_exception
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListMeta,
    ObjectMeta,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.minkapi.api_server import KindStore
from genericapiserver.minkapi.config import WatchConfig
from genericapiserver.minkapi.criteria import MATCH_ALL_CRITERIA, MatchCriteria
from genericapiserver.minkapi.objects import ObjectName, as_object, call_context
from genericapiserver.minkapi.storage import key_prefix
from genericapiserver.minkapi.watcher import Watcher, WatchEventCallback
from genericapiserver.registry.updated_object import DefaultUpdatedObjectInfo
from genericapiserver.storage.engine import EngineError
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.views import CurrentEngine, ViewEngine

_Stored: TypeAlias = list[StoredObject[Any]]  # within the class `list` is the verb
_Metadata: TypeAlias = list[ObjectMeta]

DEFAULT_NAMESPACE = "default"


class ResourceStore:
    """The objects of the kind of *kind_store* as *view* shows them. Made by `View.get_resource_store`."""

    def __init__(
        self,
        kind_store: KindStore,
        view: ViewEngine,
        current: CurrentEngine,
        codecs: CodecFactory,
        watch_config: WatchConfig,
    ) -> None:
        self.kind = kind_store.kind
        self.watch_config = watch_config
        self._store = kind_store.store
        self._view = view
        self._current = current
        self._codecs = codecs

    @property
    def object_and_list_gvk(self) -> tuple[GroupVersionKind, GroupVersionKind]:
        return self.kind.group_version_kind, self.kind.list_kind

    @property
    def version(self) -> int:
        """The newest resource version; views over one base count together."""
        return self._view.current_rev()

    def own(self, given: Any) -> Any:
        """A copy of *given*, an object or a dictionary. Raises TypeError for another kind, ValueError for unknown fields."""
        return as_object(self._codecs, self.kind, given)

    def name_of(self, obj: Any) -> ObjectName:
        """The name that *obj* is stored under, with the default namespace if it says none."""
        return self._named(ObjectName(obj.metadata.name, obj.metadata.namespace))

    # ---- writing

    async def add(self, obj: Any) -> Any:
        """Store a new object and return it. Raises TypeError for another kind, StatusError: AlreadyExistsError, ..."""
        obj = self.own(obj)
        metadata: ObjectMeta = obj.metadata
        metadata.resource_version = ""
        name = self.name_of(obj)
        if not metadata.name and not metadata.generate_name:
            where = f' in "{name.namespace}" namespace' if self.kind.namespaced else ""
            raise BadRequestError(
                f'cannot create "{self.kind.kind}" object{where} since missing both name and generateName in request'
            )
        context = call_context(self.kind, "create", name)
        return await self._call(self._store.create(context, obj, validate=None, options=CreateOptions()))

    async def update(self, obj: Any) -> Any:
        """Store the whole of *obj*, its status included, in place of the object of that name, and return it.

        With a resource version, only if that is the newest. Raises NotFoundError, ConflictError, ...
        """
        obj = self.own(obj)
        name = self.name_of(obj)
        obj.metadata.namespace = name.namespace
        result = await self._call(
            self._store.update(
                call_context(self.kind, "update", name),
                name.name,
                DefaultUpdatedObjectInfo(obj),
                validate_create=None,
                validate_update=None,
                options=UpdateOptions(),
            )
        )
        return _own(result.object)

    async def delete(self, name: str, namespace: str = "") -> None:
        """Raises NotFoundError. An object with finalizers stays until they are gone, as everywhere."""
        wanted = self._named(ObjectName(name, namespace))
        context = call_context(self.kind, "delete", wanted)
        await self._call(self._store.delete(context, wanted.name, validate=None, options=DeleteOptions()))

    async def delete_by_key(self, key: str) -> None:
        wanted = ObjectName.parse(key)
        await self.delete(wanted.name, wanted.namespace)

    async def delete_objects(self, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> int:
        """Delete what *criteria* match and count it."""
        count = 0
        for stored in (await self._list_stored(criteria))[0]:
            metadata = stored.shared.metadata
            try:
                await self.delete(metadata.name, metadata.namespace)
            except NotFoundError:
                continue  # somebody else was quicker
            count += 1
        return count

    # ---- reading

    async def get(self, name: str, namespace: str = "") -> Any:
        """Raises NotFoundError."""
        wanted = self._named(ObjectName(name, namespace))
        context = call_context(self.kind, "get", wanted)
        return await self._call(self._store.get(context, wanted.name, GetOptions()))

    async def get_by_key(self, key: str) -> Any:
        """The object of `namespace/name`, or of a name alone. Raises NotFoundError, ValueError for no key."""
        wanted = ObjectName.parse(key)
        return await self.get(wanted.name, wanted.namespace)

    async def list(self, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> Any:
        """The list object of the kind with what *criteria* match, by namespace and name."""
        found, version = await self._list_stored(criteria)
        items = [stored.object() for stored in found]
        return self.kind.list_type(metadata=ListMeta(resource_version=str(version)), items=items)

    async def list_meta_objects(self, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> tuple[_Metadata, int]:
        """The metadata of what *criteria* match, and the highest resource version among it, 0 without any."""
        found, _ = await self._list_stored(criteria)
        highest = max((stored.revision for stored in found), default=0)
        return [stored.object().metadata for stored in found], highest

    # ---- watching

    async def watch(
        self,
        callback: WatchEventCallback,
        *,
        start_version: int = 0,
        namespace: str = "",
        label_selector: labels.Selector | str | None = None,
    ) -> None:
        """Call *callback* with each event until it raises, which is passed on, or the watch ends (see `get_watcher`)."""
        watcher = await self.get_watcher(
            start_version=start_version, namespace=namespace, label_selector=label_selector
        )
        await watcher.call(callback)

    async def get_watcher(
        self,
        *,
        start_version: int | str = 0,
        namespace: str = "",
        label_selector: labels.Selector | str | None = None,
    ) -> Watcher:
        """The events after *start_version*. From 0 (and below) on it begins with what there is, as ADDED.

        Raises BadRequestError for a version that is no number, ValueError for a selector that cannot be read.
        """
        criteria = MatchCriteria(label_selector=label_selector)
        version = str(start_version)
        if version.startswith("-"):
            version = "0"
        options = ListOptions(
            watch=True, resource_version=version, label_selector=criteria.label_selector or labels.Selector()
        )
        context = call_context(self.kind, "watch", ObjectName("", namespace))
        return Watcher(await self._call(self._store.watch(context, options)))

    # ---- the end

    def reset(self) -> None:
        """Give up what the view has written of this kind; what its delegate has shows again. Watches begin anew."""
        self._view.reset(key_prefix(self.kind))

    # ---- parts

    def _named(self, name: ObjectName) -> ObjectName:
        if not self.kind.namespaced:
            return ObjectName(name.name)
        return name if name.namespace else ObjectName(name.name, DEFAULT_NAMESPACE)

    async def _list_stored(self, criteria: MatchCriteria) -> tuple[_Stored, int]:
        if criteria.names and (criteria.namespace or not self.kind.namespaced):
            return await self._get_stored(criteria)
        context = call_context(self.kind, "list", ObjectName("", criteria.namespace))
        page = await self._call(self._store.list_stored(context, ListOptions()))
        if criteria == MATCH_ALL_CRITERIA:
            return page.items, page.resource_version
        return [item for item in page.items if criteria.matches_stored(item)], page.resource_version

    async def _get_stored(self, criteria: MatchCriteria) -> tuple[_Stored, int]:
        """Those whose keys are known, looked up one by one instead of among all."""
        found: _Stored = []
        version = self._view.current_rev()
        with self._current.use(self._view):
            for name in sorted(criteria.names):
                context = call_context(self.kind, "get", ObjectName(name, criteria.namespace))
                with contextlib.suppress(NotFoundError):
                    stored = await self._store.get(context, name, GetOptions())
                    if isinstance(stored, StoredObject) and criteria.matches_stored(stored):
                        found.append(stored)
        return found, version

    async def _call(self, call: Awaitable[Any]) -> Any:
        """The result of a call of the store in this view, as the caller's own."""
        with self._current.use(self._view):
            try:
                return _own(await call)
            except StatusError:
                raise
            except (EngineError, StorageError) as error:
                raise from_exception(error) from error


def _own(result: Any) -> Any:
    return result.object() if isinstance(result, StoredObject) else result
