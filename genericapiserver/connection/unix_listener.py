"""Unix sockets: a path in the file system, whose permissions decide who may connect."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from genericapiserver.connection.listener import BACKLOG, ListenerError, SocketListener

OWNER_ONLY: Final = 0o600


def create_unix_listener(path: str | Path, *, mode: int = OWNER_ONLY, secure: bool = True) -> SocketListener:
    """Listen on a unix socket at *path*, which is removed when the listener is closed.

    Nobody but its owner can connect before it has the permissions *mode*. A socket that an earlier process left behind is
    replaced; one that somebody listens on, or a file of another kind, is not: ListenerError. *secure* says whether
    connections speak TLS; without it their peers have no certificate and prove who they are with tokens only.
    """
    place = Path(path)
    try:
        return _listen(place, mode, secure)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            problem = f"the folder {place.parent} does not exist; make it"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem = f"{(error.strerror or str(error)).lower()}; choose a folder that this user may write"
        elif error.strerror is None:  # Python's own check: a socket's path has little room
            problem = f"{error}; choose a path of at most 107 bytes"
        else:
            problem = error.strerror.lower()
        raise ListenerError(f"failed to listen on unix:{place}: {problem}") from error


def _listen(place: Path, mode: int, secure: bool) -> SocketListener:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(place)
        # Linux makes the file with the permissions of the socket's own inode, so it is never open to others, not even
        # between these calls; changing the umask would change it for all threads.
        os.fchmod(listening.fileno(), OWNER_ONLY)
        listening.bind(str(place))
        made = place.lstat()
        try:
            place.chmod(mode)
            listening.listen(BACKLOG)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return SocketListener(listening, secure=secure, on_close=lambda: _remove(place, made))


def remove_stale(place: Path) -> None:
    """Remove a socket at *place* that nobody listens on. Raises ListenerError for anything else there, or OSError."""
    try:
        kind = place.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ListenerError(
            f"failed to listen on unix:{place}: there is a file that is no socket; remove it or choose another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # one whose backlog is full would have us wait
        try:
            probe.connect(str(place))
        except ConnectionRefusedError:
            place.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass
    raise ListenerError(
        f"failed to listen on unix:{place}: another process listens there; stop it or choose another path"
    )


def _remove(place: Path, made: os.stat_result) -> None:
    """Remove the socket, unless a successor has put its own there."""
    with contextlib.suppress(OSError):
        if os.path.samestat(place.lstat(), made):
            place.unlink()
