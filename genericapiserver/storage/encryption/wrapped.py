"""What stands before encrypted data: the seed of its key, wrapped by a key management service, and whose key that was.

Source: EncryptedObject of k8s.io/apiserver pkg/storage/value/encrypt/envelope/kmsv2, with its limits.
"""

import struct
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

import attrs
from google.protobuf.message import DecodeError

from genericapiserver.apimachinery.field import FieldError, Path, aggregate, invalid, required
from genericapiserver.apimachinery.validation.names import dns_1123_label, dns_1123_subdomain
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.encryption.kms_messages import EncryptedObject

KEY: Final = 0
"""What is wrapped is the key of AES-GCM itself: read, and written again when it can be."""
SEED: Final = 1
KEY_ID_LIMIT: Final = 1024
SOURCE_LIMIT: Final = 1024
ANNOTATIONS_LIMIT: Final = 32 * 1024


@attrs.frozen(kw_only=True)
class WrappedSeed:
    """A seed or key as its service has encrypted it. `identity` tells wrapped seeds apart, whoever reads them."""

    source: bytes = attrs.field(repr=False)
    key_id: str
    annotations: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)
    kind: int = SEED

    @property
    def identity(self) -> bytes:
        """A hash of all of it."""
        parts = [struct.pack(">I", self.kind), _prefixed(self.source), _prefixed(self.key_id.encode())]
        if self.annotations:
            parts.append(struct.pack(">I", len(self.annotations)))
            for name in sorted(self.annotations):
                parts += (_prefixed(name.encode()), _prefixed(self.annotations[name]))
        return sha256(b"".join(parts)).digest()

    def require_valid(self) -> None:
        """Raises DecryptionError."""
        if self.kind not in (KEY, SEED):
            raise DecryptionError(f"unknown encryptedDEKSourceType: {self.kind}")
        if not self.source:
            raise DecryptionError("failed to validate encrypted DEK source: encrypted DEK source is empty")
        if len(self.source) > SOURCE_LIMIT:
            raise DecryptionError(
                f"failed to validate encrypted DEK source: encrypted DEK source is {len(self.source)} bytes, which "
                f"exceeds the max size of {SOURCE_LIMIT}"
            )
        if problem := key_id_problem(self.key_id):
            raise DecryptionError(f"failed to validate key id: {problem}")
        if problem := aggregate(_annotation_problems(self.annotations)):
            raise DecryptionError(f"failed to validate annotations: {problem}")

    def encode(self, data: bytes) -> bytes:
        """The stored bytes of *data*, which the seed has encrypted."""
        encoded: bytes = EncryptedObject(
            encryptedData=data,
            keyID=self.key_id,
            encryptedDEKSource=self.source,
            annotations=self.annotations,
            encryptedDEKSourceType=self.kind,
        ).SerializeToString(deterministic=True)
        return encoded


def decode(stored: bytes) -> tuple[WrappedSeed, bytes]:
    """The seed and the encrypted data in *stored*. Raises DecryptionError."""
    try:
        found = EncryptedObject.FromString(stored)
    except DecodeError as error:
        raise DecryptionError(f"failed to decode encrypted object: {error}") from None
    wrapped = WrappedSeed(
        source=found.encryptedDEKSource,
        key_id=found.keyID,
        annotations=dict(found.annotations),
        kind=found.encryptedDEKSourceType,
    )
    if not found.encryptedData:
        raise DecryptionError("encrypted data is empty")
    wrapped.require_valid()
    return wrapped, found.encryptedData


def key_id_problem(key_id: str) -> str:
    """What is wrong with *key_id*; empty when it can be used."""
    size = len(key_id.encode())
    if not size:
        return "keyID is empty"
    return f"keyID is {size} bytes, which exceeds the max size of {KEY_ID_LIMIT}" if size > KEY_ID_LIMIT else ""


def _annotation_problems(annotations: Mapping[str, bytes]) -> Iterator[FieldError | str]:
    total = 0
    for name, value in sorted(annotations.items()):
        yield from _name_problem(name)
        total += len(name.encode()) + len(value)
    if total > ANNOTATIONS_LIMIT:
        yield f"total size of annotations is {total}, which exceeds the max size of {ANNOTATIONS_LIMIT}"


def _name_problem(name: str) -> Iterator[FieldError]:
    """Why *name* is no fully qualified domain name; nothing when it is one."""
    path = Path("annotations")
    domain = name.removesuffix(".")
    if not name:
        yield required(path)
    elif problems := dns_1123_subdomain(domain):
        yield invalid(path, domain, ",".join(problems))
    elif "." not in domain:
        yield invalid(path, domain, "should be a domain with at least two segments separated by dots")
    else:
        for label in domain.split("."):
            if problems := dns_1123_label(label):
                yield invalid(path, label, ",".join(problems))
                return


def _prefixed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
