"""SecureServingOptions: the addresses, the certificates and the limits of the HTTPS port.

The sockets are bound by `apply_to`, so that a port that is taken is known before there is a server. Sockets that another
process has opened for this one (LISTEN_FDS, see connection.inherited) take the place of all others.
Source: pkg/server/options/{serving,serving_with_loopback}.go of k8s.io/apiserver.
"""

import datetime as dt
import ipaddress
import logging
import os
import socket
import uuid
from collections.abc import Collection, MutableMapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.certificates import (
    CertificateError,
    CertKeyContentProvider,
    DynamicCertKeyContent,
    SNICertKeyContent,
    StaticCertKeyContent,
    can_read_pair,
    generate_self_signed,
    self_signed_with_fixtures,
    why_stale,
    write_pair,
)
from genericapiserver.config import Config, ConfigError
from genericapiserver.connection import Listener, ListenerError, ServingCertificate, SocketListener, inherited_listeners
from genericapiserver.connection.inherited import are_inherited
from genericapiserver.connection.listener import Network
from genericapiserver.logs import kv
from genericapiserver.loopback import LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE
from genericapiserver.options.flags import BOOL, INT, IP, STRING, STRINGS, FlagSet, FlagType
from genericapiserver.options.listen import GRAMMAR, listen_tcp, parse_listen
from genericapiserver.options.texts import reason
from genericapiserver.options.tls_names import INSECURE, SECURE, TLS_VERSIONS, cipher_suites, min_tls_version
from genericapiserver.secure_serving import SecureServingError, SecureServingInfo

logger = logging.getLogger(__name__)

PAIR_NAME: Final = "apiserver"
LOOPBACK_LIFETIME: Final = dt.timedelta(days=3 * 365 + 1)


def parse_sni_pair(text: str) -> tuple[str, str, list[str]]:
    """Certificate file, key file and names of `cert,key` or `cert,key:name,name`. Raises ValueError."""
    files, colon, names = text.partition(":")
    if colon and not names.strip():
        raise ValueError("empty names list is not allowed")
    parts = [part.strip() for part in files.split(",")]
    if len(parts) != 2:
        raise ValueError("expected comma separated certificate and key file paths")
    return parts[0], parts[1], [name.strip() for name in names.split(",")] if colon else []


def _sni_text(text: str) -> list[str]:
    parse_sni_pair(text)
    return [text]


def _listen_text(text: str) -> list[str]:
    parse_listen(text)
    return [text]


LISTEN: Final = FlagType("address", _listen_text, lambda addresses: "[" + ";".join(addresses) + "]", appends=True)
SNI_PAIR: Final = FlagType("namedCertKey", _sni_text, lambda pairs: "[" + ";".join(pairs) + "]", appends=True)


