"""Where input that waits for its turn is cut: behind a few requests, wherever frames began and end."""

from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.connection.header_blocks import HeaderBlocks
from genericapiserver.connection.http2_codec import ServerCodec
from genericapiserver.connection.limits import ConnectionLimits
from tests.support.raw_http2 import DATA, PING, POST, PREFACE, data, frame, ping, request, settings

HEADS = 4


def pieces(sent: bytes, *, cut_before: list[int], size: int = 100_000) -> list[list[str]]:
    """The events of each piece when *sent* comes in reads that end where *cut_before* says."""
    codec = ServerCodec(ConnectionLimits(), HeaderBlocks())
    seen = []
    ends = sorted({end for end in cut_before if 0 < end < len(sent)} | {len(sent)})
    at = 0
    for read_ends in ends:
        read, start = sent[at:read_ends], 0
        while start < len(read):
            end = codec.frames.cut(read, start, min(start + size, len(read)), HEADS)
            assert start < end <= len(read)
            seen.append([type(event).__name__ for event in codec.receive_data(read[start:end])])
            start = end
        at = read_ends
    return seen


def requests(count: int) -> bytes:
    return b"".join(request(1 + 2 * number) for number in range(count))


@given(st.lists(st.integers(0, 2000)), st.integers(1, 3000))
def test_a_piece_brings_a_few_requests_at_most_and_nothing_is_lost(cut_before: list[int], size: int) -> None:
    upload = request(1, *POST, end=False) + data(1, b"x" * 900, end=True)
    more = b"".join(request(3 + 2 * number) for number in range(20))
    seen = pieces(PREFACE + settings() + upload + ping() + more, cut_before=cut_before, size=size)
    received = [events.count("RequestReceived") for events in seen]
    assert sum(received) == 21
    assert max(received) <= HEADS + 1, "one that had begun before, and a few"


def test_the_body_of_an_upload_is_not_cut() -> None:
    begin = PREFACE + settings() + request(1, *POST, end=False)
    bodies = b"".join(frame(DATA, 0, 1, b"x" * 10_000) for _ in range(4)) + frame(PING, 0, 0, bytes(8))
    assert len(pieces(begin + bodies, cut_before=[len(begin)])) <= 3


def test_requests_one_after_another_are_cut_behind_the_same_number() -> None:
    begin = PREFACE + settings()
    seen = pieces(begin + requests(12), cut_before=[len(begin)])
    assert [events.count("RequestReceived") for events in seen if "RequestReceived" in events] == [HEADS] * 3
