"""What tests ask of a server with several workers: its processes, and which of them has which connections."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.support.https_client import send
from tests.support.server_process import ServerProcess
from tests.support.standalone import Standalone

MOST_CONNECTIONS = 200


def workers_of(process: ServerProcess) -> set[int]:
    """The processes that the supervisor has started and that live: one that it has not asked for its status does not."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return set(filter(is_alive, map(int, children)))


def ready_workers(process: ServerProcess, number: int) -> set[int] | None:
    """The workers once there are *number* that serve; None until then."""
    workers = workers_of(process)
    said = re.findall(r"worker \d+ serves again, as process (\d+)", process.stderr)
    started = re.findall(r"worker \d+ is process (\d+)", process.stderr)
    serving = {int(pid) for pid in (*started[:number], *said)}
    return workers if len(workers) == number and workers <= serving else None


def is_alive(pid: int) -> bool:
    """False for a process that has ended, although nobody has asked for its status."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def owner(connection: socket.socket, workers: set[int]) -> int | None:
    """The worker that has accepted *connection*, a client's; None until one has."""
    ours, theirs = connection.getsockname()[1], connection.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
        if (local, remote) == (theirs, ours):
            inode = f"socket:[{fields[9]}]"
            return next((pid for pid in workers if inode in _descriptors(pid)), None)
    return None


def _descriptors(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


@contextlib.contextmanager
def connections(server: Standalone, workers: set[int]) -> Iterator[dict[int, http.client.HTTPSConnection]]:
    """A connection to each of *workers*, by its process."""
    found: dict[int, http.client.HTTPSConnection] = {}
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            connection = stack.enter_context(contextlib.closing(server.admin.connect()))
            send(connection, "GET", "/readyz", None, ())
            connection.getresponse().read()
            assert connection.sock is not None
            pid = owner(connection.sock, workers)
            if pid is not None and found.setdefault(pid, connection) is connection and len(found) == len(workers):
                break
        assert found.keys() == workers, f"after {MOST_CONNECTIONS} connections only {found.keys()} of {workers} had one"
        yield found
