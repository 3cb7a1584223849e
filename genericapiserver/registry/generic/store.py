"""The store most resources use: every verb over a storage backend, by the rules of a strategy.

Reads hand on what storage holds, untouched: a `StoredObject` or a `StoredList` with its bytes, never decoded here.
Only a decorator, where a resource has one, makes objects of them. Writes are in `create`, `update`, `delete` and
`collection`.

Go: pkg/registry/generic/registry/store.go. `Store(...)` is complete when it is made; there is no step to forget.
"""

import copy
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.errors import BadRequestError, MethodNotSupportedError
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListMeta,
    Table,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.types import list_of
from genericapiserver.apimachinery.validation.names import name_is_dns_label
from genericapiserver.registry.before_delete import Grace, before_delete
from genericapiserver.registry.generic import collection, create, delete, garbage_collection, update
from genericapiserver.registry.generic.hooks import Hooks
from genericapiserver.registry.generic.keys import ClusterScopedKeys, KeyScheme, NamespacedKeys
from genericapiserver.registry.generic.metrics import ObserveComparison
from genericapiserver.registry.generic.storage_errors import (
    interpret_get_error,
    interpret_list_error,
    interpret_watch_error,
)
from genericapiserver.registry.generic.watch import DecoratedWatchStream
from genericapiserver.registry.rest import (
    APIObject,
    DeleteResult,
    TableConvertor,
    UpdatedObjectInfo,
    UpdateResult,
    ValidateObject,
    ValidateObjectUpdate,
)
from genericapiserver.registry.strategy import (
    RESTCreateStrategy,
    RESTDeleteStrategy,
    RESTStrategy,
    RESTUpdateStrategy,
)
from genericapiserver.registry.table import DEFAULT_COLUMNS, DefaultTableConvertor, TableColumn
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.interface import ListOptions as StorageListOptions
from genericapiserver.storage.interface import StorageBackend, WatchStream
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredList, StoredObject

Decorator: TypeAlias = Callable[[Any], None]
"""Changes an object on its way to the client. Called with one object at a time, also for lists and watches."""

TTLFunc: TypeAlias = Callable[[Any, int, bool], int]
"""`ttl(obj, existing, update)`: seconds *obj* shall live from now on, 0 for ever."""

_Finalizers: TypeAlias = list[str]  # within the class `list` is the verb

ShouldDeleteDuringUpdate: TypeAlias = Callable[[RequestContext, Any, Any], bool]
"""`hook(context, obj, old)`: whether an update that removed the last finalizer of a terminating object deletes it."""


def default_resource_prefix(resource: GroupResource) -> str:
    """Where objects of *resource* lie unless somebody says otherwise: `/<group>/<resource>`, core `/<resource>`."""
    return f"/{resource.group}/{resource.resource}" if resource.group else f"/{resource.resource}"


