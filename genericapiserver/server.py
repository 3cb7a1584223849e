"""GenericAPIServer: one server made from a CompletedConfig, in front of a delegate.

    config.complete().new(name) -> install_api_group(s), hooks, checks -> prepare_run() -> run

Source: pkg/server/genericapiserver.go and the second half of config.go of k8s.io/apiserver.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from genericapiserver.aio import Signal
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.go import quote
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.builtin_hooks import built_in_hooks
from genericapiserver.component.metrics import show_build, show_features
from genericapiserver.config import CompletedConfig, ConfigError
from genericapiserver.debugging import DebugSocket, install_profiling, path_of_worker
from genericapiserver.delegation import DelegationTarget
from genericapiserver.endpoints.router import APIContainer
from genericapiserver.features import COMPONENT_FLAGZ, COMPONENT_STATUSZ
from genericapiserver.group_installer import GroupInstaller
from genericapiserver.handler import APIServerHandler
from genericapiserver.healthchecks import HealthChecks, hook_check
from genericapiserver.healthz import HealthChecker, reason_of_failure
from genericapiserver.hooks import (
    HookError,
    PostStartHook,
    PostStartHookEntry,
    PreShutdownHook,
    PreShutdownHookEntry,
    by_the_leader,
    check_post_start_hook,
    where_registered,
)
from genericapiserver.idle_metrics import register_idle_metrics
from genericapiserver.inspection import inspect
from genericapiserver.inspector import install_inspector
from genericapiserver.logs.setup import set_verbosity
from genericapiserver.prepared import PreparedAPIServer
from genericapiserver.routes.certificates import install_certificates
from genericapiserver.routes.flags import DebugFlags, verbosity_setter
from genericapiserver.routes.flagz import FlagReader, install_flagz
from genericapiserver.routes.flow_control import install_flow_control
from genericapiserver.routes.index import index_not_found, install_index
from genericapiserver.routes.metrics import install_metrics, install_slis
from genericapiserver.routes.object_files import install_object_files
from genericapiserver.routes.openapi import install_openapi_v2, install_openapi_v3
from genericapiserver.routes.statusz import StatuszRegistry, install_statusz
from genericapiserver.routes.version import install_version
from genericapiserver.storage_readiness import StorageReadinessHook

if TYPE_CHECKING:
    from genericapiserver.secure_serving import Serving

logger = logging.getLogger(__name__)

ALLOWED_MEDIA_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
STATUSZ_COMPONENT = "apiserver"
"""The name under which the reference's generic server shows itself, whatever it is called."""
READY_POLL = 0.005
"""Seconds between two looks at the checks of a server that is about to be ready."""


