"""SecureServingInfo: a listener, certificates and limits; `serve` opens it for a handler.

Source: pkg/server/{secure_serving,config,config_selfclient,deprecated_insecure_serving}.go of k8s.io/apiserver.

The TLS contexts are built from what the certificate providers hold, by `certificates.serving`. While the server runs,
providers of files read them again when they change, and `content_controllers` keep others current. Client certificates
are asked for when there is a CA to name, and never verified here; the authenticators do that on each request, against the
bundle of that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

import attrs
from cryptography import x509

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler
from genericapiserver.certificates import (
    CAContentProvider,
    CertKeyContentProvider,
    DynamicServingCertificateController,
    FileContent,
    LoadState,
    NamedCertificates,
    SNICertKeyContent,
    UnionCAContent,
    keep_current,
)
from genericapiserver.certificates.metrics import DynamicCertificateMetrics
from genericapiserver.certificates.reloading import REFRESH_INTERVAL
from genericapiserver.certificates.report import page, report
from genericapiserver.certificates.serving import all_providers
from genericapiserver.connection import ConnectionLimits, HTTPServer, Listener, TLSContexts
from genericapiserver.connection.listener import AT_ONCE, SocketListener, as_listener, ip_address, joined
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.loopback import LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE, LoopbackClientConfig
from genericapiserver.metrics import MetricsRegistry

LOGGER = logging.getLogger(__name__)

DEFAULT_SHUTDOWN_TIMEOUT = 60.0
DEFAULT_HTTP2_STREAMS = 100
"""Go's http2 package would say 250; the reference sets this number whatever its flag's help says."""

_HTTP2_CIPHERS = frozenset(["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"])


class SecureServingError(Exception):
    """Serving cannot start: no listener, or TLS settings that do not work together."""


@attrs.define(kw_only=True, eq=False)
class SecureServingInfo:
    """Everything that is needed to serve HTTPS except the handler.

    *listener* is the socket whose address clients are told, *more_listeners* are served beside or without it: other
    ports, unix sockets, connections in memory. *cert* is the default pair; *sni_certs* are for clients that ask for their
    names, the earlier the stronger, the loopback pair first. None is needed where no listener speaks TLS.
    *min_tls_version* is `TLSv1.2` or `TLSv1.3`; *cipher_suites* are OpenSSL names and apply to TLS 1.2 only: a list without
    any of TLS 1.2 leaves TLS 1.3.
    """

    listener: socket.socket | None = None
    more_listeners: list[Listener] = attrs.field(factory=list)
    cert: CertKeyContentProvider | None = None
    sni_certs: list[SNICertKeyContent] = attrs.field(factory=list)
    client_ca: CAContentProvider | None = None
    min_tls_version: str = "TLSv1.2"
    cipher_suites: Sequence[str] = ()
    http2_max_streams_per_connection: int = 0
    disable_http2: bool = False
    max_connections: int = 0
    max_connections_per_address: int = 0
    """Of the whole server and from one IP address; 0 is no limit."""
    content_controllers: list[Callable[[], Coroutine[Any, Any, None]]] = attrs.field(factory=list)
    """What keeps providers current that do not come from files; each runs from the first connection to the last."""
    tls_state: LoadState = attrs.field(factory=LoadState)
    """Whether what the providers hold is what is served."""
    accept_after: Signal | None = None
    """Connections are accepted once it has fired: when the server is ready, where other processes serve meanwhile."""

    def add_client_ca(self, provider: CAContentProvider) -> None:
        """Name this CA too when clients are asked for a certificate."""
        self.client_ca = provider if self.client_ca is None else UnionCAContent(self.client_ca, provider)

    @property
    def listeners(self) -> list[socket.socket | Listener]:
        """Everything that is listened on."""
        return [*([] if self.listener is None else [self.listener]), *self.more_listeners]

    def host_port(self) -> tuple[str, int]:
        """Where the first TCP listener is bound; `localhost` and 443 when there are only others.

        Raises SecureServingError without any.
        """
        return _host_port(self.listeners)

    def new_client_config(self, ca_data: bytes) -> LoopbackClientConfig | None:
        """How a client on this machine reaches the server, trusting *ca_data*; None while there is no certificate."""
        if self.cert is None and not self.sni_certs:
            return None
        host, port = loopback_host_port(joined(*self.host_port()))
        unix = None if _has_tcp(self.listeners) else _unix_listener(self.listeners)
        if unix is None:
            return LoopbackClientConfig(host=f"https://{joined(host, port)}", ca_data=ca_data)
        scheme = "https" if unix.secure else "http"
        return LoopbackClientConfig(
            host=f"{scheme}://localhost", ca_data=ca_data, unix_socket=str(unix.socket.getsockname())
        )

    def new_loopback_client_config(self, token: str, cert: bytes) -> LoopbackClientConfig | None:
        """The same for the server's own client: it brings *token* and asks for the loopback certificate by name."""
        config = self.new_client_config(cert)
        if config is None:
            return None
        return attrs.evolve(config, bearer_token=token, tls_server_name=LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE)

    @contextlib.asynccontextmanager
    async def serve(
        self,
        handler: Handler,
        *,
        shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT,
        metrics: MetricsRegistry | None = None,
        limits: ConnectionLimits | None = None,
    ) -> AsyncIterator[Serving]:
        """Serve *handler* for the length of the block; at its end, wait *shutdown_timeout* seconds for requests to end.

        Raises SecureServingError for settings that do not work together, CertificateError for certificates that do not.
        """
        shared = self.accept_after is not None
        listeners = [as_listener(each, at_once=1 if shared else AT_ONCE) for each in self.listeners]
        if not listeners:
            raise SecureServingError("listener must not be nil")
        self.check_http2_ciphers()
        streams = self.http2_max_streams_per_connection
        limits = limits or ConnectionLimits()
        limits = attrs.evolve(
            limits,
            max_concurrent_streams=streams if streams > 0 else DEFAULT_HTTP2_STREAMS,
            max_connections=self.max_connections or limits.max_connections,
            max_connections_per_address=self.max_connections_per_address or limits.max_connections_per_address,
        )
        certificates = self._certificates(metrics) if any(listener.secure for listener in listeners) else None
        stopped = Signal("ListenerStopped")
        server = HTTPServer(
            handler,
            *listeners,
            tls=None if certificates is None else certificates.contexts,
            limits=limits,
            metrics=ConnectionMetrics(metrics),
            on_listener_stopped=stopped.set,
            accept_after=self.accept_after,
        )
        serving = Serving(server, self.host_port(), stopped, certificates, [listener.address for listener in listeners])
        for provider in () if certificates is None else certificates.providers():
            provider.add_listener(serving.content_changed)
            if (state := getattr(provider, "state", None)) is not None:
                state.listeners.add(serving.content_changed)
        how = ["securely" if listener.secure else "without TLS" for listener in listeners]
        async with _running(server, serving, shutdown_timeout, how), self._kept_current(serving):
            yield serving

    def _certificates(self, metrics: MetricsRegistry | None) -> DynamicServingCertificateController:
        return DynamicServingCertificateController(
            cert=self.cert,
            sni_certs=self.sni_certs,
            client_ca=self.client_ca,
            build=self._build_contexts,
            metrics=DynamicCertificateMetrics(metrics),
            state=self.tls_state,
        )

    def content_providers(self) -> list[CertKeyContentProvider | CAContentProvider]:
        """Every certificate and bundle in use, those inside of SNI pairs and unions, in the order of their strength."""
        return list(all_providers(self.cert, self.sni_certs, self.client_ca))

    def describe_certificates(self) -> str:
        """A page for people: what is in use, until when, and which source holds something that cannot be used."""
        return page(report(self.content_providers(), self.tls_state, dt.datetime.now(dt.UTC)))

    @contextlib.asynccontextmanager
    async def _kept_current(self, serving: Serving) -> AsyncIterator[None]:
        """Follow every provider's source for the length of the block."""
        work = [*self.content_controllers, serving.keep_certificates]
        contents = [one for one in self.content_providers() if isinstance(one, FileContent) and one.files]
        if contents:
            work.append(lambda: keep_current(contents))
        tasks = [asyncio.create_task(_watched_over(start)) for start in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _build_contexts(self, certificates: NamedCertificates, client_cas: Sequence[x509.Certificate]) -> TLSContexts:
        return TLSContexts(
            certificates.certificates,
            select=certificates.select,
            client_cas=client_cas,
            request_client_certificate=self.client_ca is not None,
            min_version=self.min_tls_version,
            ciphers=self.cipher_suites,
            alpn_protocols=("http/1.1",) if self.disable_http2 else ("h2", "http/1.1"),
        )

    def check_http2_ciphers(self) -> None:
        """Raise SecureServingError when the cipher suites leave out what HTTP/2 needs."""
        if self.disable_http2 or not self.cipher_suites or self.min_tls_version == "TLSv1.3":
            return
        if _HTTP2_CIPHERS.isdisjoint(self.cipher_suites):
            raise SecureServingError(
                "error configuring http2: http2: TLSConfig.CipherSuites is missing an HTTP/2-required "
                "AES_128_GCM_SHA256 cipher (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)"
            )


class Serving:
    """A server that accepts connections. `address` is where, `addresses` is all of it for people; `listener_stopped`
    fires when it no longer does."""

    def __init__(
        self,
        server: HTTPServer,
        address: tuple[str, int],
        listener_stopped: Signal,
        certificates: DynamicServingCertificateController | None,
        addresses: Sequence[str],
    ) -> None:
        self.server = server
        self.address = address
        self.addresses = addresses
        self.listener_stopped = listener_stopped
        self._certificates = certificates
        self._loop = asyncio.get_running_loop()

    async def stop(self, timeout: float, *, end_watches: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Stop listening and let requests end; true when all did within *timeout* seconds. May be called again.

        When the time is over, *end_watches* is awaited before what is left is cut off.
        """
        return await self.server.stop(timeout, end_watches=end_watches)

    def content_changed(self) -> None:
        """Told by the certificate providers, from whatever thread: look at the content in the loop's next turn."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is served any more
            self._loop.call_soon_threadsafe(self.reload)

    def reload(self) -> bool:
        """Serve what the providers hold now; true if that is something else. What is broken is logged and not served."""
        if self._certificates is None or not self._certificates.refresh():
            return False
        self.server.tls = self._certificates.contexts
        return True

    async def keep_certificates(self) -> None:
        """Look at the content every minute too, for providers that do not tell of changes. Until cancelled."""
        if self._certificates is not None:
            await self._certificates.run(self.reload)


@attrs.define(kw_only=True, eq=False)
class DeprecatedInsecureServingInfo:
    """HTTP/1.1 without TLS, for development, on a port that only this machine can reach. *name* is for the log.

    Whoever reaches it should have nobody to prove to be: the chain in front of its handler then has the authenticator
    InsecureSuperuser, as in the reference.
    """

    listener: socket.socket | Listener | None = None
    name: str = ""

    def new_loopback_client_config(self) -> LoopbackClientConfig:
        """How a client on this machine reaches the server. Raises SecureServingError without a listener."""
        host, port = loopback_host_port(joined(*self._host_port()))
        return LoopbackClientConfig(host=f"http://{joined(host, port)}")

    @contextlib.asynccontextmanager
    async def serve(
        self, handler: Handler, *, shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT
    ) -> AsyncIterator[Serving]:
        """Serve *handler* for the length of the block, as SecureServingInfo.serve does."""
        if self.listener is None:
            raise SecureServingError("listener must not be nil")
        listener = as_listener(self.listener)
        host, _ = self._host_port()
        if not _only_here(host):
            LOGGER.warning(
                "%s is served without TLS to everybody who reaches it: bind it to 127.0.0.1 instead",
                listener.address,
            )
        stopped = Signal("ListenerStopped")
        server = HTTPServer(handler, listener, tls=None, on_listener_stopped=stopped.set)
        serving = Serving(server, self._host_port(), stopped, None, [listener.address])
        what = f"{self.name} insecurely" if self.name else "insecurely"
        async with _running(server, serving, shutdown_timeout, [what]):
            yield serving

    def _host_port(self) -> tuple[str, int]:
        return _host_port([] if self.listener is None else [self.listener])


def _only_here(host: str) -> bool:
    """Whether only this machine reaches *host*."""
    return host == "localhost" or ipaddress.ip_address(ip_address(host)).is_loopback


def _host_port(listeners: Sequence[socket.socket | Listener]) -> tuple[str, int]:
    """Raises SecureServingError without a listener."""
    if not listeners:
        raise SecureServingError("no listener found")
    try:
        return host_port_of(listeners)
    except LookupError:
        return "localhost", 443


def host_port_of(listeners: Sequence[socket.socket | Listener]) -> tuple[str, int]:
    """Where the first TCP socket among *listeners* is bound. Raises LookupError when there is none."""
    for listener in listeners:
        listening = listener.socket if isinstance(listener, SocketListener) else listener
        if isinstance(listening, socket.socket) and listening.family in (socket.AF_INET, socket.AF_INET6):
            host, port = listening.getsockname()[:2]
            return host, port
    raise LookupError("no listener is a TCP socket")


def _has_tcp(listeners: Sequence[socket.socket | Listener]) -> bool:
    try:
        host_port_of(listeners)
    except LookupError:
        return False
    return True


def _unix_listener(listeners: Sequence[socket.socket | Listener]) -> SocketListener | None:
    found = (each for each in listeners if isinstance(each, SocketListener) and each.socket.family == socket.AF_UNIX)
    return next(found, None)


async def _watched_over(start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A fault in reloading must not end a server that could go on with what it has; it is begun anew after a minute."""
    while True:
        try:
            return await start()
        except Exception:
            LOGGER.exception(
                "certificates and their authorities are not kept current, trying again in %.0f s", REFRESH_INTERVAL
            )
            await asyncio.sleep(REFRESH_INTERVAL)


@contextlib.asynccontextmanager
async def _running(
    server: HTTPServer, serving: Serving, shutdown_timeout: float, how: Sequence[str]
) -> AsyncIterator[None]:
    await server.start()
    for manner, address in zip(how, serving.addresses, strict=True):
        LOGGER.info("Serving %s on %s", manner, address)
    serving.listener_stopped.on_set(lambda: LOGGER.info("Stopped listening on %s", ", ".join(serving.addresses)))
    try:
        yield
    finally:
        await server.stop(shutdown_timeout)


def loopback_host_port(bind_address: str) -> tuple[str, int]:
    """Where a client on this machine connects when the server is bound to *bind_address* (`host:port`).

    An unspecified address becomes the loopback address of its family, or `localhost` on a machine that has none.
    Raises ValueError for what is no address.
    """
    host, separator, port = bind_address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not port.isdigit() or (":" in host and not bracketed):
        raise ValueError(f'invalid server bind address: "{bind_address}"')
    host = host[1:-1] if bracketed else host
    if host == "0.0.0.0":  # noqa: S104  read, not bound
        host = _usable("127.0.0.1", socket.AF_INET)
    elif host == "::":
        host = _usable("::1", socket.AF_INET6)
    return host, int(port)


def _usable(address: str, family: socket.AddressFamily) -> str:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return "localhost"
    return address
