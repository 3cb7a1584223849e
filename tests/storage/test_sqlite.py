"""What only the SQLite engine has: a file that survives, and everything that can be wrong with it."""

import asyncio
import datetime as dt
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.storage import sqlite_pruning, sqlite_writer
from genericapiserver.storage.engine import (
    EPOCH_JUMP,
    CompactedError,
    CorruptFileError,
    DiskFullError,
    EngineOpenError,
)
from genericapiserver.storage.errors import StorageInternalError
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import TAIL_EVENTS, SQLiteEngine
from genericapiserver.storage.tools.checking import check_sqlite
from tests.conformance.storage_harness import Harness

NO_COMPACTION = Retention(interval=0, max_events=0)
ALL = (b"/r/", b"/r0")


async def reopen(path: Path, **options: Any) -> SQLiteEngine:
    return await SQLiteEngine.open(path, **{"initial_rev": 1, "retention": NO_COMPACTION, **options})


def rows(path: Path, table: str = "log") -> int:
    """Counts in a copy: the file itself belongs to the engine."""
    connection = sqlite3.connect(path)
    try:
        number: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return number
    finally:
        connection.close()


def writer_connection(engine: SQLiteEngine) -> sqlite3.Connection:
    """The idle writer's connection, to make its disk small."""
    return engine._writer._connection


def crashed_copy(path: Path, to: Path) -> Path:
    """The files as they are now, as a crash would leave them."""
    to.mkdir()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, to / source.name)
    return to / path.name


# ---- survival


