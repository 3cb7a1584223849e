"""Request heads on HTTP/2: judged at least as strictly as h2 would, decoded at a bounded cost."""

from __future__ import annotations

import time

import pytest
from h2.exceptions import ProtocolError
from h2.utilities import HeaderValidationFlags, validate_headers
from hpack import Decoder, Encoder
from hypothesis import example, given
from hypothesis import strategies as st

from genericapiserver.connection.http2_headers import (
    CompressionError,
    ExcessiveHeadersError,
    Fault,
    HeaderDecoder,
    request_head,
    sound_trailers,
)

Fields = list[tuple[bytes, bytes]]

SOUND: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"x")]
REQUEST = HeaderValidationFlags(is_client=False, is_trailer=False, is_response_header=False, is_push_promise=False)
TRAILER = HeaderValidationFlags(is_client=False, is_trailer=True, is_response_header=False, is_push_promise=False)
PARTS = st.sampled_from(
    [
        b":method", b":path", b":scheme", b":authority", b":status", b":protocol", b"host", b"te", b"cookie", b"X", b"",
        b"connection", b"upgrade", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"a b", b"a:b", b"\x7f", b"x-y",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [b"", b"GET", b"CONNECT", b"/", b"x", b"trailers", b"gzip", b" a", b"a\t", b"a\tb", b"a\r\nb", b"\0"]
    ),
    st.binary(max_size=6),
)
FIELD = st.tuples(PARTS, VALUES)


def h2_refuses(fields: Fields, flags: HeaderValidationFlags) -> bool:
    try:
        list(validate_headers(fields, flags))
    except (ProtocolError, IndexError):  # h2 itself trips over an empty name
        return True
    return False


@given(st.lists(st.one_of(st.sampled_from(SOUND), FIELD), max_size=9), st.booleans())
@example(SOUND, True)
@example([*SOUND, (b"host", b"x")], True)
@example([*SOUND, (b"host", b"y")], True)
def test_what_h2_refuses_is_refused(fields: Fields, ended: bool) -> None:
    if h2_refuses(fields, REQUEST):
        assert request_head(fields, ended=ended).fault is Fault.MALFORMED
    if h2_refuses(fields, TRAILER):
        assert not sound_trailers(fields)


@pytest.mark.parametrize(
    ("more", "ended", "fault"),
    [
        ([], True, None),
        ([(b"x-remote-group", b"a"), (b"x-remote-group", b"b")], True, None),
        ([(b"te", b"Trailers")], True, None),
        ([(b"a", b"one\ttwo \xc3\xa9")], True, None),
        ([(b"content-length", b"0")], True, None),
        ([(b"content-length", b"5")], False, None),
        ([(b"content-length", b"5")], True, Fault.MALFORMED),
        ([(b"content-length", b"5"), (b"content-length", b"5")], False, Fault.MALFORMED),
        ([(b"content-length", b"+5")], False, Fault.MALFORMED),
        ([(b"content-length", b"9" * 5000)], False, Fault.MALFORMED),
        ([(b"a", b"\x01")], True, Fault.MALFORMED),
        ([(b"a(b", b"")], True, Fault.MALFORMED),
        ([(b"host", b"x"), (b"host", b"x")], True, Fault.MALFORMED),
    ],
)
def test_heads(more: Fields, ended: bool, fault: Fault | None) -> None:
    assert request_head([*SOUND, *more], ended=ended).fault is fault


@pytest.mark.parametrize("scheme", [b"ftp", b""])
def test_a_scheme_that_is_not_https_is_refused(scheme: bytes) -> None:
    assert request_head([SOUND[0], (b":scheme", scheme), *SOUND[2:]], ended=True).fault is Fault.MALFORMED


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.binary(max_size=700)), max_size=60), st.booleans())
def test_large_blocks_decode_to_the_same_in_pieces(fields: Fields, huffman: bool) -> None:
    encoder, whole, mine = Encoder(), Decoder(2**20), HeaderDecoder(2**20, 1000)
    for _ in range(2):
        block = encoder.encode(fields, huffman=huffman)
        assert list(mine.decode_block(block)[0]) == list(whole.decode(block, raw=True))


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=3))
def test_nonsense_fails_the_same_in_pieces(nonsense: bytes, cut: int) -> None:
    block = Encoder().encode([(b"a", b"b" * 3000)], huffman=False)
    block = block[: len(block) - cut] + nonsense
    try:
        expected = list(Decoder(2**20).decode(block, raw=True))
    except Exception:  # noqa: BLE001  hpack's several kinds
        with pytest.raises(ProtocolError):
            HeaderDecoder(2**20, 1000).decode_block(block)
    else:
        assert list(HeaderDecoder(2**20, 1000).decode_block(block)[0]) == expected


def test_a_head_beyond_the_limits_is_known_as_too_large() -> None:
    decoder = HeaderDecoder(10_000, 100)
    assert decoder.decode_block(Encoder().encode([(b"a", b"b" * 9_900)]))[1] is False
    assert decoder.decode_block(Encoder().encode([(b"a", b"b" * 10_000)]))[1] is True
    assert decoder.decode_block(b"\x82" * 100)[1] is False
    assert decoder.decode_block(b"\x82" * 101)[1] is True


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x82" * 100_000, id="fields of one byte"),
        pytest.param(b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 100_000, id="one large field again and again"),
        pytest.param(b"\x00\x01a\x00" * 100_000, id="small fields, which hpack copies the rest of the block for"),
    ],
)
def test_bombs_are_given_up_on_soon(block: bytes) -> None:
    start = time.process_time()
    with pytest.raises(ExcessiveHeadersError):
        HeaderDecoder(2**20, 2000).decode_block(block)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\xff" * 100_000, id="an integer without an end"),
        pytest.param(b"\x20" * 3000 + b"\x82" + b"\x20" * 3000, id="updates of the table behind a field"),
        pytest.param(b"\x00\x01a\x7f" + b"b" * 5000 + b"\x00\x7f", id="a field that ends early"),
    ],
)
def test_blocks_that_are_broken_are_errors_of_the_connection(block: bytes) -> None:
    with pytest.raises((CompressionError, ExcessiveHeadersError)):
        HeaderDecoder(2**20, 2000).decode_block(block)
