"""Config -> complete() -> CompletedConfig -> new() -> GenericAPIServer: what a server is made from.

Options fill a Config, or a program does. `complete` derives what was left open and gives a CompletedConfig, the only
thing that can make a server. Source: pkg/server/config.go of k8s.io/apiserver; fields carry its names in snake case.
"""

import contextlib
import hashlib
import ipaddress
import logging
import socket
import struct
import uuid
from base64 import b32encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs

from genericapiserver.admission.chain import AdmissionChain
from genericapiserver.aio import Clock, InFlightRequests, InFlightWatches, SystemClock
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_meta_to_scheme, add_to_group_version
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Handler, Scope, Send
from genericapiserver.audit import AuditBackend, PolicyRuleEvaluator
from genericapiserver.authentication import RequestAuthenticator
from genericapiserver.authentication.delegating import with_loopback_token
from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.authorization import Authorizer
from genericapiserver.certificates import CAContentProvider
from genericapiserver.client import ClientConfig
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.component import EffectiveVersion, FeatureGate
from genericapiserver.delegation import DelegationTarget, EmptyDelegate
from genericapiserver.endpoints.discovery.addresses import Addresses, DefaultAddresses
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager
from genericapiserver.endpoints.live_watches import LiveWatches
from genericapiserver.endpoints.responses import send_error
from genericapiserver.features import API_SERVER_IDENTITY, default_feature_gate
from genericapiserver.filters.max_in_flight import InFlightLimits
from genericapiserver.filters.metrics import InFlightMetrics
from genericapiserver.filters.priority_and_fairness import Watermarks
from genericapiserver.filters.utilization import ReadsAndWrites, ReadWriteUtilization
from genericapiserver.flowcontrol.flow_control import FlowControl
from genericapiserver.healthz import LOG, PING, HealthChecker
from genericapiserver.hooks import (
    PostStartHook,
    PostStartHookEntry,
    by_the_leader,
    check_post_start_hook,
    where_registered,
)
from genericapiserver.inspector.notable import NotableRequests
from genericapiserver.lifecycle import LifecycleSignals
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.registry.generic.options import RESTOptionsGetter
from genericapiserver.request import LongRunningCheck, RequestInfoFactory, long_running_check
from genericapiserver.resource_config import ResourceConfig
from genericapiserver.secure_serving import SecureServingError, SecureServingInfo
from genericapiserver.storage.encryption.resources import ResourceTransformers
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.tracing import RequestTracer
from genericapiserver.workers import Leader, SoleLeader, Worker

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from genericapiserver.server import GenericAPIServer

DEFAULT_LEGACY_API_PREFIX = "/api"
API_GROUP_PREFIX = "/apis"
MEBIBYTE = 1 << 20

HandlerChainBuilder: TypeAlias = Callable[[Handler, "CompletedConfig"], Handler]


class ConfigError(ValueError):
    """A server cannot be made from this configuration; the message says which part is missing or wrong."""


@attrs.define(eq=False)
class AuthenticationInfo:
    """Who a request comes from. Without an authenticator nobody is asked, and requests have no user."""

    authenticator: RequestAuthenticator | None = None
    api_audiences: tuple[str, ...] = ()
    request_header_config: Callable[[], RequestHeaderConfig] | None = None
    """The headers of the front proxy at each moment; they may follow what the cluster publishes."""

    def apply_client_cert(self, client_ca: CAContentProvider | None, serving: SecureServingInfo | None) -> None:
        """Have *serving* ask clients for certificates of this authority, too; nothing without one of the two."""
        if client_ca is not None and serving is not None:
            serving.add_client_ca(client_ca)


@attrs.define(eq=False)
class AuthorizationInfo:
    """What a user may do. Without an authorizer everything is allowed."""

    authorizer: Authorizer | None = None


def default_serializer() -> CodecFactory:
    """A codec that knows the kinds every server answers with, and no resource."""
    scheme = Scheme("genericapiserver")
    add_to_group_version(scheme, GroupVersion("", "v1"))
    add_meta_to_scheme(scheme)
    return CodecFactory(scheme)


class HandlerSlot:
    """Where a server leaves its handler for clients that were made before it."""

    def __init__(self) -> None:
        self._handler: Handler | None = None

    def get(self) -> Handler:
        """Raises ConnectionError before there is a server."""
        if self._handler is None:
            raise ConnectionError("the server does not exist yet")
        return self._handler

    def set(self, handler: Handler) -> None:
        self._handler = handler


def _default_chain(handler: Handler, config: "CompletedConfig") -> Handler:
    from genericapiserver.chain import default_build_handler_chain

    return default_build_handler_chain(handler, config)