class Store:
    """A resource, served from *backend*.

    *strategy* holds the rules for every write; `create_strategy`, `update_strategy` and `delete_strategy` replace it
    for one verb. Without a create (update) strategy the resource cannot be created (updated).

    *backend* must lay objects under the prefix of *keys* and select by the attributes the resource offers. *decorator*
    changes what clients are shown and costs the copy that reads otherwise spare. *table_columns* are what a table shows,
    Name and Created At by default; a *table_convertor* makes whole tables instead, and sees decoded objects.

    Raises ValueError for a description that cannot work.
    """

    def __init__(
        self,
        *,
        object_type: type[Any],
        qualified_resource: GroupResource,
        singular_name: str,
        backend: StorageBackend[Any],
        strategy: RESTStrategy | None = None,
        create_strategy: RESTCreateStrategy | None = None,
        update_strategy: RESTUpdateStrategy | None = None,
        delete_strategy: RESTDeleteStrategy | None = None,
        list_type: type[Any] | None = None,
        keys: KeyScheme | None = None,
        object_name: Callable[[Any], str] | None = None,
        ttl: TTLFunc | None = None,
        hooks: Hooks | None = None,
        decorator: Decorator | None = None,
        table_columns: Sequence[TableColumn] = DEFAULT_COLUMNS,
        table_convertor: TableConvertor | None = None,
        should_delete_during_update: ShouldDeleteDuringUpdate | None = None,
        return_deleted_object: bool = False,
        enable_garbage_collection: bool = True,
        delete_collection_workers: int = 1,
        short_names: Sequence[str] = (),
        categories: Sequence[str] = (),
        storage_version: GroupVersion | None = None,
        observe_comparison: ObserveComparison | None = None,
        clock: Clock | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.create_strategy = create_strategy or strategy
        self.update_strategy = update_strategy or strategy
        writing = self.create_strategy or self.update_strategy
        deleting = delete_strategy or strategy
        if not qualified_resource.resource or not singular_name:
            raise ValueError("a store needs a resource and its singular name")
        if writing is None:
            raise ValueError(f"the store of {qualified_resource} has neither a create nor an update strategy")
        if deleting is None:
            raise ValueError(f"the store of {qualified_resource} has no delete strategy")
        self.delete_strategy: RESTDeleteStrategy = deleting
        self.object_type = object_type
        self.list_type: type[Any] = list_type or list_of(object_type)
        self.namespace_scoped = writing.namespace_scoped
        self.qualified_resource = qualified_resource
        self.singular_name = singular_name
        self.short_names: Sequence[str] = tuple(short_names)
        self.categories: Sequence[str] = tuple(categories)
        self.storage_version = storage_version
        self.observe_comparison = observe_comparison
        self.delete_returns_deleted_object = return_deleted_object
        self.backend = backend
        self.keys: KeyScheme = keys or _default_keys(qualified_resource, namespaced=self.namespace_scoped)
        self.object_name: Callable[[Any], str] = object_name or _metadata_name
        self.hooks = hooks or Hooks()
        self.should_delete_during_update = should_delete_during_update
        self.enable_garbage_collection = enable_garbage_collection
        self.delete_collection_workers = max(1, delete_collection_workers)
        self.clock: Clock = clock or SystemClock()
        self.keeps_identity = False
        self._ttl = ttl
        self._decorator = decorator
        self._default_table = DefaultTableConvertor(qualified_resource, table_columns)
        self._table_convertor = table_convertor
        self._on_close = on_close

    # ---- facts

    @property
    def return_deleted_object(self) -> bool:
        return self.delete_returns_deleted_object

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        """Fields that updates through this store ignore, as its update strategy says; none if it does not."""
        provider = getattr(self.update_strategy, "get_reset_fields", None)
        return {} if provider is None else provider()

    def readiness_check(self) -> None:
        """Raises while the backend cannot serve."""
        self.backend.readiness_check()

    async def aclose(self) -> None:
        """Run `on_close`, once. The backend belongs to who made it."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            await on_close()

    def with_strategy(
        self,
        strategy: RESTStrategy | None = None,
        *,
        update: RESTUpdateStrategy | None = None,
        keeps_identity: bool = False,
    ) -> Self:
        """The same store under other rules, as a subresource needs it: *strategy* for all, or *update* for updates.

        With *keeps_identity* a new object keeps the uid and the creation time it brings along: it is one that was somewhere
        else before, and others refer to it.
        """
        other = copy.copy(self)
        other.keeps_identity = keeps_identity
        if strategy is not None:
            other.create_strategy = other.update_strategy = strategy
            other.delete_strategy = strategy
        if update is not None:
            other.update_strategy = update
        other._on_close = None
        return other

    # ---- reading

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> APIObject | StoredObject[Any]:
        key = self.keys.item(context.namespace, name)
        try:
            stored = await self.backend.get(key, resource_version=options.resource_version)
        except StorageError as error:
            raise interpret_get_error(error, self.resource(context), name) from error
        return stored if self._decorator is None else self.present(stored)

    async def list(self, context: RequestContext, options: ListOptions) -> APIObject | StoredList[Any]:
        page = await self.list_stored(context, options)
        return page if self._decorator is None else self._present_list(page)

    async def list_stored(self, context: RequestContext, options: ListOptions) -> StoredList[Any]:
        """A page as storage has it, undecorated."""
        predicate = SelectionPredicate(
            label=options.label_selector,
            field=options.field_selector,
            limit=max(0, options.limit),
            continue_token=options.continue_token,
        )
        key, recursive = self._narrow(context, predicate)
        try:
            return await self.backend.get_list(
                key,
                StorageListOptions(
                    resource_version=options.resource_version,
                    resource_version_match=options.resource_version_match,
                    predicate=predicate,
                    recursive=recursive,
                ),
            )
        except StorageError as error:
            raise interpret_list_error(error, self.resource(context)) from error

    async def watch(self, context: RequestContext, options: ListOptions) -> WatchStream[Any]:
        predicate = SelectionPredicate(
            label=options.label_selector,
            field=options.field_selector,
            allow_watch_bookmarks=options.allow_watch_bookmarks,
        )
        key, recursive = self._narrow(context, predicate)
        try:
            stream = await self.backend.watch(
                key,
                StorageListOptions(
                    resource_version=options.resource_version,
                    predicate=predicate,
                    recursive=recursive,
                    send_initial_events=options.send_initial_events,
                    timeout=options.timeout_seconds,
                ),
            )
        except StorageError as error:
            raise interpret_watch_error(error, self.resource(context)) from error
        return stream if self._decorator is None else DecoratedWatchStream(stream, self._decorator)

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        convertor = self._table_convertor
        if convertor is None:
            return self._default_table.convert_to_table(context, obj, options)
        if isinstance(obj, StoredList):
            obj = self._list_object(obj, [item.shared for item in obj.items])
        elif isinstance(obj, StoredObject):
            obj = obj.shared
        return convertor.convert_to_table(context, obj, options)

    # ---- writing

    async def create(
        self, context: RequestContext, obj: APIObject, *, validate: ValidateObject | None, options: CreateOptions
    ) -> APIObject | StoredObject[Any]:
        """Raises AlreadyExistsError, InvalidError, BadRequestError, and what *validate* raises.

        Takes *obj* over. A dry run gives the object as it would be stored, without a resource version.
        """
        return await create.create(self, context, obj, validate=validate, options=options)

    async def update(
        self,
        context: RequestContext,
        name: str,
        info: UpdatedObjectInfo,
        *,
        validate_create: ValidateObject | None,
        validate_update: ValidateObjectUpdate | None,
        force_allow_create: bool = False,
        options: UpdateOptions,
    ) -> UpdateResult:
        """Raises NotFoundError, ConflictError, InvalidError, BadRequestError, and what *info* and the validators raise.

        An update that changes nothing writes nothing. One that takes the last finalizer from a terminating object
        deletes it and gives the object that was sent.
        """
        return await update.update(
            self,
            context,
            name,
            info,
            validate_create=validate_create,
            validate_update=validate_update,
            force_allow_create=force_allow_create,
            options=options,
        )

    async def delete(
        self, context: RequestContext, name: str, *, validate: ValidateObject | None, options: DeleteOptions | None
    ) -> DeleteResult:
        """Raises NotFoundError, ConflictError, InvalidError, and what *validate* raises."""
        return await delete.delete(self, context, name, validate=validate, options=options)

    async def delete_collection(
        self,
        context: RequestContext,
        *,
        validate: ValidateObject | None,
        options: DeleteOptions | None,
        list_options: ListOptions,
    ) -> APIObject | StoredList[Any]:
        """The list of what matched, as it was before. Raises the first error, and leaves the rest in place then."""
        found = await collection.delete_collection(
            self, context, validate=validate, options=options, list_options=list_options
        )
        return found if self._decorator is None else self._present_list(found)

    # ---- what the writing modules share

    def resource(self, context: RequestContext) -> GroupResource:
        """The resource as the client named it, for errors."""
        info = context.request_info
        return GroupResource(info.api_group, info.resource) if info.resource else self.qualified_resource

    def require_create_strategy(self) -> RESTCreateStrategy:
        if self.create_strategy is None:
            raise MethodNotSupportedError(self.qualified_resource, "create")
        return self.create_strategy

    def require_update_strategy(self) -> RESTUpdateStrategy:
        if self.update_strategy is None:
            raise MethodNotSupportedError(self.qualified_resource, "update")
        return self.update_strategy

    def before_delete(self, context: RequestContext, obj: Any, options: DeleteOptions, now: dt.datetime) -> Grace:
        return before_delete(self.delete_strategy, context, obj, options, now=now)

    def prepare_for_termination(self, obj: Any) -> None:
        """Change what a deletion begins to change, on an object that its finalizers keep for now. A kind's own to define."""

    def finalizers_for_garbage_collection(
        self, context: RequestContext, finalizers: _Finalizers, options: DeleteOptions
    ) -> _Finalizers:
        """The finalizers an object is to have; the same list when they stay, always so without garbage collection."""
        if not self.enable_garbage_collection:
            return finalizers
        policy = delete.garbage_collection_policy(self, context)
        return garbage_collection.finalizers_for_garbage_collection(finalizers, options, policy)

    def time_to_live(self, obj: Any, existing: int, *, update: bool) -> int:
        """Seconds until *obj* expires, 0 for never. Without a TTL function nothing does, also not what did before."""
        return 0 if self._ttl is None else self._ttl(obj, existing if existing >= 0 else 1, update)

    def present(self, obj: Any) -> Any:
        """What a client is shown: the stored object as it is, or a decorated copy."""
        if self._decorator is None:
            return obj
        shown = obj.object() if isinstance(obj, StoredObject) else obj
        self._decorator(shown)
        return shown

    def _present_list(self, page: StoredList[Any]) -> Any:
        return self._list_object(page, [self.present(item) for item in page.items])

    def _list_object(self, page: StoredList[Any], items: Sequence[Any]) -> Any:
        metadata = ListMeta(
            resource_version=str(page.resource_version),
            continue_token=page.continue_token,
            remaining_item_count=page.remaining_item_count,
        )
        return self.list_type(metadata=metadata, items=items)

    def _narrow(self, context: RequestContext, predicate: SelectionPredicate) -> tuple[str, bool]:
        """The key to read, and whether it stands for everything under it: selectors that pin a name or a namespace
        spare reading the rest.

        Pages are not narrowed to a namespace: their tokens count from the place the list began at, and the request for
        the next page, which starts from all namespaces again, would read another part. (The reference does, and
        repeats items.)
        """
        namespace = context.namespace
        field = predicate.field
        if field is None or field.empty or predicate.continue_token:
            return self.keys.root(namespace), True
        if not namespace and not predicate.limit:
            pinned = predicate.matches_single_namespace()
            if pinned and not name_is_dns_label(pinned):
                namespace = pinned
        name = predicate.matches_single()
        if name is not None:
            try:
                return self.keys.item(namespace, name), False
            except BadRequestError:
                pass  # a name or namespace that nothing can have: the selector then matches nothing
        return self.keys.root(namespace), True


def _default_keys(resource: GroupResource, *, namespaced: bool) -> KeyScheme:
    prefix = default_resource_prefix(resource)
    return NamespacedKeys(prefix) if namespaced else ClusterScopedKeys(prefix)


def _metadata_name(obj: Any) -> str:
    name: str = obj.metadata.name
    return name
