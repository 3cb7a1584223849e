"""From an HPACK block to a request head, or to what is wrong with it, at a bounded cost.

What is wrong with one request must not end the connection that carries everybody's (RFC 9113 section 8.1.1: a malformed
request is an error of its stream). So the block is decoded in any case, which keeps the compression state right, and
then judged. Only three things end the connection: a block that cannot be decoded, one that decodes to far more than was
announced, and one of far more fields than anybody needs.

`hpack` copies what is left of a block for every field of it. Over a mebibyte of small fields that is gigabytes, half a
second in which nobody else is served. Large blocks are therefore handed to it in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hpack import Decoder, HPACKError, OversizedHeaderListError

from genericapiserver.asgi import RawHeaders
from genericapiserver.connection.request_head import has_controls

Fields = Iterable[tuple[bytes, bytes]]

_PIECE: Final = 2048
"""Bytes of a block that are decoded at once."""
_FAR_TOO_MUCH: Final = 2
"""Times the announced size, or the permitted number of fields, from which on it is the connection that ends. Below it
is a 431 on the stream: Go reads on to twice what is left, too (x/net/http2 Framer.readMetaFrame)."""
_FIELD_OVERHEAD: Final = 32
"""RFC 7541 section 4.1."""
_CODED: Final = 2
"""How much longer a string is than its form in Huffman's code, at most: the shortest codes have five bits."""
_MAX_INTEGER_BYTES: Final = 6

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_LENGTH: Final = re.compile(rb"[0-9]{1,18}").fullmatch
_PSEUDO: Final = frozenset([b":method", b":scheme", b":authority", b":path"])
_SCHEMES: Final = frozenset([b"http", b"https"])
_OF_CONNECTIONS: Final = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"]
)
"""RFC 9113 section 8.2.2."""


class CompressionError(ProtocolError):
    """A block that cannot be decoded: the state shared with the peer is lost (RFC 9113 section 4.3)."""

    error_code = ErrorCodes.COMPRESSION_ERROR


class ExcessiveHeadersError(ProtocolError):
    """A block out of all proportion. The reference answers with this code."""

    error_code = ErrorCodes.PROTOCOL_ERROR


