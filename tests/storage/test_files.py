"""What only the file engine has: a folder that people read, the journal behind it, and what is done about their edits."""

import asyncio
import base64
import contextlib
import datetime as dt
import json
import logging
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.storage.engine import EPOCH_JUMP, CompactedError, EngineOpenError, KeyValue
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_objects import ObjectFiles
from genericapiserver.storage.retention import Retention
from tests.storage.files_support import (
    ALL,
    ONE,
    ONE_FILE,
    TWO,
    TWO_FILE,
    contents,
    flunder,
    journal_of,
    lines_in,
    reopen,
)
from tests.support.server_process import eventually

# ---- the layout


async def test_on_disk_layout_a_file_at_the_exact_path_private_and_readable(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "objects")
    rev = (await engine.put(ONE, flunder("one", text="hello"), expect_rev=0)).rev
    await engine.files_written()
    path = tmp_path / "objects" / ONE_FILE
    assert path.read_text() == (
        "{\n"
        '  "apiVersion": "v1",\n'
        '  "kind": "Flunder",\n'
        '  "metadata": {\n'
        '    "name": "one",\n'
        '    "namespace": "default",\n'
        f'    "resourceVersion": "{rev}"\n'
        "  },\n"
        '  "spec": {\n'
        '    "text": "hello"\n'
        "  }\n"
        "}\n"
    )
    for found in (tmp_path / "objects").rglob("*"):
        assert stat.S_IMODE(found.stat().st_mode) == (0o700 if found.is_dir() else 0o600), found
    await engine.aclose()


async def test_a_file_goes_with_its_object_and_empty_folders_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    engine = await reopen(folder)
    one = await engine.put(ONE, flunder("one"), expect_rev=0)
    two = await engine.put(TWO, flunder("two"), expect_rev=0)
    await engine.files_written()
    await engine.delete(ONE, expect_rev=one.rev)
    await engine.files_written()
    assert not (folder / ONE_FILE).exists()
    assert (folder / TWO_FILE).exists()
    await engine.delete(TWO, expect_rev=two.rev)
    await engine.files_written()
    assert sorted(os.listdir(folder)) == [".lock", "journal"]
    await engine.aclose()


async def test_what_is_encrypted_or_no_object_is_wrapped_as_base64(tmp_path: Path) -> None:
    secret = b"k8s:enc:aescbc:v1:key1:" + bytes(range(256))
    engine = await reopen(tmp_path)
    await engine.put(b"/registry/secrets/default/s", secret, expect_rev=0)
    await engine.put(b"/registry/numbers/n", b"1", expect_rev=0)
    await engine.files_written()
    wrapped = json.loads((tmp_path / "secrets/default/s.json").read_text())
    assert (wrapped["encoding"], wrapped["resourceVersion"]) == ("base64", "2")
    assert wrapped["key"] == "/registry/secrets/default/s"
    assert max(map(len, wrapped["data"])) == 76
    assert base64.b64decode("".join(wrapped["data"])) == secret
    assert json.loads((tmp_path / "numbers/n.json").read_text())["data"] == ["MQ=="]
    await engine.aclose()
    engine = await reopen(tmp_path)
    kv = (await engine.get(b"/registry/secrets/default/s")).kv
    assert kv is not None
    assert kv.value == secret
    await engine.aclose()


async def test_only_the_last_version_of_an_object_is_written_and_always_whole(tmp_path: Path) -> None:
    """A reader never sees half of a file, however often it is replaced."""
    engine = await reopen(tmp_path)
    rev = (await engine.put(ONE, flunder("one", n=0), expect_rev=0)).rev
    await engine.files_written()
    for number in range(1, 300):
        rev = (await engine.put(ONE, flunder("one", n=number), expect_rev=rev)).rev
        shown = json.loads((tmp_path / ONE_FILE).read_bytes())
        assert shown["spec"]["n"] <= number
    await engine.files_written()
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["spec"]["n"] == 299
    assert os.listdir(tmp_path / "journal/tmp") == []
    await engine.aclose()


# ---- survival


