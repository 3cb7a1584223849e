"""Messages in protobuf as Go's encoders write them, made by hand."""

from genericapiserver.apimachinery.serializer.protobuf import PREFIX


def put(number: int, *contents: int | str | bytes) -> bytes:
    """A field of a message; several contents are those of a message within."""
    if len(contents) == 1 and isinstance(contents[0], int):
        return _varint(number << 3) + _varint(contents[0])
    data = b"".join(one.encode() if isinstance(one, str) else one for one in contents if not isinstance(one, int))
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def enveloped(api_version: str, kind: str, message: bytes) -> bytes:
    """A body, or a stored value: runtime.Unknown, whose last two fields Go writes even when they are empty."""
    return PREFIX + put(1, put(1, api_version), put(2, kind)) + put(2, message) + put(3, b"") + put(4, b"")
