"""Everything in one document: groups, versions, resources and subresources (pkg/endpoints/discovery/aggregated).

Served at the two roots, /api and /apis, to clients that ask for `g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`; any
clause that says so wins over plain ones, wherever it stands. The document has an ETag, so that a client that knows it
gets a 304.
"""

from typing import Final, Protocol

import attrs

from genericapiserver.apimachinery.meta import ListMeta
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.asgi import Handler, Receive, Scope, Send, header_value
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.discovery.document import etag
from genericapiserver.endpoints.metrics import RouteMetrics
from genericapiserver.endpoints.negotiation import Negotiator, wants_pretty
from genericapiserver.endpoints.responses import ResponseWriter

MODEL_PACKAGE = "io.k8s.api.apidiscovery.v2"

KIND: Final = GroupVersionKind("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList")
BETA_KIND: Final = GroupVersionKind(KIND.group, "v2beta1", KIND.kind)
"""The same in the same words, for clients of Kubernetes 1.26 to 1.29."""

FRESHNESS_CURRENT: Final = "Current"
FRESHNESS_STALE: Final = "Stale"


@api_type
class ResponseKind:
    """ResponseKind is the kind of a resource's objects; empty group and version are those of the list."""

    group: str = field(doc="Group of the kind.")
    version: str = field(doc="Version of the kind.")
    kind: str = field(doc="The kind.")


@api_type
class APISubresourceDiscovery:
    """APISubresourceDiscovery is one subresource."""

    subresource: str = field(doc="Name of the subresource.")
    response_kind: ResponseKind | None = field(default=None, doc="Kind of its objects.")
    verbs: list[str] = field(doc="What may be asked of it.", list_type="set")


@api_type
class APIResourceDiscovery:
    """APIResourceDiscovery is one resource of a version, with its subresources."""

    resource: str = field(doc="Plural name of the resource.")
    response_kind: ResponseKind | None = field(default=None, doc="Kind of its objects.")
    scope: str = field(doc="Cluster or Namespaced.")
    singular_resource: str = field(doc="Singular name of the resource.")
    verbs: list[str] = field(doc="What may be asked of it.", list_type="set")
    short_names: list[str] = field(factory=list, doc="Other names for command lines.", list_type="set")
    categories: list[str] = field(factory=list, doc="Groups of resources that it is part of.", list_type="set")
    subresources: list[APISubresourceDiscovery] = field(
        factory=list, doc="Its subresources.", list_type="map", list_map_keys=["subresource"]
    )


@api_type
class APIVersionDiscovery:
    """APIVersionDiscovery is one version of a group."""

    version: str = field(doc="Name of the version.")
    resources: list[APIResourceDiscovery] = field(
        factory=list, doc="Its resources.", list_type="map", list_map_keys=["resource"]
    )
    freshness: str = field(default="", doc="Current, or Stale when the server behind could not be asked.")


@api_type
class DiscoveryObjectMeta:
    """DiscoveryObjectMeta is the metadata of a group: its name."""

    name: str = field(default="", doc="Name of the group.")


@api_type
class APIGroupDiscovery:
    """APIGroupDiscovery is one group with its versions."""

    metadata: DiscoveryObjectMeta = field(factory=DiscoveryObjectMeta)
    versions: list[APIVersionDiscovery] = field(
        factory=list, doc="Its versions, preferred first.", list_type="map", list_map_keys=["version"]
    )


@api_type(root=True)
class APIGroupDiscoveryList:
    """APIGroupDiscoveryList is all that a server has."""

    metadata: ListMeta = field(factory=ListMeta)
    items: list[APIGroupDiscovery] = field(doc="The groups.")


class DocumentSource(Protocol):
    """Where the document comes from: an AggregatedDiscoveryManager."""

    @property
    def generation(self) -> int:
        """Grows with every change."""

    def document(self) -> APIGroupDiscoveryList:
        """The document as it is now; not to be changed."""


@attrs.frozen
class AggregatedRestrictions:
    """Only clauses that ask for the aggregated document, as one of *kinds*, count."""

    kinds: tuple[GroupVersionKind, ...] = (KIND,)

    def allows_transform(self, media_type: str, target: GroupVersionKind | None) -> bool:
        return target in self.kinds

    def allows_server_version(self, version: str) -> bool:
        return False

    def allows_stream(self, schema: str) -> bool:
        return schema == "watch"


def with_aggregated_discovery(
    handler: Handler,
    manager: DocumentSource,
    writer: ResponseWriter,
    *,
    metrics: RouteMetrics | None = None,
    beta: bool = False,
) -> Handler:
    """Answer with *manager*'s document where that is asked for, with *handler* otherwise; with *beta* as v2beta1, too."""
    kinds = (KIND, BETA_KIND) if beta else (KIND,)
    negotiator = Negotiator(writer.codec.supported_media_types, AggregatedRestrictions(kinds))
    encoded: dict[tuple[GroupVersionKind, str, bool], bytes] = {}
    of_generation = -1
    tags: dict[GroupVersionKind, bytes] = {}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal of_generation
        request = APIRequest(scope, receive, send)
        # No Accept header asks for no particular document.
        options = negotiator.find(request.accept) if request.accept else None
        if options is None:
            await handler(scope, receive, send)
            return
        if of_generation != manager.generation:
            encoded.clear()
            tags.clear()
            of_generation = manager.generation
        kind = options.convert or KIND
        if (tag := tags.get(kind)) is None:
            tag = tags[kind] = etag(writer.codec.encode(manager.document(), kind))
        headers = [(b"etag", tag), (b"vary", b"Accept"), (b"cache-control", b"public")]
        if header_value(scope, b"if-none-match") == tag.decode():
            response = APIResponse(304, b"", headers)
        else:
            info = options.accepted
            pretty = info.pretty and (options.pretty or wants_pretty(request.query, request.user_agent))
            body = encoded.get((kind, info.media_type, pretty))
            if body is None:
                body = writer.codec.encode(manager.document(), kind, media_type=info.media_type, pretty=pretty)
                encoded[kind, info.media_type, pretty] = body
            content_type = f"{info.media_type};g={kind.group};v={kind.version};as={kind.kind}".encode()
            response = APIResponse.of(200, body, content_type, headers)
        await writer.send(request, response)
        if metrics is not None:
            metrics.observe(request, response.status, response.length)

    return serve
