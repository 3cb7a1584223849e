"""The one GenericAPIServer behind all views: the kinds, their subresources, and the pages of an API server.

It knows nothing of how many views there are: its stores are on the engine of whichever is in use.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import core_v1
from genericapiserver.asgi import Handler
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX, CompletedConfig
from genericapiserver.config import Config as ServerConfig
from genericapiserver.endpoints.discovery.addresses import Addresses
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.minkapi.binding import BindingStore, LegacyBindingStore
from genericapiserver.minkapi.core_events import CoreEvents
from genericapiserver.minkapi.errors import PROGRAM_NAME
from genericapiserver.minkapi.kinds import ServedKind, new_scheme
from genericapiserver.minkapi.storage import ViewStorageFactory
from genericapiserver.minkapi.strategy import ViewStrategy, WholeObjectStrategy
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.scale_store import ScaleStore
from genericapiserver.registry.selectable_fields import selectable_attributes
from genericapiserver.registry.status_store import StatusStore, StatusStrategy
from genericapiserver.secure_serving import SecureServingInfo
from genericapiserver.server import GenericAPIServer
from genericapiserver.storage.metrics import StorageMetrics
from genericapiserver.storage.views import CurrentEngine

_RETURNED: Final = """
csidrivers.storage.k8s.io csinodes.storage.k8s.io deviceclasses.resource.k8s.io persistentvolumeclaims persistentvolumes
pods podtemplates resourceclaims.resource.k8s.io resourceclaimtemplates.resource.k8s.io resourceslices.resource.k8s.io
serviceaccounts services storageclasses.storage.k8s.io volumeattachments.storage.k8s.io
volumeattributesclasses.storage.k8s.io
"""
RETURNED: Final = frozenset(_RETURNED.split())
"""Resources whose deletion answers with the object and not with a Status, as typed clients of them expect."""
PODS: Final = core_v1.GROUP_VERSION.with_kind("Pod")


@attrs.frozen(eq=False)
class KindStore:
    """A kind, and the store of its objects for callers in this process: they may write whole objects."""

    kind: ServedKind
    store: Store


class Resources:
    """The stores and storages of *kinds*, made once for all views."""

    def __init__(self, kinds: Sequence[ServedKind], codecs: CodecFactory, getter: RESTOptionsGetter) -> None:
        self.codecs = codecs
        self.by_kind: dict[Any, KindStore] = {}
        self._storages: dict[Any, dict[str, RESTStorage]] = {}
        for kind in kinds:
            self._add(kind, getter)

    def _add(self, kind: ServedKind, getter: RESTOptionsGetter) -> None:
        scheme, version = self.codecs.scheme, kind.group_version
        strategy = ViewStrategy(scheme, kind)
        store = store_for(
            getter,
            object_type=kind.object_type,
            qualified_resource=kind.resource.group_resource,
            singular_name=kind.singular,
            strategy=strategy,
            attributes=selectable_attributes(kind.selectable, namespaced=kind.namespaced),
            short_names=kind.short_names,
            categories=kind.categories,
            table_columns=kind.columns,
            return_deleted_object=str(kind.resource.group_resource) in RETURNED,
        )
        storages: dict[str, RESTStorage] = {kind.plural: store}
        whole = store.with_strategy(WholeObjectStrategy(scheme, kind), keeps_identity=True)
        if kind.has_status:
            storages[f"{kind.plural}/status"] = StatusStore(store, StatusStrategy(strategy, scheme, versions=[version]))
        if kind.scale is not None:
            storages[f"{kind.plural}/scale"] = ScaleStore(store, kind.scale, versions=[version])
        if kind.group_version_kind == PODS:
            binding = BindingStore(whole)
            storages |= {"pods/binding": binding, "bindings": LegacyBindingStore(binding)}
        self.by_kind[kind.group_version_kind] = KindStore(kind, whole)
        self._storages.setdefault(version, {}).update(storages)

    def add_storage(self, group_version: Any, storages: Mapping[str, RESTStorage]) -> None:
        """Serve something else beside the kinds."""
        self._storages.setdefault(group_version, {}).update(storages)

    def groups(self) -> list[APIGroupInfo]:
        """What to install, the group without a name included."""
        infos: dict[str, APIGroupInfo] = {}
        codecs = self.codecs.with_protobuf()
        for version, storages in self._storages.items():
            info = infos.get(version.group)
            if info is None:
                info = infos[version.group] = APIGroupInfo.for_group(
                    version.group, scheme=codecs.scheme, serializer=codecs
                )
            info.versioned_resources_storage[version.version] = storages
        for info in infos.values():
            info.prioritized_versions = [
                version for version in info.prioritized_versions if version.version in info.versioned_resources_storage
            ]
        return [infos[group] for group in sorted(infos)]


@attrs.frozen(eq=False)
class ViewsAPIServer:
    """The server and what callers in this process go by."""

    server: GenericAPIServer
    resources: Resources


def new_api_server(
    engine: CurrentEngine,
    *,
    kinds: Sequence[ServedKind],
    serving: SecureServingInfo | None,
    addresses: Addresses,
    route: Callable[[Handler, CompletedConfig], Handler],
    watch_timeout: float,
    profiling: bool,
    shutdown_timeout: float,
) -> ViewsAPIServer:
    """A server of *kinds* on *engine*. *route* puts something in front of its whole filter chain.

    Raises ConfigError, APIGroupError. Nobody is asked who he is, and nothing is forbidden.
    """
    scheme = new_scheme(kinds)
    core_events = CoreEvents.for_kinds(kinds)
    if core_events is not None:
        core_events.register(scheme)
    codecs = CodecFactory(scheme)
    config = ServerConfig(
        effective_version=EffectiveVersion(KUBE_VERSION, KUBE_FLOOR),
        serializer=codecs,
        secure_serving=serving,
        external_address=addresses.for_client("")[0].server_address.partition("/")[0],
        discovery_addresses=addresses,
        loopback_client_config=LoopbackClientConfig(host="http://localhost"),
        storage_engine=engine,
        openapi=OpenAPIConfig(title=PROGRAM_NAME),
        enable_profiling=profiling,
        enable_inspector=profiling,
        max_requests_in_flight=0,
        max_mutating_requests_in_flight=0,
        min_request_timeout=watch_timeout,
        request_timeout=max(60.0, shutdown_timeout),
        shutdown_watch_termination_grace_period=min(1.0, shutdown_timeout),
    )
    config.build_handler_chain = _routed(config.build_handler_chain, route)
    getter = ViewStorageFactory(engine, codecs, config.object_counts, StorageMetrics(config.metrics))
    config.rest_options_getter = getter
    resources = Resources(kinds, codecs, getter)
    if core_events is not None:
        resources.add_storage(core_v1.GROUP_VERSION, core_events.storages(getter, scheme))
    server = config.complete().new(PROGRAM_NAME)
    server.shutdown_timeout = shutdown_timeout
    legacy = [group for group in resources.groups() if not group.prioritized_versions[0].group]
    for group in legacy:
        server.install_legacy_api_group(DEFAULT_LEGACY_API_PREFIX, group)
    server.install_api_groups(*(group for group in resources.groups() if group.prioritized_versions[0].group))
    return ViewsAPIServer(server, resources)


def _routed(
    build: Callable[[Handler, CompletedConfig], Handler], route: Callable[[Handler, CompletedConfig], Handler]
) -> Callable[[Handler, CompletedConfig], Handler]:
    return lambda handler, completed: route(build(handler, completed), completed)
