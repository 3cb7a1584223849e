"""/views: which views there are, making and removing sandboxes; and collecting garbage, for who measures.

GET    /views              the names, as a Status-less JSON document
GET    /views/<name>       one of them
POST   /views/<name>       make a sandbox over the base, or over ?over=<view>; again: 200
DELETE /views/<name>       close it
"""

import gc
from typing import Any, Final, Protocol

import msgspec

from genericapiserver.apimachinery.errors import BadRequestError, StatusError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.asgi import Receive, Scope, Send, parse_query, send_response
from genericapiserver.config import CompletedConfig
from genericapiserver.mux import PathRecorderMux

PREFIX: Final = "/views"
_JSON: Final = b"application/json"
_METHODS: Final = "DELETE, GET, POST"


class ViewPages(Protocol):
    """What the pages need of a server."""

    def describe_views(self) -> list[dict[str, Any]]: ...

    def post_view(self, name: str, over: str) -> bool:
        """Make the view; false when it is there already. Raises StatusError."""

    async def delete_view(self, name: str) -> None:
        """Raises StatusError."""


def install_pages(mux: PathRecorderMux, pages: ViewPages, completed: CompletedConfig, *, profiling: bool) -> None:
    """Serve /views, and with *profiling* /trigger-gc."""

    async def views(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope.get("root_path"):
                raise StatusError("views are made at the root of the server", code=404, reason="NotFound")
            await _answer(pages, scope, send)
        except StatusError as error:
            await completed.send_error(scope, send, error)

    mux.handle(PREFIX, views)
    mux.handle_prefix(f"{PREFIX}/", views)
    if profiling:
        mux.handle("/trigger-gc", _collect)


async def _answer(pages: ViewPages, scope: Scope, send: Send) -> None:
    name = scope["path"].removeprefix(PREFIX).removeprefix("/")
    method = scope["method"]
    if method in ("GET", "HEAD"):
        found = pages.describe_views()
        if not name:
            await _send(send, 200, {"views": found})
            return
        one = next((view for view in found if view["name"] == name), None)
        if one is None:
            raise StatusError(f'there is no view "{name}"', code=404, reason="NotFound")
        await _send(send, 200, one)
    elif not name:
        raise _not_allowed(method, "GET")
    elif method == "POST":
        queries = parse_query(scope["query_string"])
        if unknown := [query for query in queries if query != "over"]:
            raise BadRequestError(f"unknown parameter {unknown[0]}: a view is made with ?over=<view> or without any")
        made = pages.post_view(name, queries.get("over", [""])[0])
        text = "created and routes registered" if made else "exists already"
        await _send_status(send, 201 if made else 200, f'sandbox view "{name}" {text}')
    elif method == "DELETE":
        await pages.delete_view(name)
        await _send_status(send, 200, f'sandbox view "{name}" closed')
    else:
        raise _not_allowed(method, _METHODS)


def _not_allowed(method: str, allowed: str) -> StatusError:
    return StatusError(f"{method} is not served here, but {allowed}", code=405, reason="MethodNotAllowed")


async def _collect(scope: Scope, receive: Receive, send: Send) -> None:
    found = gc.collect()
    await _send_status(send, 200, f"{found} unreachable objects collected")


async def _send_status(send: Send, code: int, message: str) -> None:
    status = Status(status="Success", message=message, code=code)
    document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": status.status}
    await _send(send, code, {**document, "message": status.message, "code": code})


async def _send(send: Send, code: int, document: Any) -> None:
    await send_response(send, code, msgspec.json.encode(document) + b"\n", _JSON)
