"""Updating: what the client wants is made from what is stored, again for every race that is lost.

nothing stored      404, or create, where the kind or the caller allows it
resource version    must be the stored one; empty adopts it where the kind allows unconditional updates
made ready          hooks, the steps around the strategy, validating admission
emptied             a terminating object whose last finalizer goes is deleted instead of stored
"""

from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from genericapiserver.apimachinery.errors import ConflictError, InvalidError, NotFoundError
from genericapiserver.apimachinery.field import Path, invalid
from genericapiserver.apimachinery.go import parse_uint
from genericapiserver.apimachinery.meta import CreateOptions, DeleteOptions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.registry.before import before_create, before_update, generated_name_error
from genericapiserver.registry.generic.create import NO_HOOK, begin_create
from genericapiserver.registry.generic.delete import finish_delete
from genericapiserver.registry.generic.dry_run import dry_run_delete, dry_run_update
from genericapiserver.registry.generic.managed_fields import ignore_managed_fields_timestamps
from genericapiserver.registry.generic.storage_errors import (
    interpret_create_error,
    interpret_delete_error,
    interpret_update_error,
)
from genericapiserver.registry.metadata import fill_object_meta_system_fields
from genericapiserver.registry.rest import UpdatedObjectInfo, UpdateResult, ValidateObject, ValidateObjectUpdate
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.errors import KeyNotFoundError, StorageError
from genericapiserver.storage.interface import Preconditions, ResponseMeta
from genericapiserver.storage.stored import StoredObject

if TYPE_CHECKING:
    from genericapiserver.registry.generic.store import Store

OPTIMISTIC_LOCK_ERROR = "the object has been modified; please apply your changes to the latest version and try again"
_RESOURCE_VERSION = Path("metadata", "resourceVersion")


class _EmptiedFinalizersError(Exception):
    """The update left a terminating object without finalizers: it is to be deleted."""


class _Update:
    """One update and what its last attempt came to."""

    def __init__(
        self,
        store: "Store",
        context: RequestContext,
        name: str,
        info: UpdatedObjectInfo,
        validate_create: ValidateObject | None,
        validate_update: ValidateObjectUpdate | None,
        allow_create: bool,
        options: UpdateOptions,
    ) -> None:
        self.store = store
        self.context = context
        self.name = name
        self.info = info
        self.validate_create = validate_create
        self.validate_update = validate_update
        self.allow_create = allow_create
        self.options = options
        self.create_options = _create_options(options)
        self.resource: GroupResource = store.resource(context)
        self.creating: Any = None
        """The object being created by the last attempt; None when it replaced one."""
        self.emptied: Any = None
        """The object whose finalizers ran out."""

    async def attempt(self, existing: StoredObject[Any] | None, meta: ResponseMeta) -> tuple[Any, int | None]:
        self.creating = None
        if existing is None:
            if not self.allow_create:
                raise NotFoundError(self.resource, self.name)
            obj = await self.info.updated_object(self.context, new(self.store.object_type))
            _version_of(obj)  # raises, as it does where the object exists
            self.creating = obj
            await self._make_new(obj)
            return obj, self.store.time_to_live(obj, 0, update=False) or None
        old = existing.object()
        obj = await self.info.updated_object(self.context, old)
        if obj is old or obj.metadata is old.metadata:
            # Made by changing the stored object: what may not change has to be compared with another copy.
            old = existing.object()
        self._check_resource_version(obj, meta.resource_version)
        async with self._begin(obj, old):
            await self._make_ready(obj, old, existing)
        return obj, self.store.time_to_live(obj, meta.ttl, update=True) or None

    async def _make_new(self, obj: Any) -> None:
        strategy = self.store.require_create_strategy()
        fill_object_meta_system_fields(obj.metadata, self.store.clock.now())
        async with begin_create(self.store, self.context, obj, self.create_options):
            before_create(strategy, self.context, obj)
            if self.validate_create is not None:
                await self.validate_create(obj)

    async def _make_ready(self, obj: Any, old: Any, existing: StoredObject[Any]) -> None:
        before_update(self.store.require_update_strategy(), self.context, obj, old)
        begun = perf_counter()
        code_path = ignore_managed_fields_timestamps(obj, old)
        if self.store.observe_comparison is not None:
            self.store.observe_comparison(code_path, perf_counter() - begun)
        if self.validate_update is not None:
            await self.validate_update(obj, existing)
        if _is_emptied(obj, old):
            hook = self.store.should_delete_during_update
            if hook is None or hook(self.context, obj, old):
                self.emptied = obj
                raise _EmptiedFinalizersError

    def _begin(self, obj: Any, old: Any) -> AbstractAsyncContextManager[None]:
        hook = self.store.hooks.begin_update
        return NO_HOOK if hook is None else hook(self.context, obj, old, self.options)

    def _check_resource_version(self, obj: Any, current: int) -> None:
        version = _version_of(obj)
        if version == 0:
            strategy = self.store.require_update_strategy()
            if strategy.allow_unconditional_update:
                obj.metadata.resource_version = str(current)
                return
            if getattr(strategy, "missing_version_conflicts", False):
                raise ConflictError(self.resource, self.name, OPTIMISTIC_LOCK_ERROR)
            # The reference puts the resource where the kind belongs.
            kind = GroupKind(self.resource.group, self.resource.resource)
            raise InvalidError(kind, self.name, [invalid(_RESOURCE_VERSION, 0, "must be specified for an update")])
        if version != current:
            raise ConflictError(self.resource, self.name, OPTIMISTIC_LOCK_ERROR)


