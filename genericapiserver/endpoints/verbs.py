"""The verbs as data: what a storage has to be able to do, and under which method and path that is served.

One row is one action (pkg/endpoints/installer.go). The installer walks the table for every storage and adds a route for
each row whose protocols the storage has. Paths:

    collection        foos                        namespaces/{namespace}/foos
    item              foos/{name}                 namespaces/{namespace}/foos/{name}
    subresource       the item's path and /{sub}, for every verb
    across            foos, for a namespaced resource: all namespaces, only lists and watches
    watch/...         the old form of a watch, before ?watch existed
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import attrs

from genericapiserver.apimachinery.routes import Action
from genericapiserver.registry.rest import (
    CollectionDeleter,
    Creator,
    Getter,
    GetterWithOptions,
    GracefulDeleter,
    Lister,
    NamedCreator,
    Patcher,
    Updater,
    Watcher,
)


@attrs.frozen(kw_only=True)
class Verb:
    """One action that a storage may support."""

    name: str
    """The action: also the `verb` that a route was registered as, for metrics."""
    supported: Callable[[Any], bool]
    method: str
    shape: Literal["collection", "item"]
    discovery: str
    """The verb that discovery lists."""
    action: Action
    """The value of x-kubernetes-action."""
    operation: str
    """How the name of the operation starts."""
    across_namespaces: bool = False
    legacy_watch: bool = False


def _has(*protocols: Any) -> Callable[[Any], bool]:
    def supported(storage: Any) -> bool:
        return all(isinstance(storage, protocol) for protocol in protocols)

    return supported


def _creates(storage: Any) -> bool:
    return isinstance(storage, Creator | NamedCreator)


def _gets(storage: Any) -> bool:
    return isinstance(storage, Getter | GetterWithOptions)


VERBS: Final = (
    Verb(
        name="LIST",
        supported=_has(Lister),
        method="GET",
        shape="collection",
        discovery="list",
        action="list",
        operation="list",
        across_namespaces=True,
    ),
    Verb(
        name="POST",
        supported=_creates,
        method="POST",
        shape="collection",
        discovery="create",
        action="post",
        operation="create",
    ),
    Verb(
        name="DELETECOLLECTION",
        supported=_has(CollectionDeleter),
        method="DELETE",
        shape="collection",
        discovery="deletecollection",
        action="deletecollection",
        operation="deleteCollection",
    ),
    Verb(
        name="WATCHLIST",
        supported=_has(Watcher, Lister),
        method="GET",
        shape="collection",
        discovery="watch",
        action="watchlist",
        operation="watch",
        across_namespaces=True,
        legacy_watch=True,
    ),
    Verb(
        name="GET",
        supported=_gets,
        method="GET",
        shape="item",
        discovery="get",
        action="get",
        operation="read",
    ),
    Verb(
        name="PUT",
        supported=_has(Updater),
        method="PUT",
        shape="item",
        discovery="update",
        action="put",
        operation="replace",
    ),
    Verb(
        name="PATCH",
        supported=_has(Patcher),
        method="PATCH",
        shape="item",
        discovery="patch",
        action="patch",
        operation="patch",
    ),
    Verb(
        name="DELETE",
        supported=_has(GracefulDeleter),
        method="DELETE",
        shape="item",
        discovery="delete",
        action="delete",
        operation="delete",
    ),
    Verb(
        name="WATCH",
        supported=_has(Watcher),
        method="GET",
        shape="item",
        discovery="watch",
        action="watch",
        operation="watch",
        legacy_watch=True,
    ),
)

DISCOVERY_VERB_OF_METHOD: Final = {
    "GET": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
"""What discovery says of a connect method; other methods are not listed."""
