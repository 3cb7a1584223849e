"""ExtensionAPIServer: an API server beside a cluster's own, for objects that are kept anywhere.

    options -> server -> install_store(...), install(...) -> serving: HTTPS on the listener, and an ASGI application

Source: pkg/ext/apiserver.go of rancher/steve. Deviations: as an application it answers 503 before it runs, where the
reference breaks; installing something in a server that runs is refused, where it has no effect there.
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import attrs

from genericapiserver.aio import Signal
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.errors import ServiceUnavailableError
from genericapiserver.apimachinery.meta import ServerAddressByClientCIDR
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.serializer.codec import JSON_MEDIA_TYPE, YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authorization import Authorizer
from genericapiserver.certificates import CertificateError
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo, Config, ConfigError, RecommendedConfig
from genericapiserver.connection import ListenerError
from genericapiserver.ext.authenticators import authorities_of, proxy_headers_of, work_of
from genericapiserver.ext.conversion import convert_error
from genericapiserver.ext.definitions import add_to_scheme, definition_namer
from genericapiserver.ext.mounting import below_root_path, serve_lifespan
from genericapiserver.ext.options import ExtensionAPIServerOptions
from genericapiserver.ext.registration import AggregatorSpotter
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.group_installer import APIGroupError
from genericapiserver.hooks import HookError
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.request import RequestInfoFactory

NAME: Final = "imperative-api"
TITLE: Final = "Ext"
DOCUMENT_VERSION: Final = "0.1"
SHUTDOWN_TIMEOUT: Final = 5.0
"""Seconds that requests get to end."""
WATCH_TERMINATION: Final = 1.0
"""Seconds within which watches are told to. Those that came through an application have no connection to be cut off."""
MEDIA_TYPES: Final = (JSON_MEDIA_TYPE, YAML_MEDIA_TYPE)


class NoAddresses:
    """Clients come through the cluster's own server: there is no other address to tell them."""

    depend_on_client = False

    def for_client(self, client: str) -> tuple[ServerAddressByClientCIDR, ...]:
        return ()


