"""What proves a cluster to us and us to the cluster: files that are checked before they are believed."""

import ssl
from pathlib import Path
from typing import Any

import attrs
import grpc

from genericapiserver.storage.engine import EngineOpenError


@attrs.frozen
class TLSMaterial:
    """The contents of the files at one moment."""

    ca: bytes | None = attrs.field(repr=False)
    cert: bytes | None = attrs.field(repr=False)
    key: bytes | None = attrs.field(repr=False)

    def credentials(self) -> Any:
        """What gRPC makes secure channels of."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.cert)


@attrs.frozen(kw_only=True)
class TLSFiles:
    """Paths; empty: the system's authorities, no certificate of ours."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __bool__(self) -> bool:
        return bool(self.ca_file or self.cert_file or self.key_file)

    @property
    def paths(self) -> list[str]:
        return [path for path in (self.ca_file, self.cert_file, self.key_file) if path]

    def read(self) -> TLSMaterial:
        """Raises EngineOpenError for a file that cannot be read, that has no counterpart, or that does not fit to it."""
        if bool(self.cert_file) != bool(self.key_file):
            missing = "a key" if self.cert_file else "a certificate"
            raise EngineOpenError(
                self.cert_file or self.key_file, f"there is no {missing[2:]} to it", f"Give {missing}, too, or neither"
            )
        material = TLSMaterial(_read(self.ca_file), _read(self.cert_file), _read(self.key_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except (ssl.SSLError, OSError) as error:
                raise EngineOpenError(
                    self.cert_file, f"it cannot be used with {self.key_file}: {error}", "Give a certificate and its key"
                ) from error
        if material.ca is not None:
            try:
                context.load_verify_locations(cadata=material.ca.decode("ascii", "replace"))
            except ssl.SSLError as error:
                raise EngineOpenError(
                    self.ca_file, f"there is no certificate of an authority in it: {error}", "Give one in PEM"
                ) from error
        return material


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise EngineOpenError(
            path, f"{error.strerror}", "It was named as a TLS file for etcd; check path and permissions"
        ) from error
    if b"-----BEGIN" not in data:
        raise EngineOpenError(path, "there is no PEM block in it", "It was named as a TLS file for etcd")
    return data
