"""Pairs in files: the certificate for everybody (0644), the key for its owner only (0600)."""

import os
from pathlib import Path

from genericapiserver.certificates.errors import CertificateError
from genericapiserver.connection.tls import ServingCertificate


def write_pair(pair: ServingCertificate, certificate: Path, key: Path) -> None:
    """Write *pair*, making folders as needed; the key is never readable by others, not even while it is written.

    Raises OSError.
    """
    for path, content, mode in ((certificate, pair.certificate_pem, 0o644), (key, pair.private_key_pem, 0o600)):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with open(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.write(content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def can_read_pair(certificate: Path, key: Path) -> bool:
    """Whether both files are there and readable; False when neither is.

    Raises CertificateError when only one is, which is a mistake and no invitation to make a new pair (Go
    client-go/util/cert CanReadCertAndKey).
    """
    readable = [os.access(path, os.R_OK) for path in (certificate, key)]
    if all(readable):
        return True
    if not any(readable):
        return False
    if not readable[0]:
        raise CertificateError(f"error reading {certificate}, certificate and key must be supplied as a pair")
    raise CertificateError(f"error reading {key}, certificate and key must be supplied as a pair")
