"""Creating: names, hooks, the steps around the strategy, validating admission, the write."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.apimachinery.errors import AlreadyExistsError
from genericapiserver.apimachinery.meta import CreateOptions
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.registry.before import before_create, generated_name_error
from genericapiserver.registry.generic.dry_run import dry_run_create
from genericapiserver.registry.generic.storage_errors import interpret_create_error
from genericapiserver.registry.metadata import fill_object_meta_system_fields
from genericapiserver.registry.rest import ValidateObject
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.stored import StoredObject

if TYPE_CHECKING:
    from genericapiserver.registry.generic.store import Store

MAX_NAME_GENERATION_ATTEMPTS: Final = 8
"""With five random characters a base needs a million objects before eight tries are likely to be too few."""

NO_HOOK: Final[AbstractAsyncContextManager[None]] = nullcontext()


async def create(
    store: "Store", context: RequestContext, obj: Any, *, validate: ValidateObject | None, options: CreateOptions
) -> Any:
    """See `Store.create`. A generated name that is taken is replaced by another, a few times."""
    metadata = obj.metadata
    if metadata.name or not metadata.generate_name:
        return await _create(store, context, obj, validate, options)
    for _ in range(MAX_NAME_GENERATION_ATTEMPTS - 1):
        try:
            return await _create(store, context, deep_copy(obj), validate, options)
        except AlreadyExistsError:
            continue
    return await _create(store, context, obj, validate, options)


async def _create(
    store: "Store", context: RequestContext, obj: Any, validate: ValidateObject | None, options: CreateOptions
) -> Any:
    strategy = store.require_create_strategy()
    metadata = obj.metadata
    fill_object_meta_system_fields(metadata, store.clock.now(), keep=store.keeps_identity)
    if metadata.generate_name and not metadata.name:
        metadata.name = strategy.generate_name(metadata.generate_name)

    async with begin_create(store, context, obj, options):
        before_create(strategy, context, obj)
        if validate is not None:
            await validate(obj)
        name = store.object_name(obj)
        key = store.keys.item(context.namespace, name)
        try:
            if options.dry_run:
                created = await dry_run_create(store.backend, key, obj)
            else:
                created = await store.backend.create(key, obj, ttl=store.time_to_live(obj, 0, update=False))
        except StorageError as error:
            raise await _explain(store, context, obj, key, name, error) from error

    hooks = store.hooks
    if hooks.after_create is not None:
        await hooks.after_create(context, created.shared if isinstance(created, StoredObject) else created, options)
    return store.present(created)


def begin_create(
    store: "Store", context: RequestContext, obj: Any, options: CreateOptions
) -> AbstractAsyncContextManager[None]:
    """The resource's hook around the creation of *obj*, or nothing."""
    hook = store.hooks.begin_create
    return NO_HOOK if hook is None else hook(context, obj, options)


async def _explain(
    store: "Store", context: RequestContext, obj: Any, key: str, name: str, error: StorageError
) -> Exception:
    """The API error of a failed write. An object in the way that is on its way out is worth saying."""
    explained = interpret_create_error(error, store.resource(context), name)
    explained = generated_name_error(explained, context, obj)
    if isinstance(explained, AlreadyExistsError):
        try:
            existing = (await store.backend.get(key)).shared  # decoded here, which fails where the bytes are no object
        except StorageError:
            return explained
        if existing.metadata.deletion_timestamp is not None:
            explained.message = f"object is being deleted: {explained.message}"
            explained.args = (explained.message,)
    return explained
