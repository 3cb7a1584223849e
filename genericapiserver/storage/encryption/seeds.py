"""The cipher behind a seed: a key of its own for every value, so that one seed may write as many as it likes.

Stored are 32 random bytes, and what AES-GCM makes with the key that HKDF-Expand (SHA-256) derives from the seed and those
bytes. Source: pkg/storage/value/encrypt/aes/aes_extended_nonce.go of k8s.io/apiserver, which keeps derived keys for a while;
deriving one again takes less time here than looking it up would save.
"""

import os
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from genericapiserver.storage.encryption.ciphers import TOO_SHORT, AESGCMTransformer, DecryptionError, Random

SEED_SIZE: Final = 32
INFO_SIZE: Final = 32
KEY_SIZE: Final = 32


class SeedTransformer:
    """info, nonce, ciphertext, tag; bound to the place that they are stored at. Raises DecryptionError for a short seed."""

    def __init__(self, seed: bytes, *, random: Random = os.urandom) -> None:
        if len(seed) < SEED_SIZE:
            raise DecryptionError(f"invalid seed length {len(seed)} used for key generation")
        self.seed: Final = seed
        self._random = random

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < INFO_SIZE:
            raise DecryptionError(TOO_SHORT)
        return self._cipher(data[:INFO_SIZE]).from_storage(data[INFO_SIZE:], context)

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        info = self._random(INFO_SIZE)
        return info + self._cipher(info).to_storage(data, context)

    def _cipher(self, info: bytes) -> AESGCMTransformer:
        return AESGCMTransformer(HKDFExpand(SHA256(), KEY_SIZE, info).derive(self.seed), random=self._random)
