"""Reading protobuf bodies, which typed clients of built-in groups send (`kubectl auth`, `kubectl create clusterrole`).

Only reading: clients that send protobuf take JSON for an answer. A body is the four bytes `k8s\\0` and a message that says
kind and version and holds the object's own message. Fields have the numbers of `field(number=...)`, by default their
place in the declaration, and lie in a message of their own where Go embeds a struct. The result is the plain JSON value
of the object, which then goes the way of every other body.

Source: k8s.io/apimachinery pkg/runtime/serializer/protobuf, and the generated.proto files beside the types.
"""

import base64
import datetime as dt
import struct
from typing import Any, Final

import msgspec

from genericapiserver.apimachinery.describe import Kind, TypeRef, describe
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.time import format_micro_time, format_time
from genericapiserver.apimachinery.wire import Fields, WireError, read_fields

PREFIX: Final = b"k8s\x00"
_MAX_DEPTH: Final = 100


def unwrap(data: bytes) -> tuple[GroupVersionKind, bytes]:
    """The declared kind, perhaps empty, and the message of the object. Raises DecodeError."""
    if not data.startswith(PREFIX):
        expected = " ".join(str(byte) for byte in PREFIX)
        raise DecodeError(f"provided data does not appear to be a protobuf message, expected prefix [{expected}]")
    envelope = _message(data[len(PREFIX) :])
    type_meta = _message(_last_bytes(envelope, 1))
    api_version, kind = _text(_last_bytes(type_meta, 1)), _text(_last_bytes(type_meta, 2))
    try:
        return GroupVersionKind.parse(api_version, kind), _last_bytes(envelope, 2)
    except ValueError as error:
        raise DecodeError(str(error)) from error


def to_json(cls: type[Any], data: bytes, depth: int = 0) -> dict[str, Any]:
    """The message *data* of a *cls* as a plain JSON value. Fields that nobody declared are left out. Raises DecodeError."""
    if depth > _MAX_DEPTH:
        raise DecodeError(f"exceeded max depth of {_MAX_DEPTH}")
    message = _message(data)
    value: dict[str, Any] = {}
    embedded: dict[tuple[int, ...], Fields] = {}
    for field in describe(cls).fields:
        holder = message
        if inlined := field.inlined:
            if (known := embedded.get(inlined)) is None:
                known = message
                for number in inlined:
                    known = _message(_last_bytes(known, number))
                embedded[inlined] = known
            holder = known
        if (found := holder.get(field.number)) is None:
            continue
        ref = field.type
        if ref.kind is Kind.LIST:
            value[field.json_name] = [_value(ref.item, one, depth) for one in found]
        elif ref.kind is Kind.MAP:
            value[field.json_name] = dict(_entry(ref.item, one, depth) for one in found)
        else:
            value[field.json_name] = _value(ref, found[-1], depth)
    return value


def _value(ref: TypeRef, found: int | bytes, depth: int) -> Any:
    kind = ref.kind
    if isinstance(found, int):
        if kind is Kind.BOOLEAN:
            return bool(found)
        if kind is Kind.INTEGER:
            return found - (1 << 64) if found >> 63 else found
    else:
        match kind:
            case Kind.STRING:
                return _text(found)
            case Kind.OBJECT:
                return to_json(ref.object_type, found, depth + 1)
            case Kind.TIME | Kind.MICRO_TIME:
                return _time(found, micro=kind is Kind.MICRO_TIME)
            case Kind.BYTES:
                return base64.b64encode(found).decode("ascii")
            case Kind.NUMBER if len(found) == 8:
                return struct.unpack("<d", found)[0]
            case Kind.RAW:
                return _raw(_last_bytes(_message(found), 1))
            case Kind.QUANTITY:
                return _text(_last_bytes(_message(found), 1))
            case Kind.INT_OR_STRING:
                return _int_or_string(_message(found))
            case Kind.LIST:  # a list as a value of a map is a message of its own
                return [_value(ref.item, one, depth) for one in _message(found).get(1, ())]
    raise DecodeError(f"proto: wrong wireType for a field of type {ref.go_name}")


def _entry(ref: TypeRef, found: int | bytes, depth: int) -> tuple[str, Any]:
    if isinstance(found, int):
        raise DecodeError("proto: wrong wireType for a map")
    message = _message(found)
    values = message.get(2)
    return _text(_last_bytes(message, 1)), None if values is None else _value(ref, values[-1], depth)


def _time(data: bytes, *, micro: bool) -> str | None:
    """A message without fields is no time at all."""
    message = _message(data)
    if not message:
        return None
    seconds, nanos = (
        found[-1] if (found := message.get(number)) and isinstance(found[-1], int) else 0 for number in (1, 2)
    )
    if seconds >> 63:
        seconds -= 1 << 64
    try:
        moment = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise DecodeError(f"proto: a time of {seconds} seconds is out of range") from error
    return format_micro_time(moment) if micro else format_time(moment)


def _raw(data: bytes) -> Any:
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"proto: raw JSON cannot be read: {error}") from error


def _int_or_string(message: Fields) -> int | str:
    if message.get(1, [0])[-1] == 1:
        return _text(_last_bytes(message, 3))
    number = message.get(2, [0])[-1]
    if not isinstance(number, int):
        raise DecodeError("proto: wrong wireType for an int-or-string")
    return number - (1 << 64) if number >> 63 else number


def _last_bytes(message: Fields, number: int) -> bytes:
    found = message.get(number)
    if not found:
        return b""
    if isinstance(found[-1], int):
        raise DecodeError(f"proto: wrong wireType = 0 for field {number}")
    return found[-1]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"proto: a text is no UTF-8: {error.reason}") from error


def _message(data: bytes) -> Fields:
    """Split a message into its fields, whose meaning is up to the declaration. Raises DecodeError."""
    try:
        return read_fields(data)
    except WireError as error:
        raise DecodeError(str(error)) from error
