"""Where connections come from: a network, or memory. Whoever provides them provides both ends.

Source: pkg/server/apiserver/conn.go of tilt-apiserver, whose two ways to dial are `dial` for threads and `dial_context` for
asyncio.
"""

import asyncio
import socket
from typing import Protocol

from genericapiserver.connection import Listener, MemoryListener, SocketListener
from genericapiserver.connection.listener import Network, joined
from genericapiserver.options.listen import listen_tcp


class ConnProvider(Protocol):
    """Both ends of connections. *network* is as in Go's net package (`tcp`, `tcp4`), *address* is `host:port`."""

    def listen(self, network: str, address: str) -> Listener | socket.socket:
        """What the server accepts connections from; called once for each server. Raises OSError."""

    def dial(self, network: str, address: str) -> socket.socket:
        """The client's end of a new connection, blocking. Raises OSError."""

    async def dial_context(self, network: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The same for asyncio. Raises OSError."""


class MemoryConnProvider:
    """Connections within this process, which no address and no other process leads to.

    One server at a time listens; clients that come before it wait for it.
    """

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self._listener = MemoryListener(name)
        self._taken = False

    def listen(self, network: str = "tcp", address: str = "") -> MemoryListener:
        """Raises OSError while there is a server already."""
        if self._taken and not self._listener.closed:
            raise OSError(f"{self._listener.address} is being served already")
        if self._taken:
            self._listener = MemoryListener(self.name)
        self._taken = True
        return self._listener

    def dial(self, network: str = "tcp", address: str = "") -> socket.socket:
        return self._listener.connect()

    async def dial_context(
        self, network: str = "tcp", address: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._listener.open_connection()


class TCPConnProvider:
    """Connections over the network of this machine, as without a provider."""

    def listen(self, network: str, address: str) -> SocketListener:
        host, port = _split(address)
        return SocketListener(listen_tcp(host, port, network=_network(network)))

    def dial(self, network: str, address: str) -> socket.socket:
        host, port = _split(address)
        failure: OSError | None = None
        for family, kind, protocol, _, where in socket.getaddrinfo(host, port, _family(network), socket.SOCK_STREAM):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.connect(where)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure or OSError(f"{address} leads nowhere")

    async def dial_context(self, network: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = _split(address)
        return await asyncio.open_connection(host, port, family=_family(network))


class NetworkConnProvider:
    """*provider*, always asked for connections of *network*, whatever is asked for here."""

    def __init__(self, provider: ConnProvider, network: str) -> None:
        self.provider = provider
        self.network = network

    def listen(self, network: str, address: str) -> Listener | socket.socket:
        return self.provider.listen(self.network, address)

    def dial(self, network: str, address: str) -> socket.socket:
        return self.provider.dial(self.network, address)

    async def dial_context(self, network: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self.provider.dial_context(self.network, address)


class Dialer:
    """Connections of *provider* to one address, for an httpx client (`client.memory.MemoryTransport`)."""

    def __init__(self, provider: ConnProvider, host: str, port: int) -> None:
        self._provider = provider
        self._address = joined(host, port)

    async def open_connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._provider.dial_context("tcp", self._address)


def _split(address: str) -> tuple[str, int]:
    """Raises OSError for what is no `host:port`."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        raise OSError(f"an address is host:port, not {address!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _network(network: str) -> Network:
    match network:
        case "tcp" | "tcp4" | "tcp6":
            return network
    raise OSError(f"unknown network {network}: tcp, tcp4 and tcp6 are known")


def _family(network: str) -> socket.AddressFamily:
    families = {"tcp": socket.AF_UNSPEC, "tcp4": socket.AF_INET, "tcp6": socket.AF_INET6}
    return families[_network(network)]
