"""Public keys that tokens are checked with: from PEM files, under the names that tokens call them by.

A file may hold public keys, private keys and certificates, in any mixture. A key's name is a hash of it, so that nobody
has to hand names out. Source: k8s.io/client-go util/keyutil and pkg/serviceaccount/jwt.go of k8s.io/kubernetes.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from genericapiserver.authentication.jose import MIN_RSA_BITS, PublicKey, algorithms_of

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?-----END \1-----", re.DOTALL)
_PRIVATE: Final = frozenset({b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"PRIVATE KEY"})


class KeyFileError(ValueError):
    """A file has no key to check signatures with, or one that is not good enough; the message names the file."""


@attrs.frozen
class NamedKey:
    """A public key and the `kid` of tokens that were signed with it."""

    key_id: str
    key: PublicKey


class PublicKeySource(Protocol):
    """Where the keys of an issuer come from; asked for each token, so that they may change."""

    def keys(self, key_id: str) -> Sequence[NamedKey]:
        """The keys called *key_id*; all of them for a token that names none."""


class StaticPublicKeys:
    """Keys that stay as they are."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._all = tuple(NamedKey(key_id(key), key) for key in keys)

    def keys(self, key_id: str) -> Sequence[NamedKey]:
        return [named for named in self._all if named.key_id == key_id] if key_id else self._all


def key_id(key: PublicKey) -> str:
    """The SHA-256 of the key's DER (SubjectPublicKeyInfo), as base64url without padding."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def read_public_keys(path: Path | str) -> list[PublicKey]:
    """Every key in the PEM file at *path*.

    Raises KeyFileError when there is none, or one that must not be used; OSError when the file cannot be read.
    """
    try:
        keys = parse_public_keys(Path(path).read_bytes())
    except ValueError as error:
        raise KeyFileError(f"error reading public key file {path}: {error}") from error
    for key in keys:
        if not algorithms_of(key):
            raise KeyFileError(
                f"error reading public key file {path}: a key is neither RSA of at least {MIN_RSA_BITS} bits nor on "
                "one of the curves P-256, P-384 and P-521"
            )
    return keys


def parse_public_keys(pem: bytes) -> list[PublicKey]:
    """The RSA and ECDSA keys of *pem*; blocks of other kinds are passed over. Raises ValueError when there is none."""
    keys = [key for match in _BLOCK.finditer(pem) if (key := _parse_block(match[1], match[0])) is not None]
    if not keys:
        raise ValueError("data does not contain any valid RSA or ECDSA public keys")
    return keys


def _parse_block(kind: bytes, block: bytes) -> PublicKey | None:
    try:
        if kind in _PRIVATE:
            found: object = load_pem_private_key(block, None).public_key()
        elif kind == b"CERTIFICATE":
            found = x509.load_pem_x509_certificate(block).public_key()
        elif kind in (b"PUBLIC KEY", b"RSA PUBLIC KEY"):
            found = load_pem_public_key(block)
        else:
            return None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None  # TypeError: a private key behind a password
    return found if isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None
