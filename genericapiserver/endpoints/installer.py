"""Installing the resources of one API version: storages in, a web service and its discovery document out.

    storage of `foos`       ─┐                    ┌─> routes, by the table in `verbs`
    storage of `foos/status` ├─> RequestScope each┤
    ...                     ─┘                    └─> APIResource each, for discovery

What a storage supports is found out here, once; a request only meets what was installed. Go:
pkg/endpoints/installer.go and groupversion.go.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from genericapiserver.admission import AdmissionChain
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.meta import APIResourceList
from genericapiserver.apimachinery.routes import RouteDescription
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import NotRegisteredError, Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authorization import Authorizer
from genericapiserver.endpoints import route_description as describe
from genericapiserver.endpoints.deprecation import UNKNOWN, MajorMinor
from genericapiserver.endpoints.discovery.aggregated import FRESHNESS_CURRENT, APIVersionDiscovery
from genericapiserver.endpoints.discovery.conversion import to_resource_discovery
from genericapiserver.endpoints.discovery.version import resource_list, version_handler
from genericapiserver.endpoints.live_watches import LiveWatches
from genericapiserver.endpoints.metrics import EndpointMetrics
from genericapiserver.endpoints.request_scope import MAX_REQUEST_BODY_BYTES, MIN_REQUEST_TIMEOUT, RequestScope
from genericapiserver.endpoints.resource_installer import InstallError, ResourceInstaller
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.endpoints.router import Route, WebService

__all__ = ["APIGroupVersion", "InstallError", "InstalledVersion"]


@attrs.frozen(kw_only=True)
class InstalledVersion:
    """What came of installing a version."""

    group_version: GroupVersion
    service: WebService
    """To be added to the API container."""
    document: APIResourceList
    discovery: APIVersionDiscovery
    """The version's part of the aggregated document."""
    scopes: Mapping[str, RequestScope]
    """By resource or `resource/subresource`."""

    @property
    def descriptions(self) -> list[RouteDescription]:
        """All routes, as OpenAPI wants to know them."""
        return [route.description for route in self.service.routes if route.description is not None]


@attrs.define(eq=False, kw_only=True)
class APIGroupVersion:
    """One version of a group, to be installed.

    *storage* maps resource names, and `resource/subresource` names, to what serves them (registry.rest). *root* is the
    path that all groups share: `/apis`, or `/api` for the group without a name.
    """

    group_version: GroupVersion
    storage: Mapping[str, Any]
    scheme: Scheme
    codec: CodecFactory
    root: str = "/apis"
    admission: AdmissionChain | None = None
    equivalents: EquivalentResources | None = None
    """Learns every endpoint that is installed."""
    authorizer: Authorizer | None = None
    metrics: EndpointMetrics | None = None
    live_watches: LiveWatches | None = None
    """Where open watches are entered."""
    writer: ResponseWriter | None = None
    current_release: MajorMinor = UNKNOWN
    """The release that this server is, which decides whether a version counts as deprecated."""
    min_request_timeout: float = MIN_REQUEST_TIMEOUT
    max_request_body_bytes: int = MAX_REQUEST_BODY_BYTES
    json_patch_max_copy_bytes: int = MAX_REQUEST_BODY_BYTES
    tracks_managed_fields: bool = True
    convert_error: Callable[[Exception], StatusError] | None = None
    """What becomes of an error of a storage that is not for clients; without it, it is a fault of the program."""

    def install(self) -> InstalledVersion:
        """Make the routes. Raises an ExceptionGroup of InstallErrors, one for each resource that cannot be served."""
        writer = self.writer or ResponseWriter(self.codec)
        prefix = f"{self.root}/{self.group_version}"
        service = WebService(prefix)
        installed: dict[str, ResourceInstaller] = {}
        problems: list[Exception] = []
        for name in sorted(self.storage):
            try:
                resource = ResourceInstaller(self, writer, name)
                resource.install(service)
            except (InstallError, NotRegisteredError) as error:
                problems.append(InstallError(f"error in registering resource: {name}, {error}"))
                continue
            installed[name] = resource
            if self.equivalents is not None:
                scope = resource.scope
                self.equivalents.register(scope.resource, scope.subresource, scope.kind)
        if problems:
            raise ExceptionGroup(f"cannot install {self.group_version}", problems)
        document = resource_list(self.group_version, [each.discovered for each in installed.values()])
        produces = tuple(info.media_type for info in self.codec.supported_media_types)
        service.add(
            Route(
                method="GET",
                path="",
                handler=version_handler(document, writer),
                produces=produces,
                description=describe.describe_document_route(
                    f"{prefix}/",
                    operation="getAPIResources",
                    doc="get available resources",
                    produces=produces,
                    body=APIResourceList,
                    group_version=self.group_version,
                ),
            )
        )
        return InstalledVersion(
            group_version=self.group_version,
            service=service,
            document=document,
            discovery=APIVersionDiscovery(
                version=self.group_version.version,
                resources=to_resource_discovery(document.resources),
                freshness=FRESHNESS_CURRENT,
            ),
            scopes={name: each.scope for name, each in installed.items()},
        )
