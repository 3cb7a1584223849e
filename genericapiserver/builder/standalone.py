"""A server that needs no other cluster: certificates, a kubeconfig and its objects in one folder.

Who holds a certificate of the folder's authority is who it says; the administrator's is in the kubeconfig. Other ways to
prove who one is are off until flags turn them on (docs/authentication.md). What others may do is up to roles and bindings,
which the server keeps itself; no other API server is asked.
"""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs

from genericapiserver.apis import rbac_v1
from genericapiserver.builder.folder import DataFolder
from genericapiserver.builder.standalone_serving import StandaloneServing
from genericapiserver.config import ConfigError
from genericapiserver.controlplane.groups import GroupModule, group_names, selected_groups, unknown_group_problems
from genericapiserver.options.api_enablement import APIEnablementOptions
from genericapiserver.options.builtin_authentication import BuiltInAuthenticationOptions
from genericapiserver.options.builtin_authorization import RBAC, BuiltInAuthorizationOptions
from genericapiserver.options.command import ServerOptions, run_command
from genericapiserver.options.flags import BOOL, STRING, STRINGS, FlagSet
from genericapiserver.options.metrics import MetricsOptions
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.server_run import ServerRunOptions
from genericapiserver.options.storage import FILE
from genericapiserver.options.token_options import ServiceAccountOptions
from genericapiserver.server import GenericAPIServer

GROUPS_FLAG = "control-plane-groups"
FRONT_PROXY = "front-proxy-client"
"""Whom a server that passes requests on says that it is; servers behind name it in --requestheader-allowed-names."""
WATCH_TERMINATION = 1.0
"""Seconds that watches get to end: nobody waits a minute for a sample to stop."""


class RecommendedServerOptions(ServerOptions, Protocol):
    """Options of a program that are built on the recommended ones."""

    @property
    def recommended(self) -> RecommendedOptions: ...


@runtime_checkable
class HostsGroups(Protocol):
    """Options of a program that installs the groups itself, because they belong to a server behind the one that it makes."""

    control_plane: Sequence[GroupModule]


@runtime_checkable
class ProxiesRequests(Protocol):
    """Options of a program that passes requests on to others, and shows them a certificate of the folder's authority."""

    proxy_client_cert_file: str
    proxy_client_key_file: str

    @property
    def service_names(self) -> Sequence[str]:
        """What the certificates of servers have to be for that it knows the addresses of, as `api.wardle.svc`."""