class Fault(Enum):
    """Why a request is not given to the handler."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"


class RequestHead(NamedTuple):
    """A request as its header block says it; of a faulty one nothing but the fault is worth looking at."""

    fault: Fault | None
    method: bytes = b""
    target: bytes = b""
    authority: bytes | None = None
    headers: RawHeaders = []  # noqa: RUF012  a field of a tuple; heads that are built get their own
    hosted: bool = False
    """Whether there is a Host field among the headers."""
    content_length: int | None = None


MALFORMED: Final = RequestHead(Fault.MALFORMED)
TOO_LARGE: Final = RequestHead(Fault.TOO_LARGE)


class HeaderDecoder:
    """One connection's `hpack.Decoder` behind the limits of *max_size* bytes (RFC 9113 section 6.5.2) and *max_fields*.

    To h2 it is the decoder too: `decode` hands over what `decode_block` was told to give it.
    """

    def __init__(self, max_size: int, max_fields: int) -> None:
        self._decoder = Decoder(_FAR_TOO_MUCH * max_size)
        self._max_size = max_size
        self._max_fields = max_fields
        self.max_header_list_size = max_size
        """Set by h2 when our settings are acknowledged; the limit holds from the first frame on all the same."""
        self.max_allowed_table_size = self._decoder.max_allowed_table_size
        self.next: object = ()
        """What h2 is given for the block of the frame it takes next."""

    def decode(self, data: bytes, raw: bool = True) -> object:
        return self.next

    def decode_block(self, block: bytes) -> tuple[Sequence[tuple[bytes, bytes]], bool]:
        """The fields of *block*, and whether they are more than was permitted.

        Raises CompressionError and ExcessiveHeadersError; both end the connection.
        """
        fields: list[tuple[bytes, bytes]]
        try:
            if len(block) <= _PIECE:
                fields = list(self._decoder.decode(block, raw=True))
            else:
                fields = self._decode_pieces(block)
        except OversizedHeaderListError as error:
            raise ExcessiveHeadersError(f"{error}") from error
        except HPACKError as error:
            raise CompressionError(f"cannot decode a header block: {error}") from error
        if len(fields) > self._max_fields:
            return fields, True
        # A block has the size of its fields at least, but for what it takes from a table of some kibibytes.
        most = len(block) * _CODED + len(fields) * (self._decoder.header_table_size + _FIELD_OVERHEAD)
        return fields, most > self._max_size and _size(fields) > self._max_size

    def _decode_pieces(self, block: bytes) -> list[tuple[bytes, bytes]]:
        most = _FAR_TOO_MUCH * self._max_fields
        room = _FAR_TOO_MUCH * self._max_size
        fields: list[tuple[bytes, bytes]] = []
        for piece, count in _pieces(block):
            most -= count
            if most < 0:
                raise ExcessiveHeadersError(f"a header block of more than {_FAR_TOO_MUCH * self._max_fields} fields")
            if fields and piece[0] & 0xE0 == 0x20:
                raise CompressionError("a table size update behind the first field of a header block")
            decoded = list(self._decoder.decode(piece, raw=True))
            room -= _size(decoded)
            if room < 0:
                raise ExcessiveHeadersError(f"a header list of more than {_FAR_TOO_MUCH * self._max_size} bytes")
            fields += decoded
        return fields


def _size(fields: Fields) -> int:
    """RFC 9113 section 6.5.2."""
    return sum([len(name) + len(value) + _FIELD_OVERHEAD for name, value in fields])


def _pieces(block: bytes) -> Iterator[tuple[bytes, int]]:
    """*block* cut between representations (RFC 7541 section 6), and how many there are in each piece."""
    start = at = count = 0
    size = len(block)
    while at < size:
        first = block[at]
        if first & 0x80:
            _, at = _integer(block, at, 0x7F)
        elif first & 0xE0 == 0x20:
            _, at = _integer(block, at, 0x1F)
        else:
            index, at = _integer(block, at, 0x3F if first & 0x40 else 0x0F)
            for _ in range(1 if index else 2):
                length, at = _integer(block, at, 0x7F)
                at += length
        count += 1
        if at - start >= _PIECE:
            yield block[start:at], count
            start, count = at, 0
    if start < size:
        yield block[start:], count


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """An integer with a prefix of *mask* (RFC 7541 section 5.1), and where it ends."""
    try:
        value = block[at] & mask
        at += 1
        if value < mask:
            return value, at
        for shift in range(0, 7 * _MAX_INTEGER_BYTES, 7):
            byte = block[at]
            at += 1
            value += (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
    except IndexError:
        raise CompressionError("a header block that ends within a field") from None
    raise CompressionError("a header block with an integer of too many bytes")


def request_head(fields: Fields, *, ended: bool) -> RequestHead:
    """Judge the fields of a request (RFC 9113 sections 8.2 and 8.3); *ended* says that no body follows.

    Stricter than the RFC where a proxy may read a head in another way than we do: one Host field at most, equal to
    :authority, one content length, no control characters (CVE-2019-16276, CVE-2025-57804, CVE-2026-71554).
    """
    pseudo: dict[bytes, bytes] = {}
    headers: RawHeaders = []
    host: bytes | None = None
    length: bytes | None = None
    values = []
    for name, value in fields:
        values.append(value)
        if name[:1] == b":":
            if headers or name in pseudo or name not in _PSEUDO:
                return MALFORMED
            pseudo[name] = value
            continue
        if not _NAME(name) or name in _OF_CONNECTIONS:
            return MALFORMED
        if name == b"host":
            if host is not None:
                return MALFORMED
            host = value
        elif name == b"content-length":
            if length is not None or not _LENGTH(value):
                return MALFORMED
            length = value
        elif name == b"te" and value.lower() != b"trailers":
            return MALFORMED
        headers.append((name, value))
    if not _sound(values):
        return MALFORMED
    method, target, authority = pseudo.get(b":method", b""), pseudo.get(b":path", b""), pseudo.get(b":authority")
    # CONNECT has no :path and no :scheme, and nothing here to connect to: it is refused like what is malformed.
    if not _METHOD(method) or not target or pseudo.get(b":scheme") not in _SCHEMES:
        return MALFORMED
    if (authority is None and host is None) or (authority is not None and host is not None and host != authority):
        return MALFORMED
    content_length = None if length is None else int(length)
    if ended and content_length:
        return MALFORMED
    return RequestHead(None, method, target, authority, headers, host is not None, content_length)


def sound_trailers(fields: Fields) -> bool:
    """Whether *fields* may follow a body: no pseudo-header field, nothing of a connection, nothing illegal."""
    fields = list(fields)
    return _sound([value for _, value in fields]) and all(
        _NAME(name) is not None and name not in _OF_CONNECTIONS and name != b"te" for name, _ in fields
    )


def _sound(values: list[bytes]) -> bool:
    if has_controls(values):
        return False
    return all(value[0] not in b" \t" and value[-1] not in b" \t" for value in values if value)
