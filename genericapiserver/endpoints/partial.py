"""PartialObjectMetadata: objects of any kind reduced to their metadata, for clients that need no more.

Go: pkg/endpoints/handlers/response.go (asPartialObjectMetadata and -List).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from genericapiserver.apimachinery.errors import NotAcceptableError
from genericapiserver.apimachinery.meta import PartialObjectMetadata, PartialObjectMetadataList, Status
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.representation import (
    kind_of_version,
    list_meta_of,
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
        if isinstance(result, Status):
            body = self._scope.encode(result, media_type=self._media_type, pretty=self._pretty)
        else:
            body = self._scope.render(self._convert(result), self._media_type, self._pretty)
        status = result if isinstance(result, Status) else None
        return APIResponse(code, body, [(b"content-type", self.content_type)], shown_status=status)

    def _convert(self, result: Any) -> bytes:
        is_list = isinstance(result, StoredList) or hasattr(result, "items")
        if self._of_list and not is_list:
            raise NotAcceptableError(
                "you requested PartialObjectMetadataList, but the requested object is not a list "
                f"({self._scope.go_type(_object_of(result))})"
            )
        if is_list and not self._of_list:
            raise NotAcceptableError(
                f"you requested PartialObjectMetadata, but the requested object is a list ({self._scope.go_list_type})"
            )
        if isinstance(result, StoredObject):
            return result.representation(self._name, self.encode)
        if not is_list:
            return self.encode(result)
        if isinstance(result, StoredList):
            metadata = list_meta_of(result)
            objects = [item.shared for item in result.items]
        else:
            metadata, objects = result.metadata, result.items
        partial = PartialObjectMetadataList(
            metadata=metadata, items=[PartialObjectMetadata(metadata=obj.metadata) for obj in objects]
        )
        return self._scope.codec.encode(partial, self._list_kind)

    def encode(self, obj: Any) -> bytes:
        """The metadata of one object as compact JSON."""
        return self._scope.codec.encode(PartialObjectMetadata(metadata=obj.metadata), self._kind)

    def frames(self, request: APIRequest) -> Callable[[WatchEvent[Any]], bytes]:
        def frame(event: WatchEvent[Any]) -> bytes:
            obj = event.object
            if isinstance(obj, Status):
                return whole_frame(event.type, self._scope.encode(obj))
            return whole_frame(event.type, self._convert(obj))

        return frame


def _object_of(result: Any) -> Any:
    return result.shared if isinstance(result, StoredObject) else result
