"""The groups of a server, and the documents at /apis and /apis/{group} (pkg/endpoints/discovery/root.go, group.go)."""

from collections.abc import Hashable, Sequence
from typing import Any

from genericapiserver.apimachinery.meta import APIGroup, APIGroupList, ServerAddressByClientCIDR
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.asgi import Handler
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.discovery.addresses import Addresses, client_address, told
from genericapiserver.endpoints.discovery.document import document_handler
from genericapiserver.endpoints.responses import ResponseWriter

GROUP_LIST_KIND = GroupVersionKind("", "", "APIGroupList")
"""Without a version: the document carries no apiVersion, because the first clients knew none."""

_GROUPS_WITHOUT_VERSION = ("", "extensions")


class DiscoveryGroupManager:
    """The groups, in the order they were first added."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._groups: dict[str, APIGroup] = {}
        self._generation = 0

    def add_group(self, group: APIGroup) -> None:
        """Add *group*, or replace the one of its name, which keeps its place."""
        self._groups[group.name] = group
        self._generation += 1

    def remove_group(self, name: str) -> None:
        """Remove the group *name*, if it is there."""
        if self._groups.pop(name, None) is not None:
            self._generation += 1

    @property
    def groups(self) -> Sequence[APIGroup]:
        return tuple(self._groups.values())

    def group_list(self, client: str = "") -> APIGroupList:
        """The document at /apis for the client at that address."""
        addresses = list(self._addresses.for_client(client))
        return APIGroupList(groups=[_with_addresses(group, addresses) for group in self._groups.values()])

    def _source(self, request: APIRequest) -> tuple[Hashable, Any]:
        client = client_address(request.scope) if self._addresses.depend_on_client else ""
        return (self._generation, told(self._addresses.for_client(client))), self.group_list(client)

    def handler(self, writer: ResponseWriter) -> Handler:
        """Serves /apis."""
        return document_handler(self._source, GROUP_LIST_KIND, writer)


def group_handler(group: APIGroup, writer: ResponseWriter) -> Handler:
    """Serves /apis/{group}, whose document names no addresses."""
    document = _with_addresses(group, [])
    version = "" if group.name in _GROUPS_WITHOUT_VERSION else "v1"
    return document_handler(lambda request: (0, document), GroupVersionKind("", version, "APIGroup"), writer)


def _with_addresses(group: APIGroup, addresses: list[ServerAddressByClientCIDR]) -> APIGroup:
    return APIGroup(
        name=group.name,
        versions=group.versions,
        preferred_version=group.preferred_version,
        server_address_by_client_cidrs=addresses,
    )
