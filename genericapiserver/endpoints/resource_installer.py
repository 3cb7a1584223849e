"""One resource or subresource while it is installed: its kind, its scope, its routes, its entry in discovery.

Go: pkg/endpoints/installer.go, registerResourceHandlers, in the order of the steps there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.apimachinery.managedfields.elements import make_path
from genericapiserver.apimachinery.managedfields.field_manager import FieldManager as DefaultFieldManager
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.meta import APIResource, Object, Status
from genericapiserver.apimachinery.routes import RouteParameter
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import NotRegisteredError, type_name
from genericapiserver.asgi import Handler
from genericapiserver.endpoints import route_description as describe
from genericapiserver.endpoints.api_request import VerbHandler
from genericapiserver.endpoints.deprecation import APILifecycle
from genericapiserver.endpoints.discovery.version import storage_version_hash
from genericapiserver.endpoints.handlers.connect import connect_handler
from genericapiserver.endpoints.handlers.create import create_handler
from genericapiserver.endpoints.handlers.delete import delete_handler
from genericapiserver.endpoints.handlers.delete_collection import delete_collection_handler
from genericapiserver.endpoints.handlers.get import get_handler, get_with_options_handler
from genericapiserver.endpoints.handlers.list import list_handler
from genericapiserver.endpoints.handlers.patch import patch_handler
from genericapiserver.endpoints.handlers.patch_mechanisms import PATCH_TYPES
from genericapiserver.endpoints.handlers.update import update_handler
from genericapiserver.endpoints.handlers.watch import WatchServer
from genericapiserver.endpoints.metrics import BodySizeMetrics, RouteMetrics, WatchMetrics
from genericapiserver.endpoints.request_scope import FieldManager, RequestScope
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.endpoints.router import Route, WebService
from genericapiserver.endpoints.serve import serve
from genericapiserver.endpoints.verbs import DISCOVERY_VERB_OF_METHOD, VERBS, Verb
from genericapiserver.registry import rest

if TYPE_CHECKING:
    from genericapiserver.endpoints.installer import APIGroupVersion


class InstallError(ValueError):
    """A storage that cannot be served; the text names the resource and what is missing."""


class ResourceInstaller:
    """Finds out what a storage can do and adds the routes for it. Raises InstallError when it cannot be served."""

    def __init__(self, version: "APIGroupVersion", writer: ResponseWriter, name: str) -> None:
        self.version = version
        self.writer = writer
        self.name = name
        self.storage = version.storage[name]
        self.resource, _, self.subresource = name.partition("/")
        if "/" in self.subresource or not self.resource or name.endswith("/"):
            raise InstallError("api_installer allows only one or two segment paths (resource or resource/subresource)")
        if name != name.lower():
            raise InstallError(f'resource names must be lowercase only, not "{name}"')
        self.parent = version.storage.get(self.resource)
        self.namespaced = self._check()
        self.kind = self._kind_of(self.storage)
        self.resource_kind = self._kind_of(self.parent).kind if self.subresource else self.kind.kind
        self.external_type: type[Any] = version.scheme.type_for(self.kind)
        self.lifecycle = APILifecycle.of(self.external_type)
        self.deprecated = self.lifecycle.is_deprecated(version.current_release)
        self.scope = self._make_scope()
        # Once a resource and not once a route: whether an object has what a protocol asks for is a slow question.
        self._metadata = self.storage if isinstance(self.storage, rest.StorageMetadata) else None
        self._returns_deleted = (
            isinstance(self.storage, rest.DeletedObjectReturner) and self.storage.delete_returns_deleted_object
        )
        self.verbs: set[str] = set()
        self.watches = WatchServer(self.scope, metrics=self._watch_metrics(), live=version.live_watches)

    def _check(self) -> bool:
        """Whether the resource is namespaced; a subresource lives where its parent does."""
        if self.subresource and self.parent is None:
            raise InstallError(f'missing parent storage: "{self.resource}"')
        if not isinstance(self.parent, rest.Scoper):
            raise InstallError(f'"{self.resource}" must implement scoper')
        if not self.subresource and not isinstance(self.storage, rest.SingularNameProvider):
            raise InstallError(f"resource {self.resource} must implement SingularNameProvider")
        if hasattr(self.storage, "list") and not isinstance(self.storage, rest.TableConvertor):
            raise InstallError(f'"{self.name}" must implement TableConvertor')
        return self.parent.namespace_scoped

    def _kind_of(self, storage: Any) -> GroupVersionKind:
        """The kind that an endpoint of *storage* speaks."""
        version = self.version.group_version
        if isinstance(storage, rest.GroupVersionKindProvider):
            return storage.group_version_kind(version)
        kinds = self.version.scheme.object_kinds(storage.object_type)
        for kind in kinds:
            if kind.group == version.group:
                return version.with_kind(kind.kind)
        found = " ".join(map(str, kinds))
        raise InstallError(
            f"unable to locate fully qualified kind for {type_name(storage.object_type)}: found [{found}] when "
            f"registering for {version}"
        )

    def _make_scope(self) -> RequestScope:
        version, storage = self.version, self.storage
        preserver = isinstance(storage, rest.ObjectMetaPreserver) and storage.preserve_request_object_meta
        accepts = storage.accepts_group_version if isinstance(storage, rest.GroupVersionAcceptor) else None
        metrics = version.metrics
        group_version = version.group_version
        return RequestScope(
            codec=version.codec,
            scheme=version.scheme,
            writer=self.writer,
            storage=storage,
            kind=self.kind,
            hub_version=GroupVersion(self.kind.group, INTERNAL_VERSION),
            resource=group_version.with_resource(self.resource),
            object_type=storage.object_type,
            list_type=storage.list_type if isinstance(storage, rest.Lister) else None,
            subresource=self.subresource,
            namespace_scoped=self.namespaced,
            table_convertor=storage if isinstance(storage, rest.TableConvertor) else None,
            admission=version.admission,
            equivalents=version.equivalents,
            authorizer=version.authorizer,
            field_manager=self._field_manager(),
            accepts_group_version=accepts,
            preserves_object_meta=bool(self.subresource) and preserver,
            body_sizes=None
            if metrics is None
            else BodySizeMetrics(metrics, group=group_version.group, resource=self.resource),
            max_request_body_bytes=version.max_request_body_bytes,
            json_patch_max_copy_bytes=version.json_patch_max_copy_bytes,
            min_request_timeout=version.min_request_timeout,
        )

    def _field_manager(self) -> FieldManager | None:
        storage = self.storage
        writes = isinstance(storage, rest.Creator | rest.NamedCreator | rest.Updater)
        if not (self.version.tracks_managed_fields and writes and issubclass(storage.object_type, Object)):
            return None
        reset: Mapping[str, Sequence[Sequence[str]]] = {}
        if isinstance(storage, rest.ResetFieldsProvider):
            reset = storage.get_reset_fields()
        return DefaultFieldManager(
            scheme=self.version.scheme,
            codec=self.version.codec,
            gvk=self.kind,
            hub_type=storage.object_type,
            subresource=self.subresource,
            reset_fields={
                version: PathSet.of(*(make_path(*path) for path in paths)) for version, paths in reset.items()
            },
        )

    def _watch_metrics(self) -> WatchMetrics | None:
        if self.version.metrics is None:
            return None
        group_version = self.version.group_version
        return WatchMetrics(
            self.version.metrics,
            group=group_version.group,
            version=group_version.version,
            resource=self.resource,
        )

    # ---- routes

    def install(self, service: WebService) -> None:
        """Add a route to *service* for everything that the storage supports."""
        for verb in VERBS:
            if verb.supported(self.storage):
                self._install_verb(service, verb)
        if isinstance(self.storage, rest.Connector):
            self._install_connect(service, self.storage)

    def _install_verb(self, service: WebService, verb: Verb) -> None:
        self.verbs.add(verb.discovery)
        prefix = "watch/" if verb.legacy_watch else ""
        base = f"namespaces/{{namespace}}/{self.resource}" if self.namespaced else self.resource
        on_item = verb.shape == "item" or bool(self.subresource)
        path = prefix + base + ("/{name}" if on_item else "")
        if self.subresource:
            path += f"/{self.subresource}"
        self._add(service, verb, path, on_item=on_item)
        if verb.name == "GET" and self._takes_a_path:
            self._add(service, verb, f"{path}/{{path:*}}", on_item=on_item, with_path=True)
        if verb.across_namespaces and self.namespaced and not self.subresource:
            self._add(service, verb, prefix + self.resource, on_item=False, across=True)

    @property
    def _takes_a_path(self) -> bool:
        return isinstance(self.storage, rest.GetterWithOptions) and bool(self.storage.get_options_path)

    def _add(
        self,
        service: WebService,
        verb: Verb,
        path: str,
        *,
        on_item: bool,
        across: bool = False,
        with_path: bool = False,
    ) -> None:
        metrics_scope = self._metrics_scope(verb.method, on_item=on_item, across=across)
        produces = self._produces(verb)
        consumes = PATCH_TYPES if verb.name == "PATCH" else ("*/*",)
        produced = self._produced(verb.name)
        deleted = produced if self._returns_deleted else Status
        description = describe.describe_route(
            path=f"{service.root}/{path}",
            method=verb.method,
            verb=verb.name,
            action=verb.action,
            operation=verb.operation,
            group_version=self.version.group_version,
            kind=self.kind,
            subresource=self.subresource,
            resource_kind=self.resource_kind,
            namespaced=self.namespaced,
            across=across,
            with_path=with_path,
            parameters=(
                *self._path_parameters(path),
                describe.PRETTY,
                *self._option_parameters(verb),
            ),
            body=describe.request_body(verb.name, self.external_type),
            answers=describe.responses(verb.name, produced, self._external_list_type(), deleted),
            consumes=consumes,
            produces=produces,
        )
        service.add(
            Route(
                method=verb.method,
                path=path,
                handler=self._serve(_HANDLERS[verb.name](self, metrics_scope), verb.method, verb.name, metrics_scope),
                consumes=consumes,
                produces=produces,
                description=description,
            )
        )

    def _serve(self, handler: VerbHandler, method: str, registered_as: str, metrics_scope: str) -> Handler:
        group_version = self.version.group_version
        metrics = None
        removed = self.lifecycle.removed_release if self.deprecated else ""
        if self.version.metrics is not None:
            metrics = RouteMetrics(
                self.version.metrics,
                method=method,
                registered_as=registered_as,
                group=group_version.group,
                version=group_version.version,
                resource=self.resource,
                subresource=self.subresource,
                scope=metrics_scope,
                removed_release=removed if self.deprecated else None,
            )
        return serve(
            handler,
            self.writer,
            warning=self.lifecycle.warning(self.kind) if self.deprecated else "",
            removed_release=removed,
            metrics=metrics,
            convert_error=self.version.convert_error,
        )

    def _metrics_scope(self, method: str, *, on_item: bool, across: bool) -> str:
        if across:
            return "cluster"
        if on_item or method == "POST":
            return "resource"
        return "namespace" if self.namespaced else "cluster"

    def _install_connect(self, service: WebService, connector: rest.Connector) -> None:
        base = f"namespaces/{{namespace}}/{self.resource}/{{name}}" if self.namespaced else f"{self.resource}/{{name}}"
        paths = [f"{base}/{self.subresource}" if self.subresource else base]
        if connector.connect_options_path:
            paths.append(f"{paths[0]}/{{path:*}}")
        handler = connect_handler(self.scope)
        for path in paths:
            with_path = path.endswith("{path:*}")
            for method in connector.connect_methods:
                if method in DISCOVERY_VERB_OF_METHOD:
                    self.verbs.add(DISCOVERY_VERB_OF_METHOD[method])
                description = describe.describe_route(
                    path=f"{service.root}/{path}",
                    method=method,
                    verb="CONNECT",
                    action="connect",
                    operation="connect" + method.capitalize(),
                    group_version=self.version.group_version,
                    kind=self.kind,
                    subresource=self.subresource,
                    resource_kind=self.resource_kind,
                    namespaced=self.namespaced,
                    across=False,
                    with_path=with_path,
                    parameters=(*self._path_parameters(path), *self._connect_parameters(connector, with_path)),
                    body=(None, False),
                    answers={200: None},
                    consumes=("*/*",),
                    produces=("*/*",),
                )
                service.add(
                    Route(
                        method=method,
                        path=path,
                        handler=self._serve(handler, method, "CONNECT", "resource"),
                        description=description,
                    )
                )

    # ---- what the routes and documents say

    def _produces(self, verb: Verb) -> tuple[str, ...]:
        infos = self.version.codec.supported_media_types
        produces = [info.media_type for info in infos]
        if verb.discovery in ("list", "watch"):
            produces += [f"{info.media_type};stream=watch" for info in infos if info.streaming]
        more = () if self._metadata is None else self._metadata.produces_mime_types(verb.name)
        return (*more, *produces)

    def _produced(self, verb: str) -> type[Any]:
        produced = None if self._metadata is None else self._metadata.produces_object(verb)
        return self.external_type if produced is None else produced

    def _external_list_type(self) -> type[Any] | None:
        if self.scope.list_type is None:
            return None
        try:
            return self.version.scheme.type_for(self.scope.list_kind)
        except NotRegisteredError:
            return self.scope.list_type

    def _path_parameters(self, path: str) -> tuple[RouteParameter, ...]:
        parameters = []
        if "{name}" in path:
            parameters.append(describe.name_parameter(self.resource_kind))
        if "{namespace}" in path:
            parameters.append(describe.NAMESPACE)
        if "{path:*}" in path:
            parameters.append(describe.PATH)
        return tuple(parameters)

    def _option_parameters(self, verb: Verb) -> tuple[RouteParameter, ...]:
        if verb.name == "GET" and isinstance(self.storage, rest.GetterWithOptions):
            return describe.query_parameters(self.storage.get_options_type, without=(self.storage.get_options_path,))
        return describe.option_parameters(verb.name)

    def _connect_parameters(self, connector: rest.Connector, with_path: bool) -> tuple[RouteParameter, ...]:
        if connector.connect_options_type is None:
            return ()
        without = (connector.connect_options_path,) if with_path else ()
        return describe.query_parameters(connector.connect_options_type, without=without)

    @property
    def discovered(self) -> APIResource:
        """The entry in the discovery document."""
        storage = self.storage
        kind = self.kind.kind
        told = isinstance(storage, rest.GroupVersionKindProvider)
        if isinstance(storage, rest.KindProvider) and not told:
            kind = storage.kind
        return APIResource(
            name=self.name,
            singular_name="" if self.subresource else storage.singular_name,
            namespaced=self.namespaced,
            group=self.kind.group if told else "",
            version=self.kind.version if told else "",
            kind=kind,
            verbs=sorted(self.verbs),
            short_names=list(storage.short_names) if isinstance(storage, rest.ShortNamesProvider) else [],
            categories=list(storage.categories) if isinstance(storage, rest.CategoriesProvider) else [],
            storage_version_hash=self._storage_version_hash(),
        )

    def _storage_version_hash(self) -> str:
        storage = self.storage
        if self.subresource or not isinstance(storage, rest.StorageVersionProvider) or storage.storage_version is None:
            return ""
        try:
            return storage_version_hash(self.version.scheme.kind_for(self.scope.object_type, storage.storage_version))
        except NotRegisteredError:
            return ""


def _get(resource: ResourceInstaller, metrics_scope: str) -> VerbHandler:
    if isinstance(resource.storage, rest.GetterWithOptions):
        return get_with_options_handler(resource.scope)
    return get_handler(resource.scope)


def _list(resource: ResourceInstaller, metrics_scope: str) -> VerbHandler:
    watches = resource.watches if isinstance(resource.storage, rest.Watcher) else None
    return list_handler(resource.scope, watches=watches, metrics_scope=metrics_scope)


def _watch(resource: ResourceInstaller, metrics_scope: str) -> VerbHandler:
    return list_handler(resource.scope, watches=resource.watches, force_watch=True, metrics_scope=metrics_scope)


def _create(resource: ResourceInstaller, metrics_scope: str) -> VerbHandler:
    return create_handler(resource.scope, named=isinstance(resource.storage, rest.NamedCreator))


_HANDLERS: Final[Mapping[str, Callable[[ResourceInstaller, str], VerbHandler]]] = {
    "LIST": _list,
    "POST": _create,
    "DELETECOLLECTION": lambda resource, scope: delete_collection_handler(resource.scope),
    "WATCHLIST": _watch,
    "GET": _get,
    "PUT": lambda resource, scope: update_handler(resource.scope),
    "PATCH": lambda resource, scope: patch_handler(resource.scope),
    "DELETE": lambda resource, scope: delete_handler(resource.scope),
    "WATCH": _watch,
}
