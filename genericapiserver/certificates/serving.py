"""What the handshakes of a server use, kept equal to what its providers hold (Go .../dynamiccertificates/tlsconfig.go).

When a provider tells of a change, and once a minute whatever they tell, all content is collected. If it differs from what
is served, a whole new set of TLS contexts is made from it, or, if any piece is bad, the one before stays: all or nothing.
New handshakes see the new set; open connections keep their certificate.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs
from cryptography import x509

from genericapiserver.certificates.bundles import CAContentProvider, UnionCAContent
from genericapiserver.certificates.changes import LoadState
from genericapiserver.certificates.description import first_end, human_detail, next_end
from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.metrics import DynamicCertificateMetrics
from genericapiserver.certificates.pairs import CertKeyContentProvider, SNICertKeyContent
from genericapiserver.certificates.pem import parse_certificates, quote
from genericapiserver.certificates.reloading import REFRESH_INTERVAL
from genericapiserver.certificates.sni import NamedCertificates, NamedTLSCert
from genericapiserver.connection.tls import ServingCertificate, TLSContexts
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

BuildContexts = Callable[[NamedCertificates, Sequence[x509.Certificate]], TLSContexts]
"""Makes contexts of the certificates and the authorities to name to clients. Raises ValueError."""

CONFIGURATION: Final = "tls-configuration"
"""The name under which the set as a whole is counted."""

WARN_BEFORE: Final = dt.timedelta(days=7)
"""How long before its end a certificate is warned of, or in the last tenth of its life if that is shorter: who renews
certificates every day does so long before that."""


@attrs.frozen(kw_only=True)
class ServingContent:
    """What the providers held at one moment; equal content needs no new contexts."""

    default: ServingCertificate | None
    named: tuple[NamedTLSCert, ...]
    client_ca_bundle: bytes


class DynamicServingCertificateController:
    """The contexts to serve with. Raises CertificateError when there are none to start with.

    *build* makes them and knows everything about TLS that is no certificate. *state* is told how the making went.
    """

    def __init__(
        self,
        *,
        cert: CertKeyContentProvider | None,
        sni_certs: Sequence[SNICertKeyContent],
        client_ca: CAContentProvider | None,
        build: BuildContexts,
        metrics: DynamicCertificateMetrics | None = None,
        state: LoadState | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._cert, self._sni_certs, self._client_ca = cert, tuple(sni_certs), client_ca
        self._build = build
        self._metrics = metrics or DynamicCertificateMetrics()
        self._state = state or LoadState()
        self._now = now
        self._warned: dict[str, str] = {}
        self._content = self._collect()
        self.contexts = self._make(self._content)
        self._state.loaded()
        self._log_content()
        self.publish()

    def providers(self) -> Iterator[CertKeyContentProvider | CAContentProvider]:
        """Every provider once, members instead of unions."""
        seen: set[int] = set()
        for provider in all_providers(self._cert, self._sni_certs, self._client_ca):
            if id(provider) not in seen:
                seen.add(id(provider))
                yield provider

    def refresh(self) -> bool:
        """Take over what the providers hold now; true if `contexts` are others. What is broken is logged, and not taken."""
        try:
            content = self._collect()
            if content == self._content:
                if self._state.problem:
                    with self._state.reading():
                        """The providers hold what is served again."""
                self.publish()
                return False
            with self._state.reading():
                contexts = self._make(content)
        except ValueError as error:
            logger.error(kv("Changed certificates cannot be served, the old ones stay", err=error))
            self.publish()
            return False
        self._content, self.contexts = content, contexts
        self._state.loaded()
        logger.info("Serving changed certificates to new connections")
        self._log_content()
        self.publish()
        return True

    async def run(self, on_change: Callable[[], object], *, interval: float = REFRESH_INTERVAL) -> None:
        """Call *on_change*, which is to call `refresh`, every *interval* seconds until cancelled."""
        while True:
            await asyncio.sleep(interval)
            on_change()

    def publish(self) -> None:
        """Show in the metrics what is in use, and warn of what ends soon."""
        now = self._now()
        for provider in self.providers():
            certificates = chain_of(provider)
            end = end_of(provider, certificates, now)
            if end is not None:
                is_bundle = hasattr(provider, "current_ca_bundle")
                (self._metrics.bundle_ends if is_bundle else self._metrics.serving_ends)(provider.name, end.timestamp())
                self._warn(provider.name, certificates, end, now)
            state = getattr(provider, "state", None)
            if isinstance(state, LoadState):
                self._metrics.state(provider.name, state)
        self._metrics.state(CONFIGURATION, self._state)

    def _warn(self, name: str, certificates: Sequence[x509.Certificate], end: dt.datetime, now: dt.datetime) -> None:
        first = next(one for one in certificates if one.not_valid_after_utc == end)
        life = end - first.not_valid_before_utc
        if now >= end:
            problem = "has ended"
        elif end - now <= min(WARN_BEFORE, life / 10):
            problem = "ends soon"
        else:
            self._warned.pop(name, None)
            return
        if self._warned.get(name) != problem:
            self._warned[name] = problem
            logger.warning(kv(f"A certificate {problem}, replace it", name=name, certDetail=human_detail(first, now)))

    def _collect(self) -> ServingContent:
        bundle = self._client_ca.current_ca_bundle() if self._client_ca is not None else None
        return ServingContent(
            default=self._cert.current_cert_key() if self._cert is not None else None,
            named=tuple(NamedTLSCert(pair.current_cert_key(), pair.sni_names, pair.name) for pair in self._sni_certs),
            client_ca_bundle=bundle or b"",
        )

    def _make(self, content: ServingContent) -> TLSContexts:
        """Raises CertificateError, and ValueError for what TLS cannot use."""
        if self._cert is not None and (content.default is None or not _complete(content.default)):
            raise CertificateError(f"not loading an empty serving certificate from {quote(self._cert.name)}")
        for index, one in enumerate(content.named):
            if not _complete(one.tls_cert):
                raise CertificateError(f"not loading an empty SNI certificate from {index}/{quote(one.source)}")
        authorities: list[x509.Certificate] = []
        if content.client_ca_bundle and self._client_ca is not None:
            try:
                authorities = parse_certificates(content.client_ca_bundle)
            except ValueError as error:
                name = quote(self._client_ca.name)
                raise CertificateError(f"unable to load client CA file {name}: {error}") from error
        return self._build(NamedCertificates(content.default, content.named), authorities)

    def _log_content(self) -> None:
        now = self._now()
        for provider in self.providers():
            kind = "client CA" if hasattr(provider, "current_ca_bundle") else "serving certificate"
            for index, certificate in enumerate(chain_of(provider)):
                if kind == "client CA" or index == 0:  # of a chain, the leaf
                    detail = human_detail(certificate, now)
                    logger.info(kv(f"Loaded {kind}", name=provider.name, certDetail=detail))


def all_providers(
    cert: CertKeyContentProvider | None,
    sni_certs: Sequence[SNICertKeyContent],
    client_ca: CAContentProvider | None,
) -> Iterator[CertKeyContentProvider | CAContentProvider]:
    """The providers that hold content themselves: what is inside of SNI pairs and unions."""
    if cert is not None:
        yield cert
    for pair in sni_certs:
        yield pair.content
    if isinstance(client_ca, UnionCAContent):
        yield from client_ca.members()
    elif client_ca is not None:
        yield client_ca


def chain_of(provider: CertKeyContentProvider | CAContentProvider) -> list[x509.Certificate]:
    """The certificates that *provider* holds; none while it holds nothing, or nothing that can be read."""
    if hasattr(provider, "current_ca_bundle"):
        pem = provider.current_ca_bundle() or b""
    else:
        pem = provider.current_cert_key().certificate_pem
    try:
        return parse_certificates(pem)
    except ValueError:
        return []


def end_of(
    provider: CertKeyContentProvider | CAContentProvider, certificates: Sequence[x509.Certificate], now: dt.datetime
) -> dt.datetime | None:
    """When somebody will first miss one of the *certificates* of *provider*; None without any."""
    if not certificates:
        return None
    return next_end(certificates, now) if hasattr(provider, "current_ca_bundle") else first_end(certificates)


def _complete(pair: ServingCertificate) -> bool:
    return bool(pair.certificate_pem) and bool(pair.private_key_pem)
