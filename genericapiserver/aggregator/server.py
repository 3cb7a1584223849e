"""AggregatorConfig -> complete() -> CompletedAggregatorConfig -> new() -> APIAggregator.

    client --> filters --> APIService objects of its own
                      \\-> the mux: /apis/<group>/<version> of each APIService --> the server behind, or
                      \\-> the servers of this process, without filters of their own --> not found

Every APIService has a ProxyHandler, which answers for it wherever it is. Who has to follow them, as the aggregation of
discovery and of OpenAPI does, is an APIServiceObserver.

Source: pkg/apiserver/apiserver.go of k8s.io/kube-aggregator.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping
from typing import Any, Final

import attrs

from genericapiserver.aggregator.api_service_routes import APIServiceObserver, APIServiceRoutes
from genericapiserver.aggregator.autoregister import HOOK as AUTOREGISTRATION_HOOK
from genericapiserver.aggregator.autoregister import AutoRegistration, local_api_services
from genericapiserver.aggregator.availability import LOCAL_HOOK, REMOTE_HOOK, LocalAvailability, RemoteAvailability
from genericapiserver.aggregator.client import APIServiceClient
from genericapiserver.aggregator.discovery import GroupDocuments
from genericapiserver.aggregator.documents import install_documents
from genericapiserver.aggregator.in_process import transport_as
from genericapiserver.aggregator.listers import InformedServices, InformedSlices
from genericapiserver.aggregator.metrics import AvailabilityMetrics
from genericapiserver.aggregator.probe import Prober
from genericapiserver.aggregator.proxy.dial import Dial, dial
from genericapiserver.aggregator.proxy.handler import REQUESTS_PER_BACKEND, ProxyHandler, ProxySettings
from genericapiserver.aggregator.registration import SIGNAL, RegistrationController
from genericapiserver.aggregator.registry import PATH, RESOURCE, api_group
from genericapiserver.aggregator.resolvers import ServiceResolver
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.apiregistration_v1 import GROUP_VERSION, APIService
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authentication.user import UserInfo
from genericapiserver.certificates import CertKeyContentProvider, FileContent, keep_current
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import Transport
from genericapiserver.config import CompletedConfig, ConfigError, RecommendedConfig
from genericapiserver.delegation import DelegationTarget, EmptyDelegate
from genericapiserver.endpoints.responses import ResponseWriter
from genericapiserver.hooks import PostStartHook, PostStartHookContext
from genericapiserver.request import long_running_check
from genericapiserver.routes.not_found import not_found_handler
from genericapiserver.server import GenericAPIServer

logger = logging.getLogger(__name__)

NAME: Final = "kube-aggregator"
STORAGE_PREFIX: Final = "/registry/kube-aggregator.kubernetes.io/"

INFORMERS_HOOK: Final = "start-kube-aggregator-informers"
REGISTRATION_HOOK: Final = "apiservice-registration-controller"
RELOAD_HOOK: Final = "aggregator-reload-proxy-client-cert"

LONG_RUNNING: Final = long_running_check(
    verbs=("watch", "proxy"), subresources=("attach", "exec", "proxy", "log", "portforward")
)
"""What kube-apiserver counts as long-running: servers behind have those subresources, too."""


@attrs.define(eq=False, kw_only=True)
class ExtraConfig:
    """What an aggregator is told beyond what every server is told."""

    service_resolver: ServiceResolver
    """Where services are."""
    core_informers: InformerFactory | None = None
    """Informers of the server that has services and EndpointSlices, which is perhaps this one; started with its own."""
    services: InformedServices | None = None
    """Services, for the condition Available; without them it depends on nothing but the answer of the server behind."""
    slices: InformedSlices | None = None
    static_services: Container[str] = ()
    """The services, as `namespace/name`, that are not looked up among those above, because a table says where they are."""
    disable_remote_available_condition_controller: bool = False
    """Leave the condition of what is not local to somebody else."""
    register_local_groups: bool = True
    """Have an APIService for every version that the servers of this process serve."""
    proxy_client_cert: CertKeyContentProvider | None = None
    """Whom the aggregator says that it is to servers behind; followed while it runs, where it comes from files."""
    proxy_dial: Dial = dial
    """How they are connected to (Go's ProxyTransport)."""
    reject_forwarding_redirects: bool = True
    requests_per_backend: int = REQUESTS_PER_BACKEND
    """How many requests to one APIService may be under way, long-running ones not counted."""


@attrs.define(eq=False, kw_only=True)
class AggregatorConfig:
    """*generic* as for every server; its scheme has APIService by apiregistration_v1.add_to_scheme."""

    generic: RecommendedConfig
    extra: ExtraConfig
    serializer: CodecFactory
    """For APIServices."""

    def complete(self) -> "CompletedAggregatorConfig":
        """Derive what was left open. Raises ConfigError."""
        self.generic.enable_discovery = False  # /apis is the aggregator's own
        self.generic.skip_openapi_installation = True  # and so are the documents
        self.generic.long_running = LONG_RUNNING
        enabled = self.generic.merged_resource_config
        if enabled is not None and not enabled.resource_enabled(GROUP_VERSION.with_resource(RESOURCE.resource)):
            raise ConfigError(f"API group/version {GROUP_VERSION} must be enabled")
        return CompletedAggregatorConfig(generic=self.generic.complete(), extra=self.extra, serializer=self.serializer)


@attrs.frozen(eq=False, kw_only=True)
class CompletedAggregatorConfig:
    """A configuration with nothing left open. Made by `AggregatorConfig.complete`."""

    generic: CompletedConfig
    extra: ExtraConfig
    serializer: CodecFactory

    def new(self, delegation_target: DelegationTarget | None = None) -> "APIAggregator":
        """Make an aggregator in front of *delegation_target*, the servers of this process.

        Raises ConfigError, HookError, APIGroupError.
        """
        if self.generic.config.rest_options_getter is None:
            raise ConfigError("there is no storage to keep APIServices in")
        if delegation_target is None:
            delegation_target = EmptyDelegate(not_found_handler(send_error=self.generic.send_error))
        aggregator = APIAggregator(self, delegation_target)
        install_documents(aggregator)
        return aggregator


class APIAggregator:
    """The server, its APIServices and what answers for each."""

    def __init__(self, completed: CompletedAggregatorConfig, delegation_target: DelegationTarget) -> None:
        config, extra = completed.generic.config, completed.extra
        assert config.rest_options_getter is not None
        self.completed = completed
        self.delegation_target = delegation_target
        self.delegate_handler = delegation_target.unprotected_handler
        """What the servers of this process answer, without filters."""
        self.server: GenericAPIServer = completed.generic.new(NAME, delegation_target)
        self.server.install_api_group(api_group(config.rest_options_getter, completed.serializer, now=config.clock.now))
        self.informers = InformerFactory(config.new_loopback_transport())
        self.api_services = self.informers.informer(
            PATH, lambda raw: completed.serializer.from_unstructured(raw, APIService, strict=False)[0]
        )
        """Every APIService as last seen; not to be changed."""
        self.settings = ProxySettings(
            local_delegate=self.delegate_handler,
            resolver=extra.service_resolver,
            client_certificate=extra.proxy_client_cert,
            reject_forwarding_redirects=extra.reject_forwarding_redirects,
            dial=extra.proxy_dial,
            metrics=config.metrics,
            requests_per_backend=extra.requests_per_backend,
        )
        writer = ResponseWriter(config.serializer)
        self.documents = GroupDocuments(self.api_services, completed.generic.discovery_addresses, writer)
        self.group_list_handler = self.documents.list_handler()
        """Serves the plain list of groups."""
        self.apis_handler: Handler = self.group_list_handler
        """Serves /apis; whoever aggregates discovery puts another one here, which falls back on the plain list."""
        self.routes = APIServiceRoutes(
            self.server.handler.non_api_mux, self.documents, settings=self.settings, services=self.api_services
        )
        self.registration = RegistrationController(self.routes, self.api_services)
        client = APIServiceClient(self.informers.transport, completed.serializer)
        metrics, now = AvailabilityMetrics(config.metrics), config.clock.now
        self.auto_registration = AutoRegistration(self.api_services, client)
        """Keeps the APIServices that are asked for there."""
        self.local_availability = LocalAvailability(self.api_services, client, metrics, now=now)
        self.prober = Prober(self.settings)
        self.remote_availability = RemoteAvailability(
            self.api_services,
            client,
            metrics,
            self.prober,
            services=extra.services,
            slices=extra.slices,
            static=extra.static_services,
            now=now,
        )
        self._install(extra)

    # ---- for who follows APIServices

    @property
    def handlers(self) -> Mapping[str, ProxyHandler]:
        """What answers for each APIService that is served, by its name."""
        return self.routes.handlers

    def add_observer(self, observer: APIServiceObserver) -> None:
        """Tell *observer* of every APIService that is served, those there are already first."""
        self.routes.add_observer(observer)

    def transport(self, handler: Handler, user: UserInfo) -> Transport:
        """A client that asks *handler* as *user*, without a socket: one of `handlers`, or `delegate_handler`.

        It has no time-out of its own: cancel it.
        """
        return transport_as(handler, user, self.completed.generic.request_info_factory)

    # ---- how it is made

    def _install(self, extra: ExtraConfig) -> None:
        server = self.server
        server.handler.non_api_mux.handle("/apis", self._serve_apis)
        server.handler.non_api_mux.handle("/apis/", self.group_list_handler, listed=False)
        server.register_mux_and_discovery_complete_signal(SIGNAL, self.registration.initiated)
        server.add_post_start_hook(INFORMERS_HOOK, self._start_informers)
        server.add_post_start_hook(REGISTRATION_HOOK, self._start_registration)
        if self.settings.client_certificate is not None:
            server.add_post_start_hook(RELOAD_HOOK, self._follow_certificate)
        # What writes does so in one process of several that share a storage.
        server.add_post_start_hook(LOCAL_HOOK, _running(self.local_availability.run), leader_only=True)
        if not extra.disable_remote_available_condition_controller:
            if extra.services is not None:
                extra.services.informer.add_change_handler(self.remote_availability.service_changed)
            if extra.slices is not None:
                extra.slices.informer.add_change_handler(self.remote_availability.slice_changed)
            server.add_post_start_hook(REMOTE_HOOK, _running(self.remote_availability.run), leader_only=True)
        if extra.register_local_groups:
            for service in local_api_services(self.delegation_target.listed_paths):
                self.auto_registration.add_api_service_to_sync_on_start(service)
        server.add_post_start_hook(AUTOREGISTRATION_HOOK, _running(self.auto_registration.run), leader_only=True)
        server.config.add_cleanup(self._close_connections)

    def _serve_apis(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self.apis_handler(scope, receive, send)

    async def _start_informers(self, context: PostStartHookContext) -> None:
        self.informers.start(context.spawn)
        if (core := self.completed.extra.core_informers) is not None:
            core.start(context.spawn)

    async def _start_registration(self, context: PostStartHookContext) -> None:
        """Done when every APIService there is has its routes."""
        context.spawn(self.registration.run())
        await self.registration.initiated.wait()

    async def _follow_certificate(self, context: PostStartHookContext) -> None:
        certificate = self.settings.client_certificate
        assert certificate is not None
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is served any more
                loop.call_soon_threadsafe(self.registration.enqueue_all)

        certificate.add_listener(changed)
        if isinstance(certificate, FileContent) and certificate.files:
            context.spawn(keep_current([certificate]))

    async def _close_connections(self) -> None:
        await self.prober.aclose()
        await self.routes.aclose()


def _running(work: Callable[[], Coroutine[Any, Any, None]]) -> PostStartHook:
    """A hook that is done when *work* has begun."""

    async def start(context: PostStartHookContext) -> None:
        context.spawn(work())

    return start
