"""The process that `--workers` above 1 starts with: it binds what is to be listened on, and supervises the workers."""

import asyncio
import contextlib
import os
import socket

from genericapiserver.config import ConfigError
from genericapiserver.connection import Listener, SocketListener
from genericapiserver.connection.inherited import PLAIN
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.systemd import SystemdNotifier
from genericapiserver.workers import Supervisor
from genericapiserver.workers.process import SharedListener

SECURE = "https"


async def supervise(options: RecommendedOptions) -> int:
    """Serve with as many workers as *options* ask for; the exit status. Raises ConfigError."""
    workers, serving = options.workers, options.secure_serving
    assert workers is not None
    systemd = SystemdNotifier.from_environment(os.environ)
    listeners = serving.open() if serving is not None and serving.serves else []
    try:
        supervisor = Supervisor(
            workers.workers,
            [SharedListener(_socket(each), SECURE if each.secure else PLAIN) for each in listeners],
            on_ready=systemd.ready,
            on_reload=systemd.reloading,
            on_stop=systemd.stopping,
        )
        watchdog = asyncio.create_task(systemd.keep_alive())
        try:
            return await supervisor.run()
        finally:
            watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watchdog
    finally:
        if serving is not None:
            serving.close()


def _socket(listener: Listener) -> socket.socket:
    if not isinstance(listener, SocketListener):
        raise ConfigError(f"{listener.address} cannot be served by several workers: use --workers=1")
    return listener.socket
