"""One document as it is served: its bytes, its hash, and when it was made."""

import datetime as dt
import functools
import gzip
import hashlib
from typing import Any

import attrs

from genericapiserver.apimachinery.serializer.json import encode_json


@attrs.frozen(eq=False, slots=False)
class Document:
    """Encoded once; `etag` is the SHA-512 of the bytes in upper-case hex."""

    content: dict[str, Any]
    modified: dt.datetime = attrs.field(factory=lambda: dt.datetime.now(dt.UTC))

    @functools.cached_property
    def body(self) -> bytes:
        return encode_json(self.content)

    @functools.cached_property
    def etag(self) -> str:
        return hashlib.sha512(self.body).hexdigest().upper()

    @functools.cached_property
    def compressed(self) -> bytes:
        """The bytes in gzip, level 1: documents are large, repetitive and asked for by every kubectl."""
        return gzip.compress(self.body, compresslevel=1, mtime=0)


@attrs.frozen(eq=False, slots=False)
class EncodedDocument:
    """The same of bytes that there are already, with an `etag` of their own."""

    body: bytes
    etag: str
    modified: dt.datetime = attrs.field(factory=lambda: dt.datetime.now(dt.UTC))

    @functools.cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.body, compresslevel=1, mtime=0)
