"""What an aggregator says of everything that is served through it: /apis with everything at once, /openapi/v2 and v3.

Source: NewWithDelegate and PrepareRun in pkg/apiserver/apiserver.go of k8s.io/kube-aggregator.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from genericapiserver.aggregator.discovery_fetch import DiscoveryClient
from genericapiserver.aggregator.discovery_manager import DiscoveryManager
from genericapiserver.aggregator.openapi_v2 import OpenAPIV2Aggregator
from genericapiserver.aggregator.openapi_v3 import PREFIX, OpenAPIV3Aggregator
from genericapiserver.asgi import Handler
from genericapiserver.delegation import DelegationTarget
from genericapiserver.endpoints.discovery.aggregated import with_aggregated_discovery
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager, Source
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.mux import PathRecorderMux
from genericapiserver.routes.openapi import install_openapi_v2, install_openapi_v3
from genericapiserver.server import GenericAPIServer

if TYPE_CHECKING:
    from genericapiserver.aggregator.server import APIAggregator

DISCOVERY_HOOK: Final = "apiservice-discovery-controller"
OPENAPI_V2_HOOK: Final = "apiservice-openapi-controller"
OPENAPI_V3_HOOK: Final = "apiservice-openapiv3-controller"


@attrs.frozen(eq=False)
class Documents:
    """What makes the documents of an aggregator."""

    discovery: DiscoveryManager
    openapi_v2: OpenAPIV2Aggregator
    openapi_v3: OpenAPIV3Aggregator


def install_documents(aggregator: "APIAggregator") -> Documents:
    """Have *aggregator* serve them, and follow the servers behind while it runs."""
    server, config = aggregator.server, aggregator.completed.generic.config
    document = server.groups.aggregated_discovery
    local = [_own_documents(server), *_handlers(aggregator.delegation_target)]
    made = Documents(
        DiscoveryManager(document, client=DiscoveryClient(config.serializer), transport=aggregator.transport),
        OpenAPIV2Aggregator(local, transport=aggregator.transport),
        OpenAPIV3Aggregator(local, transport=aggregator.transport),
    )
    for observer in (made.discovery, made.openapi_v2.following, made.openapi_v3.following):
        aggregator.add_observer(observer)
    writer = ResponseWriter(config.serializer)
    aggregator.apis_handler = with_aggregated_discovery(
        aggregator.group_list_handler, document, writer, beta=server.groups.serves_beta_discovery
    )
    mux, counted = server.handler.non_api_mux, server.groups.with_root_metrics
    mux.handle("/openapi/v2", counted("openapi/v2", made.openapi_v2))
    mux.handle("/openapi/v3", counted("openapi/v3", made.openapi_v3.serve_root))
    mux.handle_prefix(PREFIX, counted("openapi/v3/", made.openapi_v3.serve_document))

    async def follow_discovery(context: PostStartHookContext) -> None:
        include_delegates(document, aggregator.delegation_target)  # now all of their groups are installed
        await aggregator.registration.initiated.wait()
        context.spawn(made.discovery.run())
        await made.discovery.synced.wait()

    async def follow_openapi_v2(context: PostStartHookContext) -> None:
        context.spawn(made.openapi_v2.following.run())

    async def follow_openapi_v3(context: PostStartHookContext) -> None:
        context.spawn(made.openapi_v3.following.run())

    server.add_post_start_hook(DISCOVERY_HOOK, follow_discovery)
    server.add_post_start_hook(OPENAPI_V2_HOOK, follow_openapi_v2)
    server.add_post_start_hook(OPENAPI_V3_HOOK, follow_openapi_v3)
    return made


def include_delegates(document: AggregatedDiscoveryManager, delegation_target: DelegationTarget) -> None:
    """Put the groups of the servers in this process into *document*, where they do not share it already."""
    builtin = document.with_source(Source.BUILTIN)
    for delegate in _chain(delegation_target):
        if isinstance(delegate, GenericAPIServer):
            for group in delegate.groups.aggregated_discovery.document().items:
                for version in group.versions:
                    builtin.add_group_version(group.metadata.name, version)


def _chain(delegate: DelegationTarget | None) -> Iterator[DelegationTarget]:
    while delegate is not None:
        yield delegate
        delegate = delegate.next_delegate


def _handlers(delegation_target: DelegationTarget) -> list[Handler]:
    """The servers of this process that may have documents; the end of the chain has none."""
    return [
        handler
        for delegate in _chain(delegation_target)
        if (handler := delegate.unprotected_handler) is not None and (delegate.listed_paths or delegate.next_delegate)
    ]


def _own_documents(server: GenericAPIServer) -> Handler:
    """The documents of the aggregator's own types."""
    mux = PathRecorderMux("k8s_internal_local_kube_aggregator_types")
    install_openapi_v2(mux, server.groups.build_openapi_v2)
    install_openapi_v3(mux, server.groups.openapi_v3_builders)
    return mux
