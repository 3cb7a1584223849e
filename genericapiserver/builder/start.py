"""From what a builder was told to a running server: options with flags, a configuration, a server.

    options = builder.to_server_options()
    async with options.serving() as running:                # within a program, or
        ...
    await options.run(shutdown_trigger=stop.wait)

Source: pkg/server/start/start.go of tilt-apiserver (TiltServerOptions).
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from genericapiserver.admission import AdmissionPlugin
from genericapiserver.admission.chain import AdmissionChain
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.builder.groups import DeclaredGroups
from genericapiserver.builder.kubeconfig import name_to_ask_for
from genericapiserver.builder.resource.scheme import without_hubs
from genericapiserver.builder.running import RunningServer, new_client, url_of, write_client_kubeconfig
from genericapiserver.builder.serving_options import ServingOptions
from genericapiserver.builder.storage import OpenStorages, Place, Storage, open_storages
from genericapiserver.client import ClientConfig
from genericapiserver.client.informer import InformerFactory
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import CompletedConfig, Config, ConfigError
from genericapiserver.connection.listener import joined
from genericapiserver.hooks import PostStartHook, PostStartHookContext
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.openapi.config import BEARER_TOKEN
from genericapiserver.options.flags import FlagSet, aggregate
from genericapiserver.prepared import ShutdownTrigger
from genericapiserver.secure_serving import loopback_host_port
from genericapiserver.server import GenericAPIServer

INFORMERS_HOOK: Final = "start-tilt-server-informers"
"""The seeds' name, which probes may have excluded by name."""

WATCH_TERMINATION: Final = 1.0
"""Seconds that watches get to end; a function of `with_config_fns` may say otherwise."""

OptionsFunc: TypeAlias = Callable[["ServerStartOptions"], object]
ConfigFunc: TypeAlias = Callable[[Config], object]
ServerFunc: TypeAlias = Callable[[GenericAPIServer], object]
FlagFunc: TypeAlias = Callable[[FlagSet], object]


@attrs.define(kw_only=True, eq=False)
class BuiltConfig(Config):
    """A Config with the informers and the storages of a builder's server."""

    informers: InformerFactory | None = None
    storages: OpenStorages | None = None


