"""The OpenAPI pages: /openapi/v2, and /openapi/v3 with a document for each root of served paths.

Documents are built on first use, because most servers are asked for them rarely, and kept: in JSON, in protobuf when
somebody asks for that (kubectl and client-go do for v2), and compressed. The tag is the same in every form. Source:
k8s.io/kube-openapi/pkg/{handler,handler3}, pkg/server/routes/openapi.go of k8s.io/apiserver.

A v3 document that does not exist is 200 with nothing in it and no headers, as in the reference. Deviation: v3 documents
are compressed when asked.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote

from genericapiserver.asgi import RawHeaders, Receive, Scope, Send, header_value, parse_query, send_response
from genericapiserver.endpoints.negotiation import parse_accept
from genericapiserver.mux import PathRecorderMux
from genericapiserver.openapi import V2, V3, Document, ProtobufFormat, Representations
from genericapiserver.openapi.document import JSON
from genericapiserver.routes.content import send_content

ONE_YEAR: Final = dt.timedelta(days=365)
SMALLEST_COMPRESSED: Final = 1024
REMEMBERED_INDEXES: Final = 64
_VARY: Final = [(b"vary", b"Accept")]
_VARY_ENCODING: Final = (b"vary", b"Accept-Encoding")

BuildDocument = Callable[[], Document]


def install_openapi_v2(mux: PathRecorderMux, build: BuildDocument) -> None:
    """Serve the document that *build* gives at /openapi/v2."""
    made: Representations | None = None

    async def representations() -> Representations:
        nonlocal made
        if made is None:
            made = Representations(build(), V2)
        return made

    async def openapi_v2(scope: Scope, receive: Receive, send: Send) -> None:
        await send_v2(scope, send, representations)

    mux.handle("/openapi/v2", openapi_v2)


async def send_v2(scope: Scope, send: Send, representations: Callable[[], Awaitable[Representations]]) -> None:
    """Answer with the v2 document in the form that the client asks for, or with 406."""
    media_type = negotiate_form(scope, V2)
    if media_type is None:
        await send_response(send, 406, b"", None, [_VARY_ENCODING, *_VARY])
        return
    document = await (await representations()).of_type(media_type)
    await send_document(scope, send, document, [_VARY_ENCODING, *_VARY])


def install_openapi_v3(mux: PathRecorderMux, builders: Callable[[], Mapping[str, BuildDocument]]) -> None:
    """Serve the index at /openapi/v3 and each document below; *builders* maps names such as `apis/g/v1` to documents."""
    documents: dict[str, Representations] = {}
    indexes: dict[str, Document] = {}
    """By the path that the server is mounted at, which addresses begin with."""

    def representations(name: str) -> Representations | None:
        if name not in documents:
            build = builders().get(name)
            if build is None:
                return None
            documents[name] = Representations(build(), V3)
        return documents[name]

    async def openapi_v3_index(scope: Scope, receive: Receive, send: Send) -> None:
        root = _root(scope)
        index = indexes.get(root)
        if index is None:
            paths = {}
            for name in sorted(builders()):
                if name not in documents:
                    await asyncio.sleep(0)  # each takes milliseconds to make, and there are tens: others get their turn
                if (made := representations(name)) is not None:
                    paths[name] = {"serverRelativeURL": _url(root, name, made.document)}
            if len(indexes) >= REMEMBERED_INDEXES:  # an application may have parts of paths as parameters
                indexes.clear()
            index = indexes[root] = Document.of({"paths": paths})
        await send_document(scope, send, index, [])

    async def openapi_v3(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/openapi/v3/")
        media_type = negotiate_form(scope, V3)
        if media_type is None:
            await send_response(send, 406, b"", None, _VARY)
            return
        made = representations(name)
        if made is None:
            await send_response(send, 200, b"", None)
            return
        document = made.document
        asked = parse_query(scope["query_string"]).get("hash", [""])[0]
        if asked and asked != document.etag:
            headers = [(b"location", _url(_root(scope), name, document).encode()), (b"etag", _quoted(document)), *_VARY]
            await send_response(send, 301, b"", media_type.encode(), headers)
            return
        await send_document(scope, send, await made.of_type(media_type), _immutable() if asked else _VARY)

    mux.handle("/openapi/v3", openapi_v3_index)
    mux.handle_prefix("/openapi/v3/", openapi_v3)


def negotiate_form(scope: Scope, protobuf: ProtobufFormat) -> str | None:
    """The media type that a request is answered in, None when it takes none of them. JSON is what `*` means.

    As in the reference, the old name of the type in protobuf is understood, and answered with the new one.
    """
    for clause in parse_accept(header_value(scope, b"accept") or "*/*"):
        if clause.type not in ("application", "*"):
            continue
        if clause.subtype in ("json", "*"):
            return JSON
        if f"application/{clause.subtype}" in (protobuf.media_type, protobuf.old_media_type):
            return protobuf.media_type
    return None


async def send_document(scope: Scope, send: Send, document: Document, headers: RawHeaders) -> None:
    """Answer with *document*, compressed where that is asked for, or with 304."""
    encoding = None
    if _takes_compressed(scope, document):
        encoding = (b"gzip", await document.compress())
        headers = headers if _VARY_ENCODING in headers else [_VARY_ENCODING, *headers]
    media_type, etag = document.media_type.encode(), _quoted(document)
    await send_content(
        scope, send, document.body, media_type, headers, etag=etag, modified=document.modified, encoding=encoding
    )


def _takes_compressed(scope: Scope, document: Document) -> bool:
    asked = (_coding(text) for text in (header_value(scope, b"accept-encoding") or "").split(","))
    return any(name == "gzip" and quality > 0 for name, quality in asked) and len(document.body) > SMALLEST_COMPRESSED


def _coding(text: str) -> tuple[str, float]:
    """Name and quality of one part of an Accept-Encoding header; one with a quality that is no number is not taken."""
    name, *parameters = (part.strip() for part in text.split(";"))
    quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return name.lower(), float(quality)
    except ValueError:
        return name.lower(), 0.0


def _immutable() -> RawHeaders:
    """The address holds the hash of the content, so what it names never changes."""
    expires = dt.datetime.now(dt.UTC) + ONE_YEAR
    return [
        *_VARY,
        (b"cache-control", b"public, immutable"),
        (b"expires", expires.strftime("%a, %d %b %Y %H:%M:%S UTC").encode()),
    ]


def _root(scope: Scope) -> str:
    """Where an application around this server has mounted it; empty for a server of its own."""
    root: str = scope.get("root_path", "")
    return quote(root.rstrip("/"))


def _url(root: str, name: str, document: Document) -> str:
    return f"{root}/openapi/v3/{name}?hash={document.etag}"


def _quoted(document: Document) -> bytes:
    return f'"{document.etag}"'.encode()
