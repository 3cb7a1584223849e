"""Bundles and pairs: content that may change, and never for the worse; files; self-signed pairs."""

from __future__ import annotations

import datetime as dt
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genericapiserver.certificates import (
    CertificateError,
    DynamicCAContent,
    DynamicCertKeyContent,
    SNICertKeyContent,
    StaticCAContent,
    StaticCertKeyContent,
    UnionCAContent,
    can_read_pair,
    generate_self_signed,
    write_pair,
)
from genericapiserver.certificates.pem import parse_pair
from tests.support.pki import issue

ONE, TWO = issue("one", ca=True), issue("two", ca=True)


class Changes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (b"", 'missing content for CA bundle "name"'),
        (
            b"words",
            'error loading CA bundle for "name": data does not contain any valid RSA or ECDSA certificates',
        ),
    ],
)
def test_a_bundle_has_certificates(bundle: bytes, message: str) -> None:
    for make in (StaticCAContent, DynamicCAContent):
        with pytest.raises(CertificateError) as caught:
            make("name", bundle)
        assert str(caught.value) == message


def test_a_bundle_from_a_file_is_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ONE.pem)
    content = DynamicCAContent.from_file("client-ca-bundle", path)
    assert content.name == f"client-ca-bundle::{path}"
    assert content.current_ca_bundle() == ONE.pem
    with pytest.raises(OSError, match="missing"):
        DynamicCAContent.from_file("purpose", tmp_path / "missing")
    with pytest.raises(CertificateError, match="missing filename for ca bundle"):
        DynamicCAContent.from_file("purpose", "")


def test_a_broken_file_leaves_the_old_bundle_and_nobody_is_told(tmp_path: Path) -> None:
    path, changes = tmp_path / "ca.crt", Changes()
    path.write_bytes(ONE.pem)
    content = DynamicCAContent.from_file("purpose", path)
    content.add_listener(changes)
    assert not content.reload()
    for broken in (b"", b"half a certifi"):
        path.write_bytes(broken)
        with pytest.raises(CertificateError):
            content.reload()
    assert content.current_ca_bundle() == ONE.pem
    assert changes.count == 0
    path.write_bytes(TWO.pem)
    assert content.reload()
    assert content.current_ca_bundle() == TWO.pem
    assert changes.count == 1


def test_a_bundle_may_start_empty_and_come_later() -> None:
    content, changes = DynamicCAContent("config map"), Changes()
    content.add_listener(changes)
    assert content.current_ca_bundle() is None
    assert content.replace(ONE.pem)
    assert content.current_ca_bundle() == ONE.pem
    assert changes.count == 1


def test_a_union_joins_what_is_there_and_passes_changes_on() -> None:
    late, changes = DynamicCAContent("late"), Changes()
    union = UnionCAContent(StaticCAContent("static", ONE.pem + b"\n\n"), late)
    union.add_listener(changes)
    assert union.name == "static,late"
    assert union.current_ca_bundle() == ONE.pem.strip()
    late.replace(TWO.pem)
    assert union.current_ca_bundle() == ONE.pem.strip() + b"\n" + TWO.pem.strip()
    assert changes.count == 1
    assert UnionCAContent(DynamicCAContent("empty")).current_ca_bundle() is None


def test_a_pair_fits_together() -> None:
    assert StaticCertKeyContent("name", ONE.pem, ONE.key_pem).current_cert_key().certificate_pem == ONE.pem
    with pytest.raises(CertificateError, match="tls: private key does not match public key"):
        StaticCertKeyContent("name", ONE.pem, TWO.key_pem)
    with pytest.raises(CertificateError, match='missing content for serving cert "name"'):
        DynamicCertKeyContent("name", b"", ONE.key_pem)


def test_a_pair_that_tls_cannot_use_is_none() -> None:
    """It can be read, and fits together; OpenSSL will not serve it."""
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "small")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    parse_pair(pem, key_pem)
    content = DynamicCertKeyContent("name", ONE.pem, ONE.key_pem)
    with pytest.raises(CertificateError, match=r"cannot be used: ee key too small$"):
        content.replace(pem, key_pem)
    assert content.current_cert_key().certificate_pem == ONE.pem
    assert content.state.problem.endswith("ee key too small")


def test_a_half_replaced_pair_is_served_when_both_halves_are_there(tmp_path: Path) -> None:
    certificate, key, changes = tmp_path / "tls.crt", tmp_path / "tls.key", Changes()
    certificate.write_bytes(ONE.pem)
    key.write_bytes(ONE.key_pem)
    content = DynamicCertKeyContent.from_files("serving-cert", certificate, key)
    content.add_listener(changes)
    assert content.name == f"serving-cert::{certificate}::{key}"
    certificate.write_bytes(TWO.pem)
    with pytest.raises(CertificateError, match="does not match"):
        content.reload()
    assert content.current_cert_key().certificate_pem == ONE.pem
    key.write_bytes(TWO.key_pem)
    assert content.reload()
    assert content.current_cert_key().certificate_pem == TWO.pem
    assert changes.count == 1


def test_sni_content_is_a_pair_with_names() -> None:
    content = SNICertKeyContent(DynamicCertKeyContent("name", ONE.pem, ONE.key_pem), ["*.example.com"])
    assert content.name == "name"
    assert content.sni_names == ("*.example.com",)
    assert content.current_cert_key().certificate_pem == ONE.pem


def test_written_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    certificate, key = tmp_path / "pki" / "tls.crt", tmp_path / "pki" / "tls.key"
    assert not can_read_pair(certificate, key)
    for _ in range(2):
        write_pair(generate_self_signed("localhost"), certificate, key)
        assert stat.S_IMODE(certificate.stat().st_mode) == 0o644
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert can_read_pair(certificate, key)
    assert sorted(path.name for path in certificate.parent.iterdir()) == ["tls.crt", "tls.key"]
    key.unlink()
    with pytest.raises(CertificateError, match="must be supplied as a pair"):
        can_read_pair(certificate, key)


@pytest.mark.parametrize(
    ("host", "ips", "dns", "expected"),
    [
        ("localhost", ["127.0.0.1", "127.0.0.1"], [], ["localhost", "127.0.0.1", "127.0.0.1"]),
        ("localhost", ["127.0.0.1"], ["localhost"], ["localhost", "localhost", "127.0.0.1"]),
        ("10.0.0.1", ["::1"], ["kubernetes"], ["kubernetes", "10.0.0.1", "::1"]),
    ],
)
def test_self_signed_pair_names_host_and_alternates(
    host: str, ips: list[str], dns: list[str], expected: list[str]
) -> None:
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    pair = generate_self_signed(host, ips, dns, now=now)
    (leaf, ca), _ = parse_pair(pair.certificate_pem, pair.private_key_pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == expected
    assert all(isinstance(name.value, str | ipaddress.IPv4Address | ipaddress.IPv6Address) for name in names)
    common_name = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert common_name == f"{host}@{int(now.timestamp())}"
    assert leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == f"{host}-ca@{int(now.timestamp())}"
    assert leaf.not_valid_before_utc == now - dt.timedelta(hours=1)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == dt.timedelta(days=365)
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    leaf.verify_directly_issued_by(ca)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
