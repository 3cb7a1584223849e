"""The TLS state of one connection over memory buffers, and the contexts it is made from.

Why pyOpenSSL and not `ssl`: a Kubernetes API server asks every client for a certificate, accepts whatever comes, and
lets the authenticators judge it on each request, so that an expired or foreign certificate is a 401 in the language of
the API and a CA that is replaced counts for connections already open. Python's `ssl` cannot do that. CERT_NONE does not
ask; CERT_OPTIONAL asks and then fails the handshake of every certificate that does not verify; `verify_flags` only tunes
the verification (PARTIAL_CHAIN, STRICT, CRL checks), there is no flag for "accept", and no callback. OpenSSL itself has
the callback, and pyOpenSSL is the maintained, documented way to it (`Context.set_verify`); it lives on the OpenSSL that
`cryptography` brings anyway. `ssl` also cannot refuse a client without a common ALPN protocol, which Go does.

Sessions are never resumed: a resumed session remembers the peer's leaf but not its intermediates, and would turn a
verifiable client into an unverifiable one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL

Select = Callable[[str | None, str], int]
"""(server name the client asked for, local IP address) -> index of the certificate to serve."""

MIN_VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}

DEFAULT_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""For TLS 1.2: what Go prefers and HTTP/2 allows (RFC 9113 appendix A)."""

TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Go's order; not configurable."""

_PRIORITIZE_CHACHA = 1 << 21
"""SSL_OP_PRIORITIZE_CHACHA, which pyOpenSSL has no name for: a client that puts ChaCha20 first has no AES in hardware."""

_RECORD = 16 * 1024
_RECORD_OVERHEAD = 64
"""More than any TLS version adds to a record (header, nonce, tag, padding)."""


class TLSError(Exception):
    """The handshake failed or the stream is broken; the connection is of no use any more."""


@attrs.frozen(kw_only=True)
class ServingCertificate:
    """A certificate with its chain and key, both PEM."""

    certificate_pem: bytes
    private_key_pem: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class PeerTLS:
    """What the handshake told about the peer. `extension` is the value of `scope["extensions"]["tls"]`."""

    peer_certificate_chain_der: tuple[bytes, ...]
    version: str
    cipher: str
    server_name: str | None

    def extension(self) -> dict[str, Any]:
        return {
            "peer_certificate_chain_der": list(self.peer_certificate_chain_der),
            "version": self.version,
            "cipher": self.cipher,
            "server_name": self.server_name,
        }


class TLSContexts:
    """Everything a handshake needs, built once: one context a certificate and the rule that chooses between them.

    Immutable: to serve other certificates, build another one and hand it to the server; new handshakes use it, open
    connections keep theirs. Raises ValueError for a bad certificate, key or cipher list.

    With *request_client_certificate*, or any *client_ca_names*, clients are asked for a certificate; it is not verified
    here. *ciphers* are OpenSSL names for TLS 1.2 (TLS 1.3 suites are not configurable, as in Go; a list that has only
    such leaves nothing to speak below TLS 1.3). The server's order counts.
    """

    def __init__(
        self,
        certificates: Sequence[ServingCertificate],
        *,
        select: Select = lambda server_name, local_address: 0,
        client_cas: Sequence[x509.Certificate] = (),
        request_client_certificate: bool = False,
        min_version: str = "TLSv1.2",
        ciphers: Sequence[str] = (),
        alpn_protocols: Sequence[str] = ("h2", "http/1.1"),
    ) -> None:
        if not certificates:
            raise ValueError("there is no certificate to serve")
        self._select = select
        self._alpn = [protocol.encode("ascii") for protocol in alpn_protocols]
        self._contexts = [
            self._context(certificate, client_cas, request_client_certificate, min_version, ciphers)
            for certificate in certificates
        ]

    def open(self, local_address: str) -> TLSSession:
        """The server side of a new connection that arrived at the IP *local_address*."""
        return TLSSession(self._contexts[self._select(None, local_address)], local_address)

    def _context(
        self,
        certificate: ServingCertificate,
        client_cas: Sequence[x509.Certificate],
        request_client_certificate: bool,
        min_version: str,
        ciphers: Sequence[str],
    ) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        below_13 = [name for name in ciphers or DEFAULT_CIPHERS if name not in TLS13_SUITES]
        context.set_min_proto_version(MIN_VERSIONS[min_version if below_13 else "TLSv1.3"])
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_session_id(b"genericapiserver")
        try:
            context.set_tls13_ciphersuites(":".join(TLS13_SUITES).encode("ascii"))
            context.set_cipher_list(":".join(below_13 or DEFAULT_CIPHERS).encode("ascii"))
            leaf, *rest = x509.load_pem_x509_certificates(certificate.certificate_pem)
            context.use_certificate(leaf)
            for other in rest:
                context.add_extra_chain_cert(other)
            context.use_privatekey(load_pem_private_key(certificate.private_key_pem, None))  # type: ignore[arg-type]
            context.check_privatekey()
        except (SSL.Error, TypeError) as error:
            raise ValueError(f"the certificate, its key or the cipher list cannot be used: {_reason(error)}") from error
        if client_cas or request_client_certificate:
            context.set_verify(SSL.VERIFY_PEER, _accept_any_certificate)
            for ca in client_cas:
                context.add_client_ca(ca)
        context.set_alpn_select_callback(self._select_alpn)
        context.set_tlsext_servername_callback(self._select_certificate)
        return context

    def _select_alpn(self, connection: SSL.Connection, offered: list[bytes]) -> bytes:
        for protocol in self._alpn:
            if protocol in offered:
                return protocol
        # Any exception here makes OpenSSL send the alert no_application_protocol (120), as Go does.
        raise TLSError(f"client requested unsupported application protocols ({offered!r})")

    def _select_certificate(self, connection: SSL.Connection) -> None:
        name = connection.get_servername()
        if name:
            local_address: str = connection.get_app_data()
            index = self._select(name.decode("latin-1"), local_address)
            connection.set_context(self._contexts[index])


