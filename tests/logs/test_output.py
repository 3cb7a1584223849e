"""Lines on descriptors that do not take them, or take them late."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.logs.output import Output

LINE = b"I " + b"x" * 1021 + b"\n"


class Pipe:
    """A pipe that is read when the test says so."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self._received = bytearray()

    def read(self, until: bytes) -> list[bytes]:
        """All lines up to the one that ends with *until*."""
        while not self._received.endswith(until):
            chunk = os.read(self.read_end, 65536)
            assert chunk
            self._received += chunk
        return bytes(self._received).splitlines(keepends=True)

    def close(self) -> None:
        for end in (self.read_end, self.write_end):
            os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def lost(count: int) -> bytes:
    return b"lost %d\n" % count


def test_lines_are_there_when_write_returns(pipe: Pipe) -> None:
    threads = threading.active_count()
    output = Output(pipe.write_end, lost=lost)
    output.write(b"one\n")
    output.write(b"two\n")
    assert os.read(pipe.read_end, 100) == b"one\ntwo\n"
    assert threading.active_count() == threads, "a log that is read needs no thread"


def test_a_reader_that_has_stopped_holds_nobody_up_and_loses_nothing(pipe: Pipe) -> None:
    output = Output(pipe.write_end, lost=lost)
    for _ in range(1000):  # a pipe holds 64
        output.write(LINE)
    assert not output.flush(timeout=0.01)
    output.write(b"last\n")
    assert pipe.read(b"last\n") == [LINE] * 1000 + [b"last\n"]
    assert output.flush(timeout=10)
    output.close(timeout=10)


def test_what_cannot_be_kept_is_counted_and_said(pipe: Pipe) -> None:
    output = Output(pipe.write_end, lost=lost, max_pending=100 * len(LINE))
    for _ in range(300):
        output.write(LINE)
    missing = output.lost
    assert missing > 0
    written = 300 - missing
    while len(pipe._received) < written * len(LINE):
        pipe._received += os.read(pipe.read_end, 65536)
    assert output.flush(timeout=10)
    output.write(b"last\n")
    assert pipe.read(b"last\n") == [LINE] * written + [b"lost %d\n" % missing, b"last\n"]
    output.close(timeout=10)


def test_a_process_that_ends_does_not_wait_for_its_reader(pipe: Pipe) -> None:
    output = Output(pipe.write_end, lost=lost)
    for _ in range(100):
        output.write(LINE)
    output.close(timeout=0.01)
    output.write(b"after\n")
    assert output.flush()
    pipe.read(LINE)


def test_a_reader_that_is_gone_disturbs_nobody() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    output = Output(write_end, lost=lost)
    output.write(LINE)
    assert output.lost == 1
    os.close(write_end)


def test_lines_longer_than_a_pipe_is_guaranteed_to_take_come_whole(pipe: Pipe) -> None:
    output = Output(pipe.write_end, lost=lost)
    long = b"y" * 200_000 + b"\n"
    output.write(long)
    output.write(b"last\n")
    assert pipe.read(b"last\n") == [long, b"last\n"]
    output.close(timeout=10)


def test_buffered_lines_come_when_the_buffer_is_full_or_flushed(pipe: Pipe) -> None:
    os.set_blocking(pipe.read_end, False)
    output = Output(pipe.write_end, lost=lost, buffer_size=2 * len(LINE), flush_period=3600)
    output.write(LINE)
    with pytest.raises(BlockingIOError):
        os.read(pipe.read_end, 1)
    os.set_blocking(pipe.read_end, True)
    output.write(LINE)
    assert pipe.read(LINE + LINE) == [LINE, LINE]
    output.write(b"last\n")
    assert output.flush(timeout=10)
    pipe.read(b"last\n")
    output.close(timeout=10)


def test_files(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        output = Output(file.fileno(), lost=lost)
        output.write(LINE)
        assert (tmp_path / "log").read_bytes() == LINE