async def test_reload_after_restart_keeps_versions_increasing_history_included(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    first = await engine.put(ONE, b"1", expect_rev=0)
    second = await engine.put(ONE, b"2", expect_rev=first.rev)
    await engine.put(TWO, b"1", expect_rev=0)
    await engine.aclose()

    engine = await reopen(tmp_path)
    assert engine.current_rev() == 4
    kv = (await engine.get(ONE)).kv
    assert kv is not None
    assert (kv.value, kv.create_rev, kv.mod_rev) == (b"2", first.rev, second.rev)
    old = await engine.range(*ALL, rev=first.rev)
    assert [(kv.key, kv.value) for kv in old.kvs] == [(ONE, b"1")]
    batch = await engine.watch(*ALL, after_rev=first.rev).next()
    assert [(event.rev, event.value, event.prev_value) for event in batch.events] == [
        (second.rev, b"2", b"1"),
        (4, b"1", None),
    ]
    assert (await engine.put(b"/registry/c", b"", expect_rev=0)).rev == 5
    await engine.aclose()


async def test_a_revision_is_not_given_out_twice_when_the_newest_key_was_deleted_and_compacted(tmp_path: Path) -> None:
    engine = await reopen(tmp_path, slack=1)
    rev = (await engine.put(ONE, b"1", expect_rev=0)).rev
    rev = (await engine.delete(ONE, expect_rev=rev)).rev
    await engine.compact(rev)
    await engine.aclose()
    assert [line["op"] for line in lines_in(tmp_path)] == ["snapshot", "segment", "close"]
    engine = await reopen(tmp_path)
    assert (await engine.put(ONE, b"1", expect_rev=0)).rev == rev + 1
    assert engine.compact_rev() == rev
    with pytest.raises(CompactedError):
        await engine.get(ONE, rev=rev - 1)
    await engine.aclose()


async def test_a_new_store_begins_at_the_time_so_that_it_is_above_its_predecessor(tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    engine = await FileEngine.open(tmp_path)
    assert before <= engine.current_rev() < 2**53
    assert engine.compact_rev() == 0
    await engine.aclose()


WRITER = """
import asyncio, sys
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_view import FolderView

async def write(engine, writer):
    number = 0
    while True:
        key = b"/registry/r/%d-%d" % (writer, number)
        result = await engine.put(key, b'{"metadata":{},"key":"%b"}' % key, expect_rev=0)
        sys.stdout.write(f"{key.decode()} {result.rev}\\n")
        if number % 3 == 2:
            gone = await engine.delete(key, expect_rev=result.rev)
            sys.stdout.write(f"{key.decode()} -{gone.rev}\\n")
        sys.stdout.flush()
        number += 1

async def compact(engine):
    while True:
        await asyncio.sleep(0.01)
        await engine.compact(engine.current_rev())

async def main():
    engine = await FileEngine.open(sys.argv[1], initial_rev=1, slack=1000)
    await asyncio.gather(compact(engine), *(write(engine, writer) for writer in range(16)))

asyncio.run(main())
"""


async def test_every_acknowledged_write_survives_kill_nine_and_nothing_is_torn(tmp_path: Path) -> None:
    """The process also makes its journal smaller all the time, and is killed at random points."""
    folder, acknowledged = tmp_path / "objects", 0
    for seed in range(4):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(folder), stdout=subprocess.PIPE, cwd=tmp_path
        )
        assert process.stdout is not None
        lines: list[bytes] = []
        while len(lines) < random.Random(seed).randrange(50, 500):
            lines.append(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        told = dict(line.decode().split() for line in lines if line.endswith(b"\n"))
        engine = await reopen(folder)
        found = {kv.key.decode(): kv for kv in (await engine.range(*ALL)).kvs}
        for name, text in told.items():
            rev = int(text)
            acknowledged = max(acknowledged, abs(rev))
            if rev < 0:
                assert name not in found
            elif name in found:
                assert (found[name].mod_rev, json.loads(found[name].value)["key"]) == (rev, name)
            else:
                # Its writer may have deleted it without being able to tell any more.
                assert int(name.rpartition("-")[2]) % 3 == 2
        assert engine.current_rev() >= acknowledged
        await engine.files_written()
        shown = {f"/registry/r/{path.stem}": json.loads(path.read_bytes()) for path in (folder / "r").glob("*")}
        assert {name: (each["metadata"]["resourceVersion"], each["key"]) for name, each in shown.items()} == {
            name: (str(kv.mod_rev), name) for name, kv in found.items()
        }
        # Empty it for the next round; revisions go on.
        await asyncio.gather(*(engine.delete(kv.key, expect_rev=kv.mod_rev) for kv in found.values()))
        await engine.aclose()


class StoppedClock:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


async def test_an_object_that_expired_while_nobody_was_there_is_deleted_at_the_start(tmp_path: Path) -> None:
    clock = StoppedClock()
    engine = await reopen(tmp_path, clock=clock)
    rev = (await engine.put(ONE, b"1", expect_rev=0, ttl=10)).rev
    clock.time += dt.timedelta(seconds=9.9)
    await engine.put(TWO, b"1", expect_rev=0)  # the writer looks at the clock after each batch
    assert (await engine.get(ONE)).kv is not None
    await engine.aclose()
    clock.time += dt.timedelta(seconds=1)
    engine = await reopen(tmp_path, clock=clock)
    async with asyncio.timeout(30):
        await engine.reached(rev + 2)
    assert (await engine.get(ONE)).kv is None
    await engine.aclose()


# ---- the epoch


async def test_a_copy_of_the_folder_jumps_since_its_original_may_have_gone_on(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "objects")
    rev = (await engine.put(ONE, flunder("one"), expect_rev=0)).rev
    await engine.aclose()
    shutil.copytree(tmp_path / "objects", tmp_path / "backup")
    engine = await reopen(tmp_path / "backup")
    jumped = engine.current_rev()
    assert jumped >= rev + EPOCH_JUMP
    assert engine.floor_rev() == jumped
    assert engine.compact_rev() == 0
    with pytest.raises(CompactedError):
        await engine.get(ONE, rev=rev)
    kv = (await engine.get(ONE)).kv
    assert kv is not None
    assert kv.mod_rev == rev
    await engine.aclose()
    engine = await reopen(tmp_path / "backup")  # once, not with every start
    assert engine.current_rev() == jumped
    assert (await engine.put(TWO, b"1", expect_rev=0)).rev == jumped + 1
    await engine.aclose()


async def test_a_folder_that_was_moved_goes_on_where_it_was(tmp_path: Path) -> None:
    engine = await reopen(tmp_path / "objects")
    rev = (await engine.put(ONE, flunder("one"), expect_rev=0)).rev
    await engine.aclose()
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    engine = await reopen(tmp_path / "elsewhere")
    assert (engine.current_rev(), engine.floor_rev()) == (rev, 1)
    await engine.aclose()


@pytest.mark.parametrize("typed", [str(2**53), str(2**63), "9" * 40])
@pytest.mark.parametrize("name", ["one", "foreign"])
async def test_a_revision_that_no_server_has_given_out_does_not_move_the_store(
    tmp_path: Path, typed: str, name: str
) -> None:
    """Revisions above it would not be numbers to clients any more, and would never come down again."""
    engine = await reopen(tmp_path)
    rev = (await engine.put(ONE, flunder("one"), expect_rev=0)).rev
    await engine.aclose()
    shown = json.loads((tmp_path / ONE_FILE).read_text())
    shown["metadata"]["resourceVersion"] = typed
    (tmp_path / ONE_FILE).with_name(f"{name}.json").write_text(json.dumps(shown))
    engine = await reopen(tmp_path)
    assert engine.current_rev() == rev
    await engine.aclose()


async def test_a_journal_that_lost_its_end_jumps_and_the_file_that_tells_is_kept(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    first = await engine.put(ONE, flunder("one", n=1), expect_rev=0)
    length = journal_of(tmp_path)[0].stat().st_size
    await engine.put(ONE, flunder("one", n=2), expect_rev=first.rev)
    await engine.files_written()
    await engine.aclose()
    os.truncate(journal_of(tmp_path)[0], length)

    engine = await reopen(tmp_path)
    assert engine.current_rev() >= first.rev + 1 + EPOCH_JUMP
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["spec"] == {"n": 1}
    assert json.loads((tmp_path / f"{ONE_FILE}.edited").read_bytes())["spec"] == {"n": 2}
    await engine.aclose()


# ---- files that others have changed


async def test_files_deleted_while_switched_off_are_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await reopen(tmp_path)
    await engine.put(ONE, flunder("one"), expect_rev=0)
    await engine.put(TWO, flunder("two"), expect_rev=0)
    await engine.aclose()
    before = (tmp_path / ONE_FILE).read_bytes()
    (tmp_path / ONE_FILE).unlink()
    with caplog.at_level(logging.WARNING):
        engine = await reopen(tmp_path)
    assert (tmp_path / ONE_FILE).read_bytes() == before
    assert "were missing or older than their objects" in caplog.text
    assert ONE_FILE in caplog.text
    assert TWO_FILE not in caplog.text
    await engine.aclose()


async def test_a_file_edited_while_switched_off_is_repaired_and_the_edit_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await reopen(tmp_path)
    await engine.put(ONE, flunder("one", text="ours"), expect_rev=0)
    await engine.aclose()
    before = (tmp_path / ONE_FILE).read_bytes()
    for edit in (before.replace(b"ours", b"mine"), b"not even JSON", b""):
        (tmp_path / ONE_FILE).write_bytes(edit)
        with caplog.at_level(logging.WARNING):
            engine = await reopen(tmp_path)
        await engine.aclose()
        assert (tmp_path / ONE_FILE).read_bytes() == before
    assert (tmp_path / f"{ONE_FILE}.edited").read_bytes() == before.replace(b"ours", b"mine")
    assert (tmp_path / f"{ONE_FILE}.edited.2").read_bytes() == b"not even JSON"
    assert (tmp_path / f"{ONE_FILE}.edited.3").read_bytes() == b""
    assert "it is kept beside it, the object is unchanged" in caplog.text
    assert "one.json.edited.2" in caplog.text


async def test_an_edit_while_running_is_kept_when_its_object_is_written_or_deleted(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    rev = (await engine.put(ONE, flunder("one", n=1), expect_rev=0)).rev
    await engine.files_written()
    (tmp_path / ONE_FILE).write_bytes(b"first edit")
    rev = (await engine.put(ONE, flunder("one", n=2), expect_rev=rev)).rev
    await engine.files_written()
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["spec"] == {"n": 2}
    assert (tmp_path / f"{ONE_FILE}.edited").read_bytes() == b"first edit"
    (tmp_path / ONE_FILE).write_bytes(b"second edit")
    await engine.delete(ONE, expect_rev=rev)
    await engine.files_written()
    assert not (tmp_path / ONE_FILE).exists()
    assert (tmp_path / f"{ONE_FILE}.edited.2").read_bytes() == b"second edit"
    await engine.aclose()


async def test_a_file_that_was_only_touched_or_is_gone_is_no_edit(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    rev = (await engine.put(ONE, flunder("one", n=1), expect_rev=0)).rev
    await engine.files_written()
    os.utime(tmp_path / ONE_FILE, (0, 0))
    rev = (await engine.put(ONE, flunder("one", n=2), expect_rev=rev)).rev
    await engine.files_written()
    (tmp_path / ONE_FILE).unlink()
    await engine.put(ONE, flunder("one", n=3), expect_rev=rev)
    await engine.files_written()
    assert sorted(os.listdir(tmp_path / "wardle.example.com/flunders/default")) == ["one.json"]
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["spec"] == {"n": 3}
    await engine.aclose()


async def test_a_file_left_of_a_deleted_object_goes_and_an_edited_one_is_kept(tmp_path: Path) -> None:
    """As a crash leaves it between the journal and the file."""
    engine = await reopen(tmp_path)
    revs = {key: (await engine.put(key, flunder("x"), expect_rev=0)).rev for key in (ONE, TWO)}
    await engine.files_written()
    contents = {path: (tmp_path / path).read_bytes() for path in (ONE_FILE, TWO_FILE)}
    for key, rev in revs.items():
        await engine.delete(key, expect_rev=rev)
    await engine.aclose()
    (tmp_path / ONE_FILE).parent.mkdir(parents=True)
    (tmp_path / ONE_FILE).write_bytes(contents[ONE_FILE])
    (tmp_path / TWO_FILE).write_bytes(contents[TWO_FILE] + b" edited")
    engine = await reopen(tmp_path)
    assert sorted(os.listdir((tmp_path / ONE_FILE).parent)) == ["two.json.edited"]
    await engine.aclose()


async def test_an_older_file_of_an_object_is_no_edit(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    rev = (await engine.put(ONE, flunder("one", n=1), expect_rev=0)).rev
    await engine.files_written()
    old = (tmp_path / ONE_FILE).read_bytes()
    await engine.put(ONE, flunder("one", n=2), expect_rev=rev)
    await engine.aclose()
    (tmp_path / ONE_FILE).write_bytes(old)
    engine = await reopen(tmp_path)
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["spec"] == {"n": 2}
    assert os.listdir((tmp_path / ONE_FILE).parent) == ["one.json"]
    await engine.aclose()


async def test_many_files_that_are_missing_are_written_behind_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genericapiserver.storage.files_repair.AT_ONCE", 3)
    engine = await reopen(tmp_path)
    await asyncio.gather(*(engine.put(b"/registry/r/%d" % n, flunder("x"), expect_rev=0) for n in range(20)))
    await engine.aclose()
    shutil.rmtree(tmp_path / "r")
    engine = await reopen(tmp_path)
    await engine.files_written()
    assert len(os.listdir(tmp_path / "r")) == 20
    await engine.aclose()


async def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    foreign = {
        "README.md": b"read me",
        ".git/config": b"[core]",
        "wardle.example.com/flunders/default/notes.txt": b"notes",
        "wardle.example.com/flunders/default/three.json": b"{}",
        "package.json": b"{}",
        "journal/README": b"ours?",
    }
    for path, content in foreign.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for _ in range(2):
        engine = await reopen(tmp_path)
        kv = (await engine.get(ONE)).kv
        result = await engine.put(ONE, flunder("one"), expect_rev=kv.mod_rev if kv else 0)
        await engine.delete(ONE, expect_rev=result.rev)
        await engine.aclose()
        assert {path: (tmp_path / path).read_bytes() for path in foreign} == foreign


async def test_a_foreign_file_in_the_place_of_a_new_object_is_kept_aside(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    (tmp_path / ONE_FILE).parent.mkdir(parents=True)
    (tmp_path / ONE_FILE).write_bytes(b"mine")
    await engine.put(ONE, flunder("one"), expect_rev=0)
    await engine.files_written()
    assert json.loads((tmp_path / ONE_FILE).read_bytes())["kind"] == "Flunder"
    assert (tmp_path / f"{ONE_FILE}.edited").read_bytes() == b"mine"
    await engine.aclose()


# ---- compaction


async def test_a_snapshot_takes_the_place_of_old_files(tmp_path: Path) -> None:
    engine = await reopen(tmp_path, slack=1000)
    revs = dict.fromkeys(range(10), 0)
    for turn in range(30):
        for number, rev in revs.items():
            key = b"/registry/r/%d" % number
            revs[number] = (await engine.put(key, flunder("x", turn=turn), expect_rev=rev)).rev
        if turn % 10 == 9:
            await engine.compact(engine.current_rev() - 5)
    middle = engine.current_rev() - 5
    before = await engine.range(*ALL, rev=middle)
    size = engine.size_bytes()
    await small(tmp_path, 50)  # 300 were written
    await engine.aclose()
    assert lines_in(tmp_path)[0]["op"] == "snapshot"
    assert size > 0

    engine = await reopen(tmp_path)
    assert (engine.compact_rev(), engine.current_rev()) == (middle, 301)
    assert [kv[:4] for kv in (await engine.range(*ALL, rev=middle)).kvs] == [kv[:4] for kv in before.kvs]
    assert [event.rev for event in (await engine.watch(*ALL, after_rev=middle).next()).events] == list(
        range(middle + 1, 302)
    )
    await engine.aclose()


async def small(folder: Path, lines: int) -> None:
    """Return once the journal has fewer than *lines*: snapshots are written behind those who write."""

    def is_small() -> bool:
        with contextlib.suppress(FileNotFoundError):  # one has just been replaced
            return len(lines_in(folder)) < lines
        return False

    await asyncio.to_thread(eventually, is_small, f"a journal of fewer than {lines} lines")


async def test_a_compaction_during_a_snapshot_is_made_up_for_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot waits for the files of objects. What is compacted meanwhile must not stay in the journal for good."""
    go_on, real = threading.Event(), ObjectFiles.write

    def slow(self: ObjectFiles, key: bytes, kv: KeyValue | None) -> None:
        go_on.wait()
        real(self, key, kv)

    monkeypatch.setattr(ObjectFiles, "write", slow)
    engine = await reopen(tmp_path, slack=1)
    rev = 0
    for compacted in (20, 60):
        while engine.current_rev() < compacted:
            rev = (await engine.put(ONE, flunder("one", after=rev), expect_rev=rev)).rev
        await engine.compact(compacted)
    go_on.set()
    await small(tmp_path, 5)
    await engine.aclose()


async def test_a_crash_between_snapshot_and_deletion_is_finished_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    engine = await reopen(folder, slack=1)
    rev = 0
    for number in range(20):
        rev = (await engine.put(ONE, flunder("one", n=number), expect_rev=rev)).rev
    old = {path.name: path.read_bytes() for path in journal_of(folder)}
    await engine.compact(rev)
    await engine.aclose()
    for name, content in old.items():
        assert not (folder / "journal" / name).exists()
        (folder / "journal" / name).write_bytes(content)
    (folder / "journal/tmp/snapshot-5").write_bytes(b"half")
    engine = await reopen(folder)
    assert engine.current_rev() == rev
    assert not any((folder / "journal" / name).exists() for name in old)
    assert os.listdir(folder / "journal/tmp") == []
    await engine.aclose()


async def test_history_is_compacted_by_time(tmp_path: Path) -> None:
    engine = await reopen(tmp_path, retention=Retention(interval=0.05, max_events=0))
    rev = (await engine.put(ONE, b"0", expect_rev=0)).rev
    async with asyncio.timeout(30):
        while engine.compact_rev() < rev:
            await asyncio.sleep(0.01)
    assert (await engine.get(ONE)).kv is not None
    await engine.aclose()


async def test_history_is_compacted_when_there_is_too_much(tmp_path: Path) -> None:
    engine = await reopen(tmp_path, retention=Retention(interval=0, max_events=100), slack=1000)
    rev = 0
    for number in range(300):
        rev = (await engine.put(ONE, b"%d" % number, expect_rev=rev)).rev
    assert engine.compact_rev() >= rev - 101
    await engine.aclose()
    engine = await reopen(tmp_path)
    assert (engine.current_rev(), engine.floor_rev()) == (rev, engine.compact_rev())
    await engine.aclose()


# ---- one process


async def test_a_folder_that_another_process_has_open_is_refused(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    with pytest.raises(
        EngineOpenError, match=r"another process has it open\. Stop that process, or choose another path"
    ):
        await reopen(tmp_path)
    await engine.aclose()
    await (await reopen(tmp_path)).aclose()


async def test_an_engine_that_was_closed_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    engine = await reopen(tmp_path)
    await engine.put(ONE, flunder("one"), expect_rev=0)
    await engine.aclose()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert set(os.listdir("/proc/self/fd")) <= before


async def test_the_size_is_that_of_the_files(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    await engine.put(ONE, flunder("one", text="x" * 1000), expect_rev=0)
    await engine.files_written()
    assert engine.size_bytes() == sum(map(len, contents(tmp_path).values()))
    await engine.aclose()


def test_the_journal_reads_as_json_lines(tmp_path: Path) -> None:
    """For jq, and for who has to find out what happened."""

    async def write() -> None:
        engine = await reopen(tmp_path)
        rev = (await engine.put(ONE, flunder("one"), expect_rev=0)).rev
        await engine.delete(ONE, expect_rev=rev)
        await engine.aclose()

    asyncio.run(write())
    lines: list[dict[str, Any]] = lines_in(tmp_path)
    assert [(line["op"], line["rev"]) for line in lines] == [("segment", 1), ("put", 2), ("delete", 3), ("close", 3)]
    assert lines[1]["key"] == ONE.decode()
    assert lines[1]["value"]["metadata"] == {"name": "one", "namespace": "default"}