def _accept_any_certificate(connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:
    return True


class TLSSession:
    """One connection's TLS: ciphertext in with `feed`, out with `take`; plaintext out with `read`, in with `write`."""

    __slots__ = ("_connection",)

    def __init__(self, context: SSL.Context, local_address: str) -> None:
        connection = SSL.Connection(context, None)
        connection.set_app_data(local_address)
        connection.set_accept_state()
        self._connection = connection

    def feed(self, ciphertext: bytes) -> None:
        self._connection.bio_write(ciphertext)

    def handshake(self) -> bool:
        """Go on with the handshake; True when it is done. Raises TLSError; `take` may then hold an alert to send."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except (SSL.Error, TLSError) as error:
            raise TLSError(_reason(error)) from error
        return True

    def read(self) -> tuple[bytes, bool]:
        """The plaintext that can be had now, and whether the peer has said that no more will come. Raises TLSError."""
        receive = self._connection.recv
        chunks = []
        try:
            while True:
                chunks.append(receive(_RECORD))
        except SSL.WantReadError:
            ended = False
        except SSL.ZeroReturnError:
            ended = True
        except SSL.Error as error:
            raise TLSError(_reason(error)) from error
        return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), ended

    def write(self, plaintext: bytes) -> bytes:
        """Encrypt and return the ciphertext. Raises TLSError after the session has ended."""
        try:
            self._connection.sendall(plaintext)
        except SSL.Error as error:
            raise TLSError(_reason(error)) from error
        size = len(plaintext)
        room = size + (size // _RECORD + 2) * _RECORD_OVERHEAD
        ciphertext = self._connection.bio_read(room)
        return ciphertext if len(ciphertext) < room else ciphertext + self.take()

    def take(self) -> bytes:
        """All ciphertext that waits to be sent; empty when there is none."""
        chunks = []
        try:
            while True:
                chunks.append(self._connection.bio_read(_RECORD + _RECORD_OVERHEAD))
        except (SSL.WantReadError, SSL.Error):
            return b"".join(chunks)

    def close_notify(self) -> bytes:
        """The farewell to send before closing."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self.take()

    @property
    def alpn_protocol(self) -> str:
        return self._connection.get_alpn_proto_negotiated().decode("ascii")

    def peer(self) -> PeerTLS:
        connection = self._connection
        leaf = connection.get_peer_certificate(as_cryptography=True)
        # On a server OpenSSL's chain leaves the leaf out.
        chain = [] if leaf is None else [leaf, *(connection.get_peer_cert_chain(as_cryptography=True) or ())]
        name = connection.get_servername()
        return PeerTLS(
            peer_certificate_chain_der=tuple(certificate.public_bytes(Encoding.DER) for certificate in chain),
            version=connection.get_protocol_version_name(),
            cipher=connection.get_cipher_name() or "",
            server_name=name.decode("latin-1") if name else None,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, SSL.SysCallError):
        return "unexpected end of the stream"
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return "; ".join(str(entry[-1]) for entry in error.args[0])
    return str(error) or type(error).__name__
