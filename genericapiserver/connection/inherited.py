"""Sockets that another process has opened for this one: socket activation as systemd does it (sd_listen_fds(3)).

`LISTEN_FDS` is how many there are, from descriptor 3 on; `LISTEN_PID` whom they are for; `LISTEN_FDNAMES` what they are
called, separated by colons. `LISTEN_PID` may be missing, for parents that cannot know the number of a process that they
have not started; systemd always sets it.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping, MutableMapping
from typing import Final

from genericapiserver.connection.listener import ListenerError, SocketListener

FIRST: Final = 3
PLAIN: Final = "plain"
"""The name of descriptors that are served without TLS; only unix sockets may have it."""

_MOST: Final = 128


def are_inherited(environ: Mapping[str, str]) -> bool:
    """Whether *environ* tells of sockets for this process."""
    return "LISTEN_FDS" in environ and environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid())


def inherited_listeners(environ: MutableMapping[str, str], *, first: int = FIRST) -> list[SocketListener]:
    """The sockets that *environ* tells of, none when it tells of none or they are for another process.

    The variables are removed, so that processes started from here do not take the sockets for theirs. Raises
    ListenerError for variables or descriptors that make no sense; the descriptors stay open then.
    """
    ours = are_inherited(environ)
    count, _, names = (environ.pop(name, None) for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"))
    if count is None or not ours:
        return []
    if not count.isascii() or not count.isdigit() or not 0 < int(count) <= _MOST:
        raise ListenerError(
            f'LISTEN_FDS is "{count}": it must be the number of sockets that are passed, 1 to {_MOST}; start this '
            "process by a socket unit, or unset the variable"
        )
    called = names.split(":") if names else []
    if names is not None and len(called) != int(count):
        raise ListenerError(f'LISTEN_FDNAMES is "{names}": there must be a name for each of the {count} of LISTEN_FDS')
    listeners: list[SocketListener] = []
    try:
        listeners.extend(_listener(first + index, called[index] if called else "") for index in range(int(count)))
    except ListenerError:
        for listener in listeners:
            listener.socket.detach()
        raise
    return listeners


def _listener(descriptor: int, name: str) -> SocketListener:
    what = f'file descriptor {descriptor} ("{name}")' if name else f"file descriptor {descriptor}"
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise ListenerError(f"LISTEN_FDS: {what} is no socket; pass sockets that listen, and count them right")
        listening = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenerError(f"LISTEN_FDS: {what} is not open; pass it on, or count right") from error
    problem = _problem(listening, name)
    if problem:
        listening.detach()
        raise ListenerError(f"LISTEN_FDS: {what} {problem}")
    os.set_inheritable(descriptor, False)
    listening.setblocking(False)
    return SocketListener(listening, secure=name != PLAIN, at_once=1)


def _problem(listening: socket.socket, name: str) -> str:
    if listening.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "is neither a TCP nor a unix socket"
    if listening.type != socket.SOCK_STREAM or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "is a socket that does not listen; use ListenStream= and Accept=no in its socket unit"
    if name == PLAIN and listening.family != socket.AF_UNIX:
        return "is to be served without TLS, which only a unix socket may be; give it another name"
    return ""
