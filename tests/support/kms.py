"""A plugin of a key management service on a real unix socket, that does what a test tells it.

It reads and writes protobuf by hand, by the numbers of k8s.io/kms/apis/v2/api.proto, so that a wrong number on the other
side shows. Its own threads serve it: the loop under test may be busy, or in another process.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Fields = dict[int, list[bytes]]

ANNOTATION = "fake.kms.example"


def field(number: int, data: bytes) -> bytes:
    """One field of bytes, a string or a message; nothing for an empty one, as proto3 has it."""
    return bytes([number << 3 | 2]) + varint(len(data)) + data if data else b""


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def fields(data: bytes) -> Fields:
    """The fields of a message; numbers as their eight bytes."""
    found: Fields = {}
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        tag = number()
        if tag & 7 == 0:
            found.setdefault(tag >> 3, []).append(number().to_bytes(8, "big"))
        else:
            assert tag & 7 == 2, "no other type of field is used"
            size = number()
            found.setdefault(tag >> 3, []).append(data[place : place + size])
            place += size
    return found


def text(found: Fields, number: int) -> str:
    return found.get(number, [b""])[0].decode()


def data_of(found: Fields, number: int) -> bytes:
    return found.get(number, [b""])[0]


def mapping(found: Fields, number: int) -> dict[str, bytes]:
    """A map of strings to bytes."""
    entries = [fields(entry) for entry in found.get(number, [])]
    return {text(entry, 1): data_of(entry, 2) for entry in entries}


def encoded_map(number: int, values: Mapping[str, bytes]) -> bytes:
    return b"".join(field(number, field(1, name.encode()) + field(2, value)) for name, value in sorted(values.items()))


class FakeKMS:
    """The plugin at *path*; an `@name` is an abstract socket. Change its attributes at any time."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.key_id = "key-1"
        self.version = "v2"
        self.healthz = "ok"
        self.encrypts_as: str | None = None
        """The key that Encrypt names, if it is another one than that of Status."""
        self.annotations: dict[str, bytes] = {ANNOTATION: b"note"}
        self.failures: dict[str, tuple[grpc.StatusCode, str]] = {}
        """By method: what its calls end with."""
        self.answers: dict[str, bytes] = {}
        """By method: what it answers instead, well formed or not."""
        self.open: dict[str, threading.Event] = {}
        """By method: calls wait for it."""
        self.calls: Counter[str] = Counter()
        self.uids: list[str] = []
        self.lost: set[str] = set()
        """Keys that it cannot decrypt with any more."""
        self._keys: dict[str, bytes] = {}
        self._server: grpc.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"unix:///{self.path}" if str(self.path).startswith("@") else f"unix://{self.path}"

    def start(self) -> None:
        server = grpc.server(ThreadPoolExecutor(8))
        methods = {"Status": self._status, "Encrypt": self._encrypt, "Decrypt": self._decrypt}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._handler(name, method)) for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v2.KeyManagementService", handlers),))
        path = str(self.path)
        server.add_insecure_port(f"unix-abstract:{path[1:]}" if path.startswith("@") else f"unix:{path}")
        server.start()
        self._server = server

    def stop(self) -> None:
        """As a crash: the socket file goes, and calls that are under way end."""
        for gate in self.open.values():
            gate.set()
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None
        if not str(self.path).startswith("@"):
            Path(self.path).unlink(missing_ok=True)

    def key(self, key_id: str) -> AESGCM:
        return AESGCM(self._keys.setdefault(key_id, os.urandom(32)))

    def wrap(self, seed: bytes, key_id: str) -> bytes:
        """What Encrypt makes of *seed*."""
        nonce = os.urandom(12)
        return nonce + self.key(key_id).encrypt(nonce, seed, None)

    def _handler(self, name: str, method: Callable[[Fields], bytes]) -> Callable[[bytes, Any], bytes]:
        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls[name] += 1
            if (gate := self.open.get(name)) is not None:
                gate.wait(60)
            if (failure := self.failures.get(name)) is not None:
                context.abort(*failure)
            return self.answers[name] if name in self.answers else method(fields(request))

        return handle

    def _status(self, request: Fields) -> bytes:
        return field(1, self.version.encode()) + field(2, self.healthz.encode()) + field(3, self.key_id.encode())

    def _encrypt(self, request: Fields) -> bytes:
        self.uids.append(text(request, 2))
        key_id = self.encrypts_as or self.key_id
        sealed = self.wrap(data_of(request, 1), key_id)
        return field(1, sealed) + field(2, key_id.encode()) + encoded_map(3, self.annotations)

    def _decrypt(self, request: Fields) -> bytes:
        self.uids.append(text(request, 2))
        sealed, key_id = data_of(request, 1), text(request, 3)
        if key_id in self.lost:
            raise RuntimeError("the key is gone")
        assert mapping(request, 4) == self.annotations
        return field(1, self.key(key_id).decrypt(sealed[:12], sealed[12:], None))


@contextlib.contextmanager
def fake_kms(path: Path | str) -> Iterator[FakeKMS]:
    """A plugin that serves."""
    kms = FakeKMS(path)
    kms.start()
    try:
        yield kms
    finally:
        kms.stop()
