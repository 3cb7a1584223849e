"""Between the codec and the engine: a transformer may encrypt what is stored.

Both directions are synchronous, because nearly all of them only compute. Writing never waits: what it needs is made ready
beforehand. Reading may need what only somebody else can tell, as the key of another server does; then `from_storage` raises
TransformationPendingError, which who reads awaits before the same step is done again:

    try:
        stored = access.stored(key, revision, data)
    except TransformationPendingError as pending:
        stored = await access.stored_later(pending, key, revision, data)

Source: k8s.io/apiserver pkg/storage/value/transformer.go.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol


class TransformationPendingError(Exception):
    """The bytes can be read once `ready` has returned. *wait* raises what then keeps them from being read."""

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        super().__init__("the data cannot be read yet")
        self._wait = wait
        self._failed: list[Callable[[Exception], None]] = []

    def when_failed(self, told: Callable[[Exception], None]) -> None:
        """Have *told* called with what `ready` raises."""
        self._failed.append(told)

    async def ready(self) -> None:
        """Return when it is worth while to try again. Raises why the bytes cannot be read."""
        try:
            await self._wait()
        except Exception as error:
            for told in self._failed:
                told(error)
            raise


class Transformer(Protocol):
    """Bytes to stored bytes and back. *context* is the full key: bytes moved to another key must not be readable."""

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        """The plain bytes, and whether they should be written again (an old key, an old format).

        Raises TransformationPendingError when that has to wait, and anything else when they cannot be read.
        """

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        """The bytes to store. Raises when nothing can be written now."""


class IdentityTransformer:
    """Stores what it is given, and refuses to take encrypted bytes for plain ones."""

    ENCRYPTED = b"k8s:enc:"

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if data.startswith(self.ENCRYPTED):
            raise ValueError("identity transformer tried to read encrypted data")
        return data, False

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return data
