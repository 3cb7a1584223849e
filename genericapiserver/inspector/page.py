"""The page at /debug/inspector/ and the document that it asks for every few seconds.

The page is static: markup, style and script from the package, loaded from beside it, so that it works behind `kubectl proxy`
and with a browser's own certificate, and so that a policy can forbid everything else. What the server says reaches the page
as JSON alone, and the script writes it as text, never as markup.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias

import msgspec

from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send, send_plain_error, send_response
from genericapiserver.mux import PathRecorderMux

PATH: Final = "/debug/inspector"
DATA_PATH: Final = f"{PATH}/data"

Document: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
"""Everything that the page shows, at this moment."""

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)
_HEADERS: Final[RawHeaders] = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_FILES: Final = {
    f"{PATH}/": ("inspector.html", b"text/html; charset=utf-8"),
    f"{PATH}/inspector.css": ("inspector.css", b"text/css; charset=utf-8"),
    f"{PATH}/inspector.js": ("inspector.js", b"text/javascript; charset=utf-8"),
}


def install_inspector(mux: PathRecorderMux, document: Document) -> None:
    """Serve the page in *mux*, unlisted, for GET and HEAD. It changes nothing."""

    async def data(scope: Scope, receive: Receive, send: Send) -> None:
        body = msgspec.json.encode(await document())
        await send_response(send, 200, body, b"application/json", _HEADERS)

    mux.handle(PATH, _reading(_redirect), listed=False)
    mux.handle(DATA_PATH, _reading(data), listed=False)
    for path, (name, content_type) in _FILES.items():
        mux.handle(path, _reading(_file(name, content_type)), listed=False)


def _file(name: str, content_type: bytes) -> Handler:
    async def file(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, asset(name), content_type, _HEADERS)

    return file


async def _redirect(scope: Scope, receive: Receive, send: Send) -> None:
    """To the page whose links are relative; relative itself, since a proxy may have put something in front."""
    await send_response(send, 302, b"", None, [(b"location", b"inspector/")])


def _reading(handler: Handler) -> Handler:
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await handler(scope, receive, send)
        else:
            await send_plain_error(send, 405, "the inspector is only for reading", [(b"allow", b"GET, HEAD")])

    return reading


@cache
def asset(name: str) -> bytes:
    """A file of the page; read once."""
    return (resources.files(__package__) / name).read_bytes()
