"""The certificates in use, at /debug/certificates. The reference has no such page; its log says the same in pieces.

It fails no probe: a server with a bad certificate file goes on with the good one, and restarting it would end that.
"""

from collections.abc import Callable

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.mux import PathRecorderMux

PATH = "/debug/certificates"


def install_certificates(mux: PathRecorderMux, page: Callable[[], str]) -> None:
    """Serve what *page* returns at each request, as text, without a mention in the index."""

    async def certificates(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, page().encode(), b"text/plain; charset=utf-8")

    mux.handle(PATH, certificates, listed=False)
