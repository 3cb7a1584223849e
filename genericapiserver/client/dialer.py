"""Connecting to a host that somebody else chose, without being led to where only this server can go.

Whoever may write a webhook configuration decides where this server sends requests. Names are therefore resolved here, each
address is looked at, and the connection is made to exactly that address, so that no second answer of the name server can
change it (DNS rebinding). What is refused:

- link-local addresses, behind which clouds keep the metadata and credentials of their machines, and multicast and
  unspecified addresses: always;
- loopback, where services listen that trust everybody on the machine: when a *name* leads there. A URL that says
  `localhost`, `127.0.0.1` or `::1` itself is honoured, as in the reference: who writes that means it, and development needs
  it.

The reference has no such guard; a webhook at a link-local address is the only thing that works there and not here.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import httpcore

from genericapiserver.client.addresses import Resolve, is_dialable, resolve

CheckCertificate: TypeAlias = Callable[[Mapping[str, typing.Any], str], None]
"""Given a certificate as ssl.SSLSocket.getpeercert shows it, and the name it has to be for. Raises OSError."""


class DialError(ConnectionError):
    """No connection; the text is that of Go's net package, `dial tcp 127.0.0.1:1: connect: connection refused`."""


class _CheckedStream(httpcore.AsyncNetworkStream):
    """A stream that looks at the certificate when TLS begins, and is itself no more after that."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, check: CheckCertificate) -> None:
        self._inner = inner
        self._check = check

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        tls: ssl.SSLObject = stream.get_extra_info("ssl_object")
        try:
            self._check(tls.getpeercert() or {}, server_hostname or "")
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def get_extra_info(self, info: str) -> typing.Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects for an httpcore pool by the rules above.

    *redirects* maps `host:port` of requests to where they are dialled instead, as a service resolver said: a program's
    own word, which counts like a URL's. *check_certificate* sees the certificate of every server that the context accepts,
    before anything is sent.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        redirects: dict[str, str] | None = None,
        check_certificate: CheckCertificate = lambda certificate, name: None,
    ) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._check_certificate = check_certificate
        self._resolve = resolve
        self._redirects = redirects if redirects is not None else {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[typing.Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises DialError with the address and the reason of the last attempt."""
        dialled = self._redirects.get(f"{host}:{port}")
        if dialled is not None:
            host, _, text = dialled.rpartition(":")
            host, port = host.strip("[]"), int(text)
        failure: DialError | None = None
        for address in await self._addresses(host, port):
            try:
                stream = await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (OSError, httpcore.ConnectError) as error:
                failure = DialError(f"dial tcp {_join(address, port)}: connect: {_reason(error)}")
            else:
                return _CheckedStream(stream, self._check_certificate)
        raise failure or DialError(f"dial tcp: lookup {host}: no such host")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[typing.Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise DialError(f"dial unix {path}: sockets of the file system are not dialled")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise DialError(f"dial tcp: lookup {host}: {_lookup_reason(error)}") from error
        allowed = [address for address in found if is_dialable(ipaddress.ip_address(address), host)]
        if found and not allowed:
            raise DialError(
                f"dial tcp {_join(found[0], port)}: this address is not dialled for {host}: "
                "it is one of this machine or its local network"
            )
        return allowed


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _reason(error: BaseException) -> str:
    """The operating system's word for the failure, which lies below what the libraries make of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def _lookup_reason(error: OSError) -> str:
    missing = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    if isinstance(error, socket.gaierror) and error.errno in missing:
        return "no such host"
    return str(error.strerror or error)
