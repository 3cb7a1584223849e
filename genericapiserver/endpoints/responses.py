"""Responses: objects and errors in the representation a client asked for, and compression.

    handler ─ APIResponse ─> compress if large and wanted ─> content-length ─> one start, one body or its pieces

Errors are written without transforms: a client that insists on tables still gets a Status, and a client whose Accept
header fits nothing gets indented JSON. An error never turns into another one because of the Accept header. Go:
pkg/endpoints/handlers/responsewriters.
"""

import asyncio
import zlib
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.go import NumError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import SchemeError
from genericapiserver.apimachinery.serializer.codec import (
    JSON_MEDIA_TYPE,
    PROTOBUF_MEDIA_TYPE,
    YAML_MEDIA_TYPE,
    CodecFactory,
)
from genericapiserver.apimachinery.serializer.protobuf_status import encode_status
from genericapiserver.asgi import Scope, Send
from genericapiserver.endpoints.api_request import CONTENT_LENGTH, CONTENT_TYPE, APIRequest, APIResponse, Body
from genericapiserver.endpoints.negotiation import Negotiator, NoTransforms, wants_pretty
from genericapiserver.endpoints.recorded import RecordedBody
from genericapiserver.request import AuditLevel, AuditRecorder
from genericapiserver.storage.errors import ResourceVersionConflictsError, StorageError

STATUS_KIND: Final = GroupVersionKind("", "v1", "Status")

GZIP_THRESHOLD: Final = 128 * 1024
"""Only larger bodies are compressed: below, it costs more time than the network does (kubernetes/enhancements 156)."""

GZIP_LEVEL: Final = 1
"""The fastest: level 4 takes twice the time for a tenth less (the reference's measurement)."""

_GZIP_HEADERS: Final = [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
_GZIP_WINDOW: Final = 31  # zlib.MAX_WBITS with a gzip header and trailer

_JSON: Final = b"application/json"


def status_of(error: Exception) -> Status:
    """The Status of an error that may be shown to a client.

    Errors without a reason of their own (of storage, of conversion, of resource versions that are no numbers) are 500 with
    their text. Whatever is no such error
    is a mistake of the program and is not shown: TypeError.
    """
    if isinstance(error, StatusError):
        return error.status()
    if isinstance(error, SchemeError | NumError):
        return Status(status="Failure", message=str(error), code=500)
    if isinstance(error, StorageError):
        code = 409 if isinstance(error, ResourceVersionConflictsError) else 500
        return Status(status="Failure", message=str(error), code=code)
    raise TypeError(f"{type(error).__name__} is not an error for clients") from error


CLIENT_ERRORS: Final = (StatusError, StorageError, SchemeError, NumError)
"""What handlers answer with a Status. Everything else passes on to the filter that recovers from exceptions."""


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether one of the comma-separated codings is literally `gzip`; qualities and wildcards are not understood."""
    return b"gzip" in accept_encoding and any(coding.strip() == b"gzip" for coding in accept_encoding.split(b","))


def takes_protobuf(accept: bytes) -> bool:
    """Whether one of the clauses of an Accept header is protobuf."""
    clauses = accept.decode("latin-1").split(",")
    return any(clause.partition(";")[0].strip() == PROTOBUF_MEDIA_TYPE for clause in clauses)


class ResponseWriter:
    """Writes the responses of everything that shares one codec."""

    def __init__(self, codec: CodecFactory, *, compress: bool = True) -> None:
        self.codec = codec
        self.compress = compress
        self._errors = Negotiator(codec.supported_media_types, NoTransforms())

    def error(self, request: APIRequest, error: Exception) -> APIResponse:
        """The response for *error*, one of CLIENT_ERRORS; anything else raises TypeError."""
        return self.status(request, status_of(error))

    def status(self, request: APIRequest, status: Status) -> APIResponse:
        """The response for a Status that reports a failure, or that a storage gave as its answer."""
        request.context.shown_status = status
        code = status.code or 500
        headers = []
        details = status.details
        if details is not None and details.retry_after_seconds:
            headers.append((b"retry-after", str(details.retry_after_seconds).encode()))
        if code == 204:
            return APIResponse(code, b"", headers, shown_status=status)
        options = self._errors.find(request.accept)
        if options is None and self.codec.refuses_in_protobuf and takes_protobuf(request.accept):
            content_type = (CONTENT_TYPE, PROTOBUF_MEDIA_TYPE.encode())
            return APIResponse(code, encode_status(status), [content_type, *headers], shown_status=status)
        if options is None:
            body = self.codec.encode(status, STATUS_KIND, pretty=True)
            return APIResponse(code, body, [(CONTENT_TYPE, _JSON), *headers], shown_status=status)
        info = options.accepted
        pretty = info.pretty and (options.pretty or wants_pretty(request.query, request.user_agent))
        body = self.codec.encode(status, STATUS_KIND, media_type=info.media_type, pretty=pretty)
        content_type = (CONTENT_TYPE, info.media_type.encode())
        return APIResponse(code, body, [content_type, *headers], shown_status=status)

    def object(self, request: APIRequest, code: int, obj: Any, kind: GroupVersionKind) -> APIResponse:
        """The response for *obj*, which is of the version to be shown. Raises NotAcceptableError."""
        options = self._errors.output(request.accept)
        info = options.accepted
        pretty = info.pretty and (options.pretty or wants_pretty(request.query, request.user_agent))
        body = self.codec.encode(obj, kind, media_type=info.media_type, pretty=pretty)
        return APIResponse.of(code, body, info.media_type.encode())

    async def send(self, request: APIRequest, response: APIResponse) -> None:
        """Send *response*. The request's context adds its headers, warnings among them, on the way out."""
        if response.streamed:
            return
        if request.context.audit is not None:
            _record(request.context.audit, response)
        body, headers = response.body, response.headers
        if response.length > GZIP_THRESHOLD and self.compress and accepts_gzip(request.accept_encoding):
            begun = perf_counter()
            body = await asyncio.to_thread(_gzip, body)
            request.context.add_latency("serialize-response-object", perf_counter() - begun)
            response.body = body
            headers.extend(_GZIP_HEADERS)
        if response.status not in (204, 304):
            headers.append((CONTENT_LENGTH, b"%d" % response.length))
        begun = perf_counter()
        await request.send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(body, bytes):
            await request.send({"type": "http.response.body", "body": body})
        else:
            for chunk in body:
                await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)
            await request.send({"type": "http.response.body", "body": b""})
        request.context.add_latency("response-write", perf_counter() - begun)


