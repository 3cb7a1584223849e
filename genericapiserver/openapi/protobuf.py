"""OpenAPI documents in protobuf, as kubectl and client-go read them: messages of gnostic, written by tables.

A table has a line for each message, with its fields in the order of their numbers, which begin at 1 and leave none out:

    "License": "name url x-"                            texts, then the extensions
    "Tag": "name docs:ExternalDocs enum:*Any"           fields of other kinds; `*` for a list
    "Definitions": "{}:Schema"                          names with their values: the members that no other field is for
    "TypeItem": "=:*string"                             no object: the items of a list, or the one that stands for it
    "Item": "Schema | $ref?Reference | type=file?File"  one of several: the first whose condition holds, a member that is
                                                        there or says something, else the first that takes the value;
                                                        with `| nothing` at the end empty for any other

Fields are written in the order of their numbers and left out when they say nothing, as Go's protobuf does; names stand in
the order of the document. What has no fixed form, such as extensions and defaults, is YAML text in an `Any`.

Source: openapiv2/OpenAPIv2.proto, openapiv3/OpenAPIv3.proto and the parsers beside them in github.com/google/gnostic-models.
Deviation: what has no place in a message is left out. There a document with anything like that, of whichever server, cannot
be had in protobuf at all.
"""

import functools
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import attrs
import msgspec

from genericapiserver.aio.slices import Steps
from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.apimachinery.wire import BYTES, FIXED64, VARINT, sized, tag, varint

Table: TypeAlias = Mapping[str, str]

_EXTENSIONS: Final = "x-"
_NAMES: Final = "{}"
_ITEMS: Final = "="
_TEXT: Final = "string"
_ANY: Final = "Any"
_NOTHING: Final = "nothing"
_INT64: Final = 1 << 63
_DEPTH: Final = 2
"""How deep below a document its parts are written one by one: down to the members of `components.schemas`."""
_NAME: Final = tag(1, BYTES)
_VALUE: Final = tag(2, BYTES)
_YAML: Final = tag(2, BYTES)
_REMEMBERED_TEXTS: Final = 512
"""Most extensions say what others have said before."""

_SPLIT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Kind(Protocol):
    """What a field may hold. *silent* is the value that is left out where a field stands for itself."""

    @property
    def wire_type(self) -> int: ...

    @property
    def silent(self) -> bytes | None: ...

    def encode(self, value: Any) -> bytes | None:
        """A JSON value as it stands behind its tag; None for one of another kind."""


@attrs.frozen(eq=False)
class _Scalar:
    encode: Callable[[Any], bytes | None]
    wire_type: int = BYTES
    silent: bytes | None = b"\0"


@attrs.frozen(eq=False)
class _Field:
    """A field of a message, and which members of an object it is for."""

    number: int
    kind: _Kind
    many: bool = False
    named: bool = False
    """Whether what is written has the key beside the value."""
    tag: bytes = attrs.field(init=False)

    @tag.default
    def _tag(self) -> bytes:
        return tag(self.number, BYTES if self.named else self.kind.wire_type)

    def write(self, key: str, value: Any) -> bytes:
        """The member *key* of an object."""
        if not self.many:
            return self.tagged(key, self.kind.encode(value))
        found = map(self.kind.encode, value if type(value) is list else [value])
        return b"".join(self.tag + encoded for encoded in found if encoded is not None)

    def tagged(self, key: str, encoded: bytes | None) -> bytes:
        """The same of a value that is encoded."""
        if encoded is None:
            return b""
        said = b"" if encoded == self.kind.silent else (_VALUE if self.named else self.tag) + encoded
        if not self.named:
            return said
        return self.tag + sized((_NAME + sized(key.encode()) if key else b"") + said)


class _Message:
    """A message that is made of the members of an object. Messages are written with nothing in them, too."""

    wire_type: Final = BYTES
    silent: Final = None

    def __init__(self) -> None:
        self.fields: dict[str, _Field] = {}
        self.extensions: _Field | None = None
        self.names: _Field | None = None

    def add(self, key: str, field: _Field) -> None:
        match key:
            case "x-":
                self.extensions = field
            case "{}":
                self.names = field
            case _:
                self.fields[key] = field

    def field(self, key: str) -> _Field | None:
        """The field that a member is for."""
        if found := self.fields.get(key):
            return found
        return self.extensions if self.extensions and key.startswith(_EXTENSIONS) else self.names

    def encode(self, value: Any) -> bytes | None:
        if type(value) is not dict:
            return None
        parts = [(field.number, field.write(key, each)) for key, each in value.items() if (field := self.field(key))]
        return sized(_in_order(parts))

    def steps(self, json: bytes | msgspec.Raw, depth: int = _DEPTH) -> Steps[bytes | None]:
        """The message without its length, from JSON text; interrupted after each member, down to *depth*."""
        try:
            members = _SPLIT.decode(json)
        except (msgspec.DecodeError, RecursionError):
            return None
        parts = []
        for key, part in members.items():
            if not (field := self.field(key)):
                continue
            if depth and isinstance(field.kind, _Message) and not field.many:
                content = yield from field.kind.steps(part, depth - 1)
                parts.append((field.number, field.tagged(key, None if content is None else sized(content))))
            else:
                parts.append((field.number, _from_json(field, key, part)))
                yield
        return _in_order(parts)


