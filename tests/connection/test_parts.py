"""The parts that need no socket: targets, header blocks, budgets; and the listener, which is one."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc

import pytest
from hpack import Decoder

from genericapiserver.connection import create_listener
from genericapiserver.connection.budget import Budget
from genericapiserver.connection.header_blocks import CachedEncoder, HeaderBlocks, InvalidHeaderError
from genericapiserver.connection.listener import KEEPALIVE_PERIOD
from genericapiserver.connection.served_request import ServedRequest
from genericapiserver.connection.target import BadTargetError, parse_target


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", ("/", b"/", b"")),
        (b"/a/b?x=%41&y", ("/a/b", b"/a/b", b"x=%41&y")),
        (b"/a%2Fb", ("/a/b", b"/a%2Fb", b"")),
        (b"/a?b?c", ("/a", b"/a", b"b?c")),
        (b"/%c3%a4", ("/ä", b"/%c3%a4", b"")),
        (b"/%ff", ("/\ufffd", b"/%ff", b"")),
        (b"/x?q=%zz", ("/x", b"/x", b"q=%zz")),
        (b"*", ("*", b"*", b"")),
        (b"https://host:6443/a?b", ("/a", b"/a", b"b")),
        (b"HTTP://host", ("/", b"/", b"")),
        (b"//a", ("//a", b"//a", b"")),
    ],
)
def test_target_is_split_and_decoded(raw: bytes, expected: tuple[str, bytes, bytes]) -> None:
    assert parse_target(raw) == expected


@pytest.mark.parametrize("raw", [b"", b"a", b"/%", b"/%4", b"/%zz", b"/a b", b"/a\n", b"/a?b\r", b"/\x7f", b"**"])
def test_bad_target_is_refused(raw: bytes) -> None:
    with pytest.raises(BadTargetError):
        parse_target(raw)


async def test_a_body_in_tiny_pieces_takes_little_more_than_its_bytes() -> None:
    class Request(ServedRequest):
        def _body_taken(self) -> None: ...
        def _ask_for_body(self) -> None: ...

    request = Request(asyncio.get_running_loop(), {}, body_ended=False)
    pieces = [bytes([number & 0xFF, number >> 8]) for number in range(20_000)]
    tracemalloc.start()
    try:
        for piece in pieces:
            request._keep(bytes(bytearray(piece)))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 2 * 40_000
    assert (await request.receive())["body"] == b"".join(pieces)


def test_header_blocks_decode_to_what_they_say_on_every_connection() -> None:
    blocks = HeaderBlocks()
    headers = [(b":status", b"200"), (b"content-type", b"application/json"), (b"audit-id", b"x" * 300), (b"empty", b"")]
    for _ in range(2):
        assert Decoder().decode(CachedEncoder(blocks).encode(headers), raw=True) == headers
    assert len(blocks) == 4


def test_header_blocks_forget_before_they_grow_without_bound() -> None:
    blocks = HeaderBlocks()
    for number in range(10_000):
        assert blocks[b"x", b"%d" % number]
    assert len(blocks) <= 4096


def test_encoder_acknowledges_a_changed_table_size() -> None:
    encoder, decoder = CachedEncoder(HeaderBlocks()), Decoder()
    decoder.max_allowed_table_size = 100
    encoder.header_table_size = 100
    assert decoder.decode(encoder.encode([(b":status", b"200")]), raw=True) == [(b":status", b"200")]
    assert decoder.header_table_size == 100


@pytest.mark.parametrize("name", [b"", b"a b", b"A", b"a:", b"a\n"])
def test_illegal_header_name_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidHeaderError):
        HeaderBlocks()[name, b"x"]


def test_budget_passes_bursts_and_refills() -> None:
    budget = Budget(10, 5, now=0.0)
    assert budget.spend(0.0, 10) == 0
    assert budget.spend(0.0) == -1
    assert budget.spend(1.0) == 3
    assert budget.spend(100.0) == 9


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "", "::"])
def test_listener_knows_its_port_before_anything_is_served(host: str) -> None:
    with create_listener(host, 0) as listener:
        port = listener.getsockname()[1]
        assert port
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_PERIOD
        target = "::1" if host == "::1" else "127.0.0.1"
        with socket.create_connection((target, port), timeout=5):
            pass


def test_accepted_sockets_do_not_wait_for_acknowledgements() -> None:
    with create_listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_two_listeners_share_a_port_only_with_the_option() -> None:
    with create_listener("127.0.0.1", 0, reuse_port=True) as first:
        port = first.getsockname()[1]
        with create_listener("127.0.0.1", port, reuse_port=True):
            pass
        with pytest.raises(OSError, match="in use"):
            create_listener("127.0.0.1", port)
