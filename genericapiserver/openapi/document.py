"""One document as it is served: its bytes, its tag, and when it was made."""

import asyncio
import datetime as dt
import functools
import gzip
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from genericapiserver.aio.slices import in_slices
from genericapiserver.apimachinery.serializer.json import encode_json
from genericapiserver.openapi.protobuf import ProtobufFormat

JSON: Final = "application/json"


@attrs.frozen(eq=False, slots=False)
class Document:
    """The bytes of a document of *media_type*. `etag` is its tag without quotes, the same in every form of it."""

    body: bytes
    etag: str
    modified: dt.datetime = attrs.field(factory=lambda: dt.datetime.now(dt.UTC))
    media_type: str = JSON

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Document":
        """*content* in JSON; the tag is the SHA-512 of that in upper-case hex."""
        body = encode_json(content)
        return cls(body, hashlib.sha512(body).hexdigest().upper())

    @functools.cached_property
    def compressed(self) -> bytes:
        """The bytes in gzip, level 1: documents are large, repetitive and asked for by every kubectl."""
        return gzip.compress(self.body, compresslevel=1, mtime=0)

    async def compress(self) -> bytes:
        """The same, made in a thread, where it needs no interpreter and keeps nobody waiting."""
        return self.compressed if "compressed" in vars(self) else await asyncio.to_thread(lambda: self.compressed)


class Representations:
    """A document in JSON, and in protobuf once somebody has asked for that."""

    def __init__(self, document: Document, protobuf: ProtobufFormat) -> None:
        self.document = document
        self._format = protobuf
        self._in_protobuf: Document | None = None
        self._making = asyncio.Lock()

    async def of_type(self, media_type: str) -> Document:
        """The document as `application/json`, else in protobuf: made in slices (aio.slices), once for all who ask."""
        if media_type == self.document.media_type:
            return self.document
        async with self._making:
            if self._in_protobuf is None:
                body = await in_slices(self._format.steps(self.document.body))
                self._in_protobuf = attrs.evolve(self.document, body=body, media_type=self._format.media_type)
        return self._in_protobuf
