"""How metrics and logs name a request: verb, scope and dry run. Mirrors pkg/endpoints/metrics/metrics.go.

The labels are few and never taken from the client as they are, so that no client can grow the set of series.
"""

from typing import Final

from genericapiserver.asgi import QueryValues, parse_query
from genericapiserver.request.request_info import RequestInfo

APPLY_PATCH: Final = "application/apply-patch+yaml"

KNOWN_VERBS: Final = frozenset(
    {
        "APPLY",
        "CONNECT",
        "CREATE",
        "DELETE",
        "DELETECOLLECTION",
        "GET",
        "LIST",
        "PATCH",
        "POST",
        "PROXY",
        "PUT",
        "UPDATE",
        "WATCH",
        "WATCHLIST",
    }
)
_FIELD_VALIDATIONS: Final = frozenset({"", "Ignore", "Warn", "Strict"})
CONNECT_SUBRESOURCES: Final = frozenset({"log", "exec", "portforward", "attach", "proxy"})


def request_scope(info: RequestInfo) -> str:
    """`resource`, `namespace` or `cluster`, or "" for a non-resource request."""
    if info.name or info.verb == "create":
        return "resource"
    if info.namespace:
        return "namespace"
    return "cluster" if info.is_resource_request else ""


def normalized_verb(
    method: str,
    info: RequestInfo,
    query: bytes,
    *,
    scope: str | None = None,
    route_verb: str = "",
    content_type: str = "",
) -> str:
    """The verb in upper case, by the HTTP method rather than by what the request means: create is POST.

    *scope* is the route's, where a route is known; *route_verb* the verb the route was made for.
    """
    verb = method.upper()
    if verb in ("GET", "HEAD", "LIST"):
        where = request_scope(info) if scope is None else scope
        if verb == "LIST" or where not in ("resource", ""):
            verb = "LIST"
        else:
            verb = "GET"
        if method != "HEAD" and _asks_to_watch(parse_query(query)):
            verb = "WATCH"
    if route_verb in ("WATCH", "WATCHLIST") or verb == "WATCHLIST":
        verb = "WATCH"
    if verb == "PATCH" and content_type == APPLY_PATCH:
        verb = "APPLY"
    if info.is_resource_request and info.subresource in CONNECT_SUBRESOURCES:
        verb = "CONNECT"
    return verb


def reported_verb(
    method: str,
    info: RequestInfo,
    query: bytes,
    *,
    scope: str | None = None,
    route_verb: str = "",
    content_type: str = "",
) -> str:
    """The metric label: `normalized_verb`, or `other` when that is not one of the known ones."""
    verb = normalized_verb(method, info, query, scope=scope, route_verb=route_verb, content_type=content_type)
    return verb if verb in KNOWN_VERBS else "other"


def dry_run_label(query: bytes) -> str:
    """ "", `All`, or `invalid` for any other value of `dryRun`."""
    if b"dryRun" not in query:
        return ""
    values = set(parse_query(query).get("dryRun", ()))
    return "All" if values == {"All"} else "invalid" if values else ""


def field_validation_label(query: bytes) -> str:
    """ "", `Ignore`, `Warn` or `Strict`, or `invalid` for any other value of `fieldValidation` and for several."""
    if b"fieldValidation" not in query:
        return ""
    values = parse_query(query).get("fieldValidation", ())
    return values[0] if len(values) == 1 and values[0] in _FIELD_VALIDATIONS else "invalid"


def _asks_to_watch(values: QueryValues) -> bool:
    watch = values.get("watch")
    return watch is not None and watch[0].lower() not in ("0", "false")
