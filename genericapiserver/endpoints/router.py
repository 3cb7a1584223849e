"""The API container: web services, each under a root path, each a tree of routes.

    /apis                             the group list; claims itself and nothing below
    /apis/{group}                     one group's document; claims every path below, versions it lacks included
    /apis/{group}/{version}           the resources of one version

A request goes to the service with the longest root, then down its tree, where a literal segment beats a parameter.
What a service claims and does not have is answered here, as a Status: 404 for no path, 405 for no method, then 415 and
406 by the types a route takes and gives. Nothing falls through to another handler. The trees are walked segment by
segment, without a regular expression and without looking at routes that cannot match.

Go: pkg/server/handler.go (who claims what) and go-restful's CurlyRouter (the rest).
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.errors import GenericServerResponseError, StatusError
from genericapiserver.apimachinery.routes import RouteDescription
from genericapiserver.asgi import Handler, Receive, Scope, Send, header_value
from genericapiserver.endpoints.negotiation import is_acceptable, is_consumable

ErrorSender: TypeAlias = Callable[[Scope, Send, StatusError], Awaitable[None]]
"""Writes an error of the container in the representation that the request asks for."""

REMEMBERED_HEADERS: Final = 64
"""Accept headers that a route keeps as acceptable."""

_WILDCARD = "{path:*}"


@attrs.define(eq=False, kw_only=True)
class Route:
    """One method on one path of a web service.

    *path* is relative to the service's root: "" for the root itself, segments in braces match anything, also nothing,
    and a last segment `{path:*}` matches one or more segments. *consumes* and *produces* are media types, `*/*` for
    any.
    """

    method: str
    path: str
    handler: Handler
    consumes: Sequence[str] = ("*/*",)
    produces: Sequence[str] = ("*/*",)
    description: RouteDescription | None = None
    _acceptable: set[bytes] = attrs.field(init=False, factory=set)

    def accepts(self, accept: bytes) -> bool:
        """Whether a response may be of a type that the Accept header names, as the router sees it."""
        if accept in self._acceptable:
            return True
        if "*/*" not in self.produces and not is_acceptable(accept.decode("latin-1"), self.produces):
            return False
        if len(self._acceptable) >= REMEMBERED_HEADERS:
            self._acceptable.clear()
        self._acceptable.add(accept)
        return True


class _Node:
    """The routes that end at one point of a path, and the ways on from there."""

    __slots__ = ("literals", "parameter", "rest", "routes")

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.rest: dict[str, Route] = {}

    def add(self, segments: Sequence[str], route: Route) -> None:
        if not segments:
            self.routes[route.method] = route
        elif segments[0] == _WILDCARD:
            self.rest[route.method] = route
        elif segments[0].startswith("{"):
            if self.parameter is None:
                self.parameter = _Node()
            self.parameter.add(segments[1:], route)
        else:
            self.literals.setdefault(segments[0], _Node()).add(segments[1:], route)

    def find(self, segments: Sequence[str], at: int) -> dict[str, Route] | None:
        if at == len(segments):
            return self.routes or None
        child = self.literals.get(segments[at])
        if child is not None:
            found = child.find(segments, at + 1)
            if found is not None:
                return found
        if self.parameter is not None:
            found = self.parameter.find(segments, at + 1)
            if found is not None:
                return found
        return self.rest or None


class WebService:
    """The routes below one root path such as `/apis/example.com/v1`."""

    def __init__(self, root: str, *, exact: bool = False) -> None:
        """*exact*: claim the root alone, with or without one slash behind it (the group list)."""
        if not root.startswith("/") or (root != "/" and root.endswith("/")):
            raise ValueError(f"the root of a web service starts with a slash and does not end with one, not {root!r}")
        self.root = root
        self.exact = exact
        self.routes: list[Route] = []
        self._tree = _Node()

    def add(self, route: Route) -> None:
        """Add *route*; a later one for the same method and path replaces the earlier."""
        self.routes.append(route)
        self._tree.add(route.path.strip("/").split("/") if route.path.strip("/") else (), route)

    def find(self, path: str) -> dict[str, Route] | None:
        """The routes of *path*, below the root, by method; None when there is no such path."""
        rest = path[len(self.root) + 1 :].rstrip("/")
        return self._tree.find(rest.split("/") if rest else (), 0)


class APIContainer:
    """All web services of one server; an ASGI handler for the paths they claim.

    *send_error* writes the container's own refusals.
    """

    def __init__(self, *, send_error: ErrorSender) -> None:
        self._send_error = send_error
        self._services: dict[str, WebService] = {}
        self._depth = 0

    @property
    def services(self) -> Sequence[WebService]:
        """In the order they were added."""
        return tuple(self._services.values())

    @property
    def root_paths(self) -> list[str]:
        return list(self._services)

    def add(self, service: WebService) -> None:
        """Raises ValueError when its root is taken."""
        if service.root in self._services:
            raise ValueError(f"web service with root {service.root} is installed already")
        self._services[service.root] = service
        self._measure()

    def remove(self, root: str) -> None:
        """Remove the service at *root*, if there is one."""
        self._services.pop(root, None)
        self._measure()

    def _measure(self) -> None:
        self._depth = max((root.count("/") for root in self._services), default=0)

    def service_for(self, path: str) -> WebService | None:
        """The service that claims *path*, the one with the longest root; None when nobody does."""
        services = self._services
        segments = path.split("/", self._depth + 1)
        for count in range(min(len(segments), self._depth + 1), 1, -1):
            service = services.get("/".join(segments[:count]))
            if service is not None and (not service.exact or len(path) - len(service.root) <= 1):
                return service
        return None

    def claims(self, path: str) -> bool:
        """Whether requests for *path* belong to this container, also to be refused."""
        return self.service_for(path) is not None

    def descriptions(self) -> Iterator[tuple[str, RouteDescription]]:
        """Every described route with the root path of its service."""
        for service in self._services.values():
            for route in service.routes:
                if route.description is not None:
                    yield service.root, route.description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            route = self.route(scope)
        except StatusError as error:
            await self._send_error(scope, send, error)
            return
        await route.handler(scope, receive, send)

    def route(self, scope: Scope) -> Route:
        """The route of a request. Raises the StatusError to answer when there is none."""
        path = scope["path"]
        service = self.service_for(path)
        routes = None if service is None else service.find(path)
        if routes is None:
            raise GenericServerResponseError(404, "404: Page Not Found")
        method = scope.get("method", "GET")  # a websocket has none and opens with a GET
        route = routes.get(method)
        if route is None:
            raise GenericServerResponseError(405, "405: Method Not Allowed")
        accept, content_type = b"", b""
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = accept or value
            elif name == b"content-type":
                content_type = content_type or value
        if route.consumes != ("*/*",) and not is_consumable(content_type.decode("latin-1"), route.consumes, method):
            raise GenericServerResponseError(415, "415: Unsupported Media Type")
        if accept and not route.accepts(accept):
            available = ", ".join(route.produces)
            if method in ("POST", "PUT", "PATCH") and header_value(scope, b"content-length") in (None, "", "0"):
                # go-restful takes the missing body for the mistake.
                raise GenericServerResponseError(
                    415, f"415: Unsupported Media Type\n\nAvailable representations: {available}"
                )
            raise GenericServerResponseError(406, f"406: Not Acceptable\n\nAvailable representations: {available}")
        return route
