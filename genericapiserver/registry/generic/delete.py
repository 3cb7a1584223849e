"""Deleting: at once, with grace, or by leaving the object to its finalizers.

    look         the stored object, preconditions, grace; what is on its way out already is left alone mark
    when there is grace, a finalizer, or one to add for the garbage collector: one update that marks the object take
    away    when no finalizer and no time is left

Validating admission runs on the stored object, inside both writes, so on each attempt of each. Go:
pkg/registry/generic/registry/store.go (Delete, updateForGracefulDeletionAndFinalizers, finalizeDelete).
"""

import datetime as dt
from typing import TYPE_CHECKING, Any

from genericapiserver.apimachinery.meta import DeleteOptions, ObjectMeta, Status, StatusDetails
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.registry.generic.dry_run import dry_run_delete, dry_run_update
from genericapiserver.registry.generic.storage_errors import interpret_delete_error, interpret_update_error
from genericapiserver.registry.rest import DeleteResult, ValidateObject
from genericapiserver.registry.strategy import GarbageCollectionDeleteStrategy, GarbageCollectionPolicy
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.errors import KeyNotFoundError, StorageError
from genericapiserver.storage.interface import Preconditions, ResponseMeta
from genericapiserver.storage.stored import StoredObject

if TYPE_CHECKING:
    from genericapiserver.registry.generic.store import Store


class _DeleteNowError(Exception):
    """Nothing is left to wait for, so nothing needs to be written before the object goes."""


class _AlreadyDeletingError(Exception):
    """Somebody else's grace period is running."""


class _Mark:
    """The update that marks an object, and what its last attempt saw."""

    def __init__(
        self, store: "Store", context: RequestContext, options: DeleteOptions, validate: ValidateObject | None
    ) -> None:
        self.store = store
        self.context = context
        self.options = options
        self.validate = validate
        self.pending_finalizers = False
        self.grace_left = 0
        self.last_existing: Any = None

    async def attempt(self, existing: StoredObject[Any] | None, meta: ResponseMeta) -> tuple[Any, int | None]:
        assert existing is not None
        if self.validate is not None:
            await self.validate(existing)
        obj = existing.object()
        now = self.store.clock.now()
        grace = self.store.before_delete(self.context, obj, self.options, now)
        if grace.pending:
            raise _AlreadyDeletingError
        # Only now: while a grace period runs, delete options no longer change finalizers.
        metadata = obj.metadata
        metadata.finalizers = self.store.finalizers_for_garbage_collection(
            self.context, metadata.finalizers, self.options
        )
        self.last_existing = obj
        self.pending_finalizers = bool(metadata.finalizers)
        if grace.graceful:
            self.grace_left = self.options.grace_period_seconds or 0
        elif self.pending_finalizers:
            mark_as_deleting(metadata, now)
            self.store.prepare_for_termination(obj)
        else:
            raise _DeleteNowError
        # As with every update, what has to live on for a limited time only is told so again.
        return obj, self.store.time_to_live(obj, meta.ttl, update=True) or None


