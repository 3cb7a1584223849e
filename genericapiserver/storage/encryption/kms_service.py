"""A key management service, as this server sees it; `kms_client` talks to one.

Source: k8s.io/kms/pkg/service of Kubernetes.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs


class KMSCallError(Exception):
    """A call has failed. *code* is gRPC's, by Go's name for it; the text is the one that Go has for such an error."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {details}")
        self.code = code


@attrs.frozen
class KMSStatus:
    """What a service says of itself: its version, `ok` or what is wrong, and the key that it encrypts with."""

    version: str
    healthz: str
    key_id: str


@attrs.frozen
class KMSEncrypted:
    """What a service has made of bytes, and with which key."""

    ciphertext: bytes
    key_id: str
    annotations: Mapping[str, bytes]


class KMSService(Protocol):
    """All calls raise KMSCallError, in time."""

    async def status(self) -> KMSStatus: ...

    async def encrypt(self, plaintext: bytes, *, uid: str) -> KMSEncrypted: ...

    async def decrypt(self, ciphertext: bytes, *, uid: str, key_id: str, annotations: Mapping[str, bytes]) -> bytes: ...

    async def aclose(self) -> None:
        """End the calls that are under way, with an error, and the connection. Idempotent."""
