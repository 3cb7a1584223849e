"""Telling the service manager how the server is doing: READY=1, STOPPING=1, WATCHDOG=1 (sd_notify(3)).

The variables that name the socket and the watchdog are taken out of the environment when the notifier is made, as the
reference does with its READY=1, so that no child process speaks for the server. Whatever becomes of a message, the server
goes on: a manager that does not hear READY=1 ends the service by itself.
Source: github.com/coreos/go-systemd/daemon as pkg/server/genericapiserver.go of k8s.io/apiserver calls it.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

import attrs

logger = logging.getLogger(__name__)

SEND_TIMEOUT: Final = 1.0
"""Seconds that a message may wait for a manager whose queue is full: a READY=1 that is lost would fail the start."""


@attrs.frozen
class SystemdNotifier:
    """Speaks to the manager at *address*, a path or `@name` of the abstract namespace; to nobody when it is empty.

    *watchdog* is the seconds within which the manager wants to hear from the service; 0 for never. No method raises.
    """

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "SystemdNotifier":
        """Take NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of *environment*.

        A watchdog that is meant for another process, or that is no positive number, counts as none.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        process = environment.pop("WATCHDOG_PID", str(os.getpid()))
        if address and not address.startswith(("/", "@")):
            logger.warning("NOTIFY_SOCKET=%s is neither a path nor an abstract socket: nothing will be told", address)
            address = ""
        if microseconds and not (microseconds.isascii() and microseconds.isdigit()):
            logger.warning("WATCHDOG_USEC=%s is no number of microseconds: there will be no watchdog", microseconds)
            microseconds = ""
        wanted = address and process == str(os.getpid())
        return cls(address, int(microseconds or 0) / 1e6 if wanted else 0.0)

    def ready(self) -> None:
        """The server listens and its post-start hooks have been started."""
        self.tell("READY=1\n")

    def stopping(self) -> None:
        """The server has been told to stop and is about to drain."""
        self.tell("STOPPING=1\n")

    def reloading(self) -> None:
        """The service is about to begin anew what it serves with; `ready` says when it has."""
        self.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\n")

    def status(self, text: str) -> None:
        """One line about the server, for `systemctl status`."""
        self.tell(f"STATUS={' '.join(text.split())}\n")

    def tell(self, message: str) -> None:
        """Send *message*, lines of NAME=value; waits SEND_TIMEOUT seconds at most."""
        self._send(message, SEND_TIMEOUT)

    async def keep_alive(self) -> None:
        """Send WATCHDOG=1 twice in every interval of the watchdog, until cancelled; returns at once without one.

        It is sent from the event loop, so a loop that is stuck is a service that says nothing, and is restarted.
        """
        if self.watchdog <= 0:
            return
        while True:
            self._send("WATCHDOG=1\n", 0.0)
            await asyncio.sleep(self.watchdog / 2)

    def _send(self, message: str, timeout: float) -> None:
        if not self.address:
            return
        path = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
                manager.settimeout(timeout)
                manager.connect(path)
                manager.send(message.encode())
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            logger.warning("systemd was not told %s: %s", message.strip(), error)
