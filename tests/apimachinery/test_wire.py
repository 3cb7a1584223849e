"""The wire format, against the table of protobuf's own documentation and what Go's protobuf says of broken messages."""

import pytest

from genericapiserver.apimachinery.wire import (
    BYTES,
    FIXED64,
    VARINT,
    WireError,
    read_fields,
    read_varint,
    sized,
    tag,
    varint,
)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (150, "9601"),
        (2**63, "80808080808080808001"),
        (2**64 - 1, "ffffffffffffffffff01"),
        (-1, "ffffffffffffffffff01"),
        (-2, "feffffffffffffffff01"),
    ],
)
def test_an_integer(number: int, encoded: str) -> None:
    assert varint(number).hex() == encoded
    assert read_varint(b"\xff" + varint(number), 1) == (number % 2**64, 1 + len(encoded) // 2)


def test_a_message() -> None:
    message = tag(1, VARINT) + varint(150) + tag(2, BYTES) + sized(b"testing") + tag(16, FIXED64) + bytes(range(8))
    assert message.hex() == "0896011207" + b"testing".hex() + "8101" + bytes(range(8)).hex()
    assert read_fields(message + message[:3]) == {1: [150, 150], 2: [b"testing"], 16: [bytes(range(8))]}
    assert read_fields(b"") == {}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("08", "unexpected EOF"),
        ("0896", "unexpected EOF"),
        ("1207", "unexpected EOF"),
        ("0900", "unexpected EOF"),
        ("0000", "proto: illegal tag 0"),
        ("0b", "proto: illegal wireType 3"),
        ("0f", "proto: illegal wireType 7"),
        ("08" + "ff" * 11, "proto: integer overflow"),
    ],
)
def test_what_is_no_message(message: str, text: str) -> None:
    with pytest.raises(WireError) as caught:
        read_fields(bytes.fromhex(message))
    assert text in str(caught.value)
