"""The engines against a model of a few lines: the same calls give the same answers, now and at every past revision.

One of them are two on one file: what is written through the first is read from the second.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from genericapiserver.storage.engine import CompactedError, EngineEvent, StorageEngine
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.views import ViewEngine, ViewFamily
from tests.conformance.two_engines import TwoEngines
from tests.support.etcd import FreshEtcds, needs_etcd

KEYS = [b"/r/a", b"/r/a/b", b"/r/a0", b"/r/b", b"/s/a"]
RANGES = [(b"/r/", b"/r0"), (b"/", b"0"), (b"/r/a\x00", b"/r/b")]
NO_COMPACTION = Retention(interval=0, max_events=0)
SMALL_JOURNAL: dict[str, Any] = {"retention": NO_COMPACTION, "slack": 1}
"""The journal is made smaller at every occasion."""


class Engines(RuleBasedStateMachine):
    """States are whole copies: the model cannot share a mistake with clever history."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "store.db"
        self.memory: StorageEngine = MemoryEngine(initial_rev=1, retention=NO_COMPACTION)
        self.sqlite: StorageEngine = self.run(SQLiteEngine.open(self.path, initial_rev=1, retention=NO_COMPACTION))
        self.two: StorageEngine = self.run(
            TwoEngines.open(Path(self.directory.name) / "shared.db", initial_rev=1, retention=NO_COMPACTION)
        )
        family = ViewFamily(initial_rev=1, retention=NO_COMPACTION)
        self.view: StorageEngine = ViewEngine.base(family).fork().fork()
        self.folder = Path(self.directory.name) / "objects"
        self.files: StorageEngine = self.run(FileEngine.open(self.folder, initial_rev=1, **SMALL_JOURNAL))
        self.states: dict[int, dict[bytes, tuple[bytes, int, int]]] = {1: {}}
        self.events: list[EngineEvent] = []
        self.rev = self.floor = 1
        self.heard: dict[StorageEngine, list[EngineEvent]] = {}

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    @property
    def engines(self) -> tuple[StorageEngine, ...]:
        return self.memory, self.sqlite, self.two, self.view, self.files

    @initialize()
    def listen(self) -> None:
        for engine in self.engines:
            self.heard[engine] = []
            engine.subscribe(b"/", self.heard[engine].extend)

    def teardown(self) -> None:
        for engine in self.engines:
            self.run(engine.aclose())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()

    def write(self, key: bytes, value: bytes | None) -> None:
        state = dict(self.states[self.rev])
        self.rev += 1
        old = state.pop(key, None)
        create_rev = old[1] if old else self.rev
        if value is not None:
            state[key] = (value, create_rev, self.rev)
        self.states[self.rev] = state
        self.events.append(EngineEvent(self.rev, key, value, old[0] if old else None, create_rev, old[2] if old else 0))

    @rule(key=st.sampled_from(KEYS), value=st.binary(max_size=4), right=st.booleans(), off=st.integers(0, 3))
    def put(self, key: bytes, value: bytes, right: bool, off: int) -> None:
        existing = self.states[self.rev].get(key)
        newest = existing[2] if existing else 0
        expect = newest if right else off
        before = self.rev
        if expect == newest:
            self.write(key, value)
        for engine in self.engines:
            result = self.run(engine.put(key, value, expect_rev=expect))
            assert (result.ok, result.rev) == (self.rev > before, self.rev)
            if not result.ok:
                self.same(result.current, key, existing)

    @rule(key=st.sampled_from(KEYS), right=st.booleans(), off=st.integers(0, 3))
    def delete(self, key: bytes, right: bool, off: int) -> None:
        existing = self.states[self.rev].get(key)
        expect = existing[2] if existing and right else off
        before = self.rev
        if existing and existing[2] == expect:
            self.write(key, None)
        for engine in self.engines:
            result = self.run(engine.delete(key, expect_rev=expect))
            assert (result.ok, result.rev) == (self.rev > before, self.rev)
            if not result.ok:
                self.same(result.current, key, existing)

    @staticmethod
    def same(kv: Any, key: bytes, expected: tuple[bytes, int, int] | None) -> None:
        assert (kv[:4] if kv is not None else None) == (
            (key, expected[0], expected[1], expected[2]) if expected else None
        )

    @rule(data=st.data(), bounds=st.sampled_from(RANGES), limit=st.integers(0, 3))
    def read(self, data: st.DataObject, bounds: tuple[bytes, bytes], limit: int) -> None:
        rev = data.draw(st.sampled_from([0, *self.states]), label="rev")
        state = self.states[rev or self.rev]
        keys = sorted(key for key in state if bounds[0] <= key < bounds[1])
        for engine in self.engines:
            if rev and rev < self.floor:
                for call in (engine.range(*bounds, limit=limit, rev=rev), engine.get(KEYS[0], rev=rev)):
                    try:
                        self.run(call)
                    except CompactedError:
                        continue
                    raise AssertionError("a compacted revision was read")
                continue
            found = self.run(engine.range(*bounds, limit=limit, rev=rev))
            assert (found.total, found.rev) == (len(keys), self.rev)
            assert [kv.key for kv in found.kvs] == (keys[:limit] if limit else keys)
            for kv in found.kvs:
                self.same(kv, kv.key, state[kv.key])
            one = self.run(engine.get(KEYS[0], rev=rev))
            self.same(one.kv, KEYS[0], state.get(KEYS[0]))

    @rule(data=st.data(), bounds=st.sampled_from([*RANGES, (KEYS[0], None)]))
    def history(self, data: st.DataObject, bounds: tuple[bytes, bytes | None]) -> None:
        after = data.draw(st.sampled_from(list(self.states)), label="after")
        if after < self.floor:
            return
        start, end = bounds
        expected = [
            event
            for event in self.events
            if event.rev > after and (event.key == start if end is None else start <= event.key < end)
        ]
        for engine in self.engines:
            batch = self.run(engine.history(start, end, after_rev=after, upto=self.rev))
            assert batch == (expected, self.rev)
            if expected:
                watch = engine.watch(start, end, after_rev=after)
                watched: list[EngineEvent] = []
                while len(watched) < len(expected):  # first from the file, then from memory
                    watched += self.run(watch.next()).events
                assert watched == expected
                watch.close()

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        rev = data.draw(st.integers(self.floor, self.rev), label="compact to")
        refused = rev == self.memory.compact_rev()
        for engine in self.engines:
            try:
                self.run(engine.compact(rev))
            except CompactedError:
                assert refused
            else:
                assert not refused
                self.run(engine.catch_up())
                assert engine.compact_rev() == rev
        self.floor = max(self.floor, rev)

    @rule()
    def restart(self) -> None:
        """The file and the folder are closed and opened again: nothing may have changed."""
        heard = self.heard.pop(self.sqlite)
        self.run(self.sqlite.aclose())
        self.sqlite = self.run(SQLiteEngine.open(self.path, retention=NO_COMPACTION))
        self.heard[self.sqlite] = heard
        self.sqlite.subscribe(b"/", heard.extend)
        heard = self.heard.pop(self.files)
        self.run(self.files.aclose())
        self.files = self.run(FileEngine.open(self.folder, **SMALL_JOURNAL))
        self.heard[self.files] = heard
        self.files.subscribe(b"/", heard.extend)

    @invariant()
    def everybody_is_at_the_same_revision(self) -> None:
        for engine in self.engines:
            self.run(engine.catch_up())
            assert (engine.current_rev(), engine.floor_rev()) == (self.rev, self.floor)
        for heard in self.heard.values():
            assert heard == self.events


