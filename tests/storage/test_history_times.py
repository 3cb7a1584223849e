"""When revisions were written: marks, what is told from them, and the commands that name times."""

import asyncio
import datetime as dt
import json
import time
from pathlib import Path

import pytest

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.history_times import HistoryTimes, Mark
from genericapiserver.storage.retention import CompactionSchedule, Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.tools.moments import parse_moment, shown_time
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import open_reader
from tests.storage.commands_support import Shop, key, storage, value

NO_COMPACTION = Retention(interval=0, max_events=0)


class Clock:
    """Stands until it is moved. Begins an hour ago."""

    def __init__(self) -> None:
        self.start = int(time.time()) - 3600.0
        self.passed = 0.0
        self.fault = 0.0
        """What somebody has set it wrong by."""

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.start + self.passed + self.fault, dt.UTC)

    def monotonic(self) -> float:
        return self.passed


async def opened(shop: Shop, clock: Clock, retention: Retention = NO_COMPACTION) -> StorageEngine:
    engine = FileEngine if shop.engine == "file" else SQLiteEngine
    return await engine.open(shop.path, initial_rev=100, clock=clock, retention=retention)


@pytest.fixture(params=["sqlite", "file"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """Revisions 101 to 106, ten minutes between two of them, the first one written an hour ago; two is gone at 104."""
    shop, clock = Shop(request.param, tmp_path), Clock()

    async def work() -> None:
        for number, color in enumerate(["red", "green", "blue", None, "black", "white"], 1):
            engine = await opened(shop, clock)  # also over restarts
            name = key("two" if number in (2, 4) else "one")
            existing = (await engine.get(name)).kv
            expected = existing.mod_rev if existing else 0
            if color is None:
                await engine.delete(name, expect_rev=expected)
            else:
                await engine.put(
                    name, value(name.decode().rpartition("/")[2], color, manager=color), expect_rev=expected
                )
            await engine.aclose()
            clock.passed += 600

    asyncio.run(work())
    return shop


def ago(minutes: float) -> str:
    return shown_time(time.time() - 60 * minutes)


@pytest.mark.parametrize(
    ("at", "revisions"),
    [("55m", [101]), ("45m ago", [101, 102]), ("35m", [103, 102]), ("1500s", [103]), ("1m", [106])],
)
def test_a_list_is_as_of_a_time(old: Shop, at: str, revisions: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("list", old.flags(), "--at", at, "-o", "json") == 0
    assert [each["revision"] for each in json.loads(capsys.readouterr().out)["objects"]] == revisions


def test_what_has_changed_since_is_told_with_when_and_who(old: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("diff", old.flags(), "--since=35m") == 0
    lines = capsys.readouterr().out.splitlines()
    written = {rev: shown_time(Clock().start + 600 * (rev - 101))[:17] for rev in range(101, 107)}
    assert lines[0].startswith(
        f"~ flunders.wardle.example.com default/one: changed at revision 106, {written[106][:15]}"
    )
    assert lines[0].endswith("Z, by white")
    assert lines[1] == '    ~ spec.color: "blue" -> "white"'
    assert lines[2].startswith(
        f"- flunders.wardle.example.com default/two: removed at revision 104, {written[104][:15]}"
    )
    assert storage("diff", old.flags(), "--from", ago(35), "--to=25m", "-o", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["from"], shown["to"], [each["name"] for each in shown["changes"]]) == (103, 104, ["two"])


def test_what_came_and_went_is_told_too(old: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("diff", old.flags(), "--from=101", "--to=104", "flunders") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("= flunders.wardle.example.com default/two: as before, after 2 writes") for line in lines
    )
    assert lines[-1] == "1 objects differ between revisions 101 and 104"


def test_a_diff_since_before_history_says_that_it_is_not_all(old: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("diff", old.flags(), "--since=24h") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("+ flunders.wardle.example.com default/one: added at revision 106")
    assert lines[-2] == "1 objects differ between revisions 100 and 106"
    assert lines[-1].startswith('"24h": history does not go back to')
    assert lines[-1].endswith("What is older is not shown")


def test_blame_says_when(old: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("blame", "flunders", "one", old.flags(), "-o", "json") == 0
    fields = {each["path"]: each for each in json.loads(capsys.readouterr().out)["fields"]}
    assert fields["spec.color"]["manager"] == "white"
    assert abs(time.time() - 600 - dt.datetime.fromisoformat(fields["spec.color"]["time"]).timestamp()) < 300


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2h", "history does not go back to"),
        ("2999-01-01T00:00:00Z", "is in the future"),
        ("yesterday", "name a revision (104), a time (2026-01-02T03:04:05Z), or how long ago it was (20m, 1h30m)"),
    ],
)
def test_times_that_cannot_be_read_are_named(old: Shop, at: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("list", old.flags(), "--at", at) == 1
    assert text in capsys.readouterr().err


def test_history_of_a_time_is_kept(old: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("compact", old.flags(), "--keep=35m") == 0
    assert "history begins at revision 103, before at 100" in capsys.readouterr().out
    assert storage("list", old.flags(), "--at=34m", "-o", "json") == 0
    assert [each["revision"] for each in json.loads(capsys.readouterr().out)["objects"]] == [103, 102]
    assert storage("list", old.flags(), "--at=45m") == 1
    assert "history does not go back" in capsys.readouterr().err
    assert storage("compact", old.flags(), "--keep=24h") == 0
    assert "history begins at revision 103, before at 103" in capsys.readouterr().out
    assert storage("check", old.flags()) == 0


async def test_a_server_keeps_the_history_of_a_time_over_restarts(old: Shop) -> None:
    """The schedule goes by when revisions were written, not by when the server was started."""
    clock = Clock()
    clock.passed = 3600
    engine = await opened(old, clock, Retention(interval=0.05, max_events=0, keep=35 * 60))
    async with asyncio.timeout(30):
        while engine.floor_rev() == 100:
            await asyncio.sleep(0.01)
    assert engine.floor_rev() in (102, 103)
    await engine.aclose()


@pytest.mark.parametrize("engine", ["sqlite", "file"])
async def test_there_is_at_most_one_mark_a_second(engine: str, tmp_path: Path) -> None:
    shop, clock = Shop(engine, tmp_path), Clock()
    store = await opened(shop, clock)
    rev = 0
    for number in range(100):
        rev = (await store.put(key("one"), b"%d" % number, expect_rev=rev)).rev
        clock.passed += 0.125
    await store.aclose()
    async with open_reader(shop.config()) as reader:
        times = reader.times()  # type: ignore[attr-defined]
    assert [mark.rev for mark in times.believed][-10:] == [*range(124, 200, 8)]
    assert times.written_at(200) == clock.start + 12
    assert times.written_at(201) is None
    assert times.revision_at(clock.start + 12) == 196
    assert times.revision_at(clock.start + 1e6) == 200


def test_a_clock_that_was_wrong_is_not_believed() -> None:
    marks = [Mark(5, 99.0), Mark(10, 100.0), Mark(20, 5.0), Mark(30, 110.0), Mark(40, 9e9), Mark(50, 120.0)]
    times = HistoryTimes(marks, 60)
    assert [mark.rev for mark in times.believed] == [5, 10, 30, 50]
    assert times.revision_at(105) == 20  # what was written within a second; when the rest was, nobody knows
    assert times.revision_at(98) is None
    assert times.revision_at(9e9) == 60
    assert times.written_at(15) == 100.0
    assert times.written_at(25) is None
    assert times.written_at(55) == 120.0
    assert HistoryTimes([], 60).revision_at(1e9) is None


def test_compaction_by_age_begins_with_what_is_known() -> None:
    schedule = CompactionSchedule(
        Retention(interval=10, max_events=0, keep=100),
        now=1000,
        current_rev=50,
        marks=[Mark(10, 5.0), Mark(20, 20.0), Mark(21, 21.0), Mark(30, 50.0), Mark(40, 1e9)],
        wall=60.0,
    )
    assert schedule.due(now=1009, current_rev=51) == 0
    assert schedule.due(now=1045, current_rev=51) == 10
    assert schedule.due(now=1055, current_rev=51) == 0
    assert schedule.due(now=1090, current_rev=51) == 30  # 1,000 - 60 + 50 + 100
    assert schedule.due(now=1100, current_rev=52) == 50
    assert schedule.due(now=1145, current_rev=52) == 51


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("104", None),
        ("20m", 8800.0),
        ("1h30m ago", 4600.0),
        ("-20m", 8800.0),
        ("1970-01-01T02:00:00Z", 7200.0),
        ("1970-01-01t02:00:00+01:00", 3600.0),
    ],
)
def test_moments(text: str, moment: float | None) -> None:
    assert parse_moment(text, 10000.0) == moment


@pytest.mark.parametrize("text", ["", "soon", "10 m", "1.2.3", "2026-13-01T00:00:00Z", "2026-01-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ToolError, match="name a revision"):
        parse_moment(text, 0.0)
