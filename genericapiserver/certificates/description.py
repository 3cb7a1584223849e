"""Certificates in words: for the log, for the page of certificates, and for what is watched of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USAGES = {ExtendedKeyUsageOID.CLIENT_AUTH: "client", ExtendedKeyUsageOID.SERVER_AUTH: "serving"}


def human_detail(certificate: x509.Certificate, now: dt.datetime) -> str:
    """One line: who it is, what for, for which hosts, by whom and how long (Go GetHumanCertDetail).

    A certificate that names its own subject as its issuer is "<self>".
    """
    name, issuer = _common_name(certificate.subject), _common_name(certificate.issuer)
    hosts = [str(value) for kind in (x509.IPAddress, x509.DNSName) for value in _alternative_names(certificate, kind)]
    organizations = _values(certificate.subject, NameOID.ORGANIZATION_NAME)
    groups = f" groups=[{','.join(organizations)}]" if organizations else ""
    serving = f" validServingFor=[{','.join(hosts)}]" if hosts else ""
    times = (
        f"({_time(certificate.not_valid_before_utc)} to {_time(certificate.not_valid_after_utc)} (now={_time(now)}))"
    )
    by = "<self>" if name == issuer else issuer
    return f"{_quoted(name)} [{','.join(_usages(certificate))}]{groups}{serving} issuer={_quoted(by)} {times}"


def first_end(chain: Sequence[x509.Certificate]) -> dt.datetime:
    """When a client stops believing *chain*: the end of the certificate in it that ends first."""
    return min(certificate.not_valid_after_utc for certificate in chain)


def next_end(bundle: Sequence[x509.Certificate], now: dt.datetime) -> dt.datetime:
    """When the next authority of *bundle* stops counting, or when the last one did if all have.

    Authorities that ended long ago are often left in a bundle; they say nothing about tomorrow.
    """
    ends = sorted(certificate.not_valid_after_utc for certificate in bundle)
    return next((end for end in ends if end > now), ends[-1])


def _usages(certificate: x509.Certificate) -> list[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [_USAGES.get(usage, usage.dotted_string) for usage in usages]


def _alternative_names(certificate: x509.Certificate, kind: type[x509.DNSName | x509.IPAddress]) -> list[object]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return list(names.get_values_for_type(kind))


def _common_name(name: x509.Name) -> str:
    return next(iter(_values(name, NameOID.COMMON_NAME)), "")


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _time(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")


def _quoted(text: str) -> str:
    """With escapes, so that a subject cannot break out of its line in a log."""
    return json.dumps(text, ensure_ascii=True)
