"""One SQLite file in several processes: writes in turns, everybody's events in order, reads that see what others wrote."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from genericapiserver.storage import sqlite_tail
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import CompactedError, EngineEvent, EngineOpenError, EngineTimeoutError
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.sqlite_sharing import Sharing
from genericapiserver.storage.store import Store
from genericapiserver.storage.writing import Write
from tests.conformance.storage_harness import FORM, Pod
from tests.storage.shared_writer import COUNTERS, add_one

NO_COMPACTION = Retention(interval=0, max_events=0)
FOREVER = 30.0


@asynccontextmanager
async def opened(path: Path, number: int, retention: Retention = NO_COMPACTION) -> AsyncIterator[list[SQLiteEngine]]:
    engines = [await SQLiteEngine.open(path, shared=True, initial_rev=1, retention=retention) for _ in range(number)]
    try:
        async with asyncio.timeout(FOREVER):
            yield engines
    finally:
        for engine in engines:
            await engine.aclose()


@asynccontextmanager
async def writer_process(path: Path, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("shared_writer.py"), path, name, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"open\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def acknowledged(process: asyncio.subprocess.Process, number: int) -> list[list[bytes]]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).split() for _ in range(number)]


async def rest(process: asyncio.subprocess.Process) -> list[list[bytes]]:
    """What it had acknowledged when it was killed; half a line was told to nobody."""
    assert process.stdout is not None
    return [line.split() for line in (await process.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")]


async def test_writers_in_two_processes_lose_nothing_when_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    heard: list[EngineEvent] = []
    async with opened(path, 2) as (writer, reader):
        reader.subscribe(b"/", heard.extend)
        told: list[tuple[int, bytes, int]] = []
        running = True

        async def write(key: bytes) -> None:
            while running:
                revision, value = await add_one(writer, key)
                told.append((revision, key, value))

        async with writer_process(path, "a") as first, writer_process(path, "b") as second:
            async with asyncio.TaskGroup() as tasks:
                for key in COUNTERS:
                    tasks.create_task(write(key))
                lines = [*await acknowledged(first, 60), *await acknowledged(second, 60)]
                first.kill()
                lines += await rest(first)
                lines += await acknowledged(second, 60)
                before = len(told)
                while len(told) < before + 30:  # those who are left go on
                    await asyncio.sleep(0.01)
                running = False
            second.kill()
            lines += await rest(second)
        told += [(int(revision), key, int(value)) for revision, key, value in lines]
        await reader.catch_up()
        assert [event.rev for event in heard] == list(range(2, heard[-1].rev + 1))
        written = {(event.rev, event.key, int(event.value or b"0")) for event in heard}
        assert set(told) <= written
        # Of those that were killed, each counter may have one write that nobody was told of.
        assert len(told) == len(set(told))
        assert len(written) - len(told) <= 2 * len(COUNTERS)
        for key in COUNTERS:
            values = [int(event.value or b"0") for event in heard if event.key == key]
            assert values == list(range(1, len(values) + 1))
        assert reader.current_rev() == heard[-1].rev
        assert (await writer.get(COUNTERS[0])).kv == (await reader.get(COUNTERS[0])).kv


async def test_a_write_elsewhere_wakes_a_watch_without_anybody_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_tail, "LOOK_EVERY", 3600.0)  # only the bell is left
    async with opened(tmp_path / "store.db", 2) as (writer, reader):
        watch = reader.watch(b"/r/", b"/r0", after_rev=1)
        for number in range(3):
            await writer.put(b"/r/%d" % number, b"x", expect_rev=0)
            assert [event.key for event in (await watch.next()).events] == [b"/r/%d" % number]


async def test_a_write_that_nobody_announced_is_found_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_tail, "LOOK_EVERY", 0.01)
    async with opened(tmp_path / "store.db", 2) as (writer, reader):
        assert writer._sharing is not None
        monkeypatch.setattr(writer._sharing, "announce", lambda: None)  # killed right after its commit
        watch = reader.watch(b"/r/", b"/r0", after_rev=1)
        await writer.put(b"/r/a", b"x", expect_rev=0)
        assert [event.rev for event in (await watch.next()).events] == [2]


async def test_only_writes_of_others_make_a_process_look_at_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.db", 2) as (one, other):
        await one.catch_up()
        await other.catch_up()
        await one.put(b"/r/a", b"x", expect_rev=0)
        assert one.is_current()
        assert not other.is_current() or other.current_rev() == 2
        await other.catch_up()
        assert other.is_current()
        assert other.current_rev() == 2


async def test_a_cache_beside_the_writer_reads_what_was_just_written(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.db", 2) as (one, other):
        here, there = (Cacher(Store(engine, form=FORM, resource_prefix="/pods")) for engine in (one, other))
        await there.start()
        for number in range(50):
            pod = Pod()
            pod.metadata.name = name = f"p{number}"
            created = await here.create(f"/pods/ns/{name}", pod)
            assert (await there.get(f"/pods/ns/{name}")).revision == created.revision
            listed = await there.get_list("/pods/", ListOptions(recursive=True))
            assert (listed.resource_version, len(listed.items)) == (created.revision, number + 1)
            newer = await there.get(f"/pods/ns/{name}", resource_version=str(created.revision))
            assert newer.revision == created.revision
        await there.aclose()


async def test_a_watch_goes_on_at_another_process_that_was_started_later(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened(path, 1) as (one,):
        here = Cacher(Store(one, form=FORM, resource_prefix="/pods"))
        revisions = []
        for number in range(5):
            pod = Pod()
            pod.metadata.name = f"p{number}"
            revisions.append((await here.create(f"/pods/ns/p{number}", pod)).revision)
        async with opened(path, 1) as (other,):
            there = Cacher(Store(other, form=FORM, resource_prefix="/pods"))
            watch = await there.watch("/pods/", ListOptions(recursive=True, resource_version=str(revisions[1])))
            found = [event.stored.revision for event in await watch.next_events()]
            assert found == revisions[2:]
            watch.close()
            await there.aclose()
        await here.aclose()


async def test_who_misses_a_compaction_reads_everything_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_tail, "LOOK_EVERY", 3600.0)
    monkeypatch.setattr("genericapiserver.storage.sqlite.COMPACTION_PATIENCE", 0.0)
    async with opened(tmp_path / "store.db", 2) as (one, other):
        there = Cacher(Store(other, form=FORM, resource_prefix="/pods"))
        here = Cacher(Store(one, form=FORM, resource_prefix="/pods"))
        await there.start()
        stream = await there.watch("/pods/", ListOptions(recursive=True, resource_version="1"))
        cursor = other.watch(b"/", b"0", after_rev=1)
        assert other._tail is not None
        with monkeypatch.context() as deaf:  # stopped, or starved
            deaf.setattr(other._tail, "soon", lambda: None)
            for number in range(3):
                pod = Pod()
                pod.metadata.name = "p"
                pod.status.phase = str(number)
                if number:
                    await here.delete("/pods/ns/p")
                last = await here.create("/pods/ns/p", pod)
            await one.compact(last.revision)
        assert (await there.get("/pods/ns/p")).revision == last.revision
        assert (
            await stream.next_events() == []
        )  # ended: its client lists, or comes again and is told that it is too late
        with pytest.raises(CompactedError):
            await cursor.next()
        assert (other.current_rev(), other.floor_rev()) == (last.revision, last.revision)
        await there.aclose()


async def test_one_process_expires_and_another_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genericapiserver.storage.sqlite_writer.TAKEOVER", 0.02)
    path = tmp_path / "store.db"
    async with writer_process(path, "idle") as leader:
        await asyncio.sleep(0)
        async with opened(path, 2) as (one, other):
            watch = other.watch(b"/r/", b"/r0", after_rev=one.current_rev())
            await one.put(b"/r/a", b"x", expect_rev=0, ttl=0.01)
            leader.send_signal(signal.SIGKILL)
            await leader.wait()
            events: list[EngineEvent] = []
            while len(events) < 2:
                events += (await watch.next()).events
            assert [event.value for event in events] == [b"x", None]


async def test_history_is_compacted_once_for_all(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.db", 3, Retention(interval=0, max_events=40)) as engines:
        for number in range(100):
            await engines[number % 3].put(b"/r/%d" % number, b"x", expect_rev=0)
        for engine in engines:
            await engine.catch_up()
            while engine.floor_rev() == 1:
                await asyncio.sleep(0.01)
            await engine.catch_up()
        assert len({(engine.current_rev(), engine.floor_rev()) for engine in engines}) == 1
        with pytest.raises(CompactedError):
            await engines[1].compact(2)


async def test_sharing_must_be_meant_by_all(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    alone = await SQLiteEngine.open(path)
    with pytest.raises(EngineOpenError, match="another process has it open and does not share it"):
        await SQLiteEngine.open(path, shared=True)
    await alone.aclose()
    async with opened(path, 1):
        with pytest.raises(EngineOpenError, match="another process has it open"):
            await SQLiteEngine.open(path)
    await (await SQLiteEngine.open(path)).aclose()


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def test_the_last_one_to_leave_closes_the_file_properly(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    log = tmp_path / "store.db-wal"
    async with opened(path, 1) as (one,):
        async with opened(path, 1):
            await one.put(b"/r/a", b"x", expect_rev=0)
        assert size(log) > 0
        await one.put(b"/r/b", b"x", expect_rev=0)
    assert size(log) == 0
    async with opened(path, 1) as (again,):
        assert again.current_rev() == 3


async def test_health_tells_of_a_process_that_writes_for_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genericapiserver.storage.sqlite.BUSY_TIMEOUT", 0.0)
    async with opened(tmp_path / "store.db", 2) as (one, other):
        await other.check()
        assert one._sharing is not None
        one._sharing.begin()  # and stops there
        write = asyncio.create_task(other.put(b"/r/a", b"x", expect_rev=0))
        assert other._sharing is not None
        while not other._sharing.waits_since:
            await asyncio.sleep(0.01)
        with pytest.raises(EngineTimeoutError, match="another process has been writing"):
            await other.check()
        one._sharing.end()
        assert (await write).ok


async def test_a_process_ends_although_another_one_never_lets_it_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genericapiserver.storage.sqlite.CLOSING_PATIENCE", 0.1)
    async with opened(tmp_path / "store.db", 2) as (one, other):
        assert one._sharing is not None
        one._sharing.begin()  # and stops there
        write = asyncio.create_task(other.put(b"/r/a", b"x", expect_rev=0))
        assert other._sharing is not None
        while not other._sharing.waits_since:
            await asyncio.sleep(0.01)
        await other.aclose()
        assert "another process has been writing for 0 seconds: going on without what was to be written" in caplog.text
        assert not write.done()
        write.cancel()
        one._sharing.end()
        await asyncio.to_thread(other._writer.join)  # in a server it goes with the process
        other._sharing.close()
        other._lock.release()


async def test_a_file_that_is_made_by_several_at_once_is_made_once(tmp_path: Path) -> None:
    """As the workers of one server do that start on a new machine."""
    for number in range(10):
        path = tmp_path / str(number) / "store.db"
        async with asyncio.timeout(FOREVER):
            engines = await asyncio.gather(*(SQLiteEngine.open(path, shared=True, initial_rev=1) for _ in range(4)))
        written = await engines[0].put(b"/r/1", b"one", expect_rev=0)
        await engines[3].catch_up()
        assert [engine.floor_rev() for engine in engines] == [1] * 4
        assert (await engines[3].get(b"/r/1")).rev == written.rev
        for engine in engines:
            await engine.aclose()


async def test_the_writer_itself_knows_what_another_process_has_shown_of_its_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loop may hear of its own commit later than others find it in the file."""
    released = threading.Event()
    async with opened(tmp_path / "store.db", 2) as (writer, other):
        deliver = writer._writer._deliver

        def late(base: int, writes: Sequence[Write]) -> None:
            released.wait(FOREVER)
            deliver(base, writes)

        monkeypatch.setattr(writer._writer, "_deliver", late)
        writing = asyncio.create_task(writer.put(b"/r/1", b"one", expect_rev=0))
        await other.reached(2)
        assert not writer.is_current()
        await writer.catch_up()
        assert writer.current_rev() == 2
        assert writer.is_current()
        released.set()
        assert (await writing).rev == 2
        assert writer.is_current()


