"""What a resource may be asked: one protocol per verb, and the facts a resource may tell about itself.

A storage is any object with an `object_type`. Which further protocols it has decides which verbs are served: the
installer tests each once, with isinstance, when the resource is installed. Nobody inherits from anything here; the
shape counts.

Go: pkg/registry/rest/rest.go. Differences in shape: getters are attributes (`object_type` for `New()`, `list_type` for
`NewList()`), results with several parts are small frozen classes, a `Creator` with a name is `create_named`, and what
one method returned in Go together with a flag (`NewConnectOptions`) is a pair of attributes.

Objects pass as instances of API types or, where nothing had to look inside, as the `StoredObject` the storage holds,
whose encoded bytes can be written out as they are. Admission comes in as `validate` callables, None when nothing wants
to look; each makes its own copies, so a storage hands over what it has and goes on with it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    Status,
    Table,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.asgi import Handler
from genericapiserver.registry.updated_object import (
    DefaultUpdatedObjectInfo,
    TransformFunc,
    UpdatedObjectInfo,
    WrappedUpdatedObjectInfo,
)
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.interface import WatchStream
from genericapiserver.storage.stored import StoredList, StoredObject

__all__ = [
    "APIObject",
    "CategoriesProvider",
    "CollectionDeleter",
    "Connector",
    "Creator",
    "CreatorUpdater",
    "DefaultUpdatedObjectInfo",
    "DeleteResult",
    "DeletedObjectReturner",
    "Getter",
    "GetterWithOptions",
    "GracefulDeleter",
    "GroupVersionAcceptor",
    "GroupVersionKindProvider",
    "KindProvider",
    "Lister",
    "NamedCreator",
    "ObjectMetaPreserver",
    "Patcher",
    "RESTStorage",
    "ReadinessChecker",
    "ResetFieldsProvider",
    "ResourceStreamer",
    "Responder",
    "Scoper",
    "ShortNamesProvider",
    "SingularNameProvider",
    "StandardStorage",
    "StorageMetadata",
    "StorageVersionProvider",
    "StreamedResource",
    "TableConvertor",
    "TransformFunc",
    "UpdateResult",
    "UpdatedObjectInfo",
    "Updater",
    "ValidateObject",
    "ValidateObjectUpdate",
    "Watcher",
    "WrappedUpdatedObjectInfo",
]

APIObject: TypeAlias = Any
"""An instance of an API type, in the hub version."""

ValidateObject: TypeAlias = Callable[[APIObject | StoredObject[Any]], Awaitable[None]]
"""`await validate(obj)` runs admission on a copy of the final object and raises its StatusError when refused."""

ValidateObjectUpdate: TypeAlias = Callable[
    [APIObject | StoredObject[Any], APIObject | StoredObject[Any]], Awaitable[None]
]
"""`await validate(obj, old)` likewise for an update."""


@attrs.frozen(kw_only=True)
class UpdateResult:
    """The object as it is now, and whether this update made it."""

    object: APIObject | StoredObject[Any]
    created: bool = False


@attrs.frozen(kw_only=True)
class DeleteResult:
    """What to tell the client (the object, a Status, or nothing) and whether the object is gone already."""

    object: APIObject | StoredObject[Any] | Status | None
    immediate: bool


# ---- what every storage is, and what it may tell about itself


@runtime_checkable
class RESTStorage(Protocol):
    """Everything that can be installed: it names the type of its objects and can be closed, more than once."""

    object_type: type[Any]

    async def aclose(self) -> None: ...


@runtime_checkable
class Scoper(Protocol):
    """Required of top-level resources; a subresource lives where its parent does."""

    namespace_scoped: bool


@runtime_checkable
class SingularNameProvider(Protocol):
    """Required of top-level resources."""

    singular_name: str


@runtime_checkable
class ShortNamesProvider(Protocol):
    short_names: Sequence[str]


@runtime_checkable
class CategoriesProvider(Protocol):
    categories: Sequence[str]


@runtime_checkable
class KindProvider(Protocol):
    """The kind in discovery, where it is not the name of the object type."""

    kind: str


@runtime_checkable
class GroupVersionKindProvider(Protocol):
    """The kind of an endpoint whose objects belong to another group than the resource (scale); beats KindProvider."""

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind: ...


@runtime_checkable
class GroupVersionAcceptor(Protocol):
    """Bodies of other group-versions than the endpoint's own that may be sent."""

    def accepts_group_version(self, group_version: GroupVersion) -> bool: ...


@runtime_checkable
class StorageVersionProvider(Protocol):
    """The group-version objects are stored in, for the storage version hash of discovery; None when unknown."""

    storage_version: GroupVersion | None


@runtime_checkable
class ResetFieldsProvider(Protocol):
    """Fields that this endpoint ignores, per `group/version`, so that nobody becomes their manager by sending them.

    Each value is a list of field paths, a path being a sequence of field names: `{"example.com/v1": [("status",)]}`.
    """

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]: ...


@runtime_checkable
class StorageMetadata(Protocol):
    """Further media types a verb may answer with, and the type a verb answers with when that is not the object type."""

    def produces_mime_types(self, verb: str) -> Sequence[str]: ...

    def produces_object(self, verb: str) -> type[Any] | None: ...


@runtime_checkable
class ReadinessChecker(Protocol):
    """A storage that can say whether it is ready to serve."""

    def readiness_check(self) -> None:
        """Raises when it is not."""


