"""Certificates for a server that stands alone: an authority of its own, a serving pair, a certificate for the admin.

Everything lies in one folder and is used again at the next start, so that a kubeconfig handed out stays good. A pair that
ends within a week is made anew; the authority is kept for ten years.
"""

import datetime as dt
import ipaddress
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = dt.timedelta(days=3650)
LEAF_LIFETIME: Final = dt.timedelta(days=365)
RENEW_BEFORE: Final = dt.timedelta(days=7)
CLOCK_SKEW: Final = dt.timedelta(hours=1)
COMMON_NAME_LENGTH: Final = 64
"""Characters; only the other names count."""
ADMIN_GROUP: Final = "system:masters"


@attrs.frozen
class KeyPair:
    """A certificate and its key, as files in PEM."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in *folder*, made on first use. Raises OSError when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.files = KeyPair(folder / "ca.crt", folder / "ca.key")
        if not (self.files.certificate.exists() and self.files.key.exists()):
            self._make()
        try:
            self._key = _load_key(self.files.key)
            self._certificate = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        except (TypeError, ValueError) as error:
            raise OSError(f"the authority in {folder} cannot be read; remove that folder to start anew") from error

    def server(self, *hosts: str) -> KeyPair:
        """A serving pair for *hosts*, names or addresses."""
        names = [_general_name(host) for host in hosts]
        return self._leaf(
            "server",
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]),
            ExtendedKeyUsageOID.SERVER_AUTH,
            x509.SubjectAlternativeName(names),
        )

    def service(self, name: str) -> KeyPair:
        """A serving pair for the service *name*, as `api.wardle.svc`, in files of that name; good on this machine, too."""
        names = [_general_name(host) for host in (name, "localhost", "127.0.0.1", "::1")]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_LENGTH])])
        return self._leaf(name, subject, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names))

    def client(self, name: str, *groups: str) -> KeyPair:
        """A client pair for the user *name* in *groups*."""
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
        return self._leaf(name, x509.Name(attributes), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "genericapiserver-ca")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.files, certificate, key)

    def _leaf(
        self,
        file: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
    ) -> KeyPair:
        files = KeyPair(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        if self._is_good(files, names):
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + LEAF_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._certificate.public_key()),  # type: ignore[arg-type]
                critical=False,
            )
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        _write(files, builder.sign(self._key, hashes.SHA256()), key)
        return files

    def _is_good(self, files: KeyPair, names: x509.SubjectAlternativeName | None) -> bool:
        """Whether a pair made earlier is this authority's, is for the same names, and lasts a while."""
        if not (files.certificate.exists() and files.key.exists()):
            return False
        try:
            certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
            certificate.verify_directly_issued_by(self._certificate)
            if certificate.public_key() != _load_key(files.key).public_key():
                return False
        except Exception:  # noqa: BLE001  whatever is wrong with the old pair, a new one mends it
            return False
        if certificate.not_valid_after_utc < dt.datetime.now(dt.UTC) + RENEW_BEFORE:
            return False
        if names is None:
            return True
        try:
            return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names
        except x509.ExtensionNotFound:
            return False


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path}: not a key made here")
    return key


def _write(files: KeyPair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first, for its owner only: a certificate without its key would be taken for a pair."""
    _replace(
        files.key,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        mode=0o600,
    )
    _replace(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _replace(path: Path, content: bytes, *, mode: int) -> None:
    """Write *path* as a whole: who is killed meanwhile leaves the old file or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=mode)
    new.write_bytes(content)
    new.replace(path)