async def test_while_somebody_commits_nobody_trusts_what_he_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the file can be read and told by one process before another one has been told of it."""
    released = threading.Event()
    async with opened(tmp_path / "store.db", 3) as (writer, reader, cache):
        sharing = writer._sharing
        assert sharing is not None
        announce = sharing.announce

        def late() -> None:
            released.wait(FOREVER)
            announce()

        await cache.catch_up()
        assert cache.is_current()
        monkeypatch.setattr(sharing, "announce", late)
        writing = asyncio.create_task(writer.put(b"/r/1", b"one", expect_rev=0))
        while (await reader.get(b"/r/1")).kv is None:
            await asyncio.sleep(0)
        for engine in (cache, writer):
            assert not engine.is_current()
            await engine.catch_up()
            assert engine.current_rev() == 2
        assert not cache.is_current(), "more may come"
        released.set()
        await writing
        await cache.catch_up()
        assert cache.is_current()


async def test_a_process_that_was_killed_in_a_commit_makes_nobody_look_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.db", 1) as (engine,):
        killed = Sharing(tmp_path / "store.db")
        killed.committing()
        await engine.catch_up()
        assert not engine.is_current()
        for lock in killed._locks:
            lock.close()
        await engine.catch_up()
        assert engine.is_current()
        again = Sharing(tmp_path / "store.db")
        try:
            await engine.catch_up()
            assert engine.is_current()
        finally:
            again.close()
            killed.close()
