"""The listening socket, opened before anything is served: its port is known, and may fail, early."""

from __future__ import annotations

import contextlib
import socket

KEEPALIVE_PERIOD = 3 * 60
"""Seconds between TCP keep-alive probes, as in the reference; accepted sockets inherit it."""


def create_listener(
    host: str, port: int, *, reuse_port: bool = False, reuse_address: bool = True, backlog: int = 1024
) -> socket.socket:
    """A listening TCP socket on *host* (an IP address; "" is every address, IPv6 included where there is IPv6).

    Port 0 takes a free one: `getsockname()` tells which. *reuse_port* lets several processes share the port. Raises
    OSError when the address cannot be bound (Go pkg/server/options/serving.go CreateListener).
    """
    dual_stack = host in ("", "::") and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host or dual_stack else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse_address:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if dual_stack:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        keep_alive(listener)
        # Accepted sockets inherit it. asyncio would set it only for sockets that were made with their protocol's number,
        # and without it a response that follows the end of the handshake waits 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def keep_alive(listener: socket.socket) -> None:
    """Have connections accepted from *listener* probed every KEEPALIVE_PERIOD, where the system can do it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_TCP, option, KEEPALIVE_PERIOD)
