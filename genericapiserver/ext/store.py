"""A resource from six plain methods: `Store`, and what it is told with every call.

    install_store(server, Token, TokenList, "tokens", "token", GVK, TokenStore())

Where objects are kept is up to the store: in other objects of a cluster, in a database, nowhere. What is served in front of
it (names, decoding, patches, tables, watches, errors) is the toolkit's. Source: pkg/ext/store.go of rancher/steve, October
2024. `ExtensionAPIServer.install` takes storages of registry.rest, which can do more.
"""

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import attrs

from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListOptions,
    Object,
    UpdateOptions,
)
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.apimachinery.scheme import type_name
from genericapiserver.apimachinery.types import describe, is_api_type
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import Authorizer
from genericapiserver.ext.event_stream import WatchEvent
from genericapiserver.request import RequestContext

if TYPE_CHECKING:
    from genericapiserver.ext.server import ExtensionAPIServer

METHODS: Final = ("create", "update", "get", "list", "watch", "delete")

T = TypeVar("T", bound=Object)
TList = TypeVar("TList")
TListCo = TypeVar("TListCo", covariant=True)


@attrs.frozen(kw_only=True)
class Context:
    """What a store knows of the request that it works for."""

    request: RequestContext
    """All that is known of it."""
    user: UserInfo
    """Who asks."""
    authorizer: Authorizer
    """Says what somebody may do, for checks of the store's own."""
    group_version_resource: GroupVersionResource
    """For errors: `NotFoundError(context.group_version_resource.group_resource, name)`."""

    @classmethod
    def of(cls, request: RequestContext, authorizer: Authorizer, resource: GroupVersionResource) -> "Context":
        """Raises InternalError for a request without a user."""
        if request.user is None:
            raise InternalError("missing user info")
        return cls(request=request, user=request.user, authorizer=authorizer, group_version_resource=resource)


class Store(Protocol[T, TListCo]):
    """Everything that is asked of a cluster-scoped resource with objects of type T and lists of type TList.

    Errors for clients are those of apimachinery.errors: `raise NotFoundError(...)`. Any other is a 500 with its text. A
    store owns what it returns no longer: it must not change an object afterwards. Options are those of the client; what
    `dry_run` says must not be stored is up to the store.
    """

    async def create(self, context: Context, obj: T, options: CreateOptions) -> T:
        """Store a new object, after admission; what is returned is what the client sees.

        Called for a create, and for an update or an apply of what `get` does not find.
        """

    async def update(self, context: Context, obj: T, options: UpdateOptions) -> T:
        """Replace an object that `get` found, after admission."""

    async def get(self, context: Context, name: str, options: GetOptions) -> T:
        """The object called *name*. Raises NotFoundError. Called before every update, patch and delete, too."""

    async def list(self, context: Context, options: ListOptions) -> TListCo:
        """All objects that *options* select (see `selector`)."""

    def watch(
        self, context: Context, options: ListOptions
    ) -> Awaitable[AsyncIterator[WatchEvent[T]]] | AsyncIterator[WatchEvent[T]]:
        """The changes from now on: a coroutine that returns an iterator, or an async generator.

        What the coroutine raises, or the generator before it first waits for something, is the response; later errors are
        ERROR events. The iterator is closed when the client goes; when it ends the watch ends, and clients begin another.
        """

    async def delete(self, context: Context, name: str, options: DeleteOptions) -> None:
        """Delete what `get` has just found. Preconditions of *options* were compared with that."""


def install_store(
    server: "ExtensionAPIServer",
    t: type[T],
    t_list: type[TList],
    resource: str,
    singular: str,
    gvk: GroupVersionKind,
    store: Store[T, TList],
) -> None:
    """Serve *store* as *resource* of the group and version of *gvk*, cluster-scoped.

    The verbs are create, delete, get, list, patch, update and watch. Raises TypeError when *t_list* is no list type, or when
    *store* lacks a method.
    """
    from genericapiserver.ext.store_storage import StoreStorage

    if not is_api_type(t_list) or "items" not in describe(t_list).by_attribute:
        name = type_name(t_list) if isinstance(t_list, type) else type(t_list).__name__
        raise TypeError(f"tList ({name}) is not a list type")
    missing = [name for name in METHODS if not callable(getattr(store, name, None))]
    if missing or isinstance(store, type):
        what = f"the class {store.__name__}, not an object of it" if isinstance(store, type) else type(store).__name__
        lacks = f": it lacks {', '.join(missing)}" if missing else ""
        raise TypeError(f"{resource} cannot be served by {what}{lacks}")
    storage = StoreStorage(
        store,
        object_type=t,
        list_type=t_list,
        resource=gvk.group_version.with_resource(resource),
        singular_name=singular,
        gvk=gvk,
        authorizer=server.authorizer,
    )
    server.install(resource, gvk, storage)
