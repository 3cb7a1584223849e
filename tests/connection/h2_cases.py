"""The cases of h2spec (github.com/summerwind/h2spec, all of its sections for servers), told as data.

Each names h2spec's section and number and the rule of RFC 9113 or RFC 7541. What is expected is stricter than what h2spec
takes for a pass: one error code, and for an error of a stream that the connection lives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from h2.errors import ErrorCodes
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from tests.support.raw_http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    POST,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    block,
    data,
    frame,
    ping,
    priority,
    request,
    reset,
    settings,
    window_update,
)

PROTOCOL = ErrorCodes.PROTOCOL_ERROR
FLOW = ErrorCodes.FLOW_CONTROL_ERROR
SIZE = ErrorCodes.FRAME_SIZE_ERROR
CLOSED = ErrorCodes.STREAM_CLOSED
COMPRESSION = ErrorCodes.COMPRESSION_ERROR
REFUSED = ErrorCodes.REFUSED_STREAM
TABLE, PUSH, STREAMS, WINDOW, FRAME = 1, 2, 3, 4, 5
FRAME_LIMIT = 256 * 1024
GREETING = PREFACE + settings() + frame(SETTINGS, ACK, 0)


@attrs.frozen
class Answered:
    """Stream 1 (or *stream*) gets its 200, and the connection lives."""

    stream: int = 1


@attrs.frozen
class Lives:
    """Nothing comes of it: the connection answers a ping."""


@attrs.frozen
class StreamError:
    """RST_STREAM with *code* on *stream*, and the connection lives."""

    code: ErrorCodes
    stream: int = 1


@attrs.frozen
class ConnectionError_:
    """GOAWAY with *code*, and the connection ends."""

    code: ErrorCodes


@attrs.frozen
class Piece:
    """A DATA frame of one byte on stream 1, not its last."""


@attrs.frozen
class Ponged:
    """The only ping that is answered is the one with this payload."""

    payload: bytes


Expected = Answered | Lives | StreamError | ConnectionError_ | Piece | Ponged


@attrs.frozen(kw_only=True)
class Case:
    spec: str
    """h2spec's section and number."""
    rule: str
    what: str
    sends: Sequence[bytes]
    """What is sent after both sides' settings; the server works off each before the next goes out."""
    expects: Expected
    greeting: bytes = GREETING
    after_answer: bool = False
    """Whether the second write waits for the end of the response."""

    def __str__(self) -> str:
        return f"{self.spec} {self.what}"


def _head(flags: int, payload: bytes, stream: int = 1) -> bytes:
    return frame(HEADERS, flags, stream, payload)


def _more(payload: bytes, *, end: bool = True, stream: int = 1) -> bytes:
    return frame(CONTINUATION, END_HEADERS if end else 0, stream, payload)


def _padded(payload: bytes, padding: int) -> bytes:
    return bytes([padding]) + payload + bytes(padding)


WHOLE = END_HEADERS | END_STREAM
DUMMY = block(("x-dummy0", "x" * 400))
GET_BLOCK, POST_BLOCK = block(*GET), block(*POST)
OPEN = request(end=False)
BODIED = "RFC 9113 section 8.1.1"


def _without(name: str) -> bytes:
    return _head(WHOLE, block(*[field for field in GET if field[0] != name]))


def _with(*more: tuple[str, str]) -> bytes:
    return request(more=more)


