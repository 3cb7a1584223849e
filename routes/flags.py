"""Flags that can be changed while the server runs, at /debug/flags. Mirrors pkg/server/routes/flags.go."""

from collections.abc import Callable
from typing import TypeAlias

from genericapiserver.apimachinery.go import parse_int
from genericapiserver.asgi import (
    BodyTooLargeError,
    ClientDisconnectedError,
    Handler,
    Receive,
    Scope,
    Send,
    read_body,
    send_response,
)
from genericapiserver.mux import PathRecorderMux

FlagSetter: TypeAlias = Callable[[str], str]
"""Takes a flag's new value and says what it did; raises ValueError with a text for the operator."""

_MAX_BODY = 1024
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class DebugFlags:
    """The page that lists the flags, and one path per flag that takes its value by PUT."""

    def __init__(self) -> None:
        self._setters: dict[str, FlagSetter] = {}

    def install(self, mux: PathRecorderMux, name: str, setter: FlagSetter) -> None:
        """Serve the list in *mux*, once, and the flag *name* below it."""
        if not self._setters:
            mux.handle("/debug/flags", self._index, listed=False)
            mux.handle_prefix("/debug/flags/", self._index, listed=False)
        self._setters[name] = setter
        mux.handle(f"/debug/flags/{name}", _flag(setter), listed=False)

    async def _index(self, scope: Scope, receive: Receive, send: Send) -> None:
        flags = "".join(f"<tr>{name}<br>\n" for name in self._setters)
        page = (
            "<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n"
            f"{flags}</table>\n<br>\nfull flags configurable<br>\n</body>\n</html>\n"
        )
        await send_response(send, 200, page.encode(), b"text/html; charset=utf-8")


def verbosity_setter(apply: Callable[[int], None]) -> FlagSetter:
    """The setter of the flag `v`: *apply* gets the log's new verbosity."""

    def set_verbosity(text: str) -> str:
        try:
            apply(parse_int(text, bits=32))
        except ValueError as error:
            raise ValueError(f"failed set klog.logging.verbosity {text}: {error}") from None
        return f"successfully set klog.logging.verbosity to {text}"

    return set_verbosity


def _flag(setter: FlagSetter) -> Handler:
    async def flag(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "PUT":
            await _say(send, 406, "unsupported http method")
            return
        try:
            body = await read_body(receive, _MAX_BODY)
            said = setter(body.decode("utf-8", "replace"))
        except (BodyTooLargeError, ClientDisconnectedError) as error:
            await _say(send, 400, f"error reading request body: {error}")
        except ValueError as error:
            await _say(send, 400, str(error))
        else:
            await _say(send, 200, said)

    return flag


async def _say(send: Send, status: int, text: str) -> None:
    """Plain text without a charset, as the reference writes it here and nowhere else."""
    await send_response(send, status, f"{text}\n".encode(), b"text/plain", [_NOSNIFF])
