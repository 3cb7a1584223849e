"""Between the codec and the engine: a transformer may encrypt what is stored.

Source: k8s.io/apiserver pkg/storage/value/transformer.go.
"""

from typing import Protocol


class Transformer(Protocol):
    """Bytes to stored bytes and back. *context* is the full key: bytes moved to another key must not be readable."""

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        """The plain bytes, and whether they should be written again (an old key, an old format). Raises on failure."""

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        """The bytes to store."""


class IdentityTransformer:
    """Stores what it is given, and refuses to take encrypted bytes for plain ones."""

    ENCRYPTED = b"k8s:enc:"

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if data.startswith(self.ENCRYPTED):
            raise ValueError("identity transformer tried to read encrypted data")
        return data, False

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return data
