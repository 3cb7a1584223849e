"""The protocol vocabulary: six aliases of the ASGI specification (https://asgi.readthedocs.io, HTTP scope 2.4)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""One ASGI application; a filter takes a Handler and returns one."""

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
