"""What a served route is, as plain data: enough to document it, nothing to serve it with.

The endpoints write these when they install a resource; OpenAPI documents are built from them. Go keeps the same facts in
go-restful's Route and its metadata (pkg/endpoints/installer.go).
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind

Action: TypeAlias = Literal[
    "get", "list", "put", "patch", "post", "delete", "deletecollection", "watch", "watchlist", "connect"
]
"""The value of `x-kubernetes-action`."""


@attrs.frozen(kw_only=True)
class RouteParameter:
    """One parameter of a route; the body is not one of them."""

    name: str
    location: Literal["path", "query"]
    type: Literal["string", "integer", "boolean"] = "string"
    doc: str = ""
    required: bool = False
    multiple: bool = False
    """The same key may be given several times."""


@attrs.frozen(kw_only=True)
class RouteDescription:
    """One method on one path.

    `path` is the whole path with its parameters in braces (`{name}`, `{path:*}`). Types are API types; `responses` maps a
    status code to the type of its body, None where the body is not an API object.
    """

    path: str
    method: str
    doc: str
    operation: str
    """The operation's name without the group and version: `listNamespacedFlunder`."""
    group_version: GroupVersion | None = None
    action: Action | None = None
    kind: GroupVersionKind | None = None
    """The kind the route is about; for a subresource the subresource's own."""
    namespaced: bool = False
    parameters: tuple[RouteParameter, ...] = ()
    body: type[Any] | None = None
    body_optional: bool = False
    responses: Mapping[int, type[Any] | None] = attrs.field(factory=dict)
    consumes: tuple[str, ...] = ("*/*",)
    produces: tuple[str, ...] = ()
