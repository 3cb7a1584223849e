"""PartialObjectMetadata: objects of any kind reduced to their metadata, for clients that need no more.

Go: pkg/endpoints/handlers/response.go (asPartialObjectMetadata and -List).
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from genericapiserver.apimachinery.errors import NotAcceptableError
from genericapiserver.apimachinery.meta import ListMeta, PartialObjectMetadata, PartialObjectMetadataList, Status
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, Body
from genericapiserver.endpoints.representation import (
    ChunkedList,
    encode_items,
    kind_of_version,
    list_meta_json,
    serialized,
    whole,
    whole_frame,
)
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent

if TYPE_CHECKING:
    from genericapiserver.endpoints.request_scope import RequestScope


class PartialRepresentation:
    """Objects, or with *of_list* lists of objects, as metadata alone in *version* of meta.k8s.io."""

    def __init__(self, scope: "RequestScope", *, media_type: str, pretty: bool, version: str, of_list: bool) -> None:
        self._scope = scope
        self._media_type = media_type
        self._pretty = pretty
        self._of_list = of_list
        self._kind = kind_of_version(version, "PartialObjectMetadata")
        self._list_kind = kind_of_version(version, "PartialObjectMetadataList")
        self._name = f"metadata {version}"
        self.content_type = media_type.encode()

    async def response(self, request: APIRequest, code: int, result: Any) -> APIResponse:
        body: Body
        if isinstance(result, Status):
            body = self._scope.encode(result, media_type=self._media_type, pretty=self._pretty)
            return APIResponse(code, body, [(b"content-type", self.content_type)], shown_status=result)
        self._check_shape(result)
        begun = perf_counter()
        if isinstance(result, StoredList):
            body = await self._stored_list(result)
        elif self._of_list:
            body = self._object_list(result)
        else:
            body = self._one(result)
        if self._media_type != "application/json" or self._pretty:
            body = self._scope.render(whole(body), self._media_type, self._pretty)
        serialized(request, begun)
        return APIResponse(code, body, [(b"content-type", self.content_type)])

    def _check_shape(self, result: Any) -> None:
        is_list = isinstance(result, StoredList) or isinstance(getattr(result, "metadata", None), ListMeta)
        if self._of_list and not is_list:
            raise NotAcceptableError(
                "you requested PartialObjectMetadataList, but the requested object is not a list "
                f"({self._scope.go_type(_object_of(result))})"
            )
        if is_list and not self._of_list:
            raise NotAcceptableError(
                f"you requested PartialObjectMetadata, but the requested object is a list ({self._scope.go_list_type})"
            )

    def _one(self, result: Any) -> bytes:
        if isinstance(result, StoredObject):
            return result.representation(self._name, self.encode)
        return self.encode(result)

    async def _stored_list(self, stored: StoredList[Any]) -> Body:
        head = b'{"kind":"%s","apiVersion":"%s","metadata":%s,"items":' % (
            self._list_kind.kind.encode(),
            self._list_kind.api_version.encode(),
            list_meta_json(stored),
        )
        if not stored.items:
            return head + b"null}\n"
        chunks = ChunkedList(head + b"[", b",")
        async for encoded in encode_items(stored.items, self._name, self.encode):
            chunks.extend([each[:-1] for each in encoded])
        return chunks.finish(b"]}\n")

    def _object_list(self, result: Any) -> bytes:
        partial = PartialObjectMetadataList(
            metadata=result.metadata, items=[PartialObjectMetadata(metadata=obj.metadata) for obj in result.items]
        )
        return self._scope.codec.encode(partial, self._list_kind)

    def encode(self, obj: Any) -> bytes:
        """The metadata of one object as compact JSON with a newline."""
        return self._scope.codec.encode(PartialObjectMetadata(metadata=obj.metadata), self._kind)

    def frames(self, request: APIRequest) -> Callable[[WatchEvent[Any]], bytes]:
        def frame(event: WatchEvent[Any]) -> bytes:
            obj = event.object
            if isinstance(obj, Status):
                return whole_frame(event.type, self._scope.encode(obj))
            self._check_shape(obj)
            return whole_frame(event.type, self._one(obj))

        return frame


def _object_of(result: Any) -> Any:
    return result.shared if isinstance(result, StoredObject) else result