class EtcdEngines(Engines):
    """With an etcd beside them, which is another one for every example."""

    etcds = FreshEtcds()

    def __init__(self) -> None:
        self._taken = self.etcds.take()
        self.member = self._taken.__enter__()
        super().__init__()
        self.etcd: StorageEngine = self.run(self.open_etcd())

    async def open_etcd(self) -> EtcdEngine:
        return await EtcdEngine.open([self.member.url], prefix="/", compaction_interval=0, grace=10.0)

    @property
    def engines(self) -> tuple[StorageEngine, ...]:
        return *super().engines, self.etcd

    @rule()
    def reopen(self) -> None:
        heard = self.heard.pop(self.etcd)
        self.run(self.etcd.aclose())
        self.etcd = self.run(self.open_etcd())
        self.heard[self.etcd] = heard
        self.etcd.subscribe(b"/", heard.extend)

    def teardown(self) -> None:
        super().teardown()
        self._taken.__exit__(None, None, None)


TestEngines = Engines.TestCase
TestEngines.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


TestEtcdEngines = needs_etcd(EtcdEngines.TestCase)
TestEtcdEngines.settings = settings(max_examples=8, stateful_step_count=30, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def no_etcd_is_left() -> Iterator[None]:
    yield
    EtcdEngines.etcds.close()
