"""Long lists are put together while they are sent."""

import pytest

from genericapiserver.endpoints.api_request import APIResponse, Pieces
from genericapiserver.endpoints.representation import CHUNK_BYTES, ChunkedList


def chunked(*blocks: list[bytes]) -> bytes | list[bytes] | Pieces:
    chunks = ChunkedList(b"[", b",")
    for block in blocks:
        chunks.extend(block)
    return chunks.finish(b"]\n")


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], b"[]\n"),
        ([[b"1"]], b"[1]\n"),
        ([[b"1", b"2"], [], [b"3"]], b"[1,2,3]\n"),
        ([[b"x" * CHUNK_BYTES]], b"[" + b"x" * CHUNK_BYTES + b"]\n"),
    ],
)
def test_a_short_list_is_one_piece(blocks: list[list[bytes]], expected: bytes) -> None:
    assert chunked(*blocks) == expected


def test_a_long_list_is_made_of_the_parts_that_are_there_anyway() -> None:
    items = [b"%06d" % number * 100 for number in range(5000)]
    body = chunked(*(items[start : start + 64] for start in range(0, len(items), 64)))
    assert isinstance(body, Pieces)
    whole = b"[" + b",".join(items) + b"]\n"
    assert b"".join(body) == whole
    assert b"".join(body) == whole  # and again, for the audit log
    assert body.length == APIResponse(200, body).length == len(whole)
    assert all(len(piece) < 2 * CHUNK_BYTES for piece in body)
    parts = {id(item) for item in items}
    assert all(id(part) in parts for group in body._groups for part in group)


def test_a_list_that_ends_with_a_full_piece_is_whole() -> None:
    blocks = [[b"x" * CHUNK_BYTES], [b"y" * CHUNK_BYTES]]
    body = chunked(*blocks)
    assert isinstance(body, Pieces)
    assert [piece[:1] + piece[-2:] for piece in body] == [b"[xx", b",]\n"]
    assert body.length == sum(map(len, body))


def test_no_pieces_are_still_a_document() -> None:
    body = Pieces(b"[", [], b",", b"]", size=0)
    assert list(body) == [b"[]"]
    assert body.length == 2
