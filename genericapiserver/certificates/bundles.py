"""CA bundles: whom to trust, as objects whose content may change (Go pkg/server/dynamiccertificates/*ca*.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from genericapiserver.certificates.changes import Listener, Listeners, LoadState
from genericapiserver.certificates.errors import CertificateError
from genericapiserver.certificates.pem import parse_certificates, quote, read_content


@runtime_checkable
class CAContentProvider(Protocol):
    """A bundle of trusted roots under a name for logs and errors."""

    @property
    def name(self) -> str: ...

    def current_ca_bundle(self) -> bytes | None:
        """PEM, at least one certificate; None while there is nothing to trust."""

    def add_listener(self, listener: Listener) -> None:
        """Have *listener* called after every change."""


class StaticCAContent:
    """A bundle that never changes. Raises CertificateError when it has no certificate or a broken one."""

    def __init__(self, name: str, bundle: bytes) -> None:
        check_bundle(name, bundle)
        self.name = name
        self._bundle = bundle

    def current_ca_bundle(self) -> bytes | None:
        return self._bundle

    def add_listener(self, listener: Listener) -> None:
        """Nothing: there are no changes to tell of."""


class DynamicCAContent:
    """A bundle that is replaced while the server runs; what is broken never takes the place of what works.

    Without *bundle* it starts empty and trusts nobody, until `replace` gives it one.
    """

    def __init__(
        self,
        name: str,
        bundle: bytes | None = None,
        *,
        read: Callable[[], bytes] | None = None,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.name = name
        self.files = files
        self.state = LoadState()
        if bundle is not None:
            check_bundle(name, bundle)
            self.state.loaded()
        self._bundle = bundle
        self._read = read
        self._listeners = Listeners()

    @classmethod
    def from_file(cls, purpose: str, path: Path | str) -> DynamicCAContent:
        """The bundle in a file, read now. Raises OSError, and CertificateError for bad content."""
        if not str(path):
            raise CertificateError("missing filename for ca bundle")
        path = Path(path)

        def read() -> bytes:
            return read_content(path, again=True)

        return cls(f"{purpose}::{path}", read_content(path), read=read, files=(path,))

    def current_ca_bundle(self) -> bytes | None:
        return self._bundle

    def add_listener(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def replace(self, bundle: bytes) -> bool:
        """Trust *bundle* from now on; true if it differs. Raises CertificateError and keeps the old one if it is bad."""
        with self.state.reading():
            return self._take(bundle)

    def reload(self) -> bool:
        """Read the file again, if there is one; true if it differs. Raises like `from_file` and keeps the old content."""
        if self._read is None:
            return False
        with self.state.reading():
            return self._take(self._read())

    def _take(self, bundle: bytes) -> bool:
        if bundle == self._bundle:
            return False
        check_bundle(self.name, bundle)
        self._bundle = bundle
        self.state.loaded()
        self._listeners.notify()
        return True


class UnionCAContent:
    """Several bundles as one, which is what clients are asked for; authenticators keep to their own member."""

    def __init__(self, *providers: CAContentProvider) -> None:
        self._providers = providers

    @property
    def name(self) -> str:
        return ",".join(provider.name for provider in self._providers)

    def members(self) -> Iterator[CAContentProvider]:
        """The providers, those inside other unions too."""
        for provider in self._providers:
            if isinstance(provider, UnionCAContent):
                yield from provider.members()
            else:
                yield provider

    def current_ca_bundle(self) -> bytes | None:
        bundles = [provider.current_ca_bundle() for provider in self._providers]
        return b"\n".join(bundle.strip() for bundle in bundles if bundle) or None

    def add_listener(self, listener: Listener) -> None:
        for provider in self._providers:
            provider.add_listener(listener)


def check_bundle(name: str, bundle: bytes) -> None:
    """Raise CertificateError unless *bundle* has certificates and all of them can be read."""
    if not bundle:
        raise CertificateError(f"missing content for CA bundle {quote(name)}")
    try:
        parse_certificates(bundle)
    except ValueError as error:
        raise CertificateError(f"error loading CA bundle for {quote(name)}: {error}") from error
