"""Deleting many: page by page, object by object, with a few workers. Not atomic: an error leaves the rest in place.

Objects that are gone when their turn comes do not count as errors. Go: pkg/registry/generic/registry/store.go
(DeleteCollection).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

from genericapiserver.apimachinery.errors import NotFoundError
from genericapiserver.apimachinery.meta import DeleteOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.registry.rest import ValidateObject
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredList, StoredObject

if TYPE_CHECKING:
    from genericapiserver.registry.generic.store import Store

PAGE_SIZE: Final = 10000


async def delete_collection(
    store: "Store",
    context: RequestContext,
    *,
    validate: ValidateObject | None,
    options: DeleteOptions | None,
    list_options: ListOptions,
) -> StoredList[Any]:
    """See `Store.delete_collection`. A limit of the caller's means one page and no more."""
    one_page = list_options.limit > 0

    async def delete_one(item: StoredObject[Any]) -> None:
        own_options = None if options is None else deep_copy(options)  # deleting fills in what applied to one object
        with contextlib.suppress(NotFoundError):
            await store.delete(context, item.shared.metadata.name, validate=validate, options=own_options)

    page_options = list_options if one_page else attrs.evolve(list_options, limit=PAGE_SIZE)
    first: StoredList[Any] | None = None
    items: list[StoredObject[Any]] = []
    while True:
        page = await store.list_stored(context, page_options)
        if first is None:
            first = page
        items += page.items
        await _for_each(iter(page.items), delete_one, store.delete_collection_workers)
        if one_page or not page.continue_token:
            break
        page_options = attrs.evolve(
            page_options, continue_token=page.continue_token, resource_version="", resource_version_match=""
        )
    # The list of the first page, grown: its continue token is stale, as the reference's is.
    return attrs.evolve(first, items=items)


async def _for_each(
    items: Iterator[StoredObject[Any]], work: Callable[[StoredObject[Any]], Awaitable[None]], workers: int
) -> None:
    """Run *work* on every item; after the first error no further item is begun, and that error is raised."""
    if workers <= 1:
        for item in items:
            await work(item)
        return
    errors: list[Exception] = []

    async def worker() -> None:
        for item in items:
            if errors:
                return
            try:
                await work(item)
            except Exception as error:  # noqa: BLE001 - raised below, when the others have finished their object
                errors.append(error)
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    if errors:
        raise errors[0]
