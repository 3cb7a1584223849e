"""Connections within one process: a server without a network, through every part of the connection layer.

A connection is a pair of connected sockets that no address leads to. They have the buffers, the flow control and the two
half-closes of any other, any client library can use its end, and the client may live in another thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading

from genericapiserver.connection.listener import BACKLOG, Accepted, Failed


class MemoryListener:
    """Accepts what `connect` connects. *secure* says whether the connections speak TLS, when the server does.

    *name* stands for it in logs. Connections made before the server starts wait for it, up to *backlog*.
    """

    def __init__(self, name: str = "memory", *, secure: bool = True, backlog: int = BACKLOG) -> None:
        self.secure = secure
        self._name = name
        self._backlog = backlog
        self._lock = threading.Lock()
        self._waiting: list[socket.socket] = []
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepted: Accepted

    @property
    def address(self) -> str:
        return f"memory:{self._name}"

    @property
    def closed(self) -> bool:
        """Whether nothing will be accepted any more."""
        return self._closed

    def start(self, loop: asyncio.AbstractEventLoop, accepted: Accepted, failed: Failed) -> None:
        with self._lock:
            if self._closed:
                raise OSError(f"{self.address} is closed")
            self._loop, self._accepted = loop, accepted
            waiting, self._waiting = self._waiting, []
        for connection in waiting:
            accepted(connection)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.close()

    def connect(self) -> socket.socket:
        """The client's end of a new connection, blocking like any new socket; from whatever thread.

        Raises ConnectionRefusedError when the server has stopped, or has not started and enough wait for it already.
        """
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with self._lock:
            refused = self._closed or (self._loop is None and len(self._waiting) >= self._backlog)
            if not refused and self._loop is not None:
                try:
                    self._loop.call_soon_threadsafe(self._take, theirs)
                except RuntimeError:  # the loop is closed
                    refused = True
            elif not refused:
                self._waiting.append(theirs)
        if refused:
            ours.close()
            theirs.close()
            raise ConnectionRefusedError(f"nobody listens on {self.address}")
        return ours

    async def open_connection(
        self, *, tls: ssl.SSLContext | None = None, server_hostname: str | None = None, limit: int = 2**16
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The same as a pair of streams, as `asyncio.open_connection` gives; *tls* is what to shake hands with."""
        ours = self.connect()
        try:
            ours.setblocking(False)
            return await asyncio.open_connection(sock=ours, ssl=tls, server_hostname=server_hostname, limit=limit)
        except BaseException:
            with contextlib.suppress(OSError):  # not closed: its number is the transport's until that one closes it
                ours.shutdown(socket.SHUT_RDWR)
            raise

    def _take(self, connection: socket.socket) -> None:
        if self._closed:
            connection.close()
        else:
            self._accepted(connection)