@attrs.define(eq=False, kw_only=True)
class Config:
    """Everything a server can be told. Times are in seconds, sizes in bytes.

    A copy of a Config shares its lifecycle signals and its counts of requests in flight with the original.
    """

    effective_version: EffectiveVersion
    feature_gate: FeatureGate = attrs.field(factory=default_feature_gate)
    serializer: CodecFactory = attrs.field(factory=default_serializer)
    """For what is no resource: errors of filters, discovery."""
    clock: Clock = attrs.field(factory=SystemClock)
    metrics: MetricsRegistry = attrs.field(factory=MetricsRegistry)
    sli_metrics: MetricsRegistry = attrs.field(factory=MetricsRegistry)
    """The registry of /metrics/slis."""

    secure_serving: SecureServingInfo | None = None
    authentication: AuthenticationInfo = attrs.field(factory=AuthenticationInfo)
    authorization: AuthorizationInfo = attrs.field(factory=AuthorizationInfo)
    audit_backend: AuditBackend | None = None
    """Where audit events go. Without it, or without a policy, nothing is recorded."""
    audit_policy: PolicyRuleEvaluator | None = None
    loopback_client_config: LoopbackClientConfig | None = None
    admission_control: AdmissionChain | None = None
    storage_engine: StorageEngine | None = None
    """What keeps the objects, for whoever looks into the server."""
    resource_transformers: ResourceTransformers | None = None
    """How what is stored is encrypted. Set before the storage options are applied, it counts instead of their file."""
    rest_options_getter: RESTOptionsGetter | None = None
    equivalent_resources: EquivalentResources = attrs.field(
        default=attrs.Factory(lambda self: EquivalentResources(self._storage_prefix), takes_self=True)
    )
    """Which resources are the same objects: those that are stored under one prefix."""

    merged_resource_config: ResourceConfig | None = None
    """Which versions and resources are served of those that are installed; all of them when None."""

    external_address: str = ""
    """The host, with or without a port, that discovery tells clients; derived when empty."""
    public_address: str = ""
    discovery_addresses: Addresses | None = None
    """Where discovery sends clients; one address for all, `external_address`, when None."""
    aggregated_discovery: AggregatedDiscoveryManager | None = None
    """The document with all groups, where the servers of a chain share one; each has its own when None."""
    legacy_api_group_prefixes: frozenset[str] = frozenset({DEFAULT_LEGACY_API_PREFIX})
    request_info_factory: RequestInfoFactory | None = None
    long_running: LongRunningCheck = attrs.field(factory=lambda: long_running_check(verbs=("watch",)))
    build_handler_chain: HandlerChainBuilder = _default_chain
    openapi: OpenAPIConfig = attrs.field(factory=OpenAPIConfig)
    skip_openapi_installation: bool = False

    enable_index: bool = True
    enable_discovery: bool = True
    enable_profiling: bool = True
    debug_socket_path: str = ""
    """A unix socket for profiles and log verbosity, without any check; none when empty."""
    enable_metrics: bool = True
    enable_inspector: bool = True
    """Serve the inspector, and remember for it what went wrong and what was slow."""
    object_files_page: Callable[[], str] | None = None
    """Tells of files of objects that were edited and cannot become objects; None where files are not edited."""
    worker: Worker | None = None
    """This process, when it is one of several that serve as one: its metrics pages then answer for all."""
    leader: Leader = attrs.field(factory=SoleLeader)
    """Says which of the processes that share a storage does what only one must do."""

    cors_allowed_origins: Sequence[str] = ()
    hsts_directives: Sequence[str] = ()
    goaway_chance: float = 0.0
    max_requests_in_flight: int = 400
    max_mutating_requests_in_flight: int = 200
    flow_control: FlowControl | None = None
    """Fair queuing instead of the two limits above, whose sum it shares out."""
    request_timeout: float = 60.0
    min_request_timeout: float = 1800.0
    max_request_body_bytes: int = 3 * MEBIBYTE
    """The largest body of a write; 0 means no limit."""
    json_patch_max_copy_bytes: int = 3 * MEBIBYTE

    storage_initialization_timeout: float = 60.0
    livez_grace_period: float = 0.0
    tracer: RequestTracer | None = None
    """Makes a span of each request."""
    shutdown_delay_duration: float = 0.0
    shutdown_watch_termination_grace_period: float = 0.0
    shutdown_send_retry_after: bool = False

    healthz_checks: list[HealthChecker] = attrs.field(factory=lambda: [PING, LOG])
    livez_checks: list[HealthChecker] = attrs.field(factory=lambda: [PING, LOG])
    readyz_checks: list[HealthChecker] = attrs.field(factory=lambda: [PING, LOG])
    disabled_post_start_hooks: frozenset[str] = frozenset()
    post_start_hooks: dict[str, PostStartHookEntry] = attrs.field(factory=dict)

    loopback_handler: HandlerSlot = attrs.field(factory=HandlerSlot)
    object_counts: ObjectCounts = attrs.field(
        default=attrs.Factory(lambda self: ObjectCounts(self.metrics, clock=self.clock), takes_self=True)
    )
    object_count_period: float = 60.0
    """Seconds between two counts of stored objects for the metrics; 0 counts never."""
    cleanups: list[Callable[[], Awaitable[None]]] = attrs.field(factory=list)
    api_server_id: str = attrs.field(default=attrs.Factory(lambda self: _own_api_server_id(self), takes_self=True))
    """Empty with the gate APIServerIdentity off."""
    lifecycle_signals: LifecycleSignals = attrs.field(factory=LifecycleSignals)
    live_watches: LiveWatches = attrs.field(factory=LiveWatches)
    notable_requests: NotableRequests = attrs.field(factory=NotableRequests)
    non_long_running_requests: InFlightRequests = attrs.field(factory=InFlightRequests)
    watch_requests: InFlightWatches = attrs.field(factory=InFlightWatches)

    def new_loopback_transport(self) -> InProcessTransport:
        """A client of the server that will be made from this configuration, as `system:apiserver`."""
        return InProcessTransport(self.loopback_handler.get, bearer_token=self._loopback_token)

    def _loopback_token(self) -> str:
        config = self.loopback_client_config
        return config.bearer_token if config is not None else ""

    def _storage_prefix(self, resource: GroupResource) -> str:
        getter = self.rest_options_getter
        try:
            return "" if getter is None else getter.get_rest_options(resource).resource_prefix
        except Exception:  # noqa: BLE001  a resource that is stored elsewhere, or nowhere, has no prefix here
            return ""

    def add_cleanup(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have the server call *callback* once at its end, in the order of the calls (Go's RegisterDestroyFunc)."""
        self.cleanups.append(callback)

    async def close(self) -> None:
        """Run the cleanups, of a server or of a configuration that never became one. May be called twice."""
        cleanups, self.cleanups[:] = list(self.cleanups), []
        for cleanup in cleanups:
            try:
                await cleanup()
            except Exception:
                logger.exception("a cleanup failed, going on")

    @contextlib.asynccontextmanager
    async def closed_on_error(self) -> AsyncIterator[None]:
        """Run the cleanups if the block raises: what was opened must not outlive a server that was never made."""
        try:
            yield
        except BaseException:
            await self.close()
            raise

    def add_health_checks(self, *checks: HealthChecker) -> None:
        """Add *checks* to /healthz, /livez and /readyz."""
        self.healthz_checks.extend(checks)
        self.livez_checks.extend(checks)
        self.readyz_checks.extend(checks)

    def add_readyz_checks(self, *checks: HealthChecker) -> None:
        self.readyz_checks.extend(checks)

    def add_post_start_hook(self, name: str, hook: PostStartHook, *, leader_only: bool = False) -> None:
        """Have the server run *hook*. Raises HookError; a disabled name is skipped without a word.

        With *leader_only* it runs in one of the processes that share a storage.
        """
        check_post_start_hook(name, hook, self.post_start_hooks)
        if name not in self.disabled_post_start_hooks:
            self.post_start_hooks[name] = PostStartHookEntry(
                by_the_leader(hook) if leader_only else hook, where_registered()
            )

    def complete(self) -> "CompletedConfig":
        """Derive what was left open. Raises ConfigError when it cannot be derived."""
        address = _external_address(self)
        factory = self.request_info_factory or new_request_info_resolver(self)
        openapi = self.openapi
        if not openapi.version:
            openapi = attrs.evolve(openapi, version=str(self.effective_version.emulation_version or "unversioned"))
        completed = attrs.evolve(self, external_address=address, openapi=openapi)
        completed.authentication = authorize_client_bearer_token(
            completed.loopback_client_config, completed.authentication, completed.authorization
        )
        utilization = ReadWriteUtilization.shown_by(
            self.metrics, self._in_flight_limits, monotonic=self.clock.monotonic
        )
        return CompletedConfig(
            config=completed,
            request_info_factory=factory,
            discovery_addresses=self.discovery_addresses or DefaultAddresses(address),
            in_flight_limits=InFlightLimits(
                self.max_requests_in_flight,
                self.max_mutating_requests_in_flight,
                metrics=InFlightMetrics(self.metrics),
                utilization=utilization if self.flow_control is None else None,
            ),
            watermarks=Watermarks(
                InFlightMetrics(self.metrics), utilization=None if self.flow_control is None else utilization
            ),
        )

    def _in_flight_limits(self) -> ReadsAndWrites:
        """What may be served, and wait, of reads and writes; together where requests are queued fairly."""
        if self.flow_control is None:
            return self.max_requests_in_flight, self.max_mutating_requests_in_flight, 0, 0
        controller = self.flow_control.controller
        executing, waiting = controller.executing_limit, controller.waiting_limit
        return executing, executing, waiting, waiting


@attrs.define(eq=False, kw_only=True)
class RecommendedConfig(Config):
    """A Config as RecommendedOptions fills it: with a client to the core API server, where there is one."""

    shared_informers: InformerFactory | None = None
    """Informers of the core API server; with them the server starts them and waits for them to be ready."""
    client_config: ClientConfig | None = None
    """How the core API server is reached; None where there is none beside this one."""


@attrs.frozen(eq=False, kw_only=True)
class CompletedConfig:
    """A Config with nothing left open. Made by `Config.complete`."""

    config: Config
    request_info_factory: RequestInfoFactory
    discovery_addresses: Addresses
    in_flight_limits: InFlightLimits
    watermarks: Watermarks

    async def send_error(self, scope: Scope, send: Send, error: Exception) -> None:
        """Answer with the Status of *error*, in the representation that the request asks for."""
        await send_error(scope, send, error, self.config.serializer)

    def new(self, name: str, delegation_target: DelegationTarget | None = None) -> "GenericAPIServer":
        """Make a server called *name* in front of *delegation_target* (default: the end of the chain).

        Raises ConfigError when the configuration lacks a loopback client or an external address, HookError when a hook
        is there twice.
        """
        from genericapiserver.server import GenericAPIServer

        return GenericAPIServer(name, self, EmptyDelegate() if delegation_target is None else delegation_target)


def authorize_client_bearer_token(
    loopback: LoopbackClientConfig | None, authentication: AuthenticationInfo, authorization: AuthorizationInfo
) -> AuthenticationInfo:
    """*authentication* with the loopback client let in as `system:apiserver`, a member of `system:masters`.

    What comes back is *authentication* itself where there is no token, and where nobody is asked who he is or what he may
    do: there everybody is in already. What the client may do is left to the authorizer. (Go changes its argument.)
    """
    if loopback is None or not loopback.bearer_token:
        return authentication
    if authentication.authenticator is None or authorization.authorizer is None:
        return authentication
    return attrs.evolve(
        authentication,
        authenticator=with_loopback_token(
            authentication.authenticator, loopback.bearer_token, str(uuid.uuid4()), authentication.api_audiences
        ),
    )


def _own_api_server_id(config: Config) -> str:
    return api_server_id(socket.gethostname()) if config.feature_gate.enabled(API_SERVER_IDENTITY) else ""


def api_server_id(hostname: str) -> str:
    """The identity of a server on this host: a hash that tells nothing about the name (server reference, APIServerID)."""
    digest = hashlib.sha256()
    for part in (hostname.encode(), b"kube-apiserver"):
        digest.update(struct.pack(">H", len(part)) + part)
    return "apiserver-" + b32encode(digest.digest()[:16]).decode().rstrip("=").lower()


def new_request_info_resolver(config: Config) -> RequestInfoFactory:
    """The parser of API paths for `/apis` and the legacy prefixes of *config*."""
    legacy = frozenset(prefix.strip("/") for prefix in config.legacy_api_group_prefixes)
    return RequestInfoFactory(
        api_prefixes=legacy | {API_GROUP_PREFIX.strip("/")},
        groupless_api_prefixes=legacy,
    )


def _external_address(config: Config) -> str:
    """The advertised host:port; the port is that of the secure listener unless the address names one."""
    address = config.external_address or config.public_address
    if _has_port(address):
        return address
    if config.secure_serving is None:
        raise ConfigError("cannot derive external address port without listening on a secure port.")
    try:
        _, port = config.secure_serving.host_port()
    except SecureServingError as error:
        raise ConfigError(f"cannot derive external address from the secure port: {error}") from error
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _has_port(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        host, separator, port = address.rpartition(":")
        return bool(separator) and port.isdigit() and (":" not in host or host.startswith("["))
    return False  # a bare address, IPv6 included
