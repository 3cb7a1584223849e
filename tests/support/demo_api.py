"""A small API to test endpoints with: two versions of one kind with subresources, and a cluster-scoped kind.

    demo.example.com/v1       gadgets (namespaced; status, log, shell), racks (cluster-scoped)
    demo.example.com/v1beta1  gadgets, deprecated, with `spec.colour` for `spec.color`

`DemoServer` serves it from memory, called as an ASGI application with the filters that endpoints rely on.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from genericapiserver.admission import AdmissionChain, AdmissionPlugin
from genericapiserver.apimachinery import field as fields
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import APIGroup, GetOptions, GroupVersionForDiscovery, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authorization import Authorizer
from genericapiserver.endpoints.deprecation import api_lifecycle
from genericapiserver.endpoints.discovery.addresses import DefaultAddresses
from genericapiserver.endpoints.discovery.aggregated import with_aggregated_discovery
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager
from genericapiserver.endpoints.discovery.groups import DiscoveryGroupManager, group_handler
from genericapiserver.endpoints.installer import APIGroupVersion, InstalledVersion
from genericapiserver.endpoints.metrics import EndpointMetrics
from genericapiserver.endpoints.responses import ResponseWriter, send_error
from genericapiserver.endpoints.router import APIContainer, Route, WebService
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.options import RESTOptions, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import Responder, StreamedResource, UpdatedObjectInfo, UpdateResult
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfoFactory, long_running_check
from genericapiserver.storage.factory import StorageConfig, new_backend
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.metrics import StorageMetrics
from tests.support.asgi_client import ASGIClient

GROUP = "demo.example.com"
HUB = GroupVersion(GROUP, INTERNAL_VERSION)
V1 = GroupVersion(GROUP, "v1")
V1BETA1 = GroupVersion(GROUP, "v1beta1")

MEDIA_TYPES = ("application/json", "application/yaml")


@api_type
class GadgetSpec:
    """GadgetSpec says what is wanted."""

    color: str = field(default="", doc="The color.")
    size: Int32 = field(default=0, doc="The size.")


@api_type
class GadgetStatus:
    """GadgetStatus says what is."""

    phase: str = field(default="", doc="The phase.")


@api_type
class Gadget(Object):
    """Gadget is a thing; the hub, and v1."""

    spec: GadgetSpec = field(factory=GadgetSpec)
    status: GadgetStatus = field(factory=GadgetStatus)


@api_type
class OldGadgetSpec:
    """OldGadgetSpec is GadgetSpec as it was."""

    colour: str = field(default="", doc="The color.")


@api_lifecycle(introduced="1.0", deprecated="1.2", removed="1.9", replacement=V1.with_kind("Gadget"))
@api_type
class OldGadget(Object):
    """OldGadget is Gadget at v1beta1."""

    spec: OldGadgetSpec = field(factory=OldGadgetSpec)


@api_type
class Rack(Object):
    """Rack belongs to no namespace."""

    slots: Int32 = field(default=0, doc="How many.")


@api_type
class LogOptions:
    """LogOptions are the options of reading a log."""

    lines: Int32 = field(default=0, doc="How many lines.")


@api_type
class ShellOptions:
    """ShellOptions are the options of a shell."""

    path: str = field(default="", doc="Where to start.")
    tty: bool = field(default=False, doc="Whether to allocate a terminal.")


def new_scheme() -> Scheme:
    scheme = Scheme("demo")
    scheme.add_known_types(HUB, Gadget, Rack)
    scheme.add_known_types(V1, Gadget, Rack)
    scheme.add_known_type_with_name(V1BETA1.with_kind("Gadget"), OldGadget)
    add_to_group_version(scheme, V1, V1BETA1)
    scheme.add_conversion_func(
        OldGadget, Gadget, lambda old: Gadget(metadata=old.metadata, spec=GadgetSpec(color=old.spec.colour))
    )
    scheme.add_conversion_func(
        Gadget, OldGadget, lambda new: OldGadget(metadata=new.metadata, spec=OldGadgetSpec(colour=new.spec.color))
    )
    scheme.add_defaulting_func(Gadget, _default)
    scheme.set_version_priority(V1, V1BETA1)
    return scheme


def _default(gadget: Gadget) -> None:
    gadget.spec.size = gadget.spec.size or 1


class GadgetStrategy(DefaultStrategy):
    namespace_scoped = True
    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Gadget) -> Sequence[FieldError]:
        if obj.spec.size >= 0:
            return ()
        return [fields.invalid(Path("spec", "size"), obj.spec.size, "must be greater than or equal to 0")]

    def validate_update(self, context: RequestContext, obj: Gadget, old: Gadget) -> Sequence[FieldError]:
        return self.validate(context, obj)

    def warnings_on_create(self, context: RequestContext, obj: Gadget) -> Sequence[str]:
        return ["spec.color: red is loud"] if obj.spec.color == "red" else ()


class RackStrategy(DefaultStrategy):
    namespace_scoped = False
    allow_create_on_update = True


class GadgetStatusREST:
    """Reads and writes the status of a gadget."""

    object_type = Gadget

    def __init__(self, store: Store) -> None:
        self._store = store

    async def aclose(self) -> None: ...

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> Any:
        return await self._store.get(context, name, options)

    async def update(self, context: RequestContext, name: str, info: UpdatedObjectInfo, **how: Any) -> UpdateResult:
        return await self._store.update(context, name, info, **how)


class GadgetLogREST:
    """A log of as many lines as asked for."""

    object_type = Gadget
    get_options_type = LogOptions
    get_options_path = ""

    async def aclose(self) -> None: ...

    async def get(self, context: RequestContext, name: str, options: LogOptions) -> Any:
        return _Log(name, options.lines)

    def produces_mime_types(self, verb: str) -> Sequence[str]:
        return ("text/plain",) if verb == "GET" else ()

    def produces_object(self, verb: str) -> type[Any] | None:
        return None


class _Log:
    def __init__(self, name: str, lines: int) -> None:
        self._name = name
        self._lines = lines

    async def input_stream(self, api_version: str, accept: str) -> StreamedResource:
        if self._lines < 0:
            return StreamedResource(body=None)
        return StreamedResource(body=self._read(), media_type="text/plain" if self._lines else "", flush=True)

    async def _read(self) -> AsyncIterator[bytes]:
        for number in range(max(1, self._lines)):
            yield f"{self._name} {number}\n".encode()


class GadgetShellREST:
    """Answers with what it was asked; `error` in the path makes it fail."""

    object_type = Gadget
    connect_methods = ("GET", "POST")
    connect_options_type = ShellOptions
    connect_options_path = "path"

    async def aclose(self) -> None: ...

    async def connect(self, context: RequestContext, name: str, options: ShellOptions, responder: Responder) -> Handler:
        async def shell(scope: Scope, receive: Receive, send: Send) -> None:
            if "error" in options.path:
                await responder.error(StatusError("the shell is broken", code=502, reason="BadGateway"))
            elif "object" in options.path:
                await responder.object(200, Gadget(spec=GadgetSpec(color="shell")))
            else:
                await send_text(send, 200, f"{scope['method']} {name} {options.path} {options.tty}")

        return shell


class DemoServer:
    """The demo API over a memory engine. `client` talks to it."""

    def __init__(
        self,
        *,
        plugins: Sequence[AdmissionPlugin] = (),
        authorizer: Authorizer | None = None,
        watch_cache: bool = True,
        **version: Any,
    ) -> None:
        self.scheme = new_scheme()
        self.codec = CodecFactory(self.scheme)
        self.engine = MemoryEngine()
        self.registry = MetricsRegistry()
        self._storage_metrics = StorageMetrics(self.registry)
        self._watch_cache = watch_cache
        self.gadgets = store_for(
            self,
            object_type=Gadget,
            qualified_resource=GroupResource(GROUP, "gadgets"),
            singular_name="gadget",
            strategy=GadgetStrategy(self.scheme),
            short_names=["gd"],
            categories=["all"],
        )
        self.racks = store_for(
            self,
            object_type=Rack,
            qualified_resource=GroupResource(GROUP, "racks"),
            singular_name="rack",
            strategy=RackStrategy(self.scheme),
        )
        self.writer = ResponseWriter(self.codec)
        self.container = APIContainer(send_error=self.send_error)
        self.installed: list[InstalledVersion] = []
        subresources = {
            "gadgets/status": GadgetStatusREST(self.gadgets),
            "gadgets/log": GadgetLogREST(),
            "gadgets/shell": GadgetShellREST(),
        }
        storages: tuple[tuple[GroupVersion, dict[str, Any]], ...] = (
            (V1, {"gadgets": self.gadgets, "racks": self.racks, **subresources}),
            (V1BETA1, {"gadgets": self.gadgets}),
        )
        for group_version, storage in storages:
            made = APIGroupVersion(
                group_version=group_version,
                storage=storage,
                scheme=self.scheme,
                codec=self.codec,
                admission=AdmissionChain(plugins),
                authorizer=authorizer,
                metrics=EndpointMetrics(self.registry),
                writer=self.writer,
                **version,
            ).install()
            self.container.add(made.service)
            self.installed.append(made)
        self._install_discovery()
        handler = with_warning_recorder(self.container)
        self.app = with_request_info(handler, resolver=RequestInfoFactory(), long_running=long_running_check())
        self.client = ASGIClient(self.app)

    def _install_discovery(self) -> None:
        self.groups = DiscoveryGroupManager(DefaultAddresses("192.0.2.2:6443"))
        self.aggregated = AggregatedDiscoveryManager()
        versions = []
        for made in self.installed:
            self.aggregated.add_group_version(GROUP, made.discovery)
            group_version = made.group_version
            versions.append(GroupVersionForDiscovery(group_version=str(group_version), version=group_version.version))
        group = APIGroup(name=GROUP, versions=versions, preferred_version=versions[0])
        self.groups.add_group(group)
        roots = {
            "/apis": with_aggregated_discovery(self.groups.handler(self.writer), self.aggregated, self.writer),
            f"/apis/{GROUP}": group_handler(group, self.writer),
        }
        for root, handler in roots.items():
            service = WebService(root, exact=root == "/apis")
            service.add(Route(method="GET", path="", handler=handler, produces=MEDIA_TYPES))
            self.container.add(service)

    async def send_error(self, scope: Scope, send: Send, error: StatusError) -> None:
        await send_error(scope, send, error, self.codec)

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        """Everything in memory, stored as v1 (registry.generic.options.RESTOptionsGetter)."""

        def open_backend(*, object_type: type[Any], resource_prefix: str, attributes: Any) -> StorageBackend[Any]:
            return new_backend(
                self.engine,
                StorageConfig(type="memory", watch_cache=self._watch_cache),
                codec=self.codec.storage_codec(V1, object_type),
                object_type=object_type,
                resource_prefix=resource_prefix,
                attributes=attributes,
                metrics=self._storage_metrics.resource(resource.group, resource.resource),
            )

        return RESTOptions(
            open_backend=open_backend,
            resource_prefix=f"/{resource.group}/{resource.resource}",
            storage_version=V1,
        )


def gadgets(namespace: str = "ns", name: str = "", *, version: str = "v1") -> str:
    """The path of the gadgets of a namespace, or of one of them."""
    path = f"/apis/{GROUP}/{version}/namespaces/{namespace}/gadgets"
    return f"{path}/{name}" if name else path


def gadget(name: str, **spec: Any) -> dict[str, Any]:
    """The body of a gadget."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


def context_of(scope: Scope) -> RequestContext:
    """The context that the filters left in *scope*."""
    context: RequestContext = scope[CONTEXT_KEY]
    return context