async def delete(
    store: "Store",
    context: RequestContext,
    name: str,
    *,
    validate: ValidateObject | None,
    options: DeleteOptions | None,
) -> DeleteResult:
    """See `Store.delete`."""
    key = store.keys.item(context.namespace, name)
    resource = store.resource(context)
    try:
        existing = await store.backend.get(key)
    except StorageError as error:
        raise interpret_delete_error(error, resource, name) from error
    if options is None:
        options = DeleteOptions(grace_period_seconds=0)
    obj = existing.object()
    grace = store.before_delete(context, obj, options, store.clock.now())
    if grace.pending:
        return await _finished(store, context, existing, options, run_hooks=False, immediate=False)

    preconditions = _preconditions(options)
    last_seen: Any = None
    if grace.graceful or _has_or_gets_finalizers(store, context, obj.metadata, options):
        mark = _Mark(store, context, options, validate)
        try:
            marked = await _mark(store, key, mark, existing, preconditions)
        except _AlreadyDeletingError:
            return await _finished(store, context, existing, options, run_hooks=True, immediate=False)
        except _DeleteNowError:
            pass
        except StorageError as error:
            raise interpret_update_error(error, resource, name) from error
        else:
            if mark.pending_finalizers or mark.grace_left > 0:
                return DeleteResult(object=store.present(marked), immediate=False)
            if options.dry_run:
                return DeleteResult(object=store.present(marked), immediate=True)
            # No grace was asked for and no finalizer holds it. Others see the mark and may be faster than the delete.
            last_seen = mark.last_existing
            if preconditions is not None and preconditions.resource_version is not None:
                # The mark itself has moved the version. Where nothing was written, the one asked for still stands.
                preconditions = Preconditions(uid=preconditions.uid, resource_version=str(marked.revision))
    try:
        if options.dry_run:
            gone = await dry_run_delete(store.backend, key, preconditions=preconditions, validate=validate)
        else:
            gone = await store.backend.delete(key, preconditions=preconditions, validate=validate)
    except KeyNotFoundError as error:
        if last_seen is None:
            raise interpret_delete_error(error, resource, name) from error
        gone = last_seen
    except StorageError as error:
        raise interpret_delete_error(error, resource, name) from error
    return await _finished(store, context, gone, options, run_hooks=True, immediate=True)


async def finish_delete(
    store: "Store",
    context: RequestContext,
    obj: Any,
    options: DeleteOptions,
    *,
    run_hooks: bool,
) -> Any:
    """What to answer about a deleted object, after the hook had its turn: the object, or a Status that says which it
    was."""
    shown = obj.shared if isinstance(obj, StoredObject) else obj
    if run_hooks and store.hooks.after_delete is not None:
        await store.hooks.after_delete(context, shown, options)
    if store.return_deleted_object:
        return store.present(obj)
    resource = store.resource(context)
    details = StatusDetails(
        name=shown.metadata.name,
        group=resource.group,
        kind=resource.resource,  # the resource, not the kind: clients know it so
        uid=shown.metadata.uid,
    )
    return Status(status="Success", details=details)


def mark_as_deleting(metadata: ObjectMeta, now: dt.datetime) -> None:
    """Mark an object that only its finalizers keep; a second time changes nothing."""
    now = now.replace(microsecond=0)
    if metadata.deletion_timestamp is None:
        # The first mark is a change to what is desired of the object.
        if metadata.generation > 0:
            metadata.generation += 1
        metadata.deletion_timestamp = now
    elif metadata.deletion_timestamp > now:
        metadata.deletion_timestamp = now
    metadata.deletion_grace_period_seconds = 0


def garbage_collection_policy(store: "Store", context: RequestContext) -> GarbageCollectionPolicy:
    strategy = store.delete_strategy
    if isinstance(strategy, GarbageCollectionDeleteStrategy):
        return strategy.default_garbage_collection_policy(context)
    return GarbageCollectionPolicy.DELETE_DEPENDENTS


async def _mark(
    store: "Store", key: str, mark: _Mark, existing: StoredObject[Any], preconditions: Preconditions | None
) -> Any:
    if mark.options.dry_run:
        return await dry_run_update(
            store.backend,
            key,
            mark.attempt,
            empty=new(store.object_type),
            ignore_not_found=False,
            preconditions=preconditions,
        )
    return await store.backend.guaranteed_update(
        key, mark.attempt, preconditions=preconditions, cached_existing=existing
    )


async def _finished(
    store: "Store", context: RequestContext, obj: Any, options: DeleteOptions, *, run_hooks: bool, immediate: bool
) -> DeleteResult:
    answer = await finish_delete(store, context, obj, options, run_hooks=run_hooks)
    return DeleteResult(object=answer, immediate=immediate)


def _has_or_gets_finalizers(
    store: "Store", context: RequestContext, metadata: ObjectMeta, options: DeleteOptions
) -> bool:
    finalizers = metadata.finalizers
    return bool(finalizers) or (store.finalizers_for_garbage_collection(context, finalizers, options) is not finalizers)


def _preconditions(options: DeleteOptions) -> Preconditions | None:
    wanted = options.preconditions
    if wanted is None or (wanted.uid is None and wanted.resource_version is None):
        return None
    return Preconditions(uid=wanted.uid, resource_version=wanted.resource_version)
