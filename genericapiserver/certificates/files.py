"""Pairs in files: the certificate for everybody (0644), the key for its owner only (0600)."""

import datetime as dt
import os
from pathlib import Path

from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.pem import parse_pair, read_content
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


def why_stale(certificate: Path, key: Path, *, remaining: dt.timedelta, now: dt.datetime | None = None) -> str:
    """Why a pair that is there had better be made anew; empty when it is good for *remaining* at least.

    Raises OSError.
    """
    now = now or dt.datetime.now(dt.UTC)
    try:
        leaf = parse_pair(read_content(certificate), read_content(key))[0][0]
    except ValueError as error:
        return str(error)
    if now < leaf.not_valid_before_utc:
        return f"it is not valid before {leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    if leaf.not_valid_after_utc - now < remaining:
        return f"it ends at {leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    return ""