@runtime_checkable
class ObjectMetaPreserver(Protocol):
    """A subresource that wants the system metadata of created objects as the client sent it."""

    preserve_request_object_meta: bool


@runtime_checkable
class DeletedObjectReturner(Protocol):
    """Whether delete answers with the last state of the object instead of a Status."""

    delete_returns_deleted_object: bool


# ---- the verbs


@runtime_checkable
class TableConvertor(Protocol):
    """Required of every Lister."""

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        """One row per object of *obj*: an API object, a list of them, or their stored forms.

        A row's `object` is the object itself (stored form or not); what of it is shown is up to the caller. Raises
        NotAcceptableError for what cannot be a table.
        """


@runtime_checkable
class Getter(Protocol):
    """Verb get."""

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> APIObject | StoredObject[Any]:
        """Raises NotFoundError when there is none of that name in the namespace of *context*."""


@runtime_checkable
class GetterWithOptions(Protocol):
    """Verb get with options of its own (logs). `get` receives an instance of `get_options_type`.

    `get_options_path` names the option that takes the rest of the URL's path; "" when there is none.
    """

    get_options_type: type[Any]
    get_options_path: str

    async def get(self, context: RequestContext, name: str, options: Any) -> APIObject | StoredObject[Any]: ...


@runtime_checkable
class Lister(Protocol):
    """Verb list."""

    list_type: type[Any]

    async def list(self, context: RequestContext, options: ListOptions) -> APIObject | StoredList[Any]: ...

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table: ...


@runtime_checkable
class Watcher(Protocol):
    """Verb watch."""

    async def watch(self, context: RequestContext, options: ListOptions) -> WatchStream[Any]:
        """The changes from now on. What is raised here is the response; later failures are ERROR events."""


@runtime_checkable
class Creator(Protocol):
    """Verb create on a collection."""

    async def create(
        self, context: RequestContext, obj: APIObject, *, validate: ValidateObject | None, options: CreateOptions
    ) -> APIObject | StoredObject[Any]:
        """Stores *obj*, which may be changed on the way. *validate* sees it in its final form, before it is written."""


@runtime_checkable
class NamedCreator(Protocol):
    """Verb create on an item: a subresource such as binding, eviction or token."""

    async def create_named(
        self,
        context: RequestContext,
        name: str,
        obj: APIObject,
        *,
        validate: ValidateObject | None,
        options: CreateOptions,
    ) -> APIObject | StoredObject[Any]: ...


@runtime_checkable
class Updater(Protocol):
    """Verb update."""

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
        """Replaces the object of that name by what *info* makes of it.

        Where nothing is stored, creates it if the resource allows that or *force_allow_create* says so; else raises
        NotFoundError.
        """


@runtime_checkable
class CreatorUpdater(Creator, Updater, Protocol):
    """Create and update."""


@runtime_checkable
class Patcher(Getter, Updater, Protocol):
    """Verb patch, of every media type, is a get and an update."""


@runtime_checkable
class GracefulDeleter(Protocol):
    """Verb delete."""

    async def delete(
        self, context: RequestContext, name: str, *, validate: ValidateObject | None, options: DeleteOptions | None
    ) -> DeleteResult:
        """Deletes now, or marks for deletion what has finalizers or time left. None means at once. May change
        *options*.

        *validate* sees the stored object, perhaps more than once.
        """


@runtime_checkable
class CollectionDeleter(Protocol):
    """Verb deletecollection; not atomic."""

    async def delete_collection(
        self,
        context: RequestContext,
        *,
        validate: ValidateObject | None,
        options: DeleteOptions | None,
        list_options: ListOptions,
    ) -> APIObject | StoredList[Any]:
        """Returns the list of what was found, as it was before."""


@runtime_checkable
class StandardStorage(
    RESTStorage, Getter, Lister, Watcher, CreatorUpdater, GracefulDeleter, CollectionDeleter, Protocol
):
    """Everything that kubectl expects of an ordinary resource."""


# ---- verbs that leave the object model


class Responder(Protocol):
    """Writes a result to the response a connected handler was given."""

    async def object(self, status_code: int, obj: APIObject) -> None: ...

    async def error(self, error: Exception) -> None:
        """At most once, and not after `object`."""


ConnectMethod: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@runtime_checkable
class Connector(Protocol):
    """Verb connect: the response is up to a handler of the storage's own (proxy, exec).

    `connect_options_type` is decoded from the query, None for no options; `connect_options_path` names the option that
    takes the rest of the path, "" when the endpoint has no rest.
    """

    connect_methods: Sequence[ConnectMethod]
    connect_options_type: type[Any] | None
    connect_options_path: str

    async def connect(self, context: RequestContext, name: str, options: Any, responder: Responder) -> Handler:
        """An ASGI handler for this one request."""


@attrs.frozen(kw_only=True)
class StreamedResource:
    """A body to pass on as it comes; `body` None means 204. `flush` asks for every chunk to go out at once.

    It is a ResourceStreamer, too, for a Getter that knows the body already.
    """

    body: AsyncIterator[bytes] | None
    media_type: str = ""
    flush: bool = False

    async def input_stream(self, api_version: str, accept: str) -> "StreamedResource":
        return self


@runtime_checkable
class ResourceStreamer(Protocol):
    """What a Getter may return instead of an object: it writes its own bytes (logs)."""

    async def input_stream(self, api_version: str, accept: str) -> StreamedResource: ...
