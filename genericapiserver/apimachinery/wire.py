"""Writing protobuf's wire format: what messages consist of, whatever they mean.

For what is written only and by tables of our own; the library is for those who speak with other servers in protobuf.
Source: https://protobuf.dev/programming-guides/encoding/.
"""

from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2

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
