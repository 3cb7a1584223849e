"""Reading PEM as Go does: blocks of other kinds are passed over, and a certificate must be there."""

import json
import re
import stat
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""More than any bundle has; a path that leads to something else must not fill the memory."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def read_content(path: Path, *, again: bool = False) -> bytes:
    """What is in a file of certificates or keys. Raises OSError, and ValueError for a file that is too large for that.

    A pipe is read only once: *again* refuses what is no file, since reading from it might never end, nor would the thread
    that reads, nor the process that waits for its threads.
    """
    if again and not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is no regular file")
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path} has more than {MAX_FILE_BYTES} bytes, which no certificates have")
    return content


def parse_certificates(pem: bytes) -> list[x509.Certificate]:
    """Every certificate in *pem*. Raises ValueError when there is none or one is malformed."""
    certificates = [x509.load_pem_x509_certificate(block) for block in _CERTIFICATE.findall(pem)]
    if not certificates:
        raise ValueError("data does not contain any valid RSA or ECDSA certificates")
    return certificates


def parse_pair(certificate_pem: bytes, private_key_pem: bytes) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
    """The chain, leaf first, and the leaf's key. Raises ValueError when one is malformed or they do not match."""
    chain = _CERTIFICATE.findall(certificate_pem)
    if not chain:
        raise ValueError("tls: failed to find any PEM data in certificate input")
    certificates = [x509.load_pem_x509_certificate(block) for block in chain]
    if b"-----BEGIN " not in private_key_pem:
        raise ValueError("tls: failed to find any PEM data in key input")
    try:
        key = load_pem_private_key(private_key_pem, None)
    except (TypeError, UnsupportedAlgorithm, ValueError) as error:  # encrypted; a kind nobody knows; no key at all
        raise ValueError(f"tls: failed to parse private key: {error}") from error
    encodings = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        fits = key.public_key().public_bytes(*encodings) == certificates[0].public_key().public_bytes(*encodings)
    except UnsupportedAlgorithm as error:
        raise ValueError(f"tls: failed to parse certificate: {error}") from error
    if not fits:
        raise ValueError("tls: private key does not match public key")
    return certificates, key


def quote(text: str) -> str:
    """*text* as Go's %q writes it, for the names of files and providers."""
    return json.dumps(text, ensure_ascii=False)