def _generic() -> Iterator[Case]:
    starting, states, frames = "RFC 9113 section 3.4", "RFC 9113 section 5.1", "RFC 9113 section 6"
    yield Case(
        spec="generic/1/1", rule=starting, what="preface", sends=[], expects=Lives(), greeting=PREFACE + settings()
    )
    rows: list[tuple[str, str, str, list[bytes], Expected]] = [
        ("2/1", states, "PRIORITY on an idle stream", [priority(1, 0), request()], Answered()),
        ("2/2", states, "WINDOW_UPDATE when half closed", [request() + window_update(1, 100)], Answered()),
        ("2/3", states, "PRIORITY when half closed", [request() + priority(1, 0)], Answered()),
        ("2/4", states, "RST_STREAM when half closed", [request() + reset()], Lives()),
        ("2/5", states, "PRIORITY on a closed stream", [request(), priority(1, 0)], Lives()),
        ("3.1/1", f"{frames}.1", "DATA", [OPEN + data()], Answered()),
        ("3.1/2", f"{frames}.1", "DATA more than once", [OPEN + data(end=False) + data()], Answered()),
        (
            "3.1/3",
            f"{frames}.1",
            "DATA that is padded",
            [OPEN + frame(DATA, END_STREAM | PADDED, 1, _padded(b"test", 6))],
            Answered(),
        ),
        ("3.2/1", f"{frames}.2", "HEADERS", [request()], Answered()),
        ("3.2/2", f"{frames}.2", "HEADERS that is padded", [_head(WHOLE | PADDED, _padded(GET_BLOCK, 6))], Answered()),
        (
            "3.2/3",
            f"{frames}.2",
            "HEADERS with a priority",
            [_head(WHOLE | WITH_PRIORITY, b"\0\0\0\0\xff" + GET_BLOCK)],
            Answered(),
        ),
        ("3.3/1", f"{frames}.3", "PRIORITY 1", [priority(1, 0, weight=0), request()], Answered()),
        ("3.3/2", f"{frames}.3", "PRIORITY 256", [priority(1, 0, weight=255), request()], Answered()),
        (
            "3.3/3",
            f"{frames}.3",
            "PRIORITY with a dependency",
            [priority(1, 0), priority(3, 1), request(3)],
            Answered(3),
        ),
        ("3.3/4", f"{frames}.3", "PRIORITY, exclusive", [priority(1, 0, exclusive=True), request()], Answered()),
        ("3.3/5", f"{frames}.3", "PRIORITY of a later stream", [priority(5, 0), request(3)], Answered(3)),
        ("3.4/1", f"{frames}.4", "RST_STREAM", [OPEN + reset()], Lives()),
        ("3.5/1", f"{frames}.5", "SETTINGS", [settings((STREAMS, 100))], Lives()),
        ("3.7/1", f"{frames}.7", "PING", [ping(b"h2spec\0\0")], Ponged(b"h2spec\0\0")),
        (
            "3.8/1",
            f"{frames}.8",
            "GOAWAY while a request runs",
            [OPEN + frame(GOAWAY, 0, 0, bytes(8)) + data()],
            Answered(),
        ),
        ("3.9/1", f"{frames}.9", "WINDOW_UPDATE of the connection", [window_update(0, 1), request()], Answered()),
        ("3.9/2", f"{frames}.9", "WINDOW_UPDATE of a stream", [OPEN + window_update(1, 1) + data()], Answered()),
        ("3.10/1", f"{frames}.10", "CONTINUATION", [_head(END_STREAM, GET_BLOCK) + _more(DUMMY)], Answered()),
        (
            "3.10/2",
            f"{frames}.10",
            "CONTINUATION more than once",
            [_head(END_STREAM, GET_BLOCK) + _more(DUMMY, end=False) + _more(DUMMY)],
            Answered(),
        ),
        ("4/1", "RFC 9113 section 8.1", "GET", [request()], Answered()),
        ("4/2", "RFC 9113 section 8.1", "HEAD", [request(1, (":method", "HEAD"), *GET[1:])], Answered()),
        ("4/3", "RFC 9113 section 8.1", "POST", [OPEN + data()], Answered()),
        (
            "4/4",
            "RFC 9113 section 8.1",
            "POST with trailers",
            [OPEN + data(end=False) + _head(WHOLE, block(("x-test", "ok")))],
            Answered(),
        ),
    ]
    for spec, rule, what, sends, expects in rows:
        yield Case(spec=f"generic/{spec}", rule=rule, what=what, sends=sends, expects=expects)


