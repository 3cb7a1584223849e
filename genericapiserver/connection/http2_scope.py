"""The ASGI scope of an HTTP/2 request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from h2.events import RequestReceived

from genericapiserver.asgi import RawHeaders, Scope
from genericapiserver.connection.http2_headers import RequestHead
from genericapiserver.connection.target import BadTargetError, parse_target

if TYPE_CHECKING:
    from genericapiserver.connection.link import Link

_ASGI = {"version": "3.0", "spec_version": "2.4"}


def received_head(event: RequestReceived) -> RequestHead:
    """What the reader of frames passed through h2 in place of the fields."""
    assert event.headers is not None
    return cast(RequestHead, event.headers[0][1])


def fixed_scope(link: Link) -> Scope:
    """What all requests of a connection have in common; each gets a copy."""
    extensions: dict[str, Any] = {}
    if link.tls is not None:
        extensions["tls"] = link.tls.extension()
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": "2",
        "scheme": "http" if link.tls is None else "https",
        "root_path": "",
        "client": link.client,
        "server": link.server,
        "extensions": extensions,
    }


def request_scope(head: RequestHead, fixed: Scope, close_connection: Callable[[], None]) -> Scope | None:
    """The scope of one request; None for a target that is no path."""
    try:
        path, raw_path, query = parse_target(head.target)
    except BadTargetError:
        return None
    headers: RawHeaders = head.headers
    if not head.hosted and head.authority:
        headers.insert(0, (b"host", head.authority))
    return {
        **fixed,
        "method": head.method.decode("latin-1"),
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "extensions": {**fixed["extensions"], "genericapiserver.close_connection": close_connection},
    }
