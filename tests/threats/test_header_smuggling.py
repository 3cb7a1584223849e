"""Headers that a proxy in front and the server behind may read differently (CVE-2019-16276 and its kin).

Each request is sent raw, by nobody and by the front proxy itself, which a client may have tricked into passing it on. None
may make anybody root; what is malformed is refused before any filter sees it.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamReset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genericapiserver.connection.request_head import HeadScanner, has_controls
from tests.support.identity_server import IdentityServer, certificate, identity_server

HEAD = b"GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
SECOND = b"GET /whoami HTTP/1.1\r\nHost: x\r\nX-Remote-User: root\r\nConnection: close\r\n\r\n"

REFUSED: dict[str, bytes] = {
    "a space before the colon": HEAD + b"X-Remote-User : root\r\n\r\n",
    "a tab before the colon": HEAD + b"X-Remote-User\t: root\r\n\r\n",
    "a folded line after another header": HEAD + b"X-Other: a\r\n X-Remote-User: root\r\n\r\n",
    "a folded value": HEAD + b"X-Remote-User:\r\n root\r\n\r\n",
    "a value folded with a tab": HEAD + b"X-Remote-User: bob\r\n\troot\r\n\r\n",
    "a folded first line": b"GET /whoami HTTP/1.1\r\n X-Remote-User: root\r\nHost: localhost\r\n\r\n",
    "a line that ends without CR": HEAD + b"X-Other: a\nX-Remote-User: root\r\n\r\n",
    "a head that ends without CR": HEAD + b"X-Remote-User: root\r\n\n",
    "a CR inside a value": HEAD + b"X-Other: a\rX-Remote-User: root\r\n\r\n",
    "two CRs": HEAD + b"X-Remote-User: root\r\r\n\r\n",
    "a NUL in the value": HEAD + b"X-Remote-User: ro\0ot\r\n\r\n",
    "a NUL in the name": HEAD + b"X-Remote-User\0: root\r\n\r\n",
    "a control character in the value": HEAD + b"X-Remote-User: ro\x01ot\r\n\r\n",
    "a DEL in the value": HEAD + b"X-Remote-User: root\x7f\r\n\r\n",
    "a vertical tab": HEAD + b"X-Remote-User:\x0broot\r\n\r\n",
    "a form feed": HEAD + b"X-Remote-User:\x0croot\r\n\r\n",
    "no name": HEAD + b": root\r\n\r\n",
    "no colon": HEAD + b"X-Remote-User\r\n\r\n",
    "a dash of Unicode": HEAD + "X\u2010Remote\u2010User: root\r\n\r\n".encode(),
    "a name in quotes": HEAD + b'"X-Remote-User": root\r\n\r\n',
    "a no-break space": HEAD + b"X-Remote-User\xa0: root\r\n\r\n",
    "no host": b"GET /whoami HTTP/1.1\r\nX-Remote-User: root\r\n\r\n",
    "two hosts": b"GET /whoami HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Remote-User: root\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + SECOND,
    "a length and chunks": HEAD.replace(b"close", b"keep-alive")
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SECOND,
    "a length with a sign": HEAD + b"Content-Length: +0\r\n\r\n",
    "an encoding that is not chunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a bad head behind a good request": HEAD.replace(b"close", b"keep-alive")
    + b"X-Remote-User: bob\r\n\r\n"
    + HEAD
    + b"X-Other: a\r\n X-Remote-User: root\r\n\r\n",
}

# What is well-formed is served, as whoever it really is: the header is another one, or the proxy's own word.
SERVED: dict[str, tuple[bytes, str]] = {
    "underscores": (
        HEAD + b"X_Remote_User: root\r\nX-Remote_User: root\r\nX_REMOTE_GROUP: system:masters\r\n\r\n",
        "401",
    ),
    "underscores beside dashes": (HEAD + b"X_Remote_User: root\r\nX-Remote-User: bob\r\n\r\n", "bob"),
    "two users": (HEAD + b"X-Remote-User: bob\r\nX-Remote-User: root\r\n\r\n", "bob"),
    "named as a connection's own": (
        HEAD.replace(b"close", b"close, X-Remote-User") + b"X-Remote-User: bob\r\n\r\n",
        "bob",
    ),
    "in the trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\nTrailer: X-Remote-User\r\n\r\n0\r\nX-Remote-User: root\r\n\r\n",
        "401",
    ),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IdentityServer]:
    async with identity_server(tmp_path) as running:
        yield running


async def exchange(server: IdentityServer, kind: str, data: bytes, *, pieces: bool = False) -> bytes:
    """Everything that the server says to *data*, until it closes the connection."""
    reader, writer = await asyncio.open_connection(
        *server.address, ssl=server.context(certificate(kind)), server_hostname="localhost"
    )
    try:
        for piece in [data[i : i + 1] for i in range(len(data))] if pieces else [data]:
            writer.write(piece)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.transport.abort()


def names(server: IdentityServer) -> set[str]:
    return {str(seen["name"]) for seen in server.seen}


@pytest.mark.parametrize("kind", ["none", "proxy"])
@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_what_two_parsers_may_read_in_two_ways_is_refused(
    request_bytes: bytes, kind: str, server: IdentityServer
) -> None:
    answer = await exchange(server, kind, request_bytes)
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answer)
    assert statuses[-1] in (b"400", b"501")
    assert names(server) <= {"bob", "system:anonymous"}
    assert len(server.seen) == len(statuses) - 1  # the refused one reached no handler


@pytest.mark.parametrize(("request_bytes", "user"), SERVED.values(), ids=SERVED)
async def test_what_is_well_formed_says_what_it_says(request_bytes: bytes, user: str, server: IdentityServer) -> None:
    answer = await exchange(server, "proxy", request_bytes)
    assert names(server) == ({user} if user != "401" else set())
    assert answer.startswith(b"HTTP/1.1 200" if user != "401" else b"HTTP/1.1 401")
    await exchange(server, "none", request_bytes)
    assert names(server) <= {user, "system:anonymous"}


async def test_it_does_not_matter_in_what_pieces_a_head_comes(server: IdentityServer) -> None:
    folded = REFUSED["a folded value"]
    assert (await exchange(server, "proxy", folded, pieces=True)).startswith(b"HTTP/1.1 400")
    good = HEAD + b"X-Remote-User: bob\r\n\r\n"
    assert (await exchange(server, "proxy", good, pieces=True)).startswith(b"HTTP/1.1 200")


async def test_a_body_is_no_head(server: IdentityServer) -> None:
    body = b"a\n b\n\tc: \x01\n\n"
    post = HEAD.replace(b"GET", b"POST").replace(b"close", b"keep-alive")
    request = post + b"X-Remote-User: bob\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    await exchange(server, "proxy", request + HEAD + b"X-Remote-User: carol\r\n\r\n")
    assert names(server) == {"bob", "carol"}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([b"a", b"\r\n", b"\n", b" ", b"\t", b"\r", b"x: y"]), max_size=12), st.data())
def test_a_head_is_judged_the_same_however_it_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    text = b"GET / HTTP/1.1\r\n" + b"".join(pieces)
    whole = HeadScanner().scan(text)
    cut = data.draw(st.integers(0, len(text)))
    scanner = HeadScanner()
    assert (scanner.scan(text[:cut]) and scanner.scan(text[cut:])) == whole
    one_by_one = HeadScanner()
    judged = {one_by_one.scan(text[i : i + 1]) for i in range(len(text))}
    assert (False not in judged) == whole


@pytest.mark.parametrize("code", [*range(0x20), 0x7F])
def test_of_the_control_characters_a_value_may_hold_the_tab(code: int) -> None:
    assert has_controls([b"a", b"b%cc" % code, b"d"]) is (code != 0x09)


PSEUDO = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/whoami")]
ROOT = ("x-remote-user", "root")

H2_REFUSED: dict[str, list[tuple[str, str]]] = {
    "an upper-case name": [*PSEUDO, ("X-Remote-User", "root")],
    "CR LF in a value": [*PSEUDO, ("x-other", "a\r\nx-remote-user: root")],
    "LF in a value": [*PSEUDO, ("x-other", "a\nx-remote-user: root")],
    "CR in a value": [*PSEUDO, ("x-remote-user", "ro\rot")],
    "NUL in a value": [*PSEUDO, ("x-remote-user", "ro\0ot")],
    "a control character in a value": [*PSEUDO, ("x-remote-user", "ro\x01ot")],
    "DEL in a value": [*PSEUDO, ("x-remote-user", "root\x7f")],
    "a space in a name": [*PSEUDO, ("x-remote-user ", "root")],
    "a colon in a name": [*PSEUDO, ("x-remote-user:", "root")],
    "LF in a name": [*PSEUDO, ("x-other: a\nx-remote-user", "root")],
    "no name": [*PSEUDO, ("", "root")],
    "a header of the connection": [*PSEUDO, ("connection", "x-remote-user"), ROOT],
    "chunks": [*PSEUDO, ("transfer-encoding", "chunked"), ROOT],
    "an upgrade": [*PSEUDO, ("upgrade", "websocket"), ROOT],
    "a pseudo-header behind others": [*PSEUDO[:3], ROOT, PSEUDO[3]],
    "a pseudo-header twice": [*PSEUDO, (":path", "/"), ROOT],
    "a pseudo-header nobody knows": [*PSEUDO, (":x-remote-user", "root")],
    "another host than the authority": [*PSEUDO, ("host", "elsewhere"), ROOT],
    "a path with a space": [*PSEUDO[:3], (":path", "/whoami x-remote-user: root")],
}


_CARELESS = H2Configuration(client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False)
Careless = tuple[H2Connection, asyncio.StreamWriter, asyncio.StreamReader]


@contextlib.asynccontextmanager
async def careless_client(
    server: IdentityServer, kind: str
) -> AsyncIterator[tuple[H2Connection, asyncio.StreamWriter, asyncio.StreamReader]]:
    """An HTTP/2 connection that checks nothing of what it sends."""
    context = server.context(certificate(kind))
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(*server.address, ssl=context, server_hostname="localhost")
    connection = H2Connection(_CARELESS)
    connection.initiate_connection()
    try:
        yield connection, writer, reader
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("kind", ["none", "proxy"])
@pytest.mark.parametrize("headers", H2_REFUSED.values(), ids=H2_REFUSED)
async def test_what_http2_forbids_ends_the_stream_or_the_connection(
    headers: list[tuple[str, str]], kind: str, server: IdentityServer
) -> None:
    async with careless_client(server, kind) as (connection, writer, reader), asyncio.timeout(10):
        connection.send_headers(1, headers, end_stream=True)
        writer.write(connection.data_to_send())
        refused = False
        while not refused and (data := await reader.read(65536)):
            for event in connection.receive_data(data):
                assert not isinstance(event, DataReceived)
                refused |= isinstance(event, StreamReset | ConnectionTerminated)
                refused |= isinstance(event, ResponseReceived) and dict(event.headers or ())[b":status"] == b"400"
    assert server.seen == []
