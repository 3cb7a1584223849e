"""Updating an object that may not be there yet: the rules between a handler and a store of any kind.

    get --NotFound--> the new object from nothing --> may the user create? --> create   201
     +----found-----> the new object from the old --> preconditions, admission -> update   200

Source: CreateOrUpdate in pkg/ext/utils.go of rancher/steve. Two checks are ours: a uid that the client names as a
precondition, and a resource version other than the stored one, are a 409 whatever the store does about them. Between the
look and the write somebody else may write: a store that is written by several has to compare versions itself.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from genericapiserver.apimachinery.errors import ConflictError, NotFoundError
from genericapiserver.apimachinery.meta import CreateOptions, GetOptions, ObjectMeta, Preconditions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.ext.conversion import check_type, converted_errors
from genericapiserver.registry.rest import UpdatedObjectInfo, UpdateResult, ValidateObject, ValidateObjectUpdate
from genericapiserver.request import RequestContext

T = TypeVar("T")

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


async def create_or_update(
    context: RequestContext,
    name: str,
    info: UpdatedObjectInfo,
    *,
    object_type: type[T],
    get: Callable[[RequestContext, str, GetOptions], Awaitable[T]],
    create: Callable[[RequestContext, T, CreateOptions], Awaitable[T]],
    update: Callable[[RequestContext, T, UpdateOptions], Awaitable[T]],
    validate_create: ValidateObject | None = None,
    validate_update: ValidateObjectUpdate | None = None,
    force_allow_create: bool = False,
    options: UpdateOptions,
) -> UpdateResult:
    """Update the object called *name*, or create it: the `update` of a storage, made of three plain functions.

    `validate_create` carries the question whether the user may create. *force_allow_create* makes no difference, as in the
    reference: what is not there is always created, and only apply can make an object from nothing but a patch. Errors of
    *get* and *update* pass as they are, others as `converted_errors` has them.
    """
    try:
        found = await get(context, name, GetOptions())
    except NotFoundError:
        return await _create(context, info, object_type, create, validate_create, options)
    old = check_type(found, object_type)
    with converted_errors():
        # A copy: what the store has must not change before the store says so.
        new = check_type(await info.updated_object(context, deep_copy(old)), object_type)
        resource = GroupResource(context.request_info.api_group, context.request_info.resource)
        metadata = getattr(old, "metadata", None)
        if isinstance(metadata, ObjectMeta):
            check_preconditions(info.preconditions(), metadata, resource, name)
            check_resource_version(new, metadata, resource, name)
        if validate_update is not None:
            await validate_update(new, old)
    return UpdateResult(object=await update(context, new, options))


async def _create(
    context: RequestContext,
    info: UpdatedObjectInfo,
    object_type: type[T],
    create: Callable[[RequestContext, T, CreateOptions], Awaitable[T]],
    validate_create: ValidateObject | None,
    options: UpdateOptions,
) -> UpdateResult:
    with converted_errors():
        new = check_type(await info.updated_object(context, object_type()), object_type)
        if validate_create is not None:
            await validate_create(new)
        created = await create(
            context,
            new,
            CreateOptions(
                dry_run=list(options.dry_run),
                field_manager=options.field_manager,
                field_validation=options.field_validation,
            ),
        )
    return UpdateResult(object=created, created=True)


def check_preconditions(
    preconditions: Preconditions | None, stored: ObjectMeta, resource: GroupResource, name: str
) -> None:
    """Raise ConflictError unless the *stored* object is the one that the client means."""
    if preconditions is None:
        return
    for wanted, actual, what, where in (
        (preconditions.uid, stored.uid, "UID in precondition", "UID in object meta"),
        (
            preconditions.resource_version,
            stored.resource_version,
            "ResourceVersion in precondition",
            "ResourceVersion in object meta",
        ),
    ):
        if wanted is not None and wanted != actual:
            raise ConflictError(resource, name, f"Precondition failed: {what}: {wanted}, {where}: {actual}")


def check_resource_version(new: object, stored: ObjectMeta, resource: GroupResource, name: str) -> None:
    """Raise ConflictError when *new* was made from another version than the *stored* one."""
    version = getattr(getattr(new, "metadata", None), "resource_version", "")
    if version and stored.resource_version and version != stored.resource_version:
        raise ConflictError(resource, name, MODIFIED)
