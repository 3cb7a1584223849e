"""Serving inside of another ASGI application, below a prefix.

What is told of the prefix is ASGI's `root_path`. By the specification the path still has it; applications that cut it off
themselves are served as well. The scope of the application stays as it is: this server works on a copy.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

from genericapiserver.asgi import Receive, Scope, Send


def below_root_path(scope: Scope) -> Scope:
    """A copy of *scope* whose path begins below its root path, which stays in the scope for addresses in documents."""
    inner = dict(scope)
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        inner["path"] = path[len(root) :] or "/"
        inner["raw_path"] = _without(scope.get("raw_path"), quote(root).encode())
    return inner


def _without(raw_path: bytes | None, root: bytes) -> bytes | None:
    """None, which lets the path count instead, where the prefix is written in another way."""
    if raw_path is None or not (raw_path == root or raw_path.startswith(root + b"/")):
        return None
    return raw_path[len(root) :] or b"/"


async def serve_lifespan(running: Callable[[], AbstractAsyncContextManager[Any]], receive: Receive, send: Send) -> None:
    """Run from the startup of the process that serves us to its shutdown, for a server that is the whole application."""
    while (await receive())["type"] != "lifespan.startup":
        pass
    started = False
    try:
        async with running():
            started = True
            await send({"type": "lifespan.startup.complete"})
            while (await receive())["type"] != "lifespan.shutdown":
                pass
    except Exception as error:
        what = "shutdown" if started else "startup"
        await send({"type": f"lifespan.{what}.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})
