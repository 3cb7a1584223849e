"""The storage that stands between the handlers and a `Store` (pkg/ext/delegate.go of rancher/steve, October 2024).

Deviations: options of an update that creates reach the store, so that a dry run stays one; a watch that cannot begin is
answered with its error instead of an empty stream; names that fit into no path are refused; preconditions of a delete are
looked at; writes of one object wait for each other, so that none is made from what another has replaced.
"""

import inspect
from functools import partial
from typing import Any, Generic, TypeVar

from genericapiserver.aio import KeyedLocks
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    Object,
    ObjectMeta,
    Table,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind, GroupVersionResource
from genericapiserver.authorization import Authorizer
from genericapiserver.ext.conversion import (
    check_name,
    check_type,
    convert_list_options,
    convert_to_table_default,
    converted_errors,
)
from genericapiserver.ext.create_or_update import check_preconditions, create_or_update
from genericapiserver.ext.event_stream import EventStream
from genericapiserver.ext.store import Context, Store
from genericapiserver.registry.rest import (
    DeleteResult,
    UpdatedObjectInfo,
    UpdateResult,
    ValidateObject,
    ValidateObjectUpdate,
)
from genericapiserver.request import RequestContext

T = TypeVar("T", bound=Object)
TList = TypeVar("TList")


class StoreStorage(Generic[T, TList]):
    """Serves *store*; every error of it has a status when it comes out here."""

    namespace_scoped = False

    def __init__(
        self,
        store: Store[T, TList],
        *,
        object_type: type[T],
        list_type: type[TList],
        resource: GroupVersionResource,
        singular_name: str,
        gvk: GroupVersionKind,
        authorizer: Authorizer,
    ) -> None:
        self.object_type = object_type
        self.list_type = list_type
        self.singular_name = singular_name
        self._store = store
        self._resource = resource
        self._gvk = gvk
        self._authorizer = authorizer
        self._locks = KeyedLocks()

    async def aclose(self) -> None:
        """The store is its owner's to close."""

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        return self._gvk

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> T:
        return await self._get(self._context(context), name, options)

    async def list(self, context: RequestContext, options: ListOptions) -> TList:
        own = self._context(context)
        with converted_errors():
            listed = await self._store.list(own, convert_list_options(options))
        return check_type(listed, self.list_type)

    async def watch(self, context: RequestContext, options: ListOptions) -> EventStream:
        own = self._context(context)
        with converted_errors():
            source: Any = self._store.watch(own, convert_list_options(options))
            if inspect.isawaitable(source):
                source = await source
            stream = EventStream(aiter(source), self.object_type)
            await stream.begin()
        return stream

    async def create(
        self, context: RequestContext, obj: T, *, validate: ValidateObject | None, options: CreateOptions
    ) -> T:
        own = self._context(context)
        with converted_errors():
            check_type(obj, self.object_type)
            check_name(obj.metadata, self._gvk.group_kind)
            if validate is not None:
                await validate(obj)
        if not obj.metadata.name:
            return await self._create(own, context, obj, options)
        async with self._locks(obj.metadata.name):
            return await self._create(own, context, obj, options)

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
        own = self._context(context)
        async with self._locks(name):
            return await create_or_update(
                context,
                name,
                info,
                object_type=self.object_type,
                get=lambda _, name, options: self._get(own, name, options),
                create=partial(self._create, own),
                update=partial(self._update, own),
                validate_create=validate_create,
                validate_update=validate_update,
                force_allow_create=force_allow_create,
                options=options,
            )

    async def delete(
        self, context: RequestContext, name: str, *, validate: ValidateObject | None, options: DeleteOptions | None
    ) -> DeleteResult:
        """The response is the object as it was before."""
        own = self._context(context)
        options = options or DeleteOptions()
        async with self._locks(name):
            obj = await self._get(own, name, GetOptions())
            with converted_errors():
                if validate is not None:
                    await validate(obj)
                if isinstance(obj.metadata, ObjectMeta):
                    check_preconditions(options.preconditions, obj.metadata, self._resource.group_resource, name)
                await self._store.delete(own, name, options)
        return DeleteResult(object=obj, immediate=True)

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        return convert_to_table_default(context, obj, options, resource=self._resource.group_resource)

    # ---- the store's own calls, with the store's context

    def _context(self, context: RequestContext) -> Context:
        return Context.of(context, self._authorizer, self._resource)

    async def _get(self, own: Context, name: str, options: GetOptions) -> T:
        with converted_errors():
            return check_type(await self._store.get(own, name, options), self.object_type)

    async def _create(self, own: Context, _: RequestContext, obj: T, options: CreateOptions) -> T:
        with converted_errors():
            return check_type(await self._store.create(own, obj, options), self.object_type)

    async def _update(self, own: Context, _: RequestContext, obj: T, options: UpdateOptions) -> T:
        with converted_errors():
            return check_type(await self._store.update(own, obj, options), self.object_type)
