"""Files of objects that were edited and cannot become objects, at /debug/object-files. The reference has no such files."""

from collections.abc import Callable

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.mux import PathRecorderMux

PATH = "/debug/object-files"


def install_object_files(mux: PathRecorderMux, page: Callable[[], str]) -> None:
    """Serve what *page* returns at each request, as text, without a mention in the index."""

    async def object_files(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, page().encode(), b"text/plain; charset=utf-8")

    mux.handle(PATH, object_files, listed=False)
