"""What a server listens on: TCP sockets here; unix sockets, inherited ones and connections in memory beside it.

A socket is bound and listens before anything is served: its port is known, and may fail, early. A listener hands every
connection it accepts to the server as a connected socket; where it came from makes no difference from there on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable
from typing import Final, Literal, Protocol

LOGGER = logging.getLogger(__name__)

KEEPALIVE_PERIOD = 3 * 60
"""Seconds between TCP keep-alive probes, as in the reference; accepted sockets inherit it."""
BACKLOG: Final = 1024
RETRY_DELAY: Final = 0.25
"""Seconds until the next try when the process or the system has no descriptor or memory left for a connection."""

AT_ONCE: Final = 32
"""Connections accepted in one turn of the loop; the others wait in the backlog, where another process may take them."""
_RESERVE: Final = 8
"""One of so many descriptors is kept from connections: whoever opens connections and leaves them must not keep the server
from its files, storage first."""
_MOST_RESERVED: Final = 64
_NO_IPV6: Final = frozenset([errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
_ANY: Final = frozenset(["", "::", "0.0.0.0"])  # noqa: S104  what users write for "every address"
_MAPPED: Final = "::ffff:"

Network = Literal["tcp", "tcp4", "tcp6"]
_NETWORKS: Final = {socket.AF_INET: "tcp4", socket.AF_INET6: "tcp6"}

_OVER: Final = frozenset([errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP])
"""The socket does not listen any more: somebody has closed it or shut it down, and no time will mend it."""

Accepted = Callable[[socket.socket], None]
"""Takes over a connected, non-blocking socket."""
Failed = Callable[[OSError], None]
"""Is told why nothing will be accepted any more."""


class ListenerError(Exception):
    """There is nothing to listen on where something was asked for; the text says where, and what to do."""


class Listener(Protocol):
    """One source of connections, used by one server once."""

    secure: bool
    """Whether its connections speak TLS, when the server does."""

    @property
    def address(self) -> str:
        """Where it listens, for people."""

    def start(self, loop: asyncio.AbstractEventLoop, accepted: Accepted, failed: Failed) -> None:
        """Call *accepted* on *loop* for every connection from now on, and *failed* should it come to an end by itself."""

    def close(self) -> None:
        """Take no connection any more and leave nothing behind; idempotent."""


class SocketListener:
    """A socket that listens. *on_close* is called once, after it is closed. *at_once* connections are accepted in one turn
    of the loop; 1 is for a socket that other processes serve, too, who would go without in a burst."""

    def __init__(
        self,
        listening: socket.socket,
        *,
        secure: bool = True,
        on_close: Callable[[], None] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self.socket = listening
        self.secure = secure
        self._on_close = on_close
        self._at_once = at_once
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepted: Accepted
        self._failed: Failed
        self._retry: asyncio.TimerHandle | None = None
        self._exhausted = False
        self._address = joined_address(listening)

    @property
    def address(self) -> str:
        return self._address

    def start(self, loop: asyncio.AbstractEventLoop, accepted: Accepted, failed: Failed) -> None:
        self.socket.listen(BACKLOG)  # one that is handed in may be bound only; and one that is closed says so here
        self.socket.setblocking(False)
        if self.socket.family != socket.AF_UNIX:
            tune(self.socket)
        self._loop = loop
        self._accepted = accepted
        self._failed = failed
        loop.add_reader(self.socket.fileno(), self._accept)

    def close(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._loop is not None:
            if self.socket.fileno() >= 0:
                self._loop.remove_reader(self.socket.fileno())
            self._loop = None
        self.socket.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def _accept(self) -> None:
        last = _last_for_connections()
        for _ in range(self._at_once):
            try:
                connection, _ = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                self._all_accepted()
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._could_not_accept(error)
                return
            connection.setblocking(False)
            self._accepted(connection)
            if connection.fileno() >= last:  # the system gives out the lowest that is free
                self._could_not_accept(OSError(errno.EMFILE, "Too many open files"))
                return

    def _all_accepted(self) -> None:
        """Nobody waits, or another process that shares the socket was quicker."""
        if self._exhausted:
            self._exhausted = False
            LOGGER.info("accepting connections on %s again", self._address)

    def _could_not_accept(self, error: OSError) -> None:
        """Try again in a moment, and say so once until all that wait are accepted."""
        assert self._loop is not None
        if error.errno in _OVER:
            self.close()
            self._failed(error)
            return
        if not self._exhausted:
            self._exhausted = True
            hint = ": raise the limit of open files" if error.errno in (errno.EMFILE, errno.ENFILE) else ""
            LOGGER.error(
                "cannot accept connections on %s, they wait: %s%s", self._address, error.strerror or error, hint
            )
        self._loop.remove_reader(self.socket.fileno())  # the socket stays readable
        self._retry = self._loop.call_later(RETRY_DELAY, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        if self._loop is None:
            return
        if _is_descriptor_left(self.socket):
            self._loop.add_reader(self.socket.fileno(), self._accept)
            self._accept()
        else:
            self._retry = self._loop.call_later(RETRY_DELAY, self._try_again)


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it may: each connection is one. Go's runtime does the same at its start.

    Shells and service managers set the soft limit to 1024 for programs that use select(2), which this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS has a limit of its own below an infinite one
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _last_for_connections() -> float:
    """The descriptor from which on the rest is kept for files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if limit == resource.RLIM_INFINITY else limit - 1 - min(limit // _RESERVE, _MOST_RESERVED)


def _is_descriptor_left(listening: socket.socket) -> bool:
    """Whether the next connection would not take one of those kept for files."""
    try:
        descriptor = os.dup(listening.fileno())
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)  # another one is for accept to tell
    os.close(descriptor)
    return descriptor < _last_for_connections()


