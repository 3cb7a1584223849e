"""A certificate for a server that was given none (Go client-go/util/cert/cert.go).

A CA is made, signs the serving certificate and is forgotten: its key is never written, so the pair cannot grow a
family. Two things differ from Go: keys are ECDSA P-256 instead of RSA 2048, because making two RSA keys takes longer
than all the rest of a start and an RSA handshake costs twenty times the CPU; and so the key block reads
`PRIVATE KEY`.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.files import can_read_pair, write_pair
from genericapiserver.certificates.pairs import checked_pair
from genericapiserver.certificates.pem import read_content
from genericapiserver.connection.tls import ServingCertificate

DEFAULT_MAX_AGE = dt.timedelta(days=365)
FIXTURE_MAX_AGE = dt.timedelta(days=365 * 100)
_CLOCK_SKEW = dt.timedelta(hours=1)


def generate_self_signed(
    host: str,
    alternate_ips: Iterable[str] = (),
    alternate_dns: Iterable[str] = (),
    *,
    max_age: dt.timedelta = DEFAULT_MAX_AGE,
    now: dt.datetime | None = None,
) -> ServingCertificate:
    """A pair for *host* (an IP address or a DNS name) and the alternates, good from an hour ago for *max_age*.

    The certificate is followed by that of its CA, which is what clients have to trust. Names are not de-duplicated.
    """
    now = now or dt.datetime.now(dt.UTC)
    start = now - _CLOCK_SKEW
    stamp = int(now.timestamp())
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name(f"{host}-ca@{stamp}")
    ca = (
        _builder(ca_name, ca_name, ca_key, start, start + max_age)
        .add_extension(
            _key_usage(digital_signature=True, key_encipherment=True, key_cert_sign=True),
            critical=True,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    dns = [*([] if _is_ip(host) else [host]), *alternate_dns]
    ips = [*([host] if _is_ip(host) else []), *alternate_ips]
    names = [*(x509.DNSName(name) for name in dns), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips)]
    leaf = (
        _builder(_name(f"{host}@{stamp}"), ca_name, key, start, start + max_age)
        .add_extension(_key_usage(digital_signature=True, key_encipherment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return ServingCertificate(
        certificate_pem=leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM),
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def self_signed_with_fixtures(
    host: str, alternate_ips: Sequence[str], alternate_dns: Sequence[str], directory: Path
) -> ServingCertificate:
    """The pair that *directory* holds for just these names, or a new one, written there and good for a hundred years.

    For tests, which should not make keys again and again (Go GenerateSelfSignedCertKeyWithFixtures). Raises OSError, and
    CertificateError when the files there are no pair.
    """
    base = f"{host}_{'-'.join(alternate_ips)}_{'-'.join(alternate_dns)}"
    if "/" in base or "\0" in base:
        raise CertificateError(f"there can be no file for the names {base!r}")
    certificate, key = directory / f"{base}.crt", directory / f"{base}.key"
    if can_read_pair(certificate, key):
        return checked_pair(str(certificate), read_content(certificate), read_content(key))
    pair = generate_self_signed(host, alternate_ips, alternate_dns, max_age=FIXTURE_MAX_AGE)
    write_pair(pair, certificate, key)
    return pair


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    not_before: dt.datetime,
    not_after: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, digital_signature: bool, key_encipherment: bool, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