async def update(
    store: "Store",
    context: RequestContext,
    name: str,
    info: UpdatedObjectInfo,
    *,
    validate_create: ValidateObject | None,
    validate_update: ValidateObjectUpdate | None,
    force_allow_create: bool,
    options: UpdateOptions,
) -> UpdateResult:
    """See `Store.update`."""
    key = store.keys.item(context.namespace, name)
    allow_create = force_allow_create or store.require_update_strategy().allow_create_on_update
    preconditions = storage_preconditions(info)
    work = _Update(store, context, name, info, validate_create, validate_update, allow_create, options)
    try:
        if options.dry_run:
            stored = await dry_run_update(
                store.backend,
                key,
                work.attempt,
                empty=new(store.object_type),
                ignore_not_found=allow_create,
                preconditions=preconditions,
            )
        else:
            stored = await store.backend.guaranteed_update(
                key, work.attempt, ignore_not_found=allow_create, preconditions=preconditions
            )
    except _EmptiedFinalizersError:
        return await _delete_emptied(work, key, preconditions)
    except StorageError as error:
        if work.creating is None:
            raise interpret_update_error(error, work.resource, name) from error
        explained = interpret_create_error(error, work.resource, name)
        raise generated_name_error(explained, context, work.creating) from error

    shown = stored.shared if isinstance(stored, StoredObject) else stored
    created = work.creating is not None
    if created and store.hooks.after_create is not None:
        await store.hooks.after_create(context, shown, work.create_options)
    elif not created and store.hooks.after_update is not None:
        await store.hooks.after_update(context, shown, options)
    return UpdateResult(object=store.present(stored), created=created)


async def _delete_emptied(work: _Update, key: str, preconditions: Preconditions | None) -> UpdateResult:
    """Delete what the update emptied. Admission has seen the update and is not asked again.

    Clients expect the updated object of a PUT, so they get the one they sent, and no Status.
    """
    store, obj = work.store, work.emptied
    options = DeleteOptions(dry_run=list(work.options.dry_run))
    last = obj
    try:
        if options.dry_run:
            last = await dry_run_delete(store.backend, key, preconditions=preconditions, validate=None)
        else:
            last = await store.backend.delete(key, preconditions=preconditions)
    except KeyNotFoundError:
        pass  # somebody else took away the last finalizer too, and was first
    except StorageError as error:
        raise interpret_delete_error(error, work.resource, work.name) from error
    await finish_delete(store, work.context, last, options, run_hooks=True)
    return UpdateResult(object=obj)


def _version_of(obj: Any) -> int:
    """The version that an object says it is of. Raises NumError, as the reference: not an error of the client's."""
    text: str = obj.metadata.resource_version
    return parse_uint(text) if text else 0


def storage_preconditions(info: UpdatedObjectInfo) -> Preconditions | None:
    """The preconditions of an update as storage takes them; None when there are none."""
    wanted = info.preconditions()
    if wanted is None or (wanted.uid is None and wanted.resource_version is None):
        return None
    return Preconditions(uid=wanted.uid, resource_version=wanted.resource_version)


def _is_emptied(obj: Any, old: Any) -> bool:
    metadata = old.metadata
    return (
        not obj.metadata.finalizers
        and metadata.deletion_timestamp is not None
        and not metadata.deletion_grace_period_seconds
    )


def _create_options(options: UpdateOptions) -> CreateOptions:
    return CreateOptions(
        dry_run=list(options.dry_run),
        field_manager=options.field_manager,
        field_validation=options.field_validation,
    )
