"""How one endpoint writes its objects, for one outcome of negotiation.

    ObjectRepresentation     the object in the endpoint's version: compact JSON, indented JSON, YAML
    TableRepresentation      meta.k8s.io Table (table.py)
    PartialRepresentation    meta.k8s.io PartialObjectMetadata(List) (partial.py)

A representation is made once per endpoint and kept; what it encodes of a StoredObject is kept on that object, so that
a GET, a list and a thousand watches share one encoding. For compact JSON that encoding is the object without its first
two members, `kind` and `apiVersion`:

    {"kind":"Flunder","apiVersion":"example.com/v1",  "metadata":{...},"spec":{...}}
     └────────────── head, the same for all ───────┘  └──────── tail, kept ───────┘

A GET is head and tail; a watch frame is another head and the tail; a list joins tails.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from genericapiserver.apimachinery.meta import ListMeta, Status
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, Body
from genericapiserver.endpoints.responses import STATUS_KIND
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent

if TYPE_CHECKING:
    from genericapiserver.endpoints.request_scope import RequestScope

CHUNK_BYTES: Final = 256 * 1024
"""A longer body goes out in pieces of about this size, so that other requests are served in between."""

YIELD_EVERY: Final = 32
YIELD_AFTER: Final = 0.002
"""Seconds of encoding after which the loop gets a turn; the clock is looked at once every YIELD_EVERY objects."""

_LIST_END: Final = b"]}\n"


class Representation(Protocol):
    """One way of writing what storages return."""

    content_type: bytes

    async def response(self, request: APIRequest, code: int, result: Any) -> APIResponse:
        """The response that shows *result*: an object or a list of them, stored or not, or a Status.

        Raises a StatusError for what cannot be shown this way.
        """

    def frames(self, request: APIRequest) -> "Callable[[WatchEvent[Any]], bytes]":
        """A function that encodes the events of one watch, newline included; called once per watch.

        Raises a StatusError when the watch cannot be shown this way.
        """


class LoopYielder:
    """Lets other tasks run when encoding has gone on for a while: `await yielder()` once per object."""

    __slots__ = ("_count", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._since = time.perf_counter()

    def due(self) -> bool:
        """Whether to `await asyncio.sleep(0)` now."""
        self._count += 1
        if self._count % YIELD_EVERY or time.perf_counter() - self._since < YIELD_AFTER:
            return False
        self._since = time.perf_counter()
        return True


class ObjectRepresentation:
    """Objects as they are, in the version of the endpoint."""

    def __init__(self, scope: "RequestScope", *, media_type: str, pretty: bool) -> None:
        self._scope = scope
        self._media_type = media_type
        self._pretty = pretty
        self._compact = media_type == "application/json" and not pretty
        self.content_type = media_type.encode()
        kind = scope.kind
        self._head = b'{"kind":"%s","apiVersion":"%s",' % (kind.kind.encode(), kind.api_version.encode())
        self._tail_name = f"tail of {kind}"
        self._whole_name = f"{media_type}{' indented' if pretty else ''} of {kind}"
        self._frame_heads = {
            event_type: b'{"type":"%s","object":' % event_type.value.encode() + self._head for event_type in EventType
        }
        list_kind = scope.list_kind
        self._list_head = b'{"kind":"%s","apiVersion":"%s","metadata":' % (
            list_kind.kind.encode(),
            list_kind.api_version.encode(),
        )

    async def response(self, request: APIRequest, code: int, result: Any) -> APIResponse:
        body: Body
        if isinstance(result, StoredObject):
            body = self.stored(result)
        elif isinstance(result, StoredList):
            body = await self.stored_list(result)
        else:
            body = self._scope.encode(result, media_type=self._media_type, pretty=self._pretty)
            if isinstance(result, Status):
                return APIResponse(code, body, [(b"content-type", self.content_type)], shown_status=result)
        return APIResponse(code, body, [(b"content-type", self.content_type)])

    def stored(self, stored: StoredObject[Any]) -> bytes:
        """The whole encoding of one object."""
        if self._compact:
            return b"".join((self._head, stored.representation(self._tail_name, self._encode_tail), b"\n"))
        return stored.representation(self._whole_name, self._encode_whole)

    def json(self, stored: StoredObject[Any]) -> bytes:
        """Compact JSON without a newline, to stand inside another document."""
        return self._head + stored.representation(self._tail_name, self._encode_tail)

    def _encode_tail(self, obj: Any) -> bytes:
        encoded = self._scope.encode(obj)
        assert encoded.startswith(self._head), encoded[:200]
        return encoded[len(self._head) :].rstrip(b"\n")

    def _encode_whole(self, obj: Any) -> bytes:
        return self._scope.encode(obj, media_type=self._media_type, pretty=self._pretty)

    async def stored_list(self, stored: StoredList[Any]) -> Body:
        """The encoding of a list. Items stand in it without `kind` and `apiVersion`."""
        name, encode = self._tail_name, self._encode_tail
        pieces: list[bytes] = []
        tails: list[bytes] = []
        size = 0
        yielder = LoopYielder()
        for item in stored.items:
            tail = item.representation(name, encode)
            tails.append(tail)
            size += len(tail) + 2
            if size >= CHUNK_BYTES:
                pieces.append(b",{".join(tails))
                tails.clear()
                size = 0
            if yielder.due():
                await asyncio.sleep(0)
        head = self._list_head + list_meta_json(stored) + b',"items":['
        if stored.items:
            head += b"{"
        if not pieces:
            body = b"".join((head, b",{".join(tails), _LIST_END))
            return body if self._compact else self._scope.render(body, self._media_type, self._pretty)
        pieces[0] = head + pieces[0]
        if tails:
            pieces.append(b",{".join(tails))
        for index in range(1, len(pieces)):
            pieces[index] = b",{" + pieces[index]
        pieces[-1] += _LIST_END
        if self._compact:
            return pieces
        return self._scope.render(b"".join(pieces), self._media_type, self._pretty)

    def frames(self, request: APIRequest) -> Callable[[WatchEvent[Any]], bytes]:
        heads, name, encode = self._frame_heads, self._tail_name, self._encode_tail

        def frame(event: WatchEvent[Any]) -> bytes:
            obj = event.object
            if isinstance(obj, StoredObject):
                return b"".join((heads[event.type], obj.representation(name, encode), b"}\n"))
            return whole_frame(event.type, self._scope.encode(obj))

        return frame


def whole_frame(event_type: EventType, encoded: bytes) -> bytes:
    """One frame of a watch around an encoded object."""
    return b'{"type":"%s","object":%s}\n' % (event_type.value.encode(), encoded.rstrip(b"\n"))


def status_frame(scope: "RequestScope", status: Status) -> bytes:
    """The frame of an ERROR event, which is a Status whatever representation was asked for."""
    return whole_frame(EventType.ERROR, scope.codec.encode(status, STATUS_KIND))


def list_meta_of(stored: StoredList[Any]) -> ListMeta:
    """The metadata of a stored list."""
    return ListMeta(
        resource_version=str(stored.resource_version) if stored.resource_version else "",
        continue_token=stored.continue_token,
        remaining_item_count=stored.remaining_item_count,
    )


def list_meta_json(stored: StoredList[Any]) -> bytes:
    """The same as JSON."""
    meta: dict[str, Any] = {}
    if stored.resource_version:
        meta["resourceVersion"] = str(stored.resource_version)
    if stored.continue_token:
        meta["continue"] = stored.continue_token
    if stored.remaining_item_count is not None:
        meta["remainingItemCount"] = stored.remaining_item_count
    return msgspec.json.encode(meta)


def raw(encoded: bytes) -> msgspec.Raw:
    """Encoded JSON to be put into a document as it stands."""
    return msgspec.Raw(encoded.rstrip(b"\n"))


def kind_of_version(version: str, kind: str) -> GroupVersionKind:
    """A kind of meta.k8s.io."""
    return GroupVersionKind("meta.k8s.io", version, kind)
