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
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, Body, Pieces
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent
from genericapiserver.tracing import record

if TYPE_CHECKING:
    from genericapiserver.endpoints.request_scope import RequestScope

CHUNK_BYTES: Final = 256 * 1024
"""A longer body goes out in pieces of about this size, so that other requests are served in between."""

BLOCK: Final = 64
YIELD_AFTER: Final = 0.002
"""Seconds of encoding after which the loop gets a turn; the clock is looked at after each BLOCK of objects."""

SERIALIZE: Final = "serialize-response-object"
TRANSFORM: Final = "transform-response-object"
"""What the two parts of making a response are called where a slow request says what took its time."""

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


def serialized(request: APIRequest, begun: float) -> None:
    """An answer was encoded from *begun* (performance counter) on."""
    request.context.add_latency(SERIALIZE, time.perf_counter() - begun)
    record("SerializeObject", begun)


async def encode_items(
    items: Sequence[StoredObject[Any]], name: Hashable, make: Callable[[Any], bytes]
) -> AsyncIterator[list[bytes]]:
    """The representation *name* of all items, block by block; other tasks run when encoding takes long."""
    since = time.perf_counter()
    for start in range(0, len(items), BLOCK):
        yield [item.representation(name, make) for item in items[start : start + BLOCK]]
        if time.perf_counter() - since > YIELD_AFTER:
            await asyncio.sleep(0)
            since = time.perf_counter()


class ChunkedList:
    """Puts a list together from the encodings of its items, in pieces of about CHUNK_BYTES."""

    def __init__(self, head: bytes, separator: bytes) -> None:
        self._groups: list[list[bytes]] = []
        self._pending: list[bytes] = []
        self._size = self._total = 0
        self._head = head
        self._separator = separator

    def extend(self, encoded: list[bytes]) -> None:
        self._pending += encoded
        self._size += sum(map(len, encoded))
        if self._size >= CHUNK_BYTES:
            self._close_group()

    def _close_group(self) -> None:
        if self._pending:
            self._groups.append(self._pending)
            self._total += self._size
            self._pending, self._size = [], 0

    def finish(self, end: bytes) -> Body:
        """The whole document: bytes, or pieces when it is long."""
        self._close_group()
        if len(self._groups) > 1:
            return Pieces(self._head, self._groups, self._separator, end, size=self._total)
        return b"".join((self._head, *map(self._separator.join, self._groups), end))


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
        begun = time.perf_counter()
        if isinstance(result, StoredObject):
            body = self.stored(result)
        elif isinstance(result, StoredList):
            body = await self.stored_list(result)
        elif type(result) is self._scope.list_type and len(result.items) > BLOCK:
            body = await self._plain_list(result)
        else:
            body = self._scope.encode(result, media_type=self._media_type, pretty=self._pretty)
        serialized(request, begun)
        shown = result if isinstance(result, Status) else None
        return APIResponse(code, body, [(b"content-type", self.content_type)], shown_status=shown)

    def stored(self, stored: StoredObject[Any]) -> bytes:
        """The whole encoding of one object. Only the compact form is kept with it; the others are for people."""
        body = b"".join((self._head, stored.representation(self._tail_name, self._encode_tail), b"\n"))
        return body if self._compact else self._scope.render(body, self._media_type, self._pretty)

    def json(self, stored: StoredObject[Any]) -> bytes:
        """Compact JSON without a newline, to stand inside another document."""
        return self._head + stored.representation(self._tail_name, self._encode_tail)

    def _encode_tail(self, obj: Any) -> bytes:
        encoded = self._scope.encode(obj)
        assert encoded.startswith(self._head), encoded[:200]
        return encoded[len(self._head) :].rstrip(b"\n")

    async def stored_list(self, stored: StoredList[Any]) -> Body:
        """The encoding of a list. Items stand in it without `kind` and `apiVersion`."""
        head = self._list_head + list_meta_json(stored) + b',"items":['
        chunks = ChunkedList(head + b"{" if stored.items else head, b",{")
        async for tails in encode_items(stored.items, self._tail_name, self._encode_tail):
            chunks.extend(tails)
        body = chunks.finish(_LIST_END)
        return body if self._compact else self._scope.render(whole(body), self._media_type, self._pretty)

    async def _plain_list(self, listed: Any) -> Body:
        """The encoding of a long list of plain objects, which nobody keeps; other requests are served in between."""
        codec, kind, items = self._scope.codec, self._scope.kind, list(listed.items)
        head = codec.encode_list(self._scope.list_kind, listed.metadata, [])
        chunks = ChunkedList(head.removesuffix(_LIST_END), b",")
        since = time.perf_counter()
        for start in range(0, len(items), BLOCK):
            chunks.extend([codec.encode_item(item, kind) for item in items[start : start + BLOCK]])
            if time.perf_counter() - since > YIELD_AFTER:
                await asyncio.sleep(0)
                since = time.perf_counter()
        body = chunks.finish(_LIST_END)
        return body if self._compact else self._scope.render(whole(body), self._media_type, self._pretty)

    def frames(self, request: APIRequest) -> Callable[[WatchEvent[Any]], bytes]:
        heads, name, encode = self._frame_heads, self._tail_name, self._encode_tail

        def frame(event: WatchEvent[Any]) -> bytes:
            obj = event.object
            if isinstance(obj, StoredObject):
                return b"".join((heads[event.type], obj.representation(name, encode), b"}\n"))
            return whole_frame(event.type, self._scope.encode(obj))

        return frame


def whole(body: Body) -> bytes:
    """A body in one piece."""
    return body if isinstance(body, bytes) else b"".join(body)


def whole_frame(event_type: EventType, encoded: bytes) -> bytes:
    """One frame of a watch around an encoded object."""
    return b'{"type":"%s","object":%s}\n' % (event_type.value.encode(), encoded.rstrip(b"\n"))


def list_meta_json(stored: StoredList[Any]) -> bytes:
    """The metadata of a stored list, as JSON."""
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
