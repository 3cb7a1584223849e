"""The token with which a client asks for the next page (k8s.io/apiserver pkg/storage/continue.go).

It holds the revision of the first page and where the next one starts, relative to the prefix of the list. A revision of
-1 means "whatever is newest": it is handed out when the revision of the first page is gone.
"""

import base64
import json
import re

from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.json import parse_plain
from genericapiserver.storage.errors import StorageError

VERSION = "meta.k8s.io/v1"
LATEST = -1

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_INT64 = 2**63
_SURROGATES = re.compile("[\ud800-\udfff]")
_NEWLINES = frozenset(b"\r\n")


class ContinueTokenError(StorageError, ValueError):
    """A token that cannot be read, or cannot be made."""


def encode_continue(key: str, prefix: str, revision: int) -> str:
    """The token for a page that starts at *key*, which lies under *prefix*. Raises ContinueTokenError if it does not."""
    start = key.removeprefix(prefix)
    if start == key:
        raise ContinueTokenError("unable to encode next field: the key and key prefix do not match")
    text = json.dumps({"v": VERSION, "rv": revision, "start": start}, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_continue(token: str, prefix: str) -> tuple[str, int]:
    """The key to start at and the revision (negative: the newest). Raises ContinueTokenError with Go's text."""
    fields = _parse(token)
    version, revision, start = (_value(fields, name, zero) for name, zero in (("v", ""), ("rv", 0), ("start", "")))
    if not isinstance(version, str):
        raise _mistyped("v", version, "string")
    if version != VERSION:
        raise ContinueTokenError(f"continue key is not valid: server does not recognize this encoded version {version}")
    if not isinstance(revision, int) or isinstance(revision, bool) or not -_INT64 <= revision < _INT64:
        raise _mistyped("rv", revision, "int64")
    if not isinstance(start, str):
        raise _mistyped("start", start, "string")
    if revision == 0:
        raise ContinueTokenError(
            f"continue key is not valid: incorrect encoded start resourceVersion (version {VERSION})"
        )
    if not start:
        raise ContinueTokenError(f"continue key is not valid: encoded start key empty (version {VERSION})")
    start = _SURROGATES.sub("\ufffd", start)  # as Go reads a half pair
    absolute = start if start.startswith("/") else f"/{start}"
    # A client must not reach keys beside its prefix: only what is already in its shortest form is taken.
    if absolute != "/" and any(segment in ("", ".", "..") for segment in absolute[1:].split("/")):
        raise ContinueTokenError(f"continue key is not valid: {start}")
    return prefix + absolute[1:], revision


def _value(fields: dict[str, object], name: str, zero: object) -> object:
    """The field *name*; like Go, null sets nothing."""
    value = fields.get(name)
    return zero if value is None else value


def _parse(token: str) -> dict[str, object]:
    data = token.encode("utf-8", "surrogateescape")
    problem = _base64_problem(data)
    if problem is not None:
        raise ContinueTokenError(f"continue key is not valid: illegal base64 data at input byte {problem}")
    compact = bytes(byte for byte in data if byte not in _NEWLINES)
    text = base64.urlsafe_b64decode(compact + b"=" * (-len(compact) % 4))
    if not text:
        raise ContinueTokenError("continue key is not valid: unexpected end of JSON input")
    try:
        fields = parse_plain(text)
    except JSONSyntaxError as error:
        raise ContinueTokenError(f"continue key is not valid: {error}") from error
    if fields is None:
        return {}  # like Go, null sets nothing
    if not isinstance(fields, dict):
        raise ContinueTokenError(
            f"continue key is not valid: json: cannot unmarshal {_json_kind(fields)} into Go value of type "
            "storage.continueToken"
        )
    return fields


def _base64_problem(data: bytes) -> int | None:
    """Where Go's unpadded decoder stops, None when it does not."""
    characters = 0
    for offset, byte in enumerate(data):
        if byte in _NEWLINES:
            continue
        if byte not in _ALPHABET:
            return offset
        characters += 1
    return len(data) - 1 if characters % 4 == 1 else None


def _mistyped(name: str, value: object, wanted: str) -> ContinueTokenError:
    return ContinueTokenError(
        f"continue key is not valid: json: cannot unmarshal {_json_kind(value)} into Go struct field "
        f"continueToken.{name} of type {wanted}"
    )


def _json_kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
