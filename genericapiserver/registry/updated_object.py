"""What an update or a patch hands to a store: a way to make the new object from the stored one, again for every
attempt.

A store that loses a race calls `updated_object` once more with the newer object, so it has to start from an untouched
copy each time. Go: pkg/registry/rest/update.go.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from genericapiserver.apimachinery.meta import Preconditions
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.request.context import RequestContext

TransformFunc: TypeAlias = Callable[[RequestContext, Any, Any], Awaitable[Any]]
"""`await transform(context, new, old)` returns the object to go on with; it may change and return *new*."""


class UpdatedObjectInfo(Protocol):
    """The update of one object, as often as it takes."""

    def preconditions(self) -> Preconditions | None:
        """What has to hold of the stored object, or None."""

    async def updated_object(self, context: RequestContext, old: Any) -> Any:
        """The object to store, made from *old*, which belongs to the caller of this attempt alone.

        When nothing is stored yet, *old* is an empty instance: its uid and resource version are empty. Called once per
        attempt. Raises a StatusError to refuse the update.
        """


class DefaultUpdatedObjectInfo:
    """The submitted object, copied and piped through *transformers* at every attempt; the first error stops.

    A uid in the submitted object is a precondition. Without an object (None) the transformers make one out of the old.
    """

    def __init__(self, obj: Any, *transformers: TransformFunc) -> None:
        self._object = obj
        self._transformers = transformers

    def preconditions(self) -> Preconditions | None:
        metadata = getattr(self._object, "metadata", None)
        uid = getattr(metadata, "uid", "")
        return Preconditions(uid=uid) if uid else None

    async def updated_object(self, context: RequestContext, old: Any) -> Any:
        new = None if self._object is None else deep_copy(self._object)
        for transform in self._transformers:
            new = await transform(context, new, old)
        return new


class WrappedUpdatedObjectInfo:
    """Another update with more transformers after its own (a subresource that writes its parent)."""

    def __init__(self, info: UpdatedObjectInfo, *transformers: TransformFunc) -> None:
        self._info = info
        self._transformers = transformers

    def preconditions(self) -> Preconditions | None:
        return self._info.preconditions()

    async def updated_object(self, context: RequestContext, old: Any) -> Any:
        new = await self._info.updated_object(context, old)
        for transform in self._transformers:
            new = await transform(context, new, old)
        return new
