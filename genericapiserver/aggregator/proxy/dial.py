"""Connecting to a server behind.

Whoever may write an APIService decides what this server connects to. What a name leads to is therefore looked at, and the
connection is made to exactly that address: never to a link-local one, and to this machine only where the address of the
service says so itself (`client.dialer` says why). The reference has no such guard.
"""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from genericapiserver.aggregator.proxy.connection import BackendError
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.client.addresses import Resolve, is_dialable, resolve

Dial: TypeAlias = Callable[[Endpoint], Awaitable[socket.socket]]
"""Gives a connected socket that does not block. Raises OSError."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds until there is a connection, and again until TLS is agreed on: a server that drops packets must not hold anybody
up for the minutes that TCP tries. Go's transports for this have 30 and 10."""


async def dial(endpoint: Endpoint, *, resolve: Resolve = resolve) -> socket.socket:
    """Connect to *endpoint*. Raises BackendError with the address and the reason of the last attempt."""
    try:
        addresses = await resolve(endpoint.host, endpoint.port)
    except OSError as error:
        raise BackendError(f"dial tcp: lookup {endpoint.host}: {_lookup_reason(error)}") from error
    failure = BackendError(f"dial tcp: lookup {endpoint.host}: no such host")
    for address in addresses:
        at = Endpoint(address, endpoint.port)
        if not is_dialable(ipaddress.ip_address(address), endpoint.host):
            text = "it is one of this machine or its local network"
            failure = BackendError(f"dial tcp {at}: this address is not dialled for {endpoint.host}: {text}")
            continue
        try:
            return await _connect(at)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            failure = BackendError(f"dial tcp {at}: connect: {reason}")
    raise failure


async def _connect(at: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (at.host, at.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _lookup_reason(error: OSError) -> str:
    missing = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    if isinstance(error, socket.gaierror) and error.errno in missing:
        return "no such host"
    return str(error.strerror or error)