class GenericAPIServer:
    """Holds handlers, hooks, checks and lifecycle of one server. Made by `CompletedConfig.new`."""

    def __init__(self, name: str, completed: CompletedConfig, delegation_target: DelegationTarget) -> None:
        config = completed.config
        for info in config.serializer.supported_media_types:
            if info.media_type not in ALLOWED_MEDIA_TYPES:
                raise ConfigError(
                    f"refusing to create new apiserver {quote(name)} with support for media type "
                    f"{quote(info.media_type)} (allowed media types are: {', '.join(ALLOWED_MEDIA_TYPES)})"
                )
        if config.loopback_client_config is None:
            raise ConfigError("Genericapiserver.New() called with config.LoopbackClientConfig == nil")
        self.name = name
        self.completed = completed
        self.config = config
        self.delegation_target = delegation_target
        self.loopback_client_config = config.loopback_client_config
        self.lifecycle_signals = config.lifecycle_signals
        self.non_long_running_requests = config.non_long_running_requests
        self.watch_requests = config.watch_requests
        self.shutdown_timeout = config.request_timeout
        self.shutdown_delay_duration = config.shutdown_delay_duration
        self.shutdown_watch_termination_grace_period = config.shutdown_watch_termination_grace_period
        self.shutdown_send_retry_after = config.shutdown_send_retry_after
        self.http_server_stopping = Signal("HTTPServerStopping")
        self.post_start_hooks_called = False
        self.pre_shutdown_hooks_called = False
        self.health_checks = HealthChecks(
            healthz=config.healthz_checks,
            livez=config.livez_checks,
            readyz=config.readyz_checks,
            livez_grace_period=config.livez_grace_period,
            clock=config.clock,
        )
        self.handler = APIServerHandler(
            name,
            api_container=APIContainer(send_error=completed.send_error),
            build_handler_chain=lambda handler: config.build_handler_chain(handler, completed),
            not_found_handler=delegation_target.unprotected_handler,
        )
        config.loopback_handler.set(self.handler)
        self.storage_readiness_hook = StorageReadinessHook(config.storage_initialization_timeout)
        self.groups = GroupInstaller(self.handler.api_container, completed, self.storage_readiness_hook)
        self._signals = dict(delegation_target.mux_and_discovery_complete_signals)
        self._post_start_hooks = dict(delegation_target.post_start_hooks)
        self._pre_shutdown_hooks = dict(delegation_target.pre_shutdown_hooks)
        self.serving: Serving | None = None
        """What accepts connections, once something does."""
        self._prepared = False
        self._add_hooks()
        self._inherit_checks()
        self._install_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server as an ASGI application, filters included."""
        await self.handler(scope, receive, send)

    # ---- delegation

    @property
    def unprotected_handler(self) -> Handler | None:
        return self.handler.director

    @property
    def post_start_hooks(self) -> Mapping[str, PostStartHookEntry]:
        return self._post_start_hooks

    @property
    def pre_shutdown_hooks(self) -> Mapping[str, PreShutdownHookEntry]:
        return self._pre_shutdown_hooks

    @property
    def healthz_checks(self) -> Sequence[HealthChecker]:
        return self.health_checks.healthz.checks

    @property
    def listed_paths(self) -> list[str]:
        """The paths of this server and of all behind it, sorted."""
        return sorted({*self.handler.listed_paths, *self.delegation_target.listed_paths})

    @property
    def next_delegate(self) -> DelegationTarget | None:
        return self.delegation_target

    @property
    def mux_and_discovery_complete_signals(self) -> Mapping[str, Signal]:
        return self._signals

    # ---- before it runs

    def register_mux_and_discovery_complete_signal(self, name: str, signal: Signal) -> None:
        """Have `mux_and_discovery_complete` wait for *signal*, too. Raises ValueError for a name taken already."""
        if name in self._signals:
            raise ValueError(f"{name} already registered")
        self._signals[name] = signal

    def add_health_checks(self, *checks: HealthChecker) -> None:
        """Add to /healthz, /livez and /readyz. Raises RuntimeError once the server is prepared."""
        self.health_checks.add(*checks)

    def add_boot_sequence_health_checks(self, *checks: HealthChecker) -> None:
        """Add to all three; /livez lets them pass for the grace period of the configuration."""
        self.health_checks.add_boot_sequence(*checks)

    def add_readyz_checks(self, *checks: HealthChecker) -> None:
        self.health_checks.readyz.add(*checks)

    def add_livez_checks(self, *checks: HealthChecker, delay: float = 0.0) -> None:
        """Add to /livez; for *delay* seconds from now they pass whatever they say."""
        self.health_checks.livez.add(*checks, delay=delay)

    def add_post_start_hook(self, name: str, hook: PostStartHook, *, leader_only: bool = False) -> None:
        """Have *hook* run once the server listens, and every health page wait for it.

        With *leader_only* it runs in one of the processes that share a storage, and no page waits for it.

        Raises HookError for a name that is empty or taken, and once the hooks have been started; RuntimeError once the
        server is prepared. A name that the configuration disables is skipped without a word.
        """
        if name in self.config.disabled_post_start_hooks:
            return
        if name and self.post_start_hooks_called:
            raise HookError(f"unable to add {quote(name)} because PostStartHooks have already been called")
        check_post_start_hook(name, hook, self._post_start_hooks)
        self._register_hook(name, PostStartHookEntry(by_the_leader(hook) if leader_only else hook, where_registered()))

    def add_pre_shutdown_hook(self, name: str, hook: PreShutdownHook | None) -> None:
        """Have *hook* run before the server stops; it may still call the API. None is no hook. Raises HookError."""
        if not name:
            raise HookError("missing name")
        if hook is None:
            return
        if self.pre_shutdown_hooks_called:
            raise HookError(f"unable to add {quote(name)} because PreShutdownHooks have already been called")
        if name in self._pre_shutdown_hooks:
            raise HookError(f"unable to add {quote(name)} because it is already registered")
        self._pre_shutdown_hooks[name] = PreShutdownHookEntry(hook)

    def install_api_group(self, info: APIGroupInfo) -> None:
        """Serve one API group under /apis. Raises APIGroupError."""
        self.groups.install(info)

    def install_api_groups(self, *infos: APIGroupInfo) -> None:
        """Serve several groups; all are checked before the first is installed. Raises APIGroupError."""
        self.groups.install(*infos)

    def install_legacy_api_group(self, prefix: str, info: APIGroupInfo) -> None:
        """Serve the group without a name under *prefix*, which must be one of the legacy prefixes (/api)."""
        self.groups.install_legacy(prefix, info)

    def install_flagz(self, flags: FlagReader) -> None:
        """Serve *flags*, which the program knows and the server does not, at /flagz if the gate ComponentFlagz is on."""
        if self.config.feature_gate.enabled(COMPONENT_FLAGZ):
            install_flagz(self.handler.non_api_mux, self.name, flags, send_error=self.completed.send_error)

    def prepare_run(self) -> PreparedAPIServer:
        """Install documents and health pages, of the delegates first; no check or hook can be added afterwards."""
        self.prepare_delegate()
        return PreparedAPIServer(self)

    def prepare_delegate(self) -> None:
        if self._prepared:
            return
        self._prepared = True
        self.delegation_target.prepare_delegate()
        mux = self.handler.non_api_mux
        self.config.metrics.targets.update(("", "", "", path) for path in self.listed_paths)
        if not self.config.skip_openapi_installation:
            install_openapi_v2(mux, self.groups.build_openapi_v2)
            install_openapi_v3(mux, self.groups.openapi_v3_builders)
        self.health_checks.install(
            mux,
            metrics=self.config.sli_metrics,
            initiated=self.lifecycle_signals.shutdown_initiated,
            ready=self.lifecycle_signals.has_been_ready,
            instrument=self.groups.with_root_metrics,
        )
        if self.config.feature_gate.enabled(COMPONENT_STATUSZ):
            install_statusz(
                mux,
                STATUSZ_COMPONENT,
                StatuszRegistry(version=self.config.effective_version, listed_paths=self.listed_paths),
                send_error=self.completed.send_error,
            )

    # ---- while it runs

    async def start_serving(self, stack: contextlib.AsyncExitStack) -> "Serving | None":
        """Begin to accept connections; the *stack* ends it. None when there is no secure serving."""
        if path := self.config.debug_socket_path:
            if self.config.worker is not None:  # each has one
                path = path_of_worker(path)
            # It ends last: a server that does not come to its end is one to look into.
            await stack.enter_async_context(self._debug_socket(path).serving())
        secure = self.config.secure_serving
        if secure is None:
            return None
        # Requests get their time to end in the ordered shutdown; on any other way out they are cut off.
        self.serving = await stack.enter_async_context(
            secure.serve(self.handler, shutdown_timeout=0.0, metrics=self.config.metrics)
        )
        return self.serving

    async def wait_until_ready(self) -> None:
        """Return once every check of /readyz passes."""
        scope: Scope = {"type": "http", "path": "/readyz", "query_string": b"", "headers": []}
        while True:
            for check in self.health_checks.readyz.checks:
                if await reason_of_failure(check, scope) is not None:
                    break
            else:
                return
            await asyncio.sleep(READY_POLL)

    async def aclose(self) -> None:
        """Release what the server holds, in the order it was registered, then its delegates. May be called twice."""
        await self.groups.aclose()
        await self.config.close()
        await self.delegation_target.aclose()

    # ---- how it is made

    def _register_hook(self, name: str, entry: PostStartHookEntry) -> None:
        self.health_checks.add_boot_sequence(hook_check(name, entry.check))
        self._post_start_hooks[name] = entry

    def _add_hooks(self) -> None:
        """Hooks of the configuration, then the built-in ones unless a delegate brought them."""
        config = self.config
        for name, entry in config.post_start_hooks.items():
            if name in config.disabled_post_start_hooks:
                continue
            check_post_start_hook(name, entry.hook, self._post_start_hooks)
            self._register_hook(name, entry)
        for built_in in built_in_hooks(self.completed):
            name = built_in.name
            if name not in self._post_start_hooks and name not in config.disabled_post_start_hooks:
                self._register_hook(name, PostStartHookEntry(built_in.hook, __name__))
            if built_in.readyz_check is not None:
                self.health_checks.readyz.add(built_in.readyz_check)

    def _inherit_checks(self) -> None:
        own = {check.name for check in self.config.healthz_checks}
        self.health_checks.add(*(check for check in self.delegation_target.healthz_checks if check.name not in own))

    def _debug_socket(self, path: str) -> DebugSocket:
        debug_socket = DebugSocket(path, stopping=self.http_server_stopping.wait)
        DebugFlags().install(debug_socket.mux, "v", verbosity_setter(set_verbosity))
        return debug_socket

    def _install_routes(self) -> None:
        config, mux = self.config, self.handler.non_api_mux
        if config.enable_index:
            install_index(mux, lambda: self.listed_paths)
        if config.enable_profiling:
            install_profiling(mux, stopping=self.http_server_stopping.wait)
            DebugFlags().install(mux, "v", verbosity_setter(set_verbosity))
        register_idle_metrics(config.metrics)
        show_features(config.metrics, config.feature_gate)
        if config.enable_metrics:
            install_metrics(mux, config.metrics, resettable=config.enable_profiling, worker=config.worker)
            install_slis(mux, config.sli_metrics, resettable=config.enable_profiling, worker=config.worker)
        if config.secure_serving is not None:
            install_certificates(mux, config.secure_serving.describe_certificates)
        if config.object_files_page is not None:
            install_object_files(mux, config.object_files_page)
        if config.enable_inspector:
            install_inspector(mux, lambda: inspect(self))
        if config.flow_control is not None:
            install_flow_control(mux, config.flow_control.controller)
        if (info := config.effective_version.info()) is not None:
            install_version(self.handler.api_container, info)
            show_build(config.metrics, info)
        if config.enable_discovery:
            self.groups.install_discovery()
        if self.delegation_target.unprotected_handler is None and config.enable_index:
            mux.not_found_handler = index_not_found(lambda: self.listed_paths)
