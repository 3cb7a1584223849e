"""The web services that discovery is served from, to be added to the API container."""

from genericapiserver.apimachinery.meta import APIGroup, APIGroupList, APIVersions
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.asgi import Handler
from genericapiserver.endpoints.discovery.addresses import Addresses
from genericapiserver.endpoints.discovery.aggregated import AggregatedDiscoveryManager, with_aggregated_discovery
from genericapiserver.endpoints.discovery.groups import DiscoveryGroupManager, group_handler
from genericapiserver.endpoints.discovery.legacy import legacy_handler
from genericapiserver.endpoints.metrics import EndpointMetrics, RouteMetrics
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.endpoints.route_description import describe_document_route
from genericapiserver.endpoints.router import Route, WebService


def group_list_service(
    groups: DiscoveryGroupManager,
    aggregated: AggregatedDiscoveryManager,
    writer: ResponseWriter,
    *,
    prefix: str = "/apis",
    metrics: EndpointMetrics | None = None,
) -> WebService:
    """The list of groups at *prefix*, and the aggregated document. It claims nothing below."""
    service = WebService(prefix, exact=True)
    handler = with_aggregated_discovery(
        groups.handler(writer), aggregated, writer, metrics=_metrics_of(prefix, metrics)
    )
    _add(service, writer, handler, "getAPIVersions", "get available API versions", APIGroupList, None)
    return service


def group_service(group: APIGroup, writer: ResponseWriter, *, prefix: str = "/apis") -> WebService:
    """The document of one group. It claims all paths below, so that versions that are not there are a 404 of ours."""
    service = WebService(f"{prefix}/{group.name}")
    handler = group_handler(group, writer)
    group_version = GroupVersion(group.name, "")
    _add(service, writer, handler, "getAPIGroup", "get information of a group", APIGroup, group_version)
    return service


def legacy_service(
    addresses: Addresses,
    aggregated: AggregatedDiscoveryManager,
    writer: ResponseWriter,
    *,
    prefix: str = "/api",
    metrics: EndpointMetrics | None = None,
) -> WebService:
    """The versions of the group without a name, and their aggregated document."""
    service = WebService(prefix)
    handler = with_aggregated_discovery(
        legacy_handler(addresses, writer), aggregated, writer, metrics=_metrics_of(prefix, metrics)
    )
    _add(service, writer, handler, "getAPIVersions", "get available API versions", APIVersions, GroupVersion("", ""))
    return service


def _add(
    service: WebService,
    writer: ResponseWriter,
    handler: Handler,
    operation: str,
    doc: str,
    body: type[object],
    group_version: GroupVersion | None,
) -> None:
    produces = tuple(info.media_type for info in writer.codec.supported_media_types)
    description = describe_document_route(
        f"{service.root}/", operation=operation, doc=doc, produces=produces, body=body, group_version=group_version
    )
    service.add(Route(method="GET", path="", handler=handler, produces=produces, description=description))


def _metrics_of(prefix: str, metrics: EndpointMetrics | None) -> RouteMetrics | None:
    """Only the aggregated document is counted, under the bare prefix as its subresource."""
    if metrics is None:
        return None
    return RouteMetrics(
        metrics,
        method="GET",
        registered_as="GET",
        group="",
        version="",
        resource="",
        subresource=prefix.strip("/"),
    )