def as_listener(listening: socket.socket | Listener, *, at_once: int = AT_ONCE) -> Listener:
    """*listening* itself, or a listener with TLS for a plain socket, which accepts *at_once* connections in a turn."""
    return SocketListener(listening, at_once=at_once) if isinstance(listening, socket.socket) else listening


def create_listener(
    host: str,
    port: int,
    *,
    network: Network = "tcp",
    reuse_port: bool = False,
    reuse_address: bool = True,
    backlog: int = BACKLOG,
) -> socket.socket:
    """A listening TCP socket on *host*, an IP address.

    `0.0.0.0`, `::` and "" are every address, of IPv6 and of IPv4, where the machine has both, as in Go: the socket's own
    address is `::` then. Port 0 takes a free one: `getsockname()` tells which. *reuse_port* lets several processes share
    the port. *network* is `tcp4` or `tcp6` for one family only. Raises OSError when the address cannot be bound (Go
    pkg/server/options/serving.go CreateListener).
    """
    if network == "tcp" and host in _ANY and socket.has_dualstack_ipv6():
        try:
            return _bound(socket.AF_INET6, "::", port, backlog, reuse_port, reuse_address, dual_stack=True)
        except OSError as error:
            if error.errno not in _NO_IPV6 or host == "::":
                raise
    if network == "tcp6" and host in _ANY:
        host = "::"
    if network == "tcp4" and host in _ANY:
        host = "0.0.0.0"  # noqa: S104
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if network != "tcp" and network != _NETWORKS[family]:
        raise OSError(errno.EAFNOSUPPORT, f"address {host} is none of {network}")
    return _bound(family, host, port, backlog, reuse_port, reuse_address)


def _bound(
    family: socket.AddressFamily,
    host: str,
    port: int,
    backlog: int,
    reuse_port: bool,
    reuse_address: bool,
    *,
    dual_stack: bool = False,
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse_address:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        tune(listener)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def tune(listener: socket.socket) -> None:
    """Settings of a TCP socket that the connections accepted from it inherit."""
    keep_alive(listener)
    # asyncio would set it only for sockets that were made with their protocol's number, and without it a response that
    # follows the end of the handshake waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def keep_alive(listener: socket.socket) -> None:
    """Have connections accepted from *listener* probed every KEEPALIVE_PERIOD, where the system can do it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_TCP, option, KEEPALIVE_PERIOD)


def ip_address(host: str) -> str:
    """*host*, an IPv4 address without the prefix that sockets of both families give it (`::ffff:10.0.0.1`)."""
    return host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host


def peer_address(connection: socket.socket) -> str:
    """The IP address at the other end; empty on a unix socket, in memory, and when it has gone already."""
    try:
        name = connection.getpeername()
    except OSError:
        return ""
    return ip_address(name[0]) if isinstance(name, tuple) else ""


def joined_address(listening: socket.socket) -> str:
    """`host:port` or `unix:path` of a bound socket."""
    name = listening.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name.decode(errors='replace') if isinstance(name, bytes) else name}"
    return joined(ip_address(name[0]), name[1])


def joined(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