def _record(audit: AuditRecorder, response: APIResponse) -> None:
    if response.shown_status is not None:
        audit.record_response_status(response.shown_status)
    if audit.level >= AuditLevel.REQUEST_RESPONSE and response.length:
        media_type = _media_type(response.headers)
        if media_type in (JSON_MEDIA_TYPE, YAML_MEDIA_TYPE):  # not what a storage sends as text or as bytes
            audit.record_response_object(RecordedBody(response.body, media_type))


def _media_type(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == CONTENT_TYPE:
            return value.decode("latin-1").partition(";")[0]
    return ""


def _gzip(body: Body) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    if isinstance(body, bytes):
        return compressor.compress(body) + compressor.flush()
    return b"".join([*map(compressor.compress, body), compressor.flush()])


_WRITERS: WeakKeyDictionary[CodecFactory, ResponseWriter] = WeakKeyDictionary()


def writer_for(codec: CodecFactory) -> ResponseWriter:
    """The writer of *codec* for those who have no reason to keep one."""
    writer = _WRITERS.get(codec)
    if writer is None:
        writer = _WRITERS[codec] = ResponseWriter(codec)
    return writer


async def send_error(scope: Scope, send: Send, error: Exception, serializer: CodecFactory) -> None:
    """Answer a request with the Status of *error*. Raises TypeError for an error that is not for clients."""
    writer = writer_for(serializer)
    request = APIRequest(scope, _nothing_to_receive, send)
    await writer.send(request, writer.error(request, error))


async def send_object(
    scope: Scope, send: Send, status: int, obj: Any, kind: GroupVersionKind, serializer: CodecFactory
) -> None:
    """Answer a request with *obj*, which is of *kind*; with a 406 Status when the client takes no form of it."""
    writer = writer_for(serializer)
    request = APIRequest(scope, _nothing_to_receive, send)
    try:
        response = writer.object(request, status, obj, kind)
    except StatusError as error:
        response = writer.error(request, error)
    await writer.send(request, response)


async def _nothing_to_receive() -> Any:
    raise RuntimeError("the response does not depend on the request's body")