def _string(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _huffman(text: str) -> bytes:
    """A string in Huffman's code (RFC 7541 section 5.2)."""
    code = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text.encode())
    return bytes([0x80 | len(code)]) + code


def _representations() -> Iterator[Case]:
    """RFC 7541 section 6: every way to write a field. Index 58 of the static table is user-agent."""
    agent, name = "agent/1.0", "x-test"
    plain, coded = _string(agent.encode()), _huffman(agent)
    forms = [
        ("indexed", b"\x82"),
        ("with indexing, name by index", b"\x7a" + plain),
        ("with indexing, name by index, coded", b"\x7a" + coded),
        ("with indexing, new name", b"\x40" + _string(name.encode()) + plain),
        ("with indexing, new name, coded", b"\x40" + _huffman(name) + coded),
        ("without indexing, name by index", b"\x0f\x2b" + plain),
        ("without indexing, name by index, coded", b"\x0f\x2b" + coded),
        ("without indexing, new name", b"\x00" + _string(name.encode()) + plain),
        ("without indexing, new name, coded", b"\x00" + _huffman(name) + coded),
        ("never indexed, name by index", b"\x1f\x2b" + plain),
        ("never indexed, name by index, coded", b"\x1f\x2b" + coded),
        ("never indexed, new name", b"\x10" + _string(name.encode()) + plain),
        ("never indexed, new name, coded", b"\x10" + _huffman(name) + coded),
    ]
    for number, (what, form) in enumerate(forms, 1):
        whole = form + block(*GET[1:]) if number == 1 else GET_BLOCK + form
        yield Case(
            spec=f"generic/5/{number}",
            rule="RFC 7541 section 6",
            what=f"a field {what}",
            sends=[_head(WHOLE, whole)],
            expects=Answered(),
        )
    for number, updates in ((14, b"\x21"), (15, b"\x20\x3f\xe1\x1f")):
        yield Case(
            spec=f"generic/5/{number}",
            rule="RFC 7541 section 6.3",
            what="a table size update" if number == 14 else "two table size updates",
            sends=[_head(WHOLE, updates + GET_BLOCK)],
            expects=Answered(),
        )


