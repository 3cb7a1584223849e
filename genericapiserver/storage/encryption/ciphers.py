"""The ciphers of the reference, byte for byte: what stands behind the prefixes of a stored value.

Random bytes come from the system; tests hand in others to compare with known answers.
Source: pkg/storage/value/encrypt/{aes/aes.go,secretbox/secretbox.go} of k8s.io/apiserver.
"""

import os
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

Random = Callable[[int], bytes]

TOO_SHORT: Final = "the stored data was shorter than the required size"
UNAUTHENTIC: Final = "cipher: message authentication failed"
BLOCK: Final = 16
AES_KEY_SIZES: Final = (16, 24, 32)
NO_CALL: Final = "unknown-non-grpc"
"""The status, in metrics, of a failure that no call of a plugin has caused."""


class DecryptionError(ValueError):
    """Stored bytes that a key cannot read: they were changed, moved, or written with another key.

    *status* is gRPC's code for the failure of a plugin that has the key.
    """

    def __init__(self, problem: str, *, status: str = NO_CALL) -> None:
        super().__init__(problem)
        self.status = status


class AESGCMTransformer:
    """nonce, ciphertext, tag; bound to the place that they are stored at."""

    NONCE: Final = 12

    def __init__(self, key: bytes, *, random: Random = os.urandom) -> None:
        self._cipher = AESGCM(key)
        self._random = random

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < self.NONCE:
            raise DecryptionError(TOO_SHORT)
        try:
            return self._cipher.decrypt(data[: self.NONCE], data[self.NONCE :], context), False
        except InvalidTag:
            raise DecryptionError(UNAUTHENTIC) from None

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        nonce = self._random(self.NONCE)
        return nonce + self._cipher.encrypt(nonce, data, context)


class AESCBCTransformer:
    """Initialization vector, padded ciphertext. Nothing is authenticated: changed bytes may come out as garbage."""

    def __init__(self, key: bytes, *, random: Random = os.urandom) -> None:
        self._key = AES(key)
        self._random = random

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < BLOCK:
            raise DecryptionError(TOO_SHORT)
        if len(data) % BLOCK:
            raise DecryptionError("the stored data is not a multiple of the block size")
        decryptor = Cipher(self._key, CBC(data[:BLOCK])).decryptor()
        padded = decryptor.update(data[BLOCK:]) + decryptor.finalize()
        padding = padded[-1] if padded else 0  # the reference panics on a vector with nothing behind it
        # More than a block is no PKCS#7 either; the reference takes it, and would cut good bytes off damaged ones.
        if not 0 < padding <= BLOCK:
            raise DecryptionError("invalid PKCS7 data (empty or not padded)")
        if padded[-padding:] != bytes([padding]) * padding:
            raise DecryptionError("invalid padding on input")
        return padded[:-padding], False

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        vector = self._random(BLOCK)
        padding = BLOCK - len(data) % BLOCK
        encryptor = Cipher(self._key, CBC(vector)).encryptor()
        return vector + encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()


class SecretboxTransformer:
    """nonce, tag, ciphertext (XSalsa20, Poly1305). The place is not authenticated, the content is.

    Raises ImportError without the extra `secretbox`.
    """

    NONCE: Final = 24
    TAG: Final = 16

    def __init__(self, key: bytes, *, random: Random = os.urandom) -> None:
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox

        self._box = SecretBox(key)
        self._failure = CryptoError
        self._random = random

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < self.NONCE + self.TAG:
            raise DecryptionError(TOO_SHORT)
        try:
            return bytes(self._box.decrypt(data)), False
        except self._failure:
            # The reference speaks of an output array that is not large enough, which it is.
            raise DecryptionError(UNAUTHENTIC) from None

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return bytes(self._box.encrypt(data, self._random(self.NONCE)))
