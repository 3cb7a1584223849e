"""Addresses of hosts: what a name resolves to, and which of them may be dialled for somebody else (dialer.py says why)."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to addresses, in order of preference. Raises OSError."""

LOCALHOST: Final = "localhost"


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of *host* by the system's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_dialable(address: IPAddress, host: str) -> bool:
    """Whether *address*, to which *host* leads, may be dialled."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return not address.is_loopback or names_loopback(host)


def names_loopback(host: str) -> bool:
    """Whether *host* says by itself that it is this machine."""
    if host.lower() == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