def _http2_frames() -> Iterator[Case]:
    """Sections 3 to 5: the preface, frames, blocks and the states of streams."""
    idle, half, over = "RFC 9113 section 5.1, idle", "RFC 9113 section 5.1, half-closed", "RFC 9113 section 5.1, closed"
    yield Case(
        spec="http2/3.5/1",
        rule="RFC 9113 section 3.4",
        what="the server speaks first, and says SETTINGS",
        sends=[],
        greeting=PREFACE + settings((WINDOW, 65535)),
        expects=Lives(),
    )
    yield Case(
        spec="http2/3.5/2",
        rule="RFC 9113 section 3.4",
        what="a preface that is none",
        sends=[],
        greeting=b"INVALID CONNECTION PREFACE\r\n\r\n",
        expects=ConnectionError_(PROTOCOL),
    )
    big = data(1, bytes(FRAME_LIMIT + 1))
    rows: list[tuple[str, str, str, list[bytes], Expected]] = [
        ("4.1/1", "RFC 9113 section 4.1", "a frame of no known type", [frame(0x16, 0, 0, bytes(8))], Lives()),
        ("4.1/2", "RFC 9113 section 4.1", "a flag that is not defined", [ping(b"undefind", 0x16)], Ponged(b"undefind")),
        (
            "4.1/3",
            "RFC 9113 section 4.1",
            "the reserved bit",
            [frame(PING, 0, 1 << 31, b"reserved")],
            Ponged(b"reserved"),
        ),
        ("4.2/1", "RFC 9113 section 4.2", "DATA of 2^14 bytes", [OPEN + data(1, bytes(2**14))], Answered()),
        ("4.2/2", "RFC 9113 section 4.2", "DATA that is too large", [OPEN + big], ConnectionError_(SIZE)),
        (
            "4.2/3",
            "RFC 9113 section 4.2",
            "HEADERS that is too large",
            [_head(WHOLE, GET_BLOCK + bytes(FRAME_LIMIT))],
            ConnectionError_(SIZE),
        ),
        (
            "4.3/1",
            "RFC 9113 section 4.3",
            "a block that ends early",
            [_head(WHOLE, b"\x40")],
            ConnectionError_(COMPRESSION),
        ),
        (
            "4.3/2",
            "RFC 9113 section 4.3",
            "PRIORITY within a block",
            [_head(0, GET_BLOCK) + priority(1, 0) + _more(DUMMY)],
            ConnectionError_(PROTOCOL),
        ),
        (
            "4.3/3",
            "RFC 9113 section 4.3",
            "HEADERS of another stream within a block",
            [_head(0, GET_BLOCK) + request(3) + _more(DUMMY)],
            ConnectionError_(PROTOCOL),
        ),
        ("5.1/1", idle, "DATA", [data()], ConnectionError_(PROTOCOL)),
        ("5.1/2", idle, "RST_STREAM", [reset()], ConnectionError_(PROTOCOL)),
        ("5.1/3", idle, "WINDOW_UPDATE", [window_update(1, 100)], ConnectionError_(PROTOCOL)),
        ("5.1/4", idle, "CONTINUATION", [_more(GET_BLOCK)], ConnectionError_(PROTOCOL)),
        ("5.1/5", half, "DATA", [request() + data()], StreamError(CLOSED)),
        ("5.1/6", half, "HEADERS", [request() + request()], StreamError(CLOSED)),
        ("5.1/7", half, "CONTINUATION", [request() + _more(GET_BLOCK)], ConnectionError_(PROTOCOL)),
        ("5.1/8", over, "DATA after RST_STREAM", [OPEN + reset() + data()], StreamError(CLOSED)),
        ("5.1/9", over, "HEADERS after RST_STREAM", [OPEN + reset() + request()], StreamError(CLOSED)),
        ("5.1/10", over, "CONTINUATION after RST_STREAM", [OPEN + reset() + _more(DUMMY)], ConnectionError_(PROTOCOL)),
        ("5.1/11", over, "DATA after the end", [request(), data()], StreamError(CLOSED)),
        ("5.1/12", over, "HEADERS after the end", [request(), request()], ConnectionError_(CLOSED)),
        ("5.1/13", over, "CONTINUATION after the end", [request(), _more(DUMMY)], ConnectionError_(PROTOCOL)),
        ("5.1.1/1", "RFC 9113 section 5.1.1", "an even stream", [request(2)], ConnectionError_(PROTOCOL)),
        ("5.1.1/2", "RFC 9113 section 5.1.1", "a lower stream", [request(5) + request(3)], ConnectionError_(PROTOCOL)),
        (
            "5.1.2/1",
            "RFC 9113 section 5.1.2",
            "a stream more than there may be",
            [settings((WINDOW, 0)), b"".join(request(number) for number in range(1, 203, 2))],
            StreamError(REFUSED, 201),
        ),
        (
            "5.3.1/1",
            "RFC 7540 section 5.3.1",
            "HEADERS that depends on itself",
            [_head(WHOLE | WITH_PRIORITY, b"\0\0\0\x01\xff" + GET_BLOCK)],
            StreamError(PROTOCOL),
        ),
        (
            "5.3.1/2",
            "RFC 7540 section 5.3.1",
            "PRIORITY that depends on itself",
            [priority(1, 1)],
            StreamError(PROTOCOL),
        ),
        (
            "5.4.1/1",
            "RFC 9113 section 5.4.1",
            "an error ends in a close",
            [frame(PING, 0, 3, bytes(8))],
            ConnectionError_(PROTOCOL),
        ),
        (
            "5.4.1/2",
            "RFC 9113 section 5.4.1",
            "an error ends with GOAWAY",
            [frame(PING, 0, 3, bytes(8))],
            ConnectionError_(PROTOCOL),
        ),
        ("5.5/1", "RFC 9113 section 5.5", "an extension's frame", [frame(0x16, 0, 0, bytes(8))], Lives()),
        (
            "5.5/2",
            "RFC 9113 section 5.5",
            "an extension's frame within a block",
            [_head(END_STREAM, GET_BLOCK) + frame(0x16, 0, 0, bytes(8))],
            ConnectionError_(PROTOCOL),
        ),
    ]
    for spec, rule, what, sends, expects in rows:
        yield Case(
            spec=f"http2/{spec}",
            rule=rule,
            what=what,
            sends=sends,
            expects=expects,
            after_answer=rule == over and len(sends) > 1,
        )


