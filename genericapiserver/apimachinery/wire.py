"""Protobuf's wire format: what messages consist of, whatever they mean.

For those whose fields follow from tables and declarations of our own, in the base installation, which has no library for it.
Source: https://protobuf.dev/programming-guides/encoding/.
"""

from typing import Final, TypeAlias

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

Fields: TypeAlias = dict[int, list[int | bytes]]
"""The values of each field of a message, in their order: integers of varints, the bytes of all others."""

_UNSIGNED: Final = 0xFFFF_FFFF_FFFF_FFFF
_SHORT: Final = [bytes([number]) for number in range(0x80)]


def varint(number: int) -> bytes:
    """An integer; a negative one is its two's complement of 64 bits."""
    if 0 <= number < 0x80:
        return _SHORT[number]
    number &= _UNSIGNED
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def tag(number: int, wire_type: int) -> bytes:
    """What stands before the value of field *number*."""
    return varint(number << 3 | wire_type)


def sized(content: bytes) -> bytes:
    """A text, bytes or a message, with its length in front."""
    return varint(len(content)) + content


class WireError(ValueError):
    """Bytes are no message; the text says why, in the words of Go's protobuf."""


def read_fields(data: bytes) -> Fields:
    """Split a message into its fields. Raises WireError for one that ends too early or has groups."""
    fields: Fields = {}
    position, end = 0, len(data)
    while position < end:
        key, position = read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        found: int | bytes
        if wire_type == VARINT:
            found, position = read_varint(data, position)
        else:
            if wire_type == BYTES:
                size, position = read_varint(data, position)
            elif wire_type in (FIXED64, FIXED32):
                size = 8 if wire_type == FIXED64 else 4
            else:
                raise WireError(f"proto: illegal wireType {wire_type}")
            if size > end - position:
                raise WireError("unexpected EOF")
            found, position = data[position : position + size], position + size
        if number == 0:
            raise WireError("proto: illegal tag 0")
        fields.setdefault(number, []).append(found)
    return fields


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The integer at *position*, unsigned, and the position behind it. Raises WireError."""
    value = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _UNSIGNED, position
        shift += 7
        if shift >= 70:
            raise WireError("proto: integer overflow")
    raise WireError("unexpected EOF")
