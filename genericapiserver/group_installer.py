"""Installing API groups: routes into the container, documents into discovery, descriptions into OpenAPI.

All groups of a call are checked before the first is installed, so that a mistake leaves nothing behind.
Source: InstallAPIGroups and InstallLegacyAPIGroup in pkg/server/genericapiserver.go of k8s.io/apiserver.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.meta import APIGroup, APIGroupList, APIVersions, GroupVersionForDiscovery
from genericapiserver.apimachinery.routes import RouteDescription
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.asgi import Handler
from genericapiserver.config import API_GROUP_PREFIX, DEFAULT_LEGACY_API_PREFIX, CompletedConfig
from genericapiserver.endpoints.deprecation import UNKNOWN
from genericapiserver.endpoints.discovery.aggregated import with_aggregated_discovery
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager
from genericapiserver.endpoints.discovery.groups import DiscoveryGroupManager, group_handler
from genericapiserver.endpoints.discovery.legacy import legacy_handler
from genericapiserver.endpoints.installer import APIGroupVersion, InstalledVersion, InstallError
from genericapiserver.endpoints.metrics import EndpointMetrics, RouteMetrics, with_root_metrics
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.endpoints.route_description import describe_document_route
from genericapiserver.endpoints.router import APIContainer, Route, WebService
from genericapiserver.features import AGGREGATED_DISCOVERY_REMOVE_BETA_TYPE, API_RESPONSE_COMPRESSION
from genericapiserver.logs import kv
from genericapiserver.openapi import Document, build_v2, build_v3
from genericapiserver.registry.rest import ReadinessChecker, RESTStorage
from genericapiserver.storage_readiness import StorageReadinessHook

logger = logging.getLogger(__name__)


class APIGroupError(ValueError):
    """An API group cannot be served; the text says which and why."""


class GroupInstaller:
    """The API groups of one server."""

    def __init__(self, container: APIContainer, completed: CompletedConfig, readiness: StorageReadinessHook) -> None:
        config = completed.config
        self._container = container
        self._completed = completed
        self._readiness = readiness
        self._writer = ResponseWriter(config.serializer)
        self._metrics = EndpointMetrics(config.metrics)
        self._schemes: list[Scheme] = []
        self._cleanups: list[Callable[[], Awaitable[None]]] = []
        self._media_types = tuple(info.media_type for info in config.serializer.supported_media_types)
        self.discovery_group_manager = DiscoveryGroupManager(completed.discovery_addresses)
        aggregations = config.metrics.counter(
            "aggregator_discovery_aggregation_count_total",
            "[ALPHA] Counter of number of times discovery was aggregated",
        )
        self.aggregated_discovery = config.aggregated_discovery or AggregatedDiscoveryManager(
            on_aggregation=aggregations.inc
        )
        self.aggregated_legacy_discovery = AggregatedDiscoveryManager(on_aggregation=aggregations.inc)

    # ---- groups

    def install(self, *infos: APIGroupInfo) -> None:
        """Serve groups under /apis. Raises APIGroupError; nothing is installed then."""
        for info in infos:
            self._check(info)
            if not info.prioritized_versions[0].group:
                raise APIGroupError(f"cannot register handler with an empty group for {info.describe()}")
            if not info.prioritized_versions[0].version:
                raise APIGroupError(f"cannot register handler with an empty version for {info.describe()}")
        made = [(info, self._make(info, API_GROUP_PREFIX)) for info in infos]
        for info, versions in made:
            self._add(info, versions, self.aggregated_discovery)
            if versions or self._completed.config.merged_resource_config is None:
                self._add_group(info, versions)
            else:
                logger.info(kv("API group is not enabled, skipping", group=info.prioritized_versions[0].group))

    def install_legacy(self, prefix: str, info: APIGroupInfo) -> None:
        """Serve the group without a name under *prefix*. Raises APIGroupError."""
        allowed = self._completed.config.legacy_api_group_prefixes
        if prefix not in allowed:
            raise APIGroupError(f'"{prefix}" is not in the allowed legacy API prefixes: [{" ".join(sorted(allowed))}]')
        self._check(info)
        versions = self._make(info, prefix)
        self._add(info, versions, self.aggregated_legacy_discovery)
        if DEFAULT_LEGACY_API_PREFIX not in self._container.root_paths:
            handler = with_aggregated_discovery(
                legacy_handler(self._completed.discovery_addresses, self._writer),
                self.aggregated_legacy_discovery,
                self._writer,
                metrics=self._root_metrics("api"),
                beta=self.serves_beta_discovery,
            )
            self._serve_document(
                DEFAULT_LEGACY_API_PREFIX, handler, APIVersions, "getAPIVersions", "get available API versions", ""
            )

    def _check(self, info: APIGroupInfo) -> None:
        if not info.prioritized_versions:
            raise APIGroupError(f"no version priority set for {info.describe()}")

    def _make(self, info: APIGroupInfo, root: str) -> list[InstalledVersion]:
        """Make the routes of every version that has resources. Raises APIGroupError."""
        config, made = self._completed.config, []
        writer = ResponseWriter(info.serializer, compress=config.feature_gate.enabled(API_RESPONSE_COMPRESSION))
        for version in info.prioritized_versions:
            registered = info.versioned_resources_storage.get(version.version, {})
            storage = self._enabled(version, registered)
            if not storage:
                # What somebody switched off by --runtime-config is nobody's mistake.
                level = logging.INFO if registered else logging.WARNING
                logger.log(level, "Skipping API %s because it has no resources.", version)
                continue
            group_version = APIGroupVersion(
                group_version=version,
                storage=storage,
                scheme=info.scheme,
                codec=info.serializer,
                root=root,
                admission=config.admission_control,
                equivalents=config.equivalent_resources,
                authorizer=config.authorization.authorizer,
                metrics=self._metrics,
                live_watches=config.live_watches,
                writer=writer,
                current_release=UNKNOWN,
                min_request_timeout=config.min_request_timeout,
                max_request_body_bytes=config.max_request_body_bytes,
                json_patch_max_copy_bytes=config.json_patch_max_copy_bytes,
                convert_error=info.convert_error,
            )
            try:
                made.append(group_version.install())
            except ExceptionGroup as group:
                causes = ", ".join(str(error) for error in group.exceptions)
                text = causes if len(group.exceptions) == 1 else f"[{causes}]"
                raise APIGroupError(
                    f"unable to install api resources: unable to setup API {version}: {text}"
                ) from group
            except InstallError as error:
                raise APIGroupError(f"unable to install api resources: {error}") from error
        return made

    def _enabled(self, version: GroupVersion, storage: dict[str, RESTStorage]) -> dict[str, RESTStorage]:
        """What of *storage* the configuration leaves on: a resource with its subresources, or not at all."""
        config = self._completed.config.merged_resource_config
        if config is None:
            return storage
        return {
            resource: served
            for resource, served in storage.items()
            if config.resource_enabled(version.with_resource(resource.partition("/")[0]))
        }

    def _add(
        self, info: APIGroupInfo, versions: Iterable[InstalledVersion], aggregated: AggregatedDiscoveryManager
    ) -> None:
        """Put made versions into the container and the aggregated document, and remember what to close."""
        self._schemes.append(info.openapi_scheme or info.scheme)
        for version in versions:
            self._container.add(version.service)
            aggregated.add_group_version(version.group_version.group, version.discovery)
        storages = {
            id(storage): storage
            for by_name in info.versioned_resources_storage.values()
            for storage in by_name.values()
        }
        for served in versions:
            group_version = served.group_version
            enabled = self._enabled(group_version, info.versioned_resources_storage[group_version.version])
            for resource, storage in enabled.items():
                if isinstance(storage, ReadinessChecker) and "/" not in resource:
                    self._readiness.register_storage(group_version.with_resource(resource), storage)
        self._cleanups += [storage.aclose for storage in storages.values() if hasattr(storage, "aclose")]

    def _add_group(self, info: APIGroupInfo, versions: Iterable[InstalledVersion]) -> None:
        preferred = info.prioritized_versions[0]
        group = APIGroup(
            name=preferred.group,
            versions=[_for_discovery(version.group_version) for version in versions],
            preferred_version=_for_discovery(preferred),
        )
        self.discovery_group_manager.add_group(group)
        root = f"{API_GROUP_PREFIX}/{preferred.group}"
        handler = group_handler(group, self._writer)
        self._serve_document(root, handler, APIGroup, "getAPIGroup", "get information of a group", preferred.group)

    # ---- documents

    @property
    def serves_beta_discovery(self) -> bool:
        """Whether the aggregated document is served as v2beta1, too."""
        return not self._completed.config.feature_gate.enabled(AGGREGATED_DISCOVERY_REMOVE_BETA_TYPE)

    def install_discovery(self) -> None:
        """Serve the list of groups at /apis."""
        handler = with_aggregated_discovery(
            self.discovery_group_manager.handler(self._writer),
            self.aggregated_discovery,
            self._writer,
            metrics=self._root_metrics("apis"),
            beta=self.serves_beta_discovery,
        )
        self._serve_document(API_GROUP_PREFIX, handler, APIGroupList, "getAPIVersions", "get available API versions")

    def openapi_v3_builders(self) -> Mapping[str, Callable[[], Document]]:
        """A builder for each root of served paths, by the root without its slash."""
        by_root: dict[str, list[RouteDescription]] = {}
        for root, description in self._container.descriptions():
            by_root.setdefault(root.strip("/"), []).append(description)
        config = self._completed.config.openapi
        return {
            root: functools.partial(build_v3, config, descriptions, self._kinds_of)
            for root, descriptions in by_root.items()
        }

    def build_openapi_v2(self) -> Document:
        """The document of everything that is served."""
        descriptions = [description for _, description in self._container.descriptions()]
        return build_v2(self._completed.config.openapi, descriptions, self._kinds_of)

    def _kinds_of(self, cls: type[Any]) -> list[GroupVersionKind]:
        kinds: dict[GroupVersionKind, None] = {}
        for scheme in [*self._schemes, self._completed.config.serializer.scheme]:
            kinds |= dict.fromkeys(kind for kind, known in scheme.all_known_types().items() if known is cls)
        return list(kinds)

    def _serve_document(
        self, root: str, handler: Handler, body: type[Any], operation: str, doc: str, group: str | None = None
    ) -> None:
        service = WebService(root, exact=root == API_GROUP_PREFIX)
        description = describe_document_route(
            f"{root}/",
            operation=operation,
            doc=doc,
            produces=self._media_types,
            body=body,
            group_version=None if group is None else GroupVersion(group, ""),
        )
        service.add(Route(method="GET", path="", handler=handler, produces=self._media_types, description=description))
        self._container.add(service)

    def _root_metrics(self, name: str) -> RouteMetrics:
        return RouteMetrics(
            self._metrics, method="GET", registered_as="GET", group="", version="", resource="", subresource=name
        )

    def with_root_metrics(self, path: str, handler: Handler) -> Handler:
        """*handler* of the page *path*, counted among the requests."""
        return with_root_metrics(path, handler, self._metrics)

    async def aclose(self) -> None:
        """Close every storage once. A failure is logged and does not keep the others from closing."""
        cleanups, self._cleanups = self._cleanups, []
        for cleanup in cleanups:
            try:
                await cleanup()
            except Exception:
                logger.exception("closing a storage failed, going on")


def _for_discovery(version: GroupVersion) -> GroupVersionForDiscovery:
    return GroupVersionForDiscovery(group_version=str(version), version=version.version)