@attrs.define
class StandaloneOptions:
    """*inner*, with everything set that a server of its own needs. Flags of *inner* still count."""

    inner: RecommendedServerOptions
    hint: str = "get all"
    """What to try with kubectl, for the message at the start."""
    data: str = ".data"
    serve_core: bool = False
    control_plane_groups: list[str] = attrs.field(factory=group_names)
    """Groups of Kubernetes' own API to serve beside those of *inner*, other than core."""
    authentication: BuiltInAuthenticationOptions | None = attrs.field(default=None, init=False)
    """How it is found out who asks; None when *inner* lets nobody in by name."""
    authorization: BuiltInAuthorizationOptions | None = attrs.field(default=None, init=False)
    """How it is decided who may do what; None when *inner* asks nobody."""
    serving: StandaloneServing | None = attrs.field(default=None, init=False)
    """Where it is served; None when *inner* serves nothing by itself."""
    enablement: APIEnablementOptions = attrs.field(factory=APIEnablementOptions, init=False)
    _flags: FlagSet | None = attrs.field(default=None, init=False)
    _own_proxy_pair: bool = attrs.field(default=False, init=False)

    def add_flags(self, flags: FlagSet) -> None:
        self._flags = flags
        flags.add("data", STRING, self, "data", "The folder for certificates, the kubeconfig and objects.")
        flags.add("serve-core", BOOL, self, "serve_core", "Serve namespaces and events, too, which operators wait for.")
        recommended = self.inner.recommended
        if recommended.secure_serving is not None:
            self.serving = StandaloneServing(recommended.secure_serving)
            self.serving.add_flags(flags)
        if recommended.storage is None:
            self.control_plane_groups = group_names(stored=False)
        flags.add(
            GROUPS_FLAG,
            STRINGS,
            self,
            "control_plane_groups",
            "The groups of Kubernetes' own API to serve; an empty list serves none.",
        )
        if recommended.authentication is not None:
            self.authentication = recommended.authentication = BuiltInAuthenticationOptions(
                remote_kubeconfig_file="",
                service_accounts=ServiceAccountOptions(lookup=False),  # there are none to look up
            )
        recommended.metrics = MetricsOptions()
        recommended.api_enablement = self.enablement
        self.enablement.add_flags(flags)
        recommended.core_api = None
        recommended.watch_itself = True
        if recommended.authorization is not None:
            self.authorization = recommended.authorization = BuiltInAuthorizationOptions(default_modes=[RBAC])
        recommended.server_run = ServerRunOptions(shutdown_watch_termination_grace_period=WATCH_TERMINATION)
        if recommended.storage is not None:
            recommended.storage.path = ""
            recommended.storage.initial_revision = None
        self.inner.add_flags(flags)

    def complete(self) -> None:
        """Point the options at the folder. Raises ConfigError; makes nothing."""
        recommended = self.inner.recommended
        if self.serving is not None:
            self.serving.complete(self.folder, self._flags.given if self._flags is not None else ())
        if self.authentication is not None:
            self.authentication.own_client_ca_file = str(self.folder.pki / "ca.crt")
        if self.authorization is not None:
            self.authorization.watch_rbac = rbac_v1.GROUP in self.control_plane_groups
        if recommended.storage is not None and not recommended.storage.path:
            folder = self.folder
            is_file = recommended.storage.engine == FILE
            recommended.storage.path = str(folder.objects if is_file else folder.database)
        inner = self.inner
        if isinstance(inner, ProxiesRequests) and not (inner.proxy_client_cert_file or inner.proxy_client_key_file):
            self._own_proxy_pair = True
            inner.proxy_client_cert_file = str(self.folder.pki / f"{FRONT_PROXY}.crt")
            inner.proxy_client_key_file = str(self.folder.pki / f"{FRONT_PROXY}.key")
        self.inner.complete()

    def validate(self) -> list[str]:
        scheme = self.inner.recommended.serializer.scheme
        known = {version.group for version in scheme.prioritized_versions_all_groups()}
        return [
            *unknown_group_problems(self.control_plane_groups, f"--{GROUPS_FLAG}"),
            *self.enablement.validate(known | {"", *self.control_plane_groups}),
            *self.inner.validate(),
        ]

    async def server(self) -> GenericAPIServer:
        """The server of *inner*, with the groups that are asked for and what is missing in the folder.

        Raises ConfigError. It listens before anything is made: a port that is taken leaves no trace.
        """
        serving = self.serving
        if serving is not None:
            serving.open()
        try:
            with contextlib.ExitStack() as stack:
                with self._named_errors():
                    stack.enter_context(self.folder.undone_on_error())
                    self._make()
                server = await self._server()
                async with server.config.closed_on_error():
                    # Last: a server that runs already on the folder has refused this one by now, and keeps its own.
                    if serving is not None:
                        with self._named_errors():
                            serving.write_kubeconfig(self.folder)
                return server
        except BaseException:
            if serving is not None:
                serving.options.close()
            raise

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Raise ConfigError with the folder in the place of OSError."""
        try:
            yield
        except OSError as error:
            where = f"{error.filename}: " if error.filename not in (None, self.data) else ""
            raise ConfigError(f"--data {self.data}: {where}{error.strerror or error}") from error

    def _make(self) -> None:
        """Raises OSError."""
        if self.serving is not None:
            self.serving.make(self.folder)
        else:
            self.folder.authority()
        if self._own_proxy_pair:
            self.folder.authority().client(FRONT_PROXY)
        if isinstance(self.inner, ProxiesRequests):
            for name in self.inner.service_names:
                self.folder.authority().service(name)

    async def _server(self) -> GenericAPIServer:
        recommended = self.inner.recommended
        groups = selected_groups(
            self.control_plane_groups, core=self.serve_core, storage=recommended.storage is not None
        )
        if recommended.admission is not None:
            recommended.admission.served_groups = [group.name for group in groups]
        self.enablement.fixed_groups = [group.name for group in groups]
        modules = [group.load() for group in groups]
        for module in modules:
            module.register(recommended.serializer.scheme)
        if isinstance(self.inner, HostsGroups):
            self.inner.control_plane = modules
            return await self.inner.server()
        server = await self.inner.server()
        async with server.config.closed_on_error():
            for module in modules:
                module.install(server, recommended.serializer)
        return server

    @property
    def recommended(self) -> RecommendedOptions:
        return self.inner.recommended

    @property
    def folder(self) -> DataFolder:
        return DataFolder(Path(self.data))

    async def announce(self, server: GenericAPIServer) -> None:
        """Tell the user that it works and what to do next."""
        serving = self.serving
        where = "nothing" if serving is None else serving.url or ", ".join(each.address for each in serving.listeners)
        if serving is None or serving.url:
            command = f"kubectl --kubeconfig {self.folder.kubeconfig} {self.hint}"
        else:
            command = serving.curl(self.folder)
        sys.stdout.write(f"{server.name} is ready on {where}, objects in {self.data}\ntry:  {command}\n")
        sys.stdout.flush()


def run_standalone(command: str, options: RecommendedServerOptions, arguments: Sequence[str], *, hint: str) -> int:
    """Serve *options* alone until a signal; the exit status."""
    standalone = StandaloneOptions(options, hint=hint)
    return run_command(command, standalone, arguments, on_ready=standalone.announce)
