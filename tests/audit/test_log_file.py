"""The file that is set aside when it is full, and what becomes of those that were."""

import fcntl
import gzip
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.audit.log_file import LogFile, ensure_log_file

NOW = datetime(2026, 1, 2, 15, 4, 5, 678_000, tzinfo=UTC)


def log_file(path: Path, **settings: Any) -> LogFile:
    file = LogFile(str(path), **{"now": lambda: NOW, **settings})
    file.open()
    return file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_directories_and_the_file_are_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "audit.log"
    ensure_log_file(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for directory in (path.parent, path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("path", "problem"),
    [("/proc/x/audit.log", "mkdir /proc/x: no such file or directory"), ("{tmp}", "open {tmp}: is a directory")],
)
def test_a_path_that_cannot_work(path: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised:
        ensure_log_file(path.format(tmp=tmp_path))
    assert raised.value.strerror == problem.format(tmp=tmp_path)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text("old\n")
    file = log_file(path)
    file.write(b"new\n")
    file.close()
    assert path.read_text() == "old\nnew\n"


def test_a_full_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    rotated: list[None] = []
    file = log_file(path, max_size=10, on_rotated=lambda: rotated.append(None))
    path.chmod(0o640)
    for line in (b"1234\n", b"5678\n", b"9\n"):
        file.write(line)
    assert names(tmp_path) == ["audit-2026-01-02T15-04-05.678.log", "audit.log"]
    assert (tmp_path / "audit-2026-01-02T15-04-05.678.log").read_bytes() == b"1234\n5678\n"
    assert path.read_bytes() == b"9\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(rotated) == 1


def test_two_in_one_millisecond_do_not_replace_each_other(tmp_path: Path) -> None:
    file = log_file(tmp_path / "audit.log", max_size=4)
    for line in (b"123\n", b"456\n", b"789\n"):
        file.write(line)
    assert names(tmp_path) == [
        "audit-2026-01-02T15-04-05.678.log",
        "audit-2026-01-02T15-04-05.679.log",
        "audit.log",
    ]


def test_a_line_that_is_larger_than_the_file_may_be_has_one_of_its_own(tmp_path: Path) -> None:
    file = log_file(tmp_path / "audit.log", max_size=4)
    for line in (b"1\n", b"a long line\n", b"2\n"):
        file.write(line)
    assert len(names(tmp_path)) == 3
    assert (tmp_path / "audit.log").read_bytes() == b"2\n"


def test_a_file_that_cannot_be_set_aside_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.log"
    file = log_file(path, max_size=10)
    file.write(b"1234567\n")

    def refuse(self: Path, target: object) -> Path:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        file.write(b"8901234\n")
        file.write(b"5")
    assert path.read_bytes() == b"1234567\n8901234\n5"
    file.write(b"6789\n")
    assert path.read_bytes() == b"6789\n"


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.log"
    file = log_file(path)
    file.write(b"1\n")
    write, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:3])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.write(b"a line\n")
    file.write(b"2\n")
    assert path.read_bytes() == b"1\n2\n"


def test_short_writes_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "audit.log", os.write
    file = log_file(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
        file.write(b"a line\n")
    assert path.read_bytes() == b"a line\n"


def backup(folder: Path, days: int, text: str = "x\n", suffix: str = ".log") -> str:
    name = f"audit-{(NOW - timedelta(days=days)).strftime('%Y-%m-%dT%H-%M-%S')}.000{suffix}"
    (folder / name).write_text(text)
    return name


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 4),
        ({"max_backups": 2}, 2),
        ({"max_age_days": 2}, 2),
        ({"max_backups": 1, "max_age_days": 2}, 1),
        ({"max_backups": 9, "max_age_days": 9}, 4),
    ],
)
def test_backups_are_removed_that_are_too_many_or_too_old(settings: dict[str, int], kept: int, tmp_path: Path) -> None:
    file = log_file(tmp_path / "audit.log", **settings)
    backups = [backup(tmp_path, 0), backup(tmp_path, 1), backup(tmp_path, 3, suffix=".log.gz"), backup(tmp_path, 4)]
    others = ["audit-notes.log", "audit-2026.log", "other-2026-01-01T00-00-00.000.log"]
    for name in others:
        (tmp_path / name).touch()
    file.tidy()
    assert names(tmp_path) == sorted([*backups[:kept], *others, "audit.log"])


def test_backups_are_compressed(tmp_path: Path) -> None:
    file = log_file(tmp_path / "audit.log", compress=True)
    name = backup(tmp_path, 1, "a line\n" * 1000)
    file.tidy()
    assert names(tmp_path) == [f"{name}.gz", "audit.log"]
    packed = tmp_path / f"{name}.gz"
    assert gzip.decompress(packed.read_bytes()) == b"a line\n" * 1000
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    file.tidy()
    assert names(tmp_path) == [f"{name}.gz", "audit.log"]


WRITER = """
import sys
from genericapiserver.audit.log_file import LogFile
file = LogFile(sys.argv[1], max_size=2000, shared=True)
file.open()
for number in range(200):
    file.write(f"{sys.argv[2]}-{number} {'x' * (number % 60)}.\\n".encode() * 3)
"""


def test_processes_that_share_a_file_write_whole_lines_and_set_it_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert all(line.endswith(".") for line in lines)
    expected = {f"{name}-{number}" for name in "abc" for number in range(200)}
    assert {line.split()[0] for line in lines} == expected
    assert len(lines) == 3 * len(expected)
    # Each line was written with two others at once, and no file has more than it may, or less than a batch below that.
    sizes = sorted(file.stat().st_size for file in tmp_path.iterdir() if file != path)
    assert sizes[-1] <= 2000
    assert sizes[0] > 2000 - 3 * 70


def test_only_one_of_the_processes_tidies(tmp_path: Path) -> None:
    file = log_file(tmp_path / "audit.log", max_backups=1, shared=True)
    for day in (1, 2, 3):
        (tmp_path / f"audit-2026-01-0{day}T00-00-00.000.log").touch()
    directory = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    file.tidy()
    assert len(names(tmp_path)) == 4
    os.close(directory)
    file.tidy()
    assert names(tmp_path) == ["audit-2026-01-03T00-00-00.000.log", "audit.log"]
