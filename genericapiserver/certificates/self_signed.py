"""A certificate for a server that was given none (Go client-go/util/cert/cert.go).

A CA is made, signs the serving certificate and is forgotten: its key is never written, so the pair cannot grow a
family. Two things differ from Go: keys are ECDSA P-256 instead of RSA 2048, because making two RSA keys takes longer
than all the rest of a start and an RSA handshake costs twenty times the CPU; and so the key block reads
`PRIVATE KEY`.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genericapiserver.connection.tls import ServingCertificate

DEFAULT_MAX_AGE = dt.timedelta(days=365)
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
