"""Table: what `kubectl get` prints, made by the storage's table convertor.

Each row carries, beside its cells, the object's metadata (the default), the whole object, or null, as the query
parameter `includeObject` says. A watch sends one-row tables, with the columns in the first only. Go:
pkg/endpoints/handlers/response.go.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from genericapiserver.apimachinery.errors import BadRequestError, NotAcceptableError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import (
    INCLUDE_METADATA,
    INCLUDE_NONE,
    INCLUDE_OBJECT,
    ObjectList,
    Status,
    Table,
    TableOptions,
)
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.partial import PartialRepresentation
from genericapiserver.endpoints.representation import (
    SERIALIZE,
    TRANSFORM,
    ObjectRepresentation,
    kind_of_version,
    raw,
    serialized,
    whole_frame,
)
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent

if TYPE_CHECKING:
    from genericapiserver.endpoints.request_scope import RequestScope


BLOCK_ROWS: Final = 500
"""Longer lists become tables in blocks of so many rows."""

_ROWS: Final = b',"rows":['


def table_options(request: APIRequest) -> TableOptions:
    """The options of a request for a Table. Raises BadRequestError for an unknown `includeObject`."""
    if b"includeObject" not in request.query:
        return TableOptions()
    include = request.values.get("includeObject", ("",))[0]
    if include not in ("", INCLUDE_METADATA, INCLUDE_OBJECT, INCLUDE_NONE):
        raise BadRequestError(
            f"Unable to convert to Table as requested: includeObject: Invalid value: {quote(include)}: "
            "must be 'Metadata', 'Object', 'None', or empty"
        )
    return TableOptions(include_object=include)


class TableRepresentation:
    """Objects and lists as tables in *version* of meta.k8s.io."""

    def __init__(self, scope: "RequestScope", *, media_type: str, pretty: bool, version: str) -> None:
        self._scope = scope
        self._media_type = media_type
        self._pretty = pretty
        self._kind = kind_of_version(version, "Table")
        self._objects = ObjectRepresentation(scope, media_type="application/json", pretty=False)
        self._metadata = PartialRepresentation(
            scope, media_type="application/json", pretty=False, version=version, of_list=False
        )
        self._metadata_name = f"metadata {version}"
        self.content_type = media_type.encode()

    async def response(self, request: APIRequest, code: int, result: Any) -> APIResponse:
        if isinstance(result, Status):
            body = self._scope.encode(result, media_type=self._media_type, pretty=self._pretty)
            return APIResponse(code, body, [(b"content-type", self.content_type)], shown_status=result)
        options = table_options(request)
        if isinstance(result, StoredList | ObjectList) and len(result.items) > BLOCK_ROWS:
            encoded = await self._encode_in_blocks(request, result, options)
        else:
            encoded = self._encoded(request, result, options)
        begun = perf_counter()
        body = self._scope.render(encoded, self._media_type, self._pretty)
        serialized(request, begun)
        return APIResponse(code, body, [(b"content-type", self.content_type)])

    def _encoded(self, request: APIRequest, result: Any, options: TableOptions) -> bytes:
        """*result* as a table in JSON; the request learns how long each of the two steps took."""
        begun = perf_counter()
        table = self._convert(request, result, options)
        converted = perf_counter()
        encoded = self._scope.codec.encode(table, self._kind)
        request.context.sum_latency(TRANSFORM, converted - begun)
        request.context.sum_latency(SERIALIZE, perf_counter() - converted)
        return encoded

    async def _encode_in_blocks(
        self, request: APIRequest, listed: StoredList[Any] | ObjectList[Any], options: TableOptions
    ) -> bytes:
        """A long list as a table, whose rows are made block by block so that other requests get their turn."""
        parts: list[bytes] = []
        items = list(listed.items)
        for start in range(0, len(items), BLOCK_ROWS):
            block = _with_items(listed, items[start : start + BLOCK_ROWS])
            encoded = self._encoded(request, block, options).rstrip(b"\n")
            # `,"rows":[` comes once, before the first row: a column cannot hold these bytes, whose quotes would be escaped.
            head, _, rows = encoded.partition(_ROWS)
            parts.append(rows[:-2] if parts else head + _ROWS + rows[:-2])
            await asyncio.sleep(0)
        return b",".join(parts) + b"]}\n"

    def _convert(self, request: APIRequest, result: Any, options: TableOptions) -> Table:
        convertor = self._scope.table_convertor
        if convertor is None:
            raise NotAcceptableError(
                f"the resource {self._scope.resource.group_resource} does not support being converted to a Table"
            )
        table = convertor.convert_to_table(request.context, result, options)
        for row in table.rows:
            row.object = self._row_object(row.object, options.include_object)
        return table

    def _row_object(self, obj: Any, include: str) -> msgspec.Raw | None:
        if include == INCLUDE_NONE or obj is None:
            return None
        if include == INCLUDE_OBJECT:
            if isinstance(obj, StoredObject):
                return raw(self._objects.json(obj))
            return raw(self._scope.encode(obj))
        if isinstance(obj, StoredObject):
            return raw(obj.representation(self._metadata_name, self._metadata.encode))
        return raw(self._metadata.encode(obj))

    def frames(self, request: APIRequest) -> Callable[[WatchEvent[Any]], bytes]:
        options = table_options(request)
        columns_sent = False

        def frame(event: WatchEvent[Any]) -> bytes:
            nonlocal columns_sent
            obj = event.object
            if isinstance(obj, Status):
                return whole_frame(event.type, self._scope.encode(obj))
            # The annotation of the bookmark that ends the initial events must reach the client in any case.
            shown = options
            if options.include_object == INCLUDE_NONE and event.ends_initial_events:
                shown = TableOptions(include_object=INCLUDE_METADATA)
            table = self._convert(request, obj, shown)
            if columns_sent:
                table.column_definitions = []
            columns_sent = True
            return whole_frame(event.type, self._scope.codec.encode(table, self._kind))

        return frame


def _with_items(listed: StoredList[Any] | ObjectList[Any], items: list[Any]) -> StoredList[Any] | ObjectList[Any]:
    """A list like *listed* with a part of its items."""
    if isinstance(listed, StoredList):
        return StoredList(items, listed.resource_version, listed.continue_token, listed.remaining_item_count)
    return type(listed)(metadata=listed.metadata, items=items)