@attrs.define(kw_only=True)
class SecureServingOptions:
    """Where and how HTTPS is served. Port 0 switches it off, unless there is something else to listen on."""

    bind_address: str = "0.0.0.0"  # noqa: S104  the reference's default; a server is there to be reached
    bind_port: int = 443
    bind_network: Network = "tcp"
    """`tcp4` or `tcp6` when every address is to mean those of one family only."""
    listener: socket.socket | None = None
    """A socket that listens already, to be served instead of binding the address and port."""
    more_listeners: list[Listener] = attrs.field(factory=list)
    """Served beside the address and port, or the listener: connections in memory, for instance."""
    listen: list[str] = attrs.field(factory=list)
    """Further addresses, as --listen has them."""
    environ: MutableMapping[str, str] = attrs.field(factory=lambda: os.environ, repr=False)
    """Where LISTEN_FDS is looked for."""
    external_address: str = ""
    """The address to advertise when it is not that of the listener."""
    required: bool = False
    disable_http2: bool = False
    cert_directory: str = "apiserver.local.config/certificates"
    pair_name: str = PAIR_NAME
    """What the files in *cert_directory* are called, without `.crt` and `.key`."""
    renew_before: dt.timedelta | None = None
    """A pair in *cert_directory* that cannot be read, is not yet valid or ends sooner than this is made anew at the start.
    None keeps whatever is there, as the reference does."""
    fixture_directory: str = ""
    """For tests: where pairs that are made are kept for the next time."""
    cert_file: str = ""
    key_file: str = ""
    generated_cert: ServingCertificate | None = None
    cipher_suites: list[str] = attrs.field(factory=list)
    min_tls_version: str = ""
    sni_cert_keys: list[str] = attrs.field(factory=list)
    """`cert,key` or `cert,key:name,name` each."""
    http2_max_streams_per_connection: int = 0
    max_connections: int = 0
    max_connections_per_address: int = 0
    permit_port_sharing: bool = False
    permit_address_sharing: bool = False
    _opened: list[Listener] | None = attrs.field(default=None, init=False, repr=False)

    def add_flags(self, flags: FlagSet, *, only: Collection[str] | None = None) -> None:
        """Add the flags; *only* those of these names, for a program that offers less."""
        for name, kind, attribute, text in (
            ("bind-address", IP, "bind_address", "The IP address on which to listen for the --secure-port port."),
            (
                "secure-port",
                INT,
                "bind_port",
                "The port on which to serve HTTPS with authentication and authorization. If 0, don't serve HTTPS at all.",
            ),
            ("listen", LISTEN, "listen", GRAMMAR),
            ("disable-http2-serving", BOOL, "disable_http2", "If true, HTTP/2 serving is disabled."),
            (
                "cert-dir",
                STRING,
                "cert_directory",
                "The directory where the TLS certs are located. If --tls-cert-file and --tls-private-key-file are "
                "provided, this flag will be ignored.",
            ),
            (
                "tls-cert-file",
                STRING,
                "cert_file",
                "File containing the default x509 certificate for HTTPS, with its chain. If HTTPS serving is enabled "
                "and this is not provided, a self-signed certificate is made and saved to --cert-dir.",
            ),
            ("tls-private-key-file", STRING, "key_file", "File containing the private key matching --tls-cert-file."),
            (
                "tls-cipher-suites",
                STRINGS,
                "cipher_suites",
                "List of cipher suites for TLS 1.2; those of TLS 1.3 cannot be chosen among. Without it, those that HTTP/2 "
                f"allows. Preferred values: {', '.join(SECURE)}. Insecure values: {', '.join(INSECURE)}.",
            ),
            (
                "tls-min-version",
                STRING,
                "min_tls_version",
                f"Minimum TLS version supported. Possible values: {', '.join(TLS_VERSIONS)}",
            ),
            (
                "tls-sni-cert-key",
                SNI_PAIR,
                "sni_cert_keys",
                "A pair of x509 certificate and private key file paths, optionally suffixed with a list of domain "
                "patterns, such as foo.crt,foo.key or foo.crt,foo.key:*.foo.com,foo.com. May be given several times.",
            ),
            (
                "http2-max-streams-per-connection",
                INT,
                "http2_max_streams_per_connection",
                "The limit that the server gives to clients for the maximum number of streams in an HTTP/2 "
                "connection. Zero means to use the default of 100.",
            ),
            (
                "max-connections",
                INT,
                "max_connections",
                "The number of open connections above which new ones are closed at once. Zero means no limit.",
            ),
            (
                "max-connections-per-address",
                INT,
                "max_connections_per_address",
                "The same for the connections from one IP address. Behind an aggregator or a load balancer one address "
                "carries everybody: leave it at zero there, which means no limit.",
            ),
            (
                "permit-port-sharing",
                BOOL,
                "permit_port_sharing",
                "If true, SO_REUSEPORT is used, so that several servers can bind the same address and port.",
            ),
            (
                "permit-address-sharing",
                BOOL,
                "permit_address_sharing",
                "If true, SO_REUSEADDR is used, so that a port can be bound before the kernel has let go of it. It always "
                "is, as in Go.",
            ),
        ):
            if only is None or name in only:
                flags.add(name, kind, self, attribute, text)

    def validate(self) -> list[str]:
        problems = []
        if (self.required and self.bind_port < 1) or self.bind_port > 65535:
            problems.append(
                f"--secure-port {self.bind_port} must be between 1 and 65535, inclusive. It cannot be turned off with 0"
            )
        elif self.bind_port < 0:
            problems.append(
                f"--secure-port {self.bind_port} must be between 0 and 65535, inclusive. 0 for turning off secure port"
            )
        if (self.cert_file or self.key_file) and self.generated_cert is not None:
            problems.append("cert/key file and in-memory certificate cannot both be set")
        problems += [
            f"--{name} {value} must not be negative: give the number of connections, or 0 for no limit"
            for name, value in (
                ("max-connections", self.max_connections),
                ("max-connections-per-address", self.max_connections_per_address),
            )
            if value < 0
        ]
        return problems

    def maybe_default_with_self_signed_certs(
        self, public_address: str, *, alternate_dns: Sequence[str] = (), alternate_ips: Sequence[str] = ()
    ) -> None:
        """Take the pair in `cert_directory`, or make one, unless files were given or HTTPS is off. Raises ConfigError."""
        if not self.serves or self.cert_file or self.key_file or self.generated_cert is not None:
            return
        dns, ips = list(alternate_dns), list(alternate_ips)
        if ipaddress.ip_address(self.bind_address).is_unspecified:
            dns.append("localhost")
        else:
            ips.append(self.bind_address)
        try:
            if not self.cert_directory:
                self.generated_cert = self._self_signed(public_address, ips, dns)
                return
            if not self.pair_name:
                raise ConfigError("PairName is required if CertDirectory is set")
            certificate = Path(self.cert_directory) / f"{self.pair_name}.crt"
            key = Path(self.cert_directory) / f"{self.pair_name}.key"
            if not can_read_pair(certificate, key) or self._is_stale(certificate, key):
                write_pair(self._self_signed(public_address, ips, dns), certificate, key)
        except (CertificateError, OSError) as error:
            raise ConfigError(f"error creating self-signed certificates: {reason(error)}") from error
        self.cert_file, self.key_file = str(certificate), str(key)

    def _is_stale(self, certificate: Path, key: Path) -> bool:
        """Raises OSError."""
        if self.renew_before is None:
            return False
        problem = why_stale(certificate, key, remaining=self.renew_before)
        if problem:
            logger.warning(kv("Replacing the serving certificate", file=str(certificate), reason=problem))
        return bool(problem)

    def _self_signed(self, host: str, ips: Sequence[str], dns: Sequence[str]) -> ServingCertificate:
        if self.fixture_directory:
            return self_signed_with_fixtures(host, ips, dns, Path(self.fixture_directory))
        return generate_self_signed(host, ips, dns)

    def apply_to(self, config: Config) -> None:
        """Bind the port, load the certificates, make the loopback identity. Raises ConfigError, with nothing left open.

        *config* closes the listeners at its end.
        """
        if not self.serves:
            return
        try:
            default, sni = self._certificates()
            version = min_tls_version(self.min_tls_version)
            suites = cipher_suites(self.cipher_suites)
        except (OSError, ValueError) as error:
            self.close()
            raise ConfigError(reason(error)) from error
        loopback = generate_self_signed(LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE, max_age=LOOPBACK_LIFETIME)
        loopback_content = SNICertKeyContent(
            StaticCertKeyContent("self-signed loopback", loopback.certificate_pem, loopback.private_key_pem),
            [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE],
        )
        serving = SecureServingInfo(
            cert=default,
            sni_certs=[loopback_content, *sni],
            min_tls_version=version,
            cipher_suites=suites,
            http2_max_streams_per_connection=self.http2_max_streams_per_connection,
            disable_http2=self.disable_http2,
            max_connections=self.max_connections,
            max_connections_per_address=self.max_connections_per_address,
        )
        try:
            serving.check_http2_ciphers()
        except SecureServingError as error:
            self.close()
            raise ConfigError(str(error)) from error
        listeners = self.open()

        async def close_listeners() -> None:
            self.close()

        config.add_cleanup(close_listeners)
        serving.listener = _tcp_socket(listeners[0])
        serving.more_listeners = listeners if serving.listener is None else listeners[1:]
        config.secure_serving = serving
        config.loopback_client_config = serving.new_loopback_client_config(str(uuid.uuid4()), loopback.certificate_pem)

    @property
    def serves(self) -> bool:
        """Whether there is anything to listen on."""
        return self._opened is not None or bool(
            self.bind_port > 0 or self.listener or self.more_listeners or self.listen or are_inherited(self.environ)
        )

    def open(self) -> list[Listener]:
        """Bind what is to be listened on, unless that was done before. Raises ConfigError, with nothing left open."""
        if self._opened is None:
            opened: list[Listener] = []
            try:
                self._open(opened)
            except ListenerError as error:
                for each in opened:
                    each.close()
                raise ConfigError(f"failed to create listener: {error}") from error
            self._opened = [*opened, *self.more_listeners]
        return self._opened

    def close(self) -> None:
        """Close what `open` has opened; idempotent."""
        opened, self._opened = self._opened, None
        for listener in opened or ():
            listener.close()

    def _open(self, opened: list[Listener]) -> None:
        """Into *opened* what listens, one by one. Raises ListenerError."""
        inherited = inherited_listeners(self.environ)
        if inherited:
            opened += inherited
            return
        if self.listener is not None:
            if self.listener.family not in (socket.AF_INET, socket.AF_INET6):
                raise ConfigError("failed to parse ip and port from listener")
            self.bind_port = self.listener.getsockname()[1]
            opened.append(SocketListener(self.listener))
        elif self.bind_port > 0:
            bound = listen_tcp(
                self.bind_address, self.bind_port, network=self.bind_network, reuse_port=self.permit_port_sharing
            )
            opened.append(SocketListener(bound))
        opened.extend(parse_listen(text).open() for text in self.listen)

    def default_external_address(self) -> str:
        """The address to tell clients: the one given, the one bound, or that of the interface others are reached by.

        Raises OSError when the machine has no way out.
        """
        if self.external_address and not ipaddress.ip_address(self.external_address).is_unspecified:
            return self.external_address
        bound = ipaddress.ip_address(self.bind_address)
        if not bound.is_unspecified and not bound.is_loopback:
            return self.bind_address
        family, outside = (socket.AF_INET6, "2001:db8::1") if bound.version == 6 else (socket.AF_INET, "192.0.2.1")
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((outside, 9))  # sends nothing; the kernel picks the interface
            return str(probe.getsockname()[0])

    def _certificates(self) -> tuple[CertKeyContentProvider | None, list[SNICertKeyContent]]:
        default: CertKeyContentProvider | None = None
        if self.cert_file or self.key_file:
            default = pair_in_files("serving-cert", self.cert_file, self.key_file)
        elif self.generated_cert is not None:
            pair = self.generated_cert
            default = StaticCertKeyContent("Generated self signed cert", pair.certificate_pem, pair.private_key_pem)
        return default, [_sni_pair(text) for text in self.sni_cert_keys]


def _tcp_socket(listener: Listener) -> socket.socket | None:
    if isinstance(listener, SocketListener) and listener.socket.family != socket.AF_UNIX:
        return listener.socket
    return None


def pair_in_files(purpose: str, certificate: str, key: str) -> DynamicCertKeyContent:
    """Raises OSError, and CertificateError with the reference's text, which leaves out whose pair it is: added here."""
    try:
        return DynamicCertKeyContent.from_files(purpose, certificate, key)
    except CertificateError as error:
        if not certificate or not key or certificate in str(error):
            raise
        raise CertificateError(f"{error} (certificate {certificate}, key {key})") from error


def _sni_pair(text: str) -> SNICertKeyContent:
    """The pair that *text* names, read. Raises ValueError."""
    certificate, key, names = parse_sni_pair(text)
    try:
        content = pair_in_files("sni-serving-cert", certificate, key)
    except (OSError, CertificateError) as error:
        raise ValueError(f"failed to load SNI cert and key: {reason(error)}") from error
    return SNICertKeyContent(content, names)