class _Items:
    """A message that is made of the items of a list, or of the one value that stands for it."""

    wire_type: Final = BYTES
    silent: Final = None

    def __init__(self) -> None:
        self.field: _Field | None = None

    def encode(self, value: Any) -> bytes | None:
        return None if self.field is None else sized(self.field.write("", value))


class _OneOf:
    """A message of one field, which one depends on the value."""

    wire_type: Final = BYTES
    silent: Final = None

    def __init__(self) -> None:
        self.otherwise: bytes | None = None
        self._choices: list[tuple[str, str, _Field]] = []
        """Member, what it says (empty: anything), field. A choice without a condition has no member."""

    def add(self, member: str, says: str, field: _Field) -> None:
        self._choices.append((member, says, field))
        self._choices.sort(key=lambda choice: not choice[0])

    def encode(self, value: Any) -> bytes | None:
        for member, says, field in self._choices:
            if member and not (type(value) is dict and member in value and says in ("", value[member])):
                continue
            if (encoded := field.kind.encode(value)) is not None:
                return sized(field.tag + encoded)
        return self.otherwise


@attrs.frozen(eq=False, slots=False)
class ProtobufFormat:
    """How documents of one version of OpenAPI (`v2`) are written."""

    version: str
    table: Table

    @property
    def media_type(self) -> str:
        return f"application/com.github.proto-openapi.spec.{self.version}.v1.0+protobuf"

    @property
    def old_media_type(self) -> str:
        """What it was called before somebody noticed that a media type has no `@`; clients still ask for it."""
        return f"application/com.github.proto-openapi.spec.{self.version}@v1.0+protobuf"

    def steps(self, body: bytes) -> Steps[bytes]:
        """The document in the JSON text *body*, in steps (aio.slices). Raises ValueError for what is no object."""
        content = yield from self._document.steps(body)
        if content is None:
            raise ValueError(f"an OpenAPI document in JSON is an object, not {body[:40]!r}")
        return content

    @functools.cached_property
    def _document(self) -> _Message:
        """Made when it is first needed, which for most servers is never."""
        kinds: dict[str, Any] = dict(_SCALARS)
        for name, line in self.table.items():
            kinds[name] = _OneOf() if " | " in line else _Items() if line.startswith(_ITEMS) else _Message()
        for name, line in self.table.items():
            _fill(kinds[name], line, kinds)
        document: _Message = kinds["Document"]
        return document


def _fill(message: Any, line: str, kinds: Mapping[str, _Kind]) -> None:
    """Give *message* the fields of its line in the table."""
    if isinstance(message, _OneOf):
        for number, choice in enumerate(line.split(" | "), 1):
            if choice == _NOTHING:
                message.otherwise = sized(b"")
                continue
            condition, _, kind = choice.rpartition("?")
            member, _, says = condition.partition("=")
            message.add(member, says, _Field(number, kinds[kind]))
        return
    for number, text in enumerate(line.split(), 1):
        key, _, kind = text.partition(":")
        field = _Field(
            number,
            kinds[_ANY if key == _EXTENSIONS else kind.removeprefix("*") or _TEXT],
            many=kind.startswith("*"),
            named=key in (_NAMES, _EXTENSIONS),
        )
        if isinstance(message, _Items):
            message.field = field
        else:
            message.add(key, field)


def _in_order(parts: list[tuple[int, bytes]]) -> bytes:
    parts.sort(key=lambda part: part[0])
    return b"".join([encoded for _, encoded in parts])


def _from_json(field: _Field, key: str, part: msgspec.Raw) -> bytes:
    """The member *key*, its value in JSON. What nests deeper than the interpreter goes is left out."""
    try:
        return field.write(key, msgspec.json.decode(part))
    except RecursionError:
        return b""


def _text(value: Any) -> bytes | None:
    return sized(value.encode()) if type(value) is str else None


def _boolean(value: Any) -> bytes | None:
    return varint(value) if type(value) is bool else None


def _integer(value: Any) -> bytes | None:
    return varint(value) if type(value) is int and -_INT64 <= value < _INT64 else None


def _double(value: Any) -> bytes | None:
    try:
        return struct.pack("<d", float(value)) if type(value) in (int, float) else None
    except OverflowError:
        return None


def _any(value: Any) -> bytes:
    return sized(_YAML + sized(_yaml(msgspec.json.encode(value))))


@functools.lru_cache(maxsize=_REMEMBERED_TEXTS)
def _yaml(json: bytes) -> bytes:
    return encode_yaml(msgspec.json.decode(json))


_SCALARS: Final[Mapping[str, _Scalar]] = {
    _TEXT: _Scalar(_text),
    "bool": _Scalar(_boolean, VARINT),
    "int64": _Scalar(_integer, VARINT),
    "double": _Scalar(_double, FIXED64, bytes(8)),
    _ANY: _Scalar(_any, silent=None),
}
