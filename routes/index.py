"""The list of paths, at / and wherever nothing is found. Mirrors pkg/server/routes/index.go."""

import json
from collections.abc import Callable, Iterable
from typing import TypeAlias

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.mux import PathRecorderMux

ListedPaths: TypeAlias = Callable[[], Iterable[str]]
"""The paths of the moment; a delegation chain's are their union."""


def install_index(mux: PathRecorderMux, paths: ListedPaths) -> None:
    """Serve the list at / and /index.html, neither of which is in it."""
    page = _page(200, paths)
    mux.handle("/", page, listed=False)
    mux.handle("/index.html", page, listed=False)


def index_not_found(paths: ListedPaths) -> Handler:
    """The same list with status 404, for a mux without anything behind it."""
    return _page(404, paths)


def _page(status: int, paths: ListedPaths) -> Handler:
    async def index(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.dumps({"paths": sorted(set(paths()))}, indent=2).encode()
        await send_response(send, status, body, b"application/json")

    return index
