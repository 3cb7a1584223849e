"""What OpenAPI is told of an installed route: its texts, parameters and types (pkg/endpoints/installer.go)."""

from typing import Any

from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListOptions,
    Patch,
    PatchOptions,
    Status,
    UpdateOptions,
    WatchEvent,
)
from genericapiserver.apimachinery.routes import RouteDescription, RouteParameter
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.types import Kind, describe

PRETTY = RouteParameter(
    name="pretty",
    location="query",
    doc="Whether the response is indented: true or false. Without it, it is for browsers, curl and wget.",
)
NAMESPACE = RouteParameter(name="namespace", location="path", required=True, doc="The namespace of the objects.")
PATH = RouteParameter(name="path", location="path", required=True, doc="The rest of the path, handed to the resource.")

_TYPES = {Kind.BOOLEAN: "boolean", Kind.INTEGER: "integer"}


def query_parameters(options_type: type[Any], *, without: tuple[str, ...] = ()) -> tuple[RouteParameter, ...]:
    """A parameter for each field of *options_type* that a query can hold."""
    parameters = []
    for one in describe(options_type).fields:
        multiple = one.type.kind is Kind.LIST
        kind = one.type.item.kind if multiple else one.type.kind
        if kind not in (Kind.STRING, Kind.BOOLEAN, Kind.INTEGER, Kind.TIME) or one.json_name in without:
            continue
        parameters.append(
            RouteParameter(
                name=one.json_name,
                location="query",
                type=_TYPES.get(kind, "string"),  # type: ignore[arg-type] # the values are of the literal type
                doc=one.doc,
                multiple=multiple,
            )
        )
    return tuple(parameters)


_LIST_PARAMETERS = query_parameters(ListOptions)
_OPTIONS = {
    "LIST": _LIST_PARAMETERS,
    "WATCHLIST": _LIST_PARAMETERS,
    "WATCH": _LIST_PARAMETERS,
    "GET": query_parameters(GetOptions, without=("resourceVersion",)),
    "POST": query_parameters(CreateOptions),
    "PUT": query_parameters(UpdateOptions),
    "PATCH": query_parameters(PatchOptions),
    "DELETE": query_parameters(DeleteOptions),
}


def option_parameters(verb: str) -> tuple[RouteParameter, ...]:
    """The query parameters of an action."""
    if verb == "DELETECOLLECTION":
        deletes = _OPTIONS["DELETE"]
        names = {parameter.name for parameter in deletes} | {"watch", "allowWatchBookmarks"}
        return (*deletes, *(parameter for parameter in _LIST_PARAMETERS if parameter.name not in names))
    return _OPTIONS[verb]


def name_parameter(kind: str) -> RouteParameter:
    return RouteParameter(name="name", location="path", required=True, doc=f"The name of the {kind}.")


def document(verb: str, method: str, kind: str, subresource: str) -> str:
    """The sentence that describes an action."""
    of_sub = f"{subresource} of " if subresource else ""
    article = "an" if kind[:1].upper() in ("A", "E", "I", "O", "U") else "a"
    match verb:
        case "LIST":
            return f"list or watch {of_sub}objects of kind {kind}"
        case "POST":
            return f"create {of_sub}{article} {kind}"
        case "DELETECOLLECTION":
            return f"delete collection of {of_sub}{kind}"
        case "WATCHLIST":
            return (
                f"watch individual changes to a list of {of_sub}{kind}. deprecated: use the 'watch' parameter with a "
                "list operation instead."
            )
        case "GET":
            return f"read {of_sub}the specified {kind}"
        case "PUT":
            return f"replace {of_sub}the specified {kind}"
        case "PATCH":
            return f"partially update {of_sub}the specified {kind}"
        case "DELETE":
            return f"delete {of_sub}{article} {kind}"
        case "WATCH":
            return (
                f"watch changes to {of_sub}an object of kind {kind}. deprecated: use the 'watch' parameter with a list "
                "operation instead, filtered to a single item with the 'fieldSelector' parameter."
            )
    return f"connect {method} requests to {of_sub}{kind}"


def responses(verb: str, produced: type[Any], list_type: type[Any] | None, deleted: type[Any]) -> dict[int, Any]:
    """The types of the bodies of an action by status code."""
    match verb:
        case "LIST":
            return {200: list_type}
        case "WATCH" | "WATCHLIST":
            return {200: WatchEvent}
        case "POST":
            return {200: produced, 201: produced, 202: produced}
        case "PUT" | "PATCH":
            return {200: produced, 201: produced}
        case "DELETE":
            return {200: deleted, 202: deleted}
        case "DELETECOLLECTION":
            return {200: Status}
    return {200: produced}


def request_body(verb: str, taken: type[Any]) -> tuple[type[Any] | None, bool]:
    """The type of the body that an action takes, and whether it may be left out."""
    match verb:
        case "POST" | "PUT":
            return taken, False
        case "PATCH":
            return Patch, False
        case "DELETE" | "DELETECOLLECTION":
            return DeleteOptions, True
    return None, False


def describe_document_route(
    path: str,
    *,
    operation: str,
    doc: str,
    produces: tuple[str, ...],
    body: type[Any],
    group_version: GroupVersion | None,
) -> RouteDescription:
    """The description of a discovery document."""
    return RouteDescription(
        path=path,
        method="GET",
        doc=doc,
        operation=operation,
        group_version=group_version,
        responses={200: body},
        consumes=produces,
        produces=produces,
    )


def describe_route(
    *,
    path: str,
    method: str,
    verb: str,
    action: Any,
    operation: str,
    group_version: GroupVersion,
    kind: GroupVersionKind,
    subresource: str,
    resource_kind: str,
    namespaced: bool,
    across: bool,
    with_path: bool,
    parameters: tuple[RouteParameter, ...],
    body: tuple[type[Any] | None, bool],
    answers: dict[int, Any],
    consumes: tuple[str, ...],
    produces: tuple[str, ...],
) -> RouteDescription:
    """The description of a route of a resource. *path* is whole, *resource_kind* the kind of the parent resource."""
    name = operation
    if namespaced and not across:
        name += "Namespaced"
    name += resource_kind + subresource[:1].upper() + subresource[1:]
    if verb == "WATCHLIST":
        name += "List"
    if with_path:
        name += "WithPath"
    if across and namespaced:
        name += "ForAllNamespaces"
    return RouteDescription(
        path=path,
        method=method,
        doc=document(verb, method, resource_kind, subresource),
        operation=name,
        group_version=group_version,
        action=action,
        kind=kind,
        namespaced=namespaced,
        parameters=parameters,
        body=body[0],
        body_optional=body[1],
        responses=answers,
        consumes=consumes,
        produces=produces,
    )
