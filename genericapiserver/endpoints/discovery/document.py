"""A discovery document: made rarely, encoded once per representation, sent often."""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeAlias

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.negotiation import Negotiator, NoTransforms, wants_pretty
from genericapiserver.endpoints.responses import ResponseWriter

REMEMBERED: Final = 32

DocumentSource: TypeAlias = Callable[[APIRequest], tuple[Hashable, Any]]
"""The document for a request, and a key that changes whenever the document does."""


def document_handler(source: DocumentSource, kind: GroupVersionKind, writer: ResponseWriter) -> Handler:
    """Answer with the document of *source*, as *kind*, in the representation asked for."""
    negotiator = Negotiator(writer.codec.supported_media_types, NoTransforms())
    encoded: dict[Hashable, bytes] = {}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = APIRequest(scope, receive, send)
        try:
            options = negotiator.output(request.accept)
        except StatusError as error:
            await writer.send(request, writer.error(request, error))
            return
        info = options.accepted
        pretty = info.pretty and (options.pretty or wants_pretty(request.query, request.user_agent))
        key, document = source(request)
        name = (key, info.media_type, pretty)
        body = encoded.get(name)
        if body is None:
            body = writer.codec.encode(document, kind, media_type=info.media_type, pretty=pretty)
            if len(encoded) >= REMEMBERED:
                encoded.clear()
            encoded[name] = body
        await writer.send(request, APIResponse.of(200, body, info.media_type.encode()))

    return serve


def etag(body: bytes) -> bytes:
    """The quoted ETag of a document: the SHA-512 of its JSON without the final newline, in upper-case hexadecimal."""
    return b'"%s"' % hashlib.sha512(body.rstrip(b"\n")).hexdigest().upper().encode()