@attrs.define(kw_only=True, eq=False)
class ServerStartOptions:
    """Everything that a server of a builder starts from. Flags change `serving`; programs may change anything."""

    name: str
    version: str
    title: str
    openapi_version: str = ""
    serving_options: ServingOptions
    scheme: Scheme
    groups: DeclaredGroups
    places: Mapping[GroupResource, Place]
    default_storage: Storage | None
    plugins: Sequence[AdmissionPlugin] = ()
    post_start_hooks: Mapping[str, PostStartHook] = attrs.field(factory=dict)
    options_fns: Sequence[OptionsFunc] = ()
    config_fns: Sequence[ConfigFunc] = ()
    server_fns: Sequence[ServerFunc] = ()
    flag_fns: Sequence[FlagFunc] = ()
    serializer: CodecFactory = attrs.field(
        default=attrs.Factory(lambda self: CodecFactory(self.scheme), takes_self=True), init=False
    )
    _completed: bool = attrs.field(default=False, init=False)

    def add_flags(self, flags: FlagSet) -> None:
        self.serving_options.add_flags(flags)
        for function in self.flag_fns:
            function(flags)

    def complete(self) -> None:
        """Settle what follows from the flags; once. Raises what the functions of `with_options_fns` raise."""
        if self._completed:
            return
        self._completed = True
        for function in self.options_fns:
            function(self)
        self.serving_options.complete()

    def validate(self, arguments: Sequence[str] = ()) -> list[str]:
        """What is wrong, as texts for the user. *arguments* are those that no flag takes; there is no use for them."""
        return [
            *self.serving_options.validate(),
            *(f"unexpected argument: {argument}" for argument in arguments),
        ]

    async def config(self) -> CompletedConfig:
        """Listen, open the storages, and settle everything else. Raises ConfigError, with nothing left open."""
        serving = self.serving_options
        config = BuiltConfig(
            effective_version=EffectiveVersion.parse(self.version),
            openapi=OpenAPIConfig(
                title=self.title,
                version=self.openapi_version,
                security_definitions={"BearerToken": BEARER_TOKEN},
            ),
            shutdown_watch_termination_grace_period=WATCH_TERMINATION,
        )
        async with config.closed_on_error():
            serving.apply_to(config)
            config.external_address = joined(*self._address(config))
            config.informers = InformerFactory(config.new_loopback_transport())
            if self.plugins:
                config.admission_control = AdmissionChain(self.plugins)
            config.storages = config.rest_options_getter = await open_storages(
                config, self.serializer, places=self.places, default=self.default_storage
            )
            for function in self.config_fns:
                function(config)
            return config.complete()

    async def server(self) -> GenericAPIServer:
        """The server of `config`, with every resource. Raises ConfigError."""
        return await self.server_from_config(await self.config())

    async def server_from_config(self, completed: CompletedConfig) -> GenericAPIServer:
        """The server of *completed*, which closes what was opened for it, also when this raises."""
        config = completed.config
        assert isinstance(config, BuiltConfig), "it was made by `config`"
        async with config.closed_on_error():
            server = completed.new(self.name)
            assert config.storages is not None, "`config` opened them"
            assert config.informers is not None, "`config` made them"
            infos = self.api_groups(config.storages)
            if infos:
                server.install_api_groups(*infos)
            server.add_post_start_hook(INFORMERS_HOOK, _starting(config.informers))
            for name, hook in self.post_start_hooks.items():
                server.add_post_start_hook(name, hook)
            for function in self.server_fns:
                function(server)
            # Nothing can refuse the start any more: the kubeconfig of a server that runs already is not touched before.
            self._write_kubeconfig(config)
        return server

    def api_groups(self, storages: OpenStorages) -> list[APIGroupInfo]:
        """The groups with their storages. Raises ConfigError for a provider that fails, or gives no storage."""
        infos = self.groups.api_groups(storages, self.scheme, self.serializer)
        documented = without_hubs(self.scheme)
        for info in infos:
            info.openapi_scheme = documented
        return infos

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[RunningServer]:
        """Serve for the length of the block, which begins when the server is ready; leaving it stops the server in order.

        Raises ConfigError for anything that is wrong, and what `PreparedAPIServer.serving` raises.
        """
        self._check()
        server = await self.server()
        async with server.prepare_run().serving(), contextlib.AsyncExitStack() as stack:
            await server.wait_until_ready()
            config, address = self.client_config(server.config), self._address(server.config)
            client = new_client(config, address, self.serving_options.conn_provider)
            stack.push_async_callback(client.aclose)
            yield RunningServer(
                server=server,
                address=address,
                client_config=config,
                client=client,
                conn_provider=self.serving_options.conn_provider,
            )

    async def run(self, *, shutdown_trigger: ShutdownTrigger) -> None:
        """Serve until *shutdown_trigger* returns. Raises as `serving` does."""
        async with self.serving():
            await shutdown_trigger()

    async def run_from_config(self, completed: CompletedConfig, *, shutdown_trigger: ShutdownTrigger) -> None:
        """The same with a configuration that `config` made and the program has looked at."""
        server = await self.server_from_config(completed)
        await server.prepare_run().run(shutdown_trigger=shutdown_trigger)

    def _write_kubeconfig(self, config: Config) -> None:
        """Raises ConfigError."""
        given = self.serving_options.kubeconfig
        if not given:
            return
        try:
            write_client_kubeconfig(Path(given), self.client_config(config), name=self.name)
        except OSError as error:
            where = f"{error.filename}: " if error.filename not in (None, given) else ""
            raise ConfigError(
                f"--write-kubeconfig {given}: {where}{error.strerror or error}. "
                "Give a file that can be written, or a --token"
            ) from error

    def _check(self) -> None:
        self.complete()
        if problems := self.validate():
            raise ConfigError(aggregate(problems))

    def client_config(self, config: Config) -> ClientConfig:
        """How clients on this machine reach a server of *config*, as who may do everything."""
        serving = config.secure_serving
        assert serving is not None, "`config` made it"
        assert serving.cert is not None, "`config` made or loaded it"
        certificate = serving.cert.current_cert_key().certificate_pem
        host, port = self._address(config)
        return ClientConfig(
            host=url_of((host, port)),
            ca_data=certificate,
            bearer_token=self.serving_options.token,
            tls_server_name=name_to_ask_for(certificate, host),
        )

    def _address(self, config: Config) -> tuple[str, int]:
        """Where clients on this machine connect."""
        if self.serving_options.conn_provider is not None or config.secure_serving is None:
            return self.serving_options.host_port
        return loopback_host_port(joined(*config.secure_serving.host_port()))


def _starting(informers: InformerFactory) -> PostStartHook:
    async def start_informers(context: PostStartHookContext) -> None:
        informers.start(context.spawn)

    return start_informers
