"""The OpenAPI pages: /openapi/v2, and /openapi/v3 with a document for each root of served paths.

Documents are built on first use, because most servers are asked for them rarely, and kept. Source:
k8s.io/kube-openapi/pkg/{handler,handler3}, pkg/server/routes/openapi.go of k8s.io/apiserver.

A v3 document that does not exist is 200 with nothing in it, as in the reference. Deviations: protobuf is not offered, so
that clients fall back to JSON; v3 documents are compressed when asked.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from genericapiserver.asgi import RawHeaders, Receive, Scope, Send, header_value, parse_query, send_response
from genericapiserver.mux import PathRecorderMux
from genericapiserver.openapi import Document, EncodedDocument
from genericapiserver.routes.content import send_content

JSON: Final = b"application/json"
ONE_YEAR: Final = dt.timedelta(days=365)
SMALLEST_COMPRESSED: Final = 1024
REMEMBERED_INDEXES: Final = 64
_VARY: Final = [(b"vary", b"Accept")]

BuildDocument = Callable[[], Document]


def install_openapi_v2(mux: PathRecorderMux, build: BuildDocument) -> None:
    """Serve the document that *build* gives at /openapi/v2."""
    document: Document | None = None

    async def openapi_v2(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal document
        if document is None:
            document = build()
        if not accepts_json(header_value(scope, b"accept")):
            await send_response(send, 406, b"", None, _VARY)
            return
        await send_document(scope, send, document, [(b"vary", b"Accept-Encoding"), *_VARY])

    mux.handle("/openapi/v2", openapi_v2)


def install_openapi_v3(mux: PathRecorderMux, builders: Callable[[], Mapping[str, BuildDocument]]) -> None:
    """Serve the index at /openapi/v3 and each document below; *builders* maps names such as `apis/g/v1` to documents."""
    documents: dict[str, Document] = {}
    indexes: dict[str, Document] = {}
    """By the path that the server is mounted at, which addresses begin with."""

    def document(name: str) -> Document | None:
        if name not in documents:
            build = builders().get(name)
            if build is None:
                return None
            documents[name] = build()
        return documents[name]

    async def openapi_v3_index(scope: Scope, receive: Receive, send: Send) -> None:
        root = _root(scope)
        index = indexes.get(root)
        if index is None:
            found = ((name, document(name)) for name in sorted(builders()))
            paths = {name: {"serverRelativeURL": _url(root, name, made)} for name, made in found if made is not None}
            if len(indexes) >= REMEMBERED_INDEXES:  # an application may have parts of paths as parameters
                indexes.clear()
            index = indexes[root] = Document({"paths": paths})
        await send_document(scope, send, index, [])

    async def openapi_v3(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/openapi/v3/")
        if not accepts_json(header_value(scope, b"accept")):
            await send_response(send, 406, b"", None, _VARY)
            return
        made = document(name)
        if made is None:
            await send_response(send, 200, b"", None, _VARY)
            return
        asked = parse_query(scope["query_string"]).get("hash", [""])[0]
        if asked and asked != made.etag:
            headers = [(b"location", _url(_root(scope), name, made).encode()), (b"etag", _quoted(made)), *_VARY]
            await send_response(send, 301, b"", JSON, headers)
            return
        await send_document(scope, send, made, _immutable() if asked else _VARY)

    mux.handle("/openapi/v3", openapi_v3_index)
    mux.handle_prefix("/openapi/v3/", openapi_v3)


def accepts_json(accept: str | None) -> bool:
    """Whether any clause of an Accept header lets JSON through; no header does."""
    if not accept:
        return True
    types = {clause.split(";")[0].strip() for clause in accept.split(",")}
    return bool(types & {"*", "*/*", "application/*", "application/json"})


def takes_compressed(scope: Scope, document: Document | EncodedDocument) -> bool:
    """Whether the client of a request is sent *document* compressed."""
    encodings = {token.strip() for token in (header_value(scope, b"accept-encoding") or "").split(",")}
    return "gzip" in encodings and len(document.body) > SMALLEST_COMPRESSED


async def send_document(scope: Scope, send: Send, document: Document | EncodedDocument, headers: RawHeaders) -> None:
    """Answer with *document*, compressed where that is asked for, or with 304."""
    encoding = None
    if takes_compressed(scope, document):
        encoding = (b"gzip", document.compressed)
        vary = (b"vary", b"Accept-Encoding")
        headers = headers if vary in headers else [vary, *headers]
    etag = _quoted(document)
    await send_content(
        scope, send, document.body, JSON, headers, etag=etag, modified=document.modified, encoding=encoding
    )


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


def _quoted(document: Document | EncodedDocument) -> bytes:
    return f'"{document.etag}"'.encode()