class ExtensionAPIServer:
    """Made from *options*, for the kinds of *scheme*, which *codecs* reads and writes.

    Raises ConfigError with the text of the first required option that is missing; later failures begin with
    `applyto secureserving: ` and `new: `. What is not run has to be closed with `aclose`.
    """

    def __init__(self, scheme: Scheme, codecs: CodecFactory, options: ExtensionAPIServerOptions) -> None:
        options.check()
        assert options.authenticator is not None
        assert options.authorizer is not None
        assert options.get_openapi_definitions is not None
        add_to_scheme(scheme)
        self.scheme = scheme
        self._spotter = AggregatorSpotter(options.authorizer)
        self._storages: dict[str, dict[str, dict[str, RESTStorage]]] = {}
        self._codecs = attrs.evolve(
            codecs,
            supported_media_types=tuple(
                info for info in codecs.supported_media_types if info.media_type in MEDIA_TYPES
            ),
            reads_protobuf=False,
        )
        self._handler: Handler | None = None
        self._has_run = False
        config = RecommendedConfig(
            effective_version=options.effective_version or EffectiveVersion(KUBE_VERSION, KUBE_FLOOR),
            serializer=attrs.evolve(codecs, refuses_in_protobuf=True),
            authentication=AuthenticationInfo(
                authenticator=options.authenticator, request_header_config=proxy_headers_of(options.authenticator)
            ),
            authorization=AuthorizationInfo(self._spotter),
            shared_informers=options.shared_informers,
            shutdown_watch_termination_grace_period=WATCH_TERMINATION,
            discovery_addresses=NoAddresses(),
            request_info_factory=RequestInfoFactory(
                api_prefixes=frozenset({"api", "apis"}), groupless_api_prefixes=frozenset({"api"})
            ),
            openapi=OpenAPIConfig(
                title=TITLE,
                version=DOCUMENT_VERSION,
                definition_name=definition_namer(options.openapi_definition_name_replacements),
                models=options.get_openapi_definitions,
            ),
        )
        serving = _serve_securely(config, options)
        try:
            if options.configure is not None:
                options.configure(config)
            completed = config.complete()
            self.generic_api_server = completed.new(NAME)
        except (ConfigError, HookError) as error:
            serving.close()
            raise ConfigError(f"new: {error}") from error
        except BaseException:
            serving.close()
            raise
        self.generic_api_server.shutdown_timeout = SHUTDOWN_TIMEOUT
        self._unavailable = with_request_info(
            self._answer_unavailable, resolver=completed.request_info_factory, long_running=config.long_running
        )

    @property
    def authorizer(self) -> Authorizer:
        """The authorizer of the options, for stores that need one."""
        return self._spotter.authorizer

    def registered(self) -> Signal:
        """Fires once, when the aggregation layer of a cluster first asks for something, allowed or not."""
        return self._spotter.registered

    async def wait_registered(self) -> None:
        """Return once the aggregation layer of a cluster has found this server."""
        await self._spotter.registered.wait()

    # ---- before it runs

    def install(self, resource: str, gvk: GroupVersionKind, storage: RESTStorage) -> None:
        """Serve *storage* as *resource*, or `resource/subresource`, of the group and version of *gvk*.

        Which verbs it has is up to the protocols of registry.rest that it fulfils. What is wrong with it shows when the
        server runs; a second storage of one name takes the place of the first. Raises RuntimeError once the server runs.
        """
        if self._has_run:
            raise RuntimeError(f"{resource} cannot be installed: the server runs already")
        add_to_group_version(self.scheme, gvk.group_version)
        self._storages.setdefault(gvk.group, {}).setdefault(gvk.version, {})[resource] = storage

    def _install_groups(self) -> None:
        """Raises APIGroupError, with nothing installed; the text begins with `installgroup: `."""
        infos = []
        for group, versions in self._storages.items():
            info = APIGroupInfo.for_group(group, scheme=self.scheme, serializer=self._codecs)
            # One that is not served must not be preferred.
            info.prioritized_versions = [each for each in info.prioritized_versions if each.version in versions]
            info.versioned_resources_storage = versions
            info.convert_error = convert_error
            infos.append(info)
        try:
            self.generic_api_server.install_api_groups(*infos)
        except APIGroupError as error:
            raise APIGroupError(f"installgroup: {error}") from error

    # ---- running

    async def run(self, *, shutdown_trigger: Callable[[], Awaitable[object]]) -> None:
        """Serve until *shutdown_trigger* returns, then let requests end, for five seconds at most.

        Raises what `serving` does.
        """
        async with self.serving():
            await shutdown_trigger()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """Serve for the length of the block, which is handed the address of the listener, as an ASGI application too.

        Nothing has to be installed. Raises APIGroupError for storages that cannot be served, DefinitionNameError for
        definitions that would have the same name, RuntimeError when it has run before, and what
        PreparedAPIServer.serving raises.
        """
        if self._has_run:
            raise RuntimeError("an extension API server runs once: make another one")
        self._has_run = True
        try:
            self._install_groups()
            # Two definitions of one name are found here, and not by the first client that asks for the document.
            self.generic_api_server.groups.build_openapi_v2()
        except BaseException:
            await self.aclose()
            raise
        async with self.generic_api_server.prepare_run().serving() as address:
            self._handler = self.generic_api_server
            try:
                yield address
            finally:
                self._handler = None

    async def aclose(self) -> None:
        """Close the listener and every storage, of a server that does not run. May be called again."""
        await self.generic_api_server.aclose()

    # ---- as an ASGI application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of another application, below its `root_path`, through the same filters.

        The user has to be found by the authenticator all the same, for instance by a ScopeUserAuthenticator. As the whole
        application of an ASGI server it runs for the length of its lifespan.
        """
        if scope["type"] == "lifespan":
            await serve_lifespan(self._running, receive, send)
            return
        await (self._handler or self._unavailable)(below_root_path(scope), receive, send)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """For a lifespan: a server that somebody else runs stays his."""
        if self._has_run:
            yield
            return
        async with self.serving():
            yield

    async def _answer_unavailable(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = "has stopped" if self._has_run else "does not run yet"
        error: Any = ServiceUnavailableError(f"the extension API server {text}")
        await self.generic_api_server.completed.send_error(scope, send, error)


def _serve_securely(config: Config, options: ExtensionAPIServerOptions) -> SecureServingOptions:
    """Give *config* its listener and certificates; what comes back can close the listener. Raises ConfigError."""
    assert options.authenticator is not None
    # Sockets that another process passes on are not this server's: the program has chosen its listener.
    serving = SecureServingOptions(bind_port=0, cert_directory="", environ={})
    if isinstance(options.listener, socket.socket):
        serving.listener = options.listener
    elif options.listener is not None:
        serving.more_listeners = [options.listener]
    try:
        serving.maybe_default_with_self_signed_certs("localhost", alternate_ips=["127.0.0.1"])
        serving.apply_to(config)
    except (CertificateError, ConfigError, ListenerError, OSError) as error:
        raise ConfigError(f"applyto secureserving: {error}") from error
    secure = config.secure_serving
    assert secure is not None
    secure.sni_certs = [*secure.sni_certs, *options.sni_certs]
    for authority in authorities_of(options.authenticator):
        secure.add_client_ca(authority)
    secure.content_controllers += work_of(options.authenticator)
    return serving
