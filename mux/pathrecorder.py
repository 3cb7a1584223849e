"""A mux that knows the paths it serves, so that they can be listed. Mirrors pkg/server/mux/pathrecorder.go.

    exact path  ->  the prefix with the most slashes, of these the longest  ->  the not-found handler

Paths are compared as they come: no cleaning, no redirect, no case folding, and any method.
"""

import itertools
import logging
import sys
import traceback
from collections.abc import Awaitable
from typing import Final

from genericapiserver.apimachinery.go import quote
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_plain_error

logger = logging.getLogger(__name__)

_SHOWN_CALLERS: Final = 6


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The plain 404 of Go's net/http."""
    await send_plain_error(send, 404, "404 page not found")


class PathRecorderMux:
    """Sends a request to the handler of its path. An ASGI application; may be changed while it serves.

    Registering a path again is a mistake: it is logged with both places, and the new handler replaces the old one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.not_found_handler: Handler = not_found
        self._exact: dict[str, Handler] = {}
        self._prefixes: dict[str, Handler] = {}
        self._ordered_prefixes: tuple[tuple[str, Handler], ...] = ()
        self._listed: list[str] = []
        self._registered_at: dict[str, traceback.StackSummary] = {}

    @property
    def listed_paths(self) -> list[str]:
        """The paths that the index shows, sorted."""
        return sorted(self._listed)

    def handle(self, path: str, handler: Handler, *, listed: bool = True) -> None:
        """Serve exactly *path*."""
        self._record(path, listed)
        self._exact[path] = handler

    def handle_prefix(self, prefix: str, handler: Handler, *, listed: bool = True) -> None:
        """Serve every path that starts with *prefix*. Raises ValueError when it does not end in a slash."""
        if not prefix.endswith("/"):
            raise ValueError(f"{quote(prefix)} must end in a trailing slash")
        self._record(prefix, listed)
        self._prefixes[prefix] = handler
        self._order_prefixes()

    def unregister(self, path: str) -> None:
        """Serve *path* no more, neither exactly nor as a prefix. Unknown paths are ignored."""
        if path in self._listed:
            self._listed.remove(path)
        self._registered_at.pop(path, None)
        self._exact.pop(path, None)
        if self._prefixes.pop(path, None) is not None:
            self._order_prefixes()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"]
        handler = self._exact.get(path)
        if handler is None:
            handler = self.not_found_handler
            for prefix, prefix_handler in self._ordered_prefixes:
                if path.startswith(prefix):
                    handler = prefix_handler
                    break
        return handler(scope, receive, send)

    def _record(self, path: str, listed: bool) -> None:
        here = _callers()
        if path in self._registered_at:
            logger.error(
                "duplicate path registration of %s: original registration from %s\n\nnew registration from %s",
                quote(path),
                "".join(self._registered_at[path].format()),
                "".join(here.format()),
            )
        self._registered_at[path] = here
        if listed:
            self._listed.append(path)

    def _order_prefixes(self) -> None:
        self._ordered_prefixes = tuple(
            sorted(self._prefixes.items(), key=lambda item: (item[0].count("/"), len(item[0])), reverse=True)
        )


def _callers() -> traceback.StackSummary:
    """Who has called `handle` or `handle_prefix`, outermost first. Source is read when it is shown, hardly ever."""
    frames = itertools.islice(traceback.walk_stack(sys._getframe(3)), _SHOWN_CALLERS)
    callers = traceback.StackSummary.extract(frames, lookup_lines=False)
    callers.reverse()
    return callers
