"""Writing a Status in protobuf, for clients that take nothing else and have to be told so.

No other object is written in protobuf here (see `protobuf`). The message of a Status has texts, numbers and messages of the
same kind only. Source: k8s.io/apimachinery pkg/apis/meta/v1/generated.proto and pkg/runtime/generated.proto.
"""

from collections.abc import Iterator
from typing import Any

from genericapiserver.apimachinery.describe import Kind, TypeRef, describe
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.serializer.protobuf import PREFIX
from genericapiserver.apimachinery.wire import BYTES, VARINT, sized, tag, varint

_API_VERSION, _KIND = 1, 2
_TYPE_META, _RAW = 1, 2


def encode_status(status: Status) -> bytes:
    """*status* with the envelope that says its kind."""
    type_meta = _field(_API_VERSION, b"v1") + _field(_KIND, b"Status")
    return PREFIX + _field(_TYPE_META, type_meta) + _field(_RAW, _message(status))


def _message(obj: Any) -> bytes:
    """The fields of *obj* that say something."""
    encoded = bytearray()
    for field in sorted(describe(type(obj)).fields, key=lambda field: field.number):
        for value, ref in _values(getattr(obj, field.attribute), field.type):
            encoded += _field(field.number, _content(value, ref))
    return bytes(encoded)


def _values(value: Any, ref: TypeRef) -> Iterator[tuple[Any, TypeRef]]:
    """The values of one field: those of a list, or the one that it has, unless that says nothing."""
    if ref.kind is Kind.LIST:
        for item in value:
            yield item, ref.item
    elif value not in (None, "", 0):
        yield value, ref


def _content(value: Any, ref: TypeRef) -> bytes | int:
    if ref.kind is Kind.STRING:
        text: str = value
        return text.encode("utf-8", "replace")
    if ref.kind is Kind.INTEGER:
        return int(value)
    return _message(value)


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return tag(number, VARINT) + varint(content)
    return tag(number, BYTES) + sized(content)
