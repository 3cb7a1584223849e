"""A program that test_failing_disk and its like run with a disk that fails: `python -m ... ENGINE KIND ERROR TIMES FOLDER`.

For every n, the n-th call of KIND on the disk fails in a session of writes, or the process ends in it (ERROR is KILL). Then
it is gone, as after kill -9. What was acknowledged has to be there, what was refused must not: for who opens the store
again, after a failure of power at that time, and after one when the store has been opened again, read and written to.
"""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from genericapiserver.storage.engine import EngineError, EngineTimeoutError, StorageEngine, UnfinishedWriteError
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import SQLiteEngine

KINDS = {"write": 1, "sync": 2, "any": 15}
KILL = -1
NO_COMPACTION = Retention(interval=0, max_events=0)
ALL = (b"/registry/", b"/registry0")
KEYS = [b"/registry/r/ns/%d" % number for number in range(3)]
MANY = 10**6
LONG = "x" * 9000
"""More than a page of the cache."""

disk = ctypes.CDLL(None)
Possible = dict[str, list[str | None]]
"""What may be under a key: what was acknowledged last, and what has been written since without anybody knowing."""


class Client:
    """Writes, and keeps what it was told."""

    def __init__(self, engine: StorageEngine, possible: Possible, report: Path) -> None:
        self._engine = engine
        self._report = report
        self._revs: dict[bytes, int] = {}
        self.possible = possible
        self.newest = 0
        self.refused = 0

    async def know(self) -> None:
        for kv in (await self._engine.range(*ALL)).kvs:
            self._revs[kv.key] = kv.mod_rev

    async def write(self, key: bytes, text: str | None) -> None:
        expect = self._revs.get(key, 0)
        if text is None and not expect:
            return
        value = json.dumps({"kind": "R", "text": text}).encode()
        possible = self.possible.setdefault(key.decode(), [None])
        possible.append(text)
        self.save()
        try:
            if text is None:
                result = await self._engine.delete(key, expect_rev=expect)
            else:
                result = await self._engine.put(key, value, expect_rev=expect)
        except (UnfinishedWriteError, EngineTimeoutError):
            self.refused += 1
            return
        except EngineError:
            possible.pop()
            self.refused += 1
            self.save()
            return
        assert result.ok, (key, result)
        possible[:] = [text]
        self.newest = max(self.newest, result.rev)
        self._revs[key] = 0 if text is None else result.rev
        self.save()

    def save(self) -> None:
        """Leave behind what is known, for when the process is gone."""
        calls = disk.failing_disk_calls()
        known = {"possible": self.possible, "newest": self.newest, "refused": self.refused, "calls": calls}
        new = self._report.with_suffix(".new")
        new.write_text(json.dumps(known))
        new.replace(self._report)


async def opened(name: str, folder: Path) -> StorageEngine:
    if name == "sqlite":
        return await SQLiteEngine.open(folder / "store.db", initial_rev=1, retention=NO_COMPACTION)
    return await FileEngine.open(folder, initial_rev=1, retention=NO_COMPACTION, slack=1)


async def found_in(engine: StorageEngine) -> dict[str, str]:
    return {kv.key.decode(): json.loads(kv.value)["text"] for kv in (await engine.range(*ALL)).kvs}


def agree(found: dict[str, str], possible: Possible, when: str) -> None:
    for key, texts in possible.items():
        assert found.get(key) in texts, f"{when}: {key} is {found.get(key)!r}, and may be one of {texts}"
    assert found.keys() <= possible.keys()


