"""What a request asks for, read from its method, path and query alone.

Authorization, admission, audit, flow control and metrics all work from this one parse, so that no two of them can
disagree about which object is meant. Mirrors pkg/endpoints/request/requestinfo.go.

    /api/{version}/...            the legacy group, whose name is empty
    /apis/{group}/{version}/...   every other group
    .../{resource}[/{name}[/{subresource}]]                  a cluster-scoped resource
    .../namespaces/{namespace}/{resource}[/{name}[/{subresource}]]
    .../watch/... and .../proxy/...                          old forms that name the verb in the path

Everything else is a non-resource request, known by its path and its lower-case method.
"""

from collections.abc import Iterable
from typing import Final

import attrs

from genericapiserver.asgi import parse_query
from genericapiserver.request.list_query import exact_name, is_watch

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_PATH_VERBS: Final = frozenset({"watch", "proxy"})
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})

_CACHE_ENTRIES: Final = 2048
_CACHED_PATH_LENGTH: Final = 512


class RequestInfoError(ValueError):
    """The path names a verb (`watch`, `proxy`) and nothing to apply it to."""

    def __init__(self, url: str) -> None:
        super().__init__(f"unable to determine kind and namespace from url, {url}")
        self.url = url


@attrs.frozen
class RequestInfo:
    """The parsed request line. Fields that do not apply are empty."""

    is_resource_request: bool = False
    path: str = ""
    verb: str = ""
    """A Kubernetes verb (get, list, watch, create, ...), for non-resource requests the lower-case HTTP method; empty
    for a resource request by a method that has no verb."""
    api_prefix: str = ""
    api_group: str = ""
    api_version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    """The object's name; for lists and watches also the one a field selector pins `metadata.name` to."""
    parts: tuple[str, ...] = ()
    """The path from the resource on, with what follows the subresource."""
    field_selector: str = ""
    """As sent, unchecked; only for list, watch and deletecollection."""
    label_selector: str = ""


class RequestInfoFactory:
    """Parses requests. One per server; the last distinct requests are remembered, since clients repeat themselves."""

    def __init__(
        self, *, api_prefixes: Iterable[str] = ("api", "apis"), groupless_api_prefixes: Iterable[str] = ("api",)
    ) -> None:
        self._groupless = frozenset(prefix.strip("/") for prefix in groupless_api_prefixes)
        self._prefixes = frozenset(prefix.strip("/") for prefix in api_prefixes) | self._groupless
        self._cache: dict[tuple[str, str, bytes], RequestInfo] = {}

    def resolve(self, method: str, path: str, query: bytes = b"") -> RequestInfo:
        """Parse one request: *path* decoded, *query* as sent. Raises RequestInfoError."""
        key = (method, path, query)
        info = self._cache.get(key)
        if info is None:
            info = self._parse(method, path, query)
            if len(path) + len(query) <= _CACHED_PATH_LENGTH:
                if len(self._cache) >= _CACHE_ENTRIES:
                    self._cache.clear()
                self._cache[key] = info
        return info

    def _parse(self, method: str, path: str, query: bytes) -> RequestInfo:
        parts = path.strip("/").split("/")
        prefix = parts[0]
        if len(parts) < 3 or prefix not in self._prefixes:
            return RequestInfo(False, path, method.lower())
        group, at = "", 1
        if prefix not in self._groupless:
            if len(parts) < 4:
                return RequestInfo(False, path, method.lower(), prefix)
            group, at = parts[1], 2
        version = parts[at]
        parts = parts[at + 1 :]

        verb_in_path = parts[0] in _PATH_VERBS
        if verb_in_path:
            if len(parts) < 2:
                raise RequestInfoError(f"{path}?{query.decode('latin-1')}" if query else path)
            verb = parts.pop(0)
        else:
            verb = _VERBS.get(method, "")

        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 1:
            namespace = parts[1]
            if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
                parts = parts[2:]

        count = len(parts)
        name = parts[1] if count > 1 else ""
        subresource = parts[2] if count > 2 and verb != "proxy" else ""
        field_selector = label_selector = ""
        if not name:
            values = parse_query(query)
            if verb == "get":
                verb = "watch" if is_watch(values) else "list"
                name = exact_name(values)
            elif verb == "delete":
                verb = "deletecollection"
            if not verb_in_path and verb in ("list", "watch", "deletecollection"):
                field_selector = values.get("fieldSelector", ("",))[0]
                label_selector = values.get("labelSelector", ("",))[0]
        return RequestInfo(
            True,
            path,
            verb,
            prefix,
            group,
            version,
            namespace,
            parts[0],
            subresource,
            name,
            tuple(parts),
            field_selector,
            label_selector,
        )
