"""From kinds to the resources that serve them, by asking a server's discovery.

Go: k8s.io/client-go/restmapper, in the small.
"""

import json
from typing import Any

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind, GroupVersionResource
from genericapiserver.client.transport import Transport


class NoMatchError(LookupError):
    """No resource of the server has this kind: `no matches for kind "Foo" in version "example.com/v1"`."""


@attrs.frozen
class RESTMapping:
    """One resource and whether its objects lie in namespaces."""

    resource: GroupVersionResource
    namespaced: bool

    def path(self, namespace: str = "") -> str:
        """Where its objects are listed: of one namespace, or of all."""
        root = group_version_path(self.resource.group_version)
        return (
            f"{root}/namespaces/{namespace}/{self.resource.resource}"
            if namespace
            else f"{root}/{self.resource.resource}"
        )


def group_version_path(version: GroupVersion) -> str:
    """Where a version of a group is served."""
    return f"/apis/{version}" if version.group else f"/api/{version.version}"


class RESTMapper:
    """Remembers what discovery says of a version until `reset`, which somebody calls from time to time."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._mappings: dict[GroupVersion, dict[str, RESTMapping]] = {}

    def reset(self) -> None:
        """Ask again at the next look-up: resources come and go."""
        self._mappings = {}

    async def mapping_for(self, kind: GroupVersionKind) -> RESTMapping:
        """Raises NoMatchError, and ConnectionError or ValueError when discovery does not answer."""
        version = kind.group_version
        if version not in self._mappings:
            self._mappings[version] = await self._discover(version)
        found = self._mappings[version].get(kind.kind)
        if found is None:
            raise NoMatchError(f"no matches for kind {quote(kind.kind)} in version {quote(str(version))}")
        return found

    async def _discover(self, version: GroupVersion) -> dict[str, RESTMapping]:
        response = await self._transport.request("GET", group_version_path(version))
        if response.status == 404:
            return {}
        if response.status != 200:
            raise ConnectionError(f"discovery of {version} answered {response.status}: {response.body[:200]!r}")
        resources: list[dict[str, Any]] = json.loads(response.body).get("resources") or []
        return {
            entry["kind"]: RESTMapping(version.with_resource(entry["name"]), bool(entry.get("namespaced")))
            for entry in reversed(resources)
            if "/" not in entry["name"]
        }