async def work(name: str, folder: Path, report: Path, begin: Callable[[], None], lasting: bool) -> None:
    engine = await opened(name, folder)
    client = Client(engine, {}, report)
    for key in KEYS[:2]:
        await client.write(key, "before")
    begin()
    long = LONG if name == "file" else "short"
    await asyncio.gather(*(client.write(key, f"one {long if key is KEYS[-1] else ''}") for key in KEYS))
    await client.write(KEYS[0], None)
    with contextlib.suppress(EngineError):
        await engine.compact(engine.current_rev())
    await asyncio.gather(*(client.write(key, "two") for key in KEYS))
    if isinstance(engine, FileEngine) and not client.refused:
        await engine.files_written(patience=0.05 if lasting else 5)
    agree(await found_in(engine), client.possible, "while it runs")
    client.save()
    if not lasting:  # else it is killed while nothing works
        disk.failing_disk_fail(0, 0, 0, 0)
        await engine.check()
    elif client.refused:
        try:
            await engine.check()
        except EngineError:
            return
        raise AssertionError("the engine calls itself healthy while nothing can be written")


async def go_on(name: str, folder: Path, report: Path, known: dict[str, Any]) -> None:
    engine = await opened(name, folder)
    possible: Possible = known["possible"]
    found = await found_in(engine)
    agree(found, possible, "after a kill")
    assert engine.current_rev() >= known["newest"]
    seen: Possible = {key: [found.get(key)] for key in possible}  # which must not go away any more
    client = Client(engine, seen, report)
    await client.know()
    await client.write(KEYS[0], "later")
    assert client.newest > known["newest"]
    assert not client.refused


async def look(name: str, folder: Path, known: dict[str, Any], when: str) -> None:
    engine = await opened(name, folder)
    agree(await found_in(engine), known["possible"], when)
    assert engine.current_rev() >= known["newest"], when
    await engine.aclose()


def killed(*works: Coroutine[Any, Any, None]) -> None:
    """Do *works* in a process that then is gone at once."""
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(_to_the_end(works))
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends here
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    for work in works:
        work.close()
    if os.waitpid(child, 0)[1]:
        raise SystemExit(1)


async def _to_the_end(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    for work in works:
        await work
    os._exit(0)  # without closing anything


def after_power_failure(folder: Path, images: Path, target: Path) -> Path:
    """What is on the disk of *folder*."""
    for path in folder.rglob("*"):
        place = target / path.relative_to(folder)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not path.name.endswith(("-shm", ".lock")):
            place.parent.mkdir(parents=True, exist_ok=True)
            image = images / str(path.stat().st_ino)
            if image.exists():
                shutil.copyfile(image, place)
            else:
                place.touch()
    return target


def session(name: str, root: Path, begin: Callable[[], None], lasting: bool) -> dict[str, Any]:
    """One session, and all that may come after it; what it has left behind."""
    shutil.rmtree(root / "run", ignore_errors=True)
    folder, images, report = root / "run" / "store", root / "run" / "images", root / "report"
    folder.mkdir(parents=True)
    images.mkdir()
    disk.failing_disk_begin(str(folder).encode(), str(images).encode())
    killed(work(name, folder, report, begin, lasting))
    first: dict[str, Any] = json.loads(report.read_text())
    power = after_power_failure(folder, images, root / "run" / "power")
    killed(go_on(name, folder, report, first))
    second: dict[str, Any] = json.loads(report.read_text())
    again = after_power_failure(folder, images, root / "run" / "again")
    killed(
        look(name, power, first, "after a failure of power"),
        look(name, again, second, "after a restart and a failure of power"),
    )
    return first


def main(name: str, kind: str, error: str, times: int, root: Path) -> None:
    which, code = KINDS[kind], KILL if error == "KILL" else getattr(errno, error)

    def fail_at(number: int) -> Callable[[], None]:
        return lambda: disk.failing_disk_fail(which, number, code, times)

    calls = session(name, root, fail_at(MANY), False)["calls"]
    assert calls > 3, calls
    refused = 0
    for number in range(1, calls + 1):
        try:
            refused += session(name, root, fail_at(number), times == MANY)["refused"]
        except SystemExit:
            sys.exit(f"{name}: {error} at call {number} of {calls} of {kind}, {times} times")
    sys.stdout.write(json.dumps({"calls": calls, "refused": refused}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
