"""Serving certificates with their keys, as objects whose content may change (Go .../dynamiccertificates/*serving*.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from genericapiserver.certificates.changes import Listener, Listeners, LoadState
from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.pem import parse_pair, quote, read_content
from genericapiserver.connection.tls import ServingCertificate, TLSContexts


class CertKeyContentProvider(Protocol):
    """A certificate and its key under a name for logs and errors."""

    @property
    def name(self) -> str: ...

    def current_cert_key(self) -> ServingCertificate: ...

    def add_listener(self, listener: Listener) -> None:
        """Have *listener* called after every change."""


class StaticCertKeyContent:
    """A pair that never changes. Raises CertificateError when certificate and key do not fit together."""

    def __init__(self, name: str, certificate_pem: bytes, private_key_pem: bytes) -> None:
        self.name = name
        self._pair = checked_pair(name, certificate_pem, private_key_pem)

    def current_cert_key(self) -> ServingCertificate:
        return self._pair

    def add_listener(self, listener: Listener) -> None:
        """Nothing: there are no changes to tell of."""


class DynamicCertKeyContent:
    """A pair that is replaced while the server runs; one that does not fit never takes the place of one that does."""

    def __init__(
        self,
        name: str,
        certificate_pem: bytes,
        private_key_pem: bytes,
        *,
        read: Callable[[], tuple[bytes, bytes]] | None = None,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.name = name
        self.files = files
        self.state = LoadState()
        self._pair = checked_pair(name, certificate_pem, private_key_pem)
        self.state.loaded()
        self._read = read
        self._listeners = Listeners()

    @classmethod
    def from_files(cls, purpose: str, certificate: Path | str, key: Path | str) -> DynamicCertKeyContent:
        """The pair in two files, read now. Raises OSError, and CertificateError for bad content."""
        if not str(certificate) or not str(key):
            raise CertificateError("missing filename for serving cert")
        certificate_path, key_path = Path(certificate), Path(key)

        def read() -> tuple[bytes, bytes]:
            return read_content(certificate_path, again=True), read_content(key_path, again=True)

        pair = read_content(certificate_path), read_content(key_path)

        files = (certificate_path, key_path)
        return cls(f"{purpose}::{certificate_path}::{key_path}", *pair, read=read, files=files)

    def current_cert_key(self) -> ServingCertificate:
        return self._pair

    def add_listener(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def replace(self, certificate_pem: bytes, private_key_pem: bytes) -> bool:
        """Serve this pair from now on; true if it differs. Raises CertificateError and keeps the old one if it is bad."""
        with self.state.reading():
            return self._take(certificate_pem, private_key_pem)

    def reload(self) -> bool:
        """Read the files again, if there are any; true if they differ. Raises like `from_files`, keeps the old pair."""
        if self._read is None:
            return False
        with self.state.reading():
            return self._take(*self._read())

    def _take(self, certificate_pem: bytes, private_key_pem: bytes) -> bool:
        pair = ServingCertificate(certificate_pem=certificate_pem, private_key_pem=private_key_pem)
        if pair == self._pair:
            return False
        self._pair = checked_pair(self.name, certificate_pem, private_key_pem)
        self.state.loaded()
        self._listeners.notify()
        return True


class SNICertKeyContent:
    """A pair for clients that ask for one of *names*; without names, for those of the certificate itself."""

    def __init__(self, content: CertKeyContentProvider, names: Sequence[str] = ()) -> None:
        self.content = content
        self.sni_names = tuple(names)

    @property
    def name(self) -> str:
        return self.content.name

    def current_cert_key(self) -> ServingCertificate:
        return self.content.current_cert_key()

    def add_listener(self, listener: Listener) -> None:
        self.content.add_listener(listener)


def checked_pair(name: str, certificate_pem: bytes, private_key_pem: bytes) -> ServingCertificate:
    """The pair, if certificate and key fit together and TLS can use them; raises CertificateError if not."""
    if not certificate_pem or not private_key_pem:
        raise CertificateError(f"missing content for serving cert {quote(name)}")
    pair = ServingCertificate(certificate_pem=certificate_pem, private_key_pem=private_key_pem)
    try:
        parse_pair(certificate_pem, private_key_pem)
        # OpenSSL does not serve all that can be read, an RSA key of 1024 bits for one. Known of the pair alone, that does
        # not keep the other pairs of a server from being replaced.
        TLSContexts([pair])
    except ValueError as error:
        raise CertificateError(str(error)) from error
    return pair