async def test_everything_is_there_after_a_restart_history_included(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    first = await engine.put(b"/r/a", b"1", expect_rev=0)
    second = await engine.put(b"/r/a", b"2", expect_rev=first.rev)
    await engine.put(b"/r/b", b"1", expect_rev=0)
    await engine.aclose()

    engine = await reopen(tmp_path / "store.db")
    assert engine.current_rev() == 4
    kv = (await engine.get(b"/r/a")).kv
    assert kv is not None
    assert (kv.value, kv.create_rev, kv.mod_rev) == (b"2", first.rev, second.rev)
    old = await engine.range(*ALL, rev=first.rev)
    assert [(kv.key, kv.value) for kv in old.kvs] == [(b"/r/a", b"1")]
    batch = await engine.watch(*ALL, after_rev=first.rev).next()
    assert [(event.rev, event.value, event.prev_value) for event in batch.events] == [
        (second.rev, b"2", b"1"),
        (4, b"1", None),
    ]
    assert (await engine.put(b"/r/c", b"", expect_rev=0)).rev == 5
    await engine.aclose()


async def test_a_revision_is_not_given_out_twice_when_the_newest_key_was_deleted_and_compacted(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    rev = (await engine.put(b"/r/a", b"1", expect_rev=0)).rev
    rev = (await engine.delete(b"/r/a", expect_rev=rev)).rev
    await engine.compact(rev)
    await engine.aclose()
    assert rows(tmp_path / "store.db") == 0
    engine = await reopen(tmp_path / "store.db")
    assert (await engine.put(b"/r/a", b"1", expect_rev=0)).rev == rev + 1
    assert engine.compact_rev() == rev
    with pytest.raises(CompactedError):
        await engine.get(b"/r/a", rev=rev - 1)
    await engine.aclose()


async def test_a_new_file_begins_at_the_time_so_that_it_is_above_its_predecessor(tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    engine = await SQLiteEngine.open(tmp_path / "store.db")
    assert before <= engine.current_rev() < 2**53
    assert engine.compact_rev() == 0
    await engine.aclose()


WRITER = """
import asyncio, sys
from genericapiserver.storage.sqlite import SQLiteEngine

async def write(engine, writer):
    number = 0
    while True:
        key = b"/r/%d-%d" % (writer, number)
        result = await engine.put(key, b"value of " + key, expect_rev=0)
        sys.stdout.write(f"{key.decode()} {result.rev}\\n")
        if number % 3 == 2:
            gone = await engine.delete(key, expect_rev=result.rev)
            sys.stdout.write(f"{key.decode()} -{gone.rev}\\n")
        sys.stdout.flush()
        number += 1

async def main():
    engine = await SQLiteEngine.open(sys.argv[1], initial_rev=1)
    await asyncio.gather(*(write(engine, writer) for writer in range(16)))

asyncio.run(main())
"""


async def test_every_acknowledged_write_survives_kill_nine(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    acknowledged: dict[str, int] = {}
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), stdout=subprocess.PIPE, cwd=tmp_path
        )
        assert process.stdout is not None
        lines: list[bytes] = []
        while len(lines) < 300:
            lines.append(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        told = {}
        for line in lines:
            if line.endswith(b"\n"):
                name, number = line.decode().split()
                told[name] = int(number)
        acknowledged |= told
        engine = await reopen(path)
        found = {kv.key.decode(): kv for kv in (await engine.range(*ALL)).kvs}
        for name, rev in told.items():
            if rev < 0:
                assert name not in found
            elif name in found:
                assert (found[name].mod_rev, found[name].value) == (rev, f"value of {name}".encode())
            else:
                # Its writer may have deleted it without being able to tell any more.
                assert int(name.rpartition("-")[2]) % 3 == 2
        assert engine.current_rev() >= max(abs(rev) for rev in acknowledged.values())
        # Empty it for the next round; revisions go on.
        await asyncio.gather(*(engine.delete(kv.key, expect_rev=kv.mod_rev) for kv in found.values()))
        await engine.aclose()


async def test_an_object_that_expired_while_nobody_was_there_is_deleted_at_the_start(tmp_path: Path) -> None:
    clock = StoppedClock()
    engine = await reopen(tmp_path / "store.db", clock=clock)
    await engine.put(b"/r/a", b"1", expect_rev=0, ttl=10)
    path = crashed_copy(tmp_path / "store.db", tmp_path / "copy")
    await engine.aclose()
    clock.time += dt.timedelta(seconds=11)
    engine = await reopen(path, clock=clock)
    # Its writer may have deleted it before anybody can ask for the revision.
    async with asyncio.timeout(30):
        while (await engine.get(b"/r/a")).kv is not None:
            await asyncio.sleep(0.01)
    await engine.aclose()


# ---- the epoch


async def test_a_copy_of_the_file_jumps_since_its_original_may_have_gone_on(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    rev = (await engine.put(b"/r/a", b"1", expect_rev=0)).rev
    await engine.aclose()
    shutil.copy(tmp_path / "store.db", tmp_path / "backup.db")
    engine = await reopen(tmp_path / "backup.db")
    assert engine.current_rev() >= rev + EPOCH_JUMP
    assert engine.floor_rev() == engine.current_rev()
    assert engine.compact_rev() == 0
    with pytest.raises(CompactedError):
        await engine.watch(*ALL, after_rev=rev).next()
    now = await engine.range(*ALL, rev=engine.current_rev())
    assert [kv.mod_rev for kv in now.kvs] == [rev]
    await engine.aclose()


@pytest.mark.parametrize(
    ("synchronous", "clean", "jumps"),
    [("FULL", False, False), ("NORMAL", False, True), ("NORMAL", True, False)],
    ids=["full, crashed", "normal, crashed", "normal, closed"],
)
async def test_the_revision_jumps_when_the_last_writes_may_be_lost(
    tmp_path: Path, synchronous: str, clean: bool, jumps: bool
) -> None:
    path = tmp_path / "store.db"
    engine = await reopen(path, synchronous=synchronous)
    rev = (await engine.put(b"/r/a", b"1", expect_rev=0)).rev
    if not clean:
        crashed = crashed_copy(path, tmp_path / "copy")
    await engine.aclose()
    if not clean:
        # Back under the same inode, as after a crash.
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{crashed}{suffix}", f"{path}{suffix}")
    engine = await reopen(path)
    assert (engine.current_rev() > rev) is jumps
    await engine.aclose()


# ---- the file


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        engine = await reopen(tmp_path / "deep" / "er" / "store.db")
        await engine.put(b"/r/a", b"1", expect_rev=0)
    finally:
        os.umask(old)
    for path in (tmp_path / "deep" / "er").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    await engine.aclose()


async def test_a_second_engine_on_the_same_file_is_refused(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    with pytest.raises(EngineOpenError, match=r"another process has it open. Stop that process"):
        await reopen(tmp_path / "store.db")
    await engine.aclose()
    await (await reopen(tmp_path / "store.db")).aclose()


def spoil_with_text(path: Path) -> None:
    path.write_text("this is not a database, whatever its name says\n" * 100)


def spoil_by_other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (id)")
    connection.close()


def spoil_with_newer_schema(path: Path) -> None:
    asyncio.run(make_file(path))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET v = 2 WHERE k = 'schema'")
    connection.close()


def spoil_pages(path: Path) -> None:
    asyncio.run(make_file(path))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    connection.close()
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 20)


def spoil_by_cutting(path: Path) -> None:
    asyncio.run(make_file(path))
    with path.open("r+b") as file:
        file.truncate(6000)


def make_directory(path: Path) -> None:
    path.mkdir()


async def make_file(path: Path) -> None:
    engine = await reopen(path)
    await asyncio.gather(*(engine.put(b"/r/%d" % number, b"x" * 500, expect_rev=0) for number in range(500)))
    await engine.aclose()


@pytest.mark.parametrize(
    ("spoil", "problem", "advice"),
    [
        (spoil_with_text, "damaged or no database", "Restore it from a backup, or move it away"),
        (spoil_by_other_program, "the database of another program", "Choose another path"),
        (spoil_with_newer_schema, "written by a newer version \\(schema 2, this one knows 1\\)", "Start that version"),
        (spoil_pages, "damaged", "Restore it from a backup, or move it away"),
        (spoil_by_cutting, "damaged", "Restore it from a backup, or move it away"),
        (make_directory, "not a regular file", "Choose another path"),
    ],
    ids=["text", "another program", "newer schema", "spoilt pages", "cut off", "directory"],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_advice(
    tmp_path: Path, spoil: Any, problem: str, advice: str
) -> None:
    path = tmp_path / "store.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(EngineOpenError, match=problem) as caught:
        asyncio.run(reopen(path))
    assert str(path) in str(caught.value)
    assert advice in str(caught.value)
    if spoil in (spoil_with_text, spoil_by_other_program, spoil_with_newer_schema):
        assert path.read_bytes()[100:] == before[100:]  # nothing of it was changed but the header of a write-ahead log


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineOpenError, match="cannot be created"):
        await reopen(tmp_path / "file" / "store.db")


async def test_damage_found_later_is_an_error_to_who_meets_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_file(path)
    with path.open("r+b") as file:
        file.seek(4096 * 30)
        file.write(b"\xff" * 4096 * 60)
    engine = await reopen(path)
    with pytest.raises(CorruptFileError, match=r"store.db: the database file is damaged"):
        await engine.range(*ALL)
    await engine.aclose()


# ---- a full disk


async def test_a_full_disk_fails_the_write_and_nothing_else(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    await engine.put(b"/r/a", b"1", expect_rev=0)
    pages = writer_connection(engine).execute("PRAGMA page_count").fetchone()[0]
    writer_connection(engine).execute(f"PRAGMA max_page_count = {pages + 3}")
    rev = engine.current_rev()
    writes = [engine.put(b"/r/big%d" % n, b"x" * 200_000, expect_rev=0) for n in range(5)]
    small = [engine.put(b"/r/small%d" % n, b"y", expect_rev=0) for n in range(5)]
    results = await asyncio.gather(*writes, *small, return_exceptions=True)
    assert all(isinstance(result, DiskFullError) for result in results[:5])
    assert all(not isinstance(result, BaseException) and result.ok for result in results[5:])
    assert engine.current_rev() == rev + 5
    assert [kv.key for kv in (await engine.range(*ALL)).kvs] == [b"/r/a", *(b"/r/small%d" % n for n in range(5))]

    with pytest.raises(DiskFullError, match=r"store.db: the disk is full"):
        await engine.put(b"/r/big", b"x" * 200_000, expect_rev=0)
    writer_connection(engine).execute("PRAGMA max_page_count = 1000000")
    await engine.check()
    assert (await engine.put(b"/r/big", b"x" * 200_000, expect_rev=0)).ok
    await engine.aclose()


async def test_a_client_is_told_of_a_full_disk_without_the_path(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    harness = Harness(engine, cached=True)
    await harness.create("ns/a")
    pages = writer_connection(engine).execute("PRAGMA page_count").fetchone()[0]
    writer_connection(engine).execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageInternalError, match=r"^the disk is full$"):
        await harness.create("ns/b", labels_={"a": "x" * 100_000})
    listed = await harness.backend.stats()
    assert listed.object_count == 1
    await harness.aclose()
    await engine.aclose()


# ---- compaction


async def test_compaction_gives_rows_back_and_goes_on_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    engine = await reopen(path)
    revs = dict.fromkeys(range(50), 0)
    for _ in range(60):
        results = await asyncio.gather(*(engine.put(b"/r/%d" % n, b"x", expect_rev=rev) for n, rev in revs.items()))
        revs = {n: result.rev for n, result in enumerate(results)}
    before = await engine.range(*ALL)
    await engine.compact(engine.current_rev())
    # The rest is done in steps; a crash right now leaves it to the next start.
    crashed = crashed_copy(path, tmp_path / "copy")
    await engine.aclose()

    engine = await reopen(crashed)
    assert [kv[:4] for kv in (await engine.range(*ALL)).kvs] == [kv[:4] for kv in before.kvs]
    async with asyncio.timeout(30):
        while rows(crashed) > 50:
            await asyncio.sleep(0.01)
    assert (await engine.range(*ALL)).total == 50
    await engine.aclose()


async def test_history_is_compacted_by_time(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db", retention=Retention(interval=0.05, max_events=0))
    rev = (await engine.put(b"/r/a", b"0", expect_rev=0)).rev
    async with asyncio.timeout(30):
        while engine.compact_rev() < rev:
            await asyncio.sleep(0.01)
    assert (await engine.get(b"/r/a")).kv is not None
    await engine.aclose()


async def test_history_is_compacted_when_there_is_too_much(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    engine = await reopen(path, retention=Retention(interval=0, max_events=100))
    rev = 0
    for number in range(300):
        rev = (await engine.put(b"/r/a", b"%d" % number, expect_rev=rev)).rev
    assert engine.compact_rev() >= rev - 101
    async with asyncio.timeout(30):
        while rows(path) > 102:
            await asyncio.sleep(0.01)
    await engine.aclose()


async def test_history_does_not_outgrow_its_compaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many writes come at once: what is deleted in steps keeps up with what is written."""
    for module in (sqlite_writer, sqlite_pruning):
        monkeypatch.setattr(module, "PRUNE_REVISIONS", 10)
    path = tmp_path / "store.db"
    engine = await reopen(path, retention=Retention(interval=0, max_events=500))

    async def write(name: bytes) -> None:
        rev = 0
        for _ in range(10):
            rev = (await engine.put(name, b"x", expect_rev=rev)).rev

    await asyncio.gather(*(write(b"/r/%d" % n) for n in range(1000)))
    assert rows(path) < 4 * 1000
    await engine.aclose()


# ---- files of older versions


async def test_a_file_without_checksums_and_times_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    engine = await reopen(path)
    first = await engine.put(b"/registry/a", b"k8s:enc:1", expect_rev=0)
    await engine.aclose()
    connection = sqlite3.connect(path)
    connection.executescript("ALTER TABLE log DROP COLUMN sum; DROP TABLE marks; DELETE FROM meta WHERE k = 'sum'")
    connection.close()
    assert [problem.what for problem in check_sqlite(path, "/none").problems] == []
    engine = await reopen(path)
    second = await engine.put(b"/registry/a", b"k8s:enc:2", expect_rev=first.rev)
    kv = (await engine.get(b"/registry/a", rev=first.rev)).kv
    assert kv is not None
    assert kv.value == b"k8s:enc:1"
    await engine.aclose()
    assert [problem.what for problem in check_sqlite(path, "/none").problems] == []
    connection = sqlite3.connect(path)
    assert [sum_ is None for (sum_,) in connection.execute("SELECT sum FROM log ORDER BY rev")] == [True, False]
    connection.execute("UPDATE log SET value = '3' WHERE rev = ?", (second.rev,))
    connection.commit()
    connection.close()
    assert "its checksum is not that of its content" in [
        problem.what for problem in check_sqlite(path, "/none").problems
    ]


# ---- the write-ahead log


async def overwrite(engine: SQLiteEngine, rounds: int) -> None:
    kv = (await engine.get(b"/r/a")).kv
    rev = kv.mod_rev if kv is not None else 0
    for _ in range(rounds):
        rev = (await engine.put(b"/r/a", b"x" * 100_000, expect_rev=rev)).rev


@pytest.mark.parametrize("shared", [False, True])
async def test_the_write_ahead_log_begins_anew_although_somebody_always_reads(
    tmp_path: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "LONGEST_LOG", 1024 * 1024)
    monkeypatch.setattr(sqlite_writer, "CHECKPOINT_PATIENCE", 10.0)
    path = tmp_path / "store.db"
    engine = await reopen(path, retention=Retention(interval=0, max_events=20), shared=shared)
    writer_connection(engine).execute("PRAGMA wal_autocheckpoint = 0")  # as if it never found the right moment
    done = False

    async def read() -> None:
        while not done:
            await engine.range(*ALL)

    reading = [asyncio.create_task(read()) for _ in range(4)]
    for _ in range(4):
        async with asyncio.timeout(120):
            await overwrite(engine, 12)
        assert path.with_name("store.db-wal").stat().st_size < 4 * 1024 * 1024
    assert path.stat().st_size < 8 * 1024 * 1024
    done = True
    await asyncio.gather(*reading)
    await engine.aclose()


async def test_a_reader_that_never_ends_costs_a_log_line_and_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_writer, "LONGEST_LOG", 1024 * 1024)
    monkeypatch.setattr(sqlite_writer, "CHECKPOINT_PATIENCE", 0.01)
    path = tmp_path / "store.db"
    engine = await reopen(path)
    await overwrite(engine, 1)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM log").fetchone()
    await overwrite(engine, 40)
    assert caplog.text.count("The write-ahead log grows, since somebody reads from it for long") == 1
    log = path.with_name("store.db-wal")
    assert log.stat().st_size > 1024 * 1024
    reader.close()
    engine._writer._next_checkpoint = 0.0
    await overwrite(engine, 2)
    async with asyncio.timeout(30):
        while log.stat().st_size > 1024 * 1024:
            await overwrite(engine, 1)
    await engine.aclose()


async def test_a_watch_reads_what_has_left_the_memory_from_the_file(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "store.db")
    number = TAIL_EVENTS * 2
    for start in range(0, number, 512):
        await asyncio.gather(*(engine.put(b"/r/%05d" % n, b"", expect_rev=0) for n in range(start, start + 512)))
    watch = engine.watch(*ALL, after_rev=1)
    seen: list[int] = []
    while len(seen) < number:
        seen.extend(event.rev for event in (await watch.next()).events)
    assert seen == list(range(2, number + 2))
    await engine.aclose()


# ---- many writers


async def test_sixty_four_writers_never_fail(tmp_path: Path) -> None:
    """Through the store and a watch cache, on their own objects and all on one."""
    engine = await reopen(tmp_path / "store.db")
    harness = Harness(engine, cached=True)
    await harness.create("ns/shared")

    async def write(writer: int) -> None:
        created = await harness.create(f"ns/{writer}")
        assert (await harness.backend.get(f"/pods/ns/{writer}")).revision >= created.revision
        for number in range(5):
            updated = await harness.update(f"ns/{writer}", partial(annotate, value=f"own {number}"))
            seen = await harness.backend.get(f"/pods/ns/{writer}")
            assert seen.revision == updated.revision
        await harness.update("ns/shared", partial(annotate, value="done", key=f"writer-{writer}"))

    await asyncio.gather(*(write(writer) for writer in range(64)))
    shared = (await harness.backend.get("/pods/ns/shared")).shared
    assert len(shared.metadata.annotations or {}) == 64
    assert (await harness.backend.stats()).object_count == 65
    await harness.aclose()
    await engine.aclose()


def annotate(pod: Any, value: str, key: str = "value") -> None:
    pod.metadata.annotations = {**(pod.metadata.annotations or {}), key: value}


class StoppedClock:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


async def test_nothing_expires_before_its_time(tmp_path: Path) -> None:
    clock = StoppedClock()
    engine = await reopen(tmp_path / "store.db", clock=clock)
    rev = (await engine.put(b"/r/a", b"1", expect_rev=0, ttl=10)).rev
    watch = engine.watch(b"/r/a", None, after_rev=rev)
    clock.time += dt.timedelta(seconds=9.9)
    await engine.put(b"/r/b", b"1", expect_rev=0)  # the writer looks at the clock after each batch
    assert (await engine.get(b"/r/a")).kv is not None
    clock.time += dt.timedelta(seconds=0.2)
    await engine.put(b"/r/c", b"1", expect_rev=0)  # or after the batch before, if it has not yet looked
    (event,) = (await watch.next()).events
    assert (event.key, event.value) == (b"/r/a", None)
    assert (await engine.get(b"/r/a")).kv is None
    await engine.aclose()


# ---- a failure at every step


class FailingConnection:
    """Passes everything on but the statement number *fail*, which meets a disk error."""

    def __init__(self, connection: sqlite3.Connection, fail: int) -> None:
        self._connection = connection
        self._left = fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self._left -= 1
        if self._left == 0 and sql != "ROLLBACK":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return self._connection.execute(sql, *arguments)


@pytest.mark.parametrize("fail", range(1, 45))
async def test_a_failed_statement_fails_its_write_and_leaves_nothing(tmp_path: Path, fail: int) -> None:
    path = tmp_path / "store.db"
    engine = await reopen(path)
    heard: list[int] = []
    engine.subscribe(b"/", lambda news: heard.extend(event.rev for event in news))
    engine._writer._connection = FailingConnection(writer_connection(engine), fail)  # type: ignore[assignment]
    expected: dict[bytes, tuple[bytes, int]] = {}
    for turn in range(3):
        keys = [b"/r/%d" % number for number in range(4)]
        values = [b"%d-%d" % (turn, number) for number in range(4)]
        results = await asyncio.gather(
            *(
                engine.put(key, value, expect_rev=expected[key][1] if key in expected else 0)
                for key, value in zip(keys, values, strict=True)
            ),
            return_exceptions=True,
        )
        for key, value, result in zip(keys, values, results, strict=True):
            if isinstance(result, BaseException):
                assert "reading or writing the disk failed" in str(result)
            else:
                assert result.ok
                expected[key] = (value, result.rev)
    rev = engine.current_rev()
    assert heard == list(range(2, rev + 1))
    found = {kv.key: (kv.value, kv.mod_rev) for kv in (await engine.range(*ALL)).kvs}
    assert found == expected
    await engine.check()
    await engine.aclose()
    engine = await reopen(path)
    assert engine.current_rev() == rev
    assert {kv.key: (kv.value, kv.mod_rev) for kv in (await engine.range(*ALL)).kvs} == expected
    await engine.aclose()
