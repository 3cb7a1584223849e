"""Which certificate a client gets (Go .../dynamiccertificates/named_certificates.go and tlsconfig.go, crypto/tls).

A name that an administrator gave to a certificate wins over one that is read from a certificate, and an earlier
certificate over a later one. A client that names nobody is known by the address it came to, which may be a given name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.x509.oid import NameOID

from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.pem import parse_pair, quote
from genericapiserver.connection.tls import ServingCertificate

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*|\*")


def _as_tuple(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen
class NamedTLSCert:
    """A pair, and the names it is for: names or addresses, possibly `*.` and a domain. Without, those in the certificate.

    *source* says in errors where it comes from.
    """

    tls_cert: ServingCertificate
    names: tuple[str, ...] = attrs.field(default=(), converter=_as_tuple)
    source: str = ""


def get_named_certificate_map(certs: Sequence[NamedTLSCert]) -> dict[str, ServingCertificate]:
    """Which certificate is found under which name; empty without *certs*. Raises CertificateError for one that is bad."""
    if not certs:
        return {}
    named = NamedCertificates(None, certs)
    return {name: named.certificates[index] for name, index in named.by_name.items()}


class NamedCertificates:
    """The certificates of a server in serving order, and the choice between them.

    *default* is for everybody without a better match; of *named*, the earlier are the stronger.
    Raises CertificateError when a pair does not fit together or there is none at all.
    """

    def __init__(self, default: ServingCertificate | None, named: Sequence[NamedTLSCert] = ()) -> None:
        pairs = ([] if default is None else [default]) + [one.tls_cert for one in named]
        if not pairs:
            raise CertificateError("there is no certificate to serve")
        self.certificates: tuple[ServingCertificate, ...] = tuple(pairs)
        offset = len(pairs) - len(named)
        leaves = []
        if default is not None:
            try:
                leaves.append(_leaf(default))
            except ValueError as error:
                raise CertificateError(f"invalid serving cert keypair: {error}") from error
        given: dict[str, int] = {}
        extracted: dict[str, int] = {}
        for index, one in enumerate(named):
            try:
                leaf = _leaf(one.tls_cert)
            except ValueError as error:
                raise CertificateError(
                    "unable to build named certificate map: "
                    f"invalid SNI cert keypair [{index}/{quote(one.source)}]: {error}"
                ) from error
            leaves.append(leaf)
            for name in one.names:
                given.setdefault(name, offset + index)
            if not one.names:
                for name in certificate_names(leaf):
                    extracted.setdefault(name, offset + index)
        self.by_name: dict[str, int] = {**extracted, **given}
        self._served_names = [dns_names(leaf) for leaf in leaves]

    def select(self, server_name: str | None, local_address: str) -> int:
        """The index of the certificate for a client that asks for *server_name*, or came to *local_address*."""
        if len(self.certificates) == 1:
            return 0
        if server_name is None:
            # A listener for both families calls an IPv4 client's address ::ffff:a.b.c.d; Go, and people, do not.
            return self.by_name.get(local_address.removeprefix("::ffff:"), 0)
        name = server_name.lower().rstrip(".")
        index = self.by_name.get(name)
        if index is None:
            index = self.by_name.get(".".join(["*", *name.split(".")[1:]]))
        if index is None:
            # Deviation: of several certificates for a name Go takes the first whose signature algorithms the client knows
            # (RSA beside ECDSA); OpenSSL does not tell in time what those are, so the first counts.
            index = next((index for index, names in enumerate(self._served_names) if _matches(name, names)), 0)
        return index


def certificate_names(leaf: x509.Certificate) -> list[str]:
    """The names a certificate is found under when nobody gave it any: its CN if that is a DNS name, and its DNS SANs."""
    names = []
    for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        common_name = str(attribute.value)
        if _DNS_NAME.fullmatch(common_name) and not _is_ip(common_name):
            names.append(common_name)
    return names + dns_names(leaf)


def dns_names(leaf: x509.Certificate) -> list[str]:
    """The DNS names in the subject alternative names."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """RFC 6125: a `*` stands for exactly one label, the first."""
    wildcard = ".".join(["*", *name.split(".")[1:]]) if "." in name else None
    return any(pattern.lower() in (name, wildcard) for pattern in patterns)


def _leaf(pair: ServingCertificate) -> x509.Certificate:
    return parse_pair(pair.certificate_pem, pair.private_key_pem)[0][0]


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
