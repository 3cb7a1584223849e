"""/apis and /apis/<group> of an aggregator: all groups that there is an APIService for, in their order.

Source: pkg/apiserver/handler_apis.go of k8s.io/kube-aggregator.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

from genericapiserver.aggregator.ordering import sorted_by_group_and_version
from genericapiserver.apimachinery.meta import APIGroup, APIGroupList, GroupVersionForDiscovery
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apis.apiregistration_v1 import GROUP, GROUP_VERSION, APIService
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.client.informer import Informer
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.discovery.addresses import Addresses, client_address
from genericapiserver.endpoints.discovery.document import document_handler
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.mux import not_found

GROUP_LIST_KIND: Final = GroupVersionKind("", "v1", "APIGroupList")
"""With a version, unlike that of a server without an aggregator."""
GROUP_KIND: Final = GroupVersionKind("", "v1", "APIGroup")

_REGISTRATION_VERSION: Final = GroupVersionForDiscovery(group_version=str(GROUP_VERSION), version=GROUP_VERSION.version)
REGISTRATION_GROUP: Final = APIGroup(
    name=GROUP, versions=[_REGISTRATION_VERSION], preferred_version=_REGISTRATION_VERSION
)


class GroupDocuments:
    """The documents, made again when an APIService has changed."""

    def __init__(self, services: Informer[APIService], addresses: Addresses, writer: ResponseWriter) -> None:
        self._services = services
        self._addresses = addresses
        self._writer = writer
        self._generation = 0
        self._groups: dict[str, APIGroup] | None = None
        services.add_listener(self._changed)

    @property
    def generation(self) -> int:
        """Grows with every change."""
        return self._generation

    def groups(self) -> dict[str, APIGroup]:
        """Every group but the one without a name, by name, the most important first."""
        if self._groups is None:
            ordered = sorted_by_group_and_version(self._services)
            self._groups = {group.name: group for group in (REGISTRATION_GROUP, *map(_group, ordered)) if group.name}
        return self._groups

    def list_handler(self) -> Handler:
        """Serves /apis. What is not available is there, too: it has been promised."""

        def source(request: APIRequest) -> tuple[tuple[int, str], APIGroupList]:
            client = client_address(request.scope) if self._addresses.depend_on_client else ""
            addresses = list(self._addresses.for_client(client))
            groups = [
                APIGroup(
                    name=group.name,
                    versions=group.versions,
                    preferred_version=group.preferred_version,
                    server_address_by_client_cidrs=addresses,
                )
                for group in self.groups().values()
            ]
            return (self._generation, client), APIGroupList(groups=groups)

        return document_handler(source, GROUP_LIST_KIND, self._writer)

    def group_handler(self, name: str, delegate: Handler | None) -> Handler:
        """Serves /apis/*name*; *delegate* does while there is no APIService of that group."""

        def source(request: APIRequest) -> tuple[int, APIGroup]:
            return self._generation, self.groups()[name]

        serve = document_handler(source, GROUP_KIND, self._writer)

        def group(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            handler = serve if name in self.groups() else delegate or not_found
            return handler(scope, receive, send)

        return group

    def _changed(self) -> None:
        self._generation += 1
        self._groups = None


def _group(versions: Sequence[APIService]) -> APIGroup:
    """The group of *versions*, the preferred one first."""
    names = list(_versions(versions))
    return APIGroup(name=versions[0].spec.group, versions=names, preferred_version=names[0])


def _versions(services: Iterable[APIService]) -> Iterable[GroupVersionForDiscovery]:
    for service in services:
        spec = service.spec
        yield GroupVersionForDiscovery(group_version=str(GroupVersion(spec.group, spec.version)), version=spec.version)
