"""Writes that only look: everything is checked against what is stored, and nothing changes.

Results have the resource version they came with, since none was assigned; an update is tried once, on what is there
now. Go: pkg/registry/generic/registry/dryrun.go.
"""

from typing import Any

from genericapiserver.storage.errors import KeyExistsError
from genericapiserver.storage.interface import (
    Preconditions,
    ResponseMeta,
    StorageBackend,
    UpdateFunc,
    ValidateDeletion,
)
from genericapiserver.storage.stored import StoredObject


async def dry_run_create(backend: StorageBackend[Any], key: str, obj: Any) -> Any:
    """Raises KeyExistsError when *key* is taken."""
    existing = await backend.get(key, ignore_not_found=True)
    if existing is not None:
        raise KeyExistsError(key)
    return obj


async def dry_run_update(
    backend: StorageBackend[Any],
    key: str,
    update: UpdateFunc[Any],
    *,
    empty: Any,
    ignore_not_found: bool,
    preconditions: Preconditions | None,
) -> Any:
    """What `guaranteed_update` would store. *empty* stands for an object that is missing, before the preconditions."""
    existing = await backend.get(key, ignore_not_found=ignore_not_found)
    if preconditions is not None:
        preconditions.check(key, empty if existing is None else existing.shared)
    updated, _ = await update(existing, ResponseMeta(existing.revision if existing is not None else 0))
    return updated


async def dry_run_delete(
    backend: StorageBackend[Any],
    key: str,
    *,
    preconditions: Preconditions | None,
    validate: ValidateDeletion[Any] | None,
) -> StoredObject[Any]:
    """What `delete` would take away, at the revision it has."""
    existing = await backend.get(key)
    if preconditions is not None:
        preconditions.check(key, existing.shared)
    if validate is not None:
        await validate(existing)
    return existing