def _http2_definitions() -> Iterator[Case]:
    """Sections 6 and 7: every kind of frame, and error codes."""
    long_body = request(end=False, more=[("content-length", "4")])
    wrong_pad = frame(DATA, END_STREAM | PADDED, 1, b"\x06test")
    invalid_headers = _head(WHOLE | PADDED, bytes([len(GET_BLOCK) + 2]) + GET_BLOCK)
    half_block = _head(END_STREAM, GET_BLOCK)
    rows: list[tuple[str, str, list[bytes], Expected]] = [
        ("6.1/1", "DATA of the connection", [data(0)], ConnectionError_(PROTOCOL)),
        ("6.1/2", "DATA after the end of the request", [request() + data()], StreamError(CLOSED)),
        ("6.1/3", "DATA of more padding than it is long", [long_body + wrong_pad], ConnectionError_(PROTOCOL)),
        (
            "6.2/1",
            "PRIORITY within a block",
            [_head(0, GET_BLOCK) + priority(1, 0) + _more(DUMMY)],
            ConnectionError_(PROTOCOL),
        ),
        (
            "6.2/2",
            "HEADERS within a block",
            [_head(0, GET_BLOCK) + request(3) + _more(DUMMY)],
            ConnectionError_(PROTOCOL),
        ),
        ("6.2/3", "HEADERS of the connection", [request(0)], ConnectionError_(PROTOCOL)),
        ("6.2/4", "HEADERS of more padding than it is long", [invalid_headers], ConnectionError_(PROTOCOL)),
        ("6.3/1", "PRIORITY of the connection", [priority(0, 0)], ConnectionError_(PROTOCOL)),
        ("6.3/2", "PRIORITY of four bytes", [request() + frame(PRIORITY, 0, 1, b"\x80\0\0\1")], StreamError(SIZE)),
        ("6.4/1", "RST_STREAM of the connection", [reset(0)], ConnectionError_(PROTOCOL)),
        ("6.4/2", "RST_STREAM of an idle stream", [reset(1)], ConnectionError_(PROTOCOL)),
        ("6.4/3", "RST_STREAM of three bytes", [request() + frame(RST_STREAM, 0, 1, bytes(3))], ConnectionError_(SIZE)),
        ("6.5/1", "SETTINGS that acknowledges and sets", [frame(SETTINGS, ACK, 0, b"\0")], ConnectionError_(SIZE)),
        ("6.5/2", "SETTINGS of a stream", [frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64")], ConnectionError_(PROTOCOL)),
        ("6.5/3", "SETTINGS of three bytes", [frame(SETTINGS, 0, 0, b"\0\3\0")], ConnectionError_(SIZE)),
        ("6.5.2/1", "ENABLE_PUSH of 2", [settings((PUSH, 2))], ConnectionError_(PROTOCOL)),
        ("6.5.2/2", "INITIAL_WINDOW_SIZE of 2^31", [settings((WINDOW, 2**31))], ConnectionError_(FLOW)),
        ("6.5.2/3", "MAX_FRAME_SIZE of 2^14 - 1", [settings((FRAME, 2**14 - 1))], ConnectionError_(PROTOCOL)),
        ("6.5.2/4", "MAX_FRAME_SIZE of 2^24", [settings((FRAME, 2**24))], ConnectionError_(PROTOCOL)),
        ("6.5.2/5", "a setting that nobody knows", [settings((0xFF, 1))], Lives()),
        ("6.5.3/1", "the last of two values counts", [settings((WINDOW, 100), (WINDOW, 1)), request()], Piece()),
        ("6.5.3/2", "SETTINGS are acknowledged", [settings((PUSH, 0))], Lives()),
        ("6.7/1", "PING", [ping(b"h2spec\0\0")], Ponged(b"h2spec\0\0")),
        ("6.7/2", "PING that acknowledges", [ping(b"invalid\0", ACK) + ping(b"h2spec\0\0")], Ponged(b"h2spec\0\0")),
        ("6.7/3", "PING of a stream", [frame(PING, 0, 1, bytes(8))], ConnectionError_(PROTOCOL)),
        ("6.7/4", "PING of six bytes", [frame(PING, 0, 0, bytes(6))], ConnectionError_(SIZE)),
        ("6.8/1", "GOAWAY of a stream", [frame(GOAWAY, 0, 1, bytes(8))], ConnectionError_(PROTOCOL)),
        ("6.9/1", "WINDOW_UPDATE by 0", [window_update(0, 0)], ConnectionError_(PROTOCOL)),
        ("6.9/2", "WINDOW_UPDATE by 0 on a stream", [OPEN + window_update(1, 0)], StreamError(PROTOCOL)),
        ("6.9/3", "WINDOW_UPDATE of three bytes", [frame(WINDOW_UPDATE, 0, 0, b"\0\0\1")], ConnectionError_(SIZE)),
        ("6.9.1/1", "a window of one byte", [settings((WINDOW, 1)), request()], Piece()),
        ("6.9.1/2", "a window of 2^31", [window_update(0, 2**31 - 1) * 2], ConnectionError_(FLOW)),
        ("6.9.1/3", "a stream's window of 2^31", [OPEN + window_update(1, 2**31 - 1) * 2], StreamError(FLOW)),
        ("6.9.2/1", "a window that opens", [settings((WINDOW, 0)), request(), settings((WINDOW, 1))], Piece()),
        (
            "6.9.2/2",
            "a window below zero",
            [settings((WINDOW, 3)), request(), settings((WINDOW, 2)), window_update(1, 2)],
            Piece(),
        ),
        ("6.9.2/3", "INITIAL_WINDOW_SIZE beyond its maximum", [settings((WINDOW, 2**31))], ConnectionError_(FLOW)),
        ("6.10/1", "CONTINUATION twice", [half_block + _more(DUMMY, end=False) + _more(DUMMY)], Answered()),
        (
            "6.10/2",
            "DATA within a block",
            [_head(0, POST_BLOCK) + _more(DUMMY, end=False) + data()],
            ConnectionError_(PROTOCOL),
        ),
        ("6.10/3", "CONTINUATION of the connection", [half_block + _more(DUMMY, stream=0)], ConnectionError_(PROTOCOL)),
        ("6.10/4", "CONTINUATION behind a whole block", [request() + _more(DUMMY)], ConnectionError_(PROTOCOL)),
        (
            "6.10/5",
            "CONTINUATION behind the last one",
            [half_block + _more(DUMMY) + _more(DUMMY)],
            ConnectionError_(PROTOCOL),
        ),
        ("6.10/6", "CONTINUATION behind DATA", [OPEN + data() + _more(DUMMY, end=False)], ConnectionError_(PROTOCOL)),
        (
            "7/1",
            "GOAWAY with a code that nobody knows",
            [frame(GOAWAY, 0, 0, bytes(7) + b"\xff")],
            ConnectionError_(ErrorCodes.NO_ERROR),
        ),
        ("7/2", "RST_STREAM with a code that nobody knows", [OPEN + reset(1, 0xFF)], Lives()),
    ]
    for spec, what, sends, expects in rows:
        yield Case(
            spec=f"http2/{spec}", rule=f"RFC 9113 section {spec.split('/')[0]}", what=what, sends=sends, expects=expects
        )


def _http2_messages() -> Iterator[Case]:
    """Section 8: requests that are malformed are errors of their stream."""
    trailers = [OPEN + data(end=False)]
    rows: list[tuple[str, str, list[bytes]]] = [
        ("8.1/1", "trailers that are not the end", [*trailers, _head(END_HEADERS, block(("x-test", "ok")))]),
        ("8.1.2/1", "a name in capitals", [_with(("X-TEST", "ok"))]),
        ("8.1.2.1/1", "a pseudo-header field that nobody knows", [_with((":test", "ok"))]),
        ("8.1.2.1/2", "a response's pseudo-header field", [_with((":status", "200"))]),
        ("8.1.2.1/3", "a pseudo-header field in trailers", [*trailers, _head(WHOLE, block((":method", "POST")))]),
        ("8.1.2.1/4", "a pseudo-header field behind others", [_head(WHOLE, block(("x-test", "ok"), *GET))]),
        ("8.1.2.2/1", "a field of the connection", [_with(("connection", "keep-alive"))]),
        ("8.1.2.2/2", "TE of more than trailers", [_with(("trailers", "test"), ("te", "trailers, deflate"))]),
        ("8.1.2.3/1", "an empty path", [request(1, *GET[:2], (":path", ""), GET[3])]),
        ("8.1.2.3/2", "no method", [_without(":method")]),
        ("8.1.2.3/3", "no scheme", [_without(":scheme")]),
        ("8.1.2.3/4", "no path", [_without(":path")]),
        ("8.1.2.3/5", "two methods", [_head(WHOLE, block(*GET, GET[0]))]),
        ("8.1.2.3/6", "two schemes", [_head(WHOLE, block(*GET, GET[1]))]),
        ("8.1.2.3/7", "two paths", [_head(WHOLE, block(*GET, GET[2]))]),
        ("8.1.2.6/1", "another length than announced", [request(end=False, more=[("content-length", "1")]) + data()]),
        (
            "8.1.2.6/2",
            "another length in all than announced",
            [request(end=False, more=[("content-length", "1")]) + data(end=False) + data()],
        ),
    ]
    for spec, what, sends in rows:
        yield Case(
            spec=f"http2/{spec}", rule="RFC 9113 section 8.1.1", what=what, sends=sends, expects=StreamError(PROTOCOL)
        )
    yield Case(
        spec="http2/8.2/1",
        rule="RFC 9113 section 8.4",
        what="PUSH_PROMISE",
        sends=[frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\3" + GET_BLOCK)],
        expects=ConnectionError_(PROTOCOL),
    )


def _hpack() -> Iterator[Case]:
    rows = [
        ("2.3.3/1", "an index beyond the tables", GET_BLOCK + b"\xc6"),
        ("2.3.3/2", "a name's index beyond the tables", GET_BLOCK + b"\x7f\x07\x00"),
        ("4.2/1", "a table size update at the end", GET_BLOCK + b"\x21"),
        ("5.2/1", "padding of more than seven bits", GET_BLOCK + bytes.fromhex("0085f2b24a84ff8449509fff")),
        ("5.2/2", "padding of zeroes", GET_BLOCK + bytes.fromhex("0085f2b24a84ff83495090")),
        (
            "5.2/3",
            "a string with the end of strings in it",
            GET_BLOCK + bytes.fromhex("0085f2b24a84ff87495 1fffffffa7f".replace(" ", "")),
        ),
        ("6.1/1", "index 0", GET_BLOCK + b"\x80"),
        ("6.3/1", "a table larger than we offered", b"\x3f\xe2\x1f" + GET_BLOCK),
    ]
    for spec, what, payload in rows:
        yield Case(
            spec=f"hpack/{spec}",
            rule=f"RFC 7541 section {spec.split('/')[0]}",
            what=what,
            sends=[_head(WHOLE, payload)],
            expects=ConnectionError_(COMPRESSION),
        )


CASES: tuple[Case, ...] = (
    *_generic(),
    *_representations(),
    *_http2_frames(),
    *_http2_definitions(),
    *_http2_messages(),
    *_hpack(),
)
