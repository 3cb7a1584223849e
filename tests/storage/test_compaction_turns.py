"""Compaction of what is kept in memory goes in slices; who reads in between finds what is right, or that it is gone."""

import asyncio
import random
from itertools import count
from types import SimpleNamespace

import pytest

from genericapiserver.aio import slices
from genericapiserver.storage.engine import CompactedError, EngineEvent, KeyValue
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention

START, END = b"/pods/", b"/pods0"


class Past:
    """An engine, and what it has to say of each revision."""

    def __init__(self, rng: random.Random) -> None:
        self.engine = MemoryEngine(initial_rev=1, retention=Retention(interval=0, max_events=0))
        self.states: dict[int, dict[bytes, KeyValue]] = {1: {}}
        self.events: list[EngineEvent] = []
        self._rng = rng

    async def write(self) -> None:
        engine, rng = self.engine, self._rng
        key = START + b"%02d" % rng.randrange(12)
        now = self.states[engine.current_rev()]
        before = now.get(key)
        if before is not None and rng.random() < 0.4:
            result = await engine.delete(key, expect_rev=before.mod_rev)
            after = {other: kv for other, kv in now.items() if other != key}
            event = EngineEvent(result.rev, key, None, before.value, before.create_rev, before.mod_rev)
        else:
            value = b"%d" % rng.randrange(10**6)
            result = await engine.put(key, value, expect_rev=0 if before is None else before.mod_rev)
            created = result.rev if before is None else before.create_rev
            after = {**now, key: KeyValue(key, value, created, result.rev)}
            previous = (None, created, 0) if before is None else (before.value, created, before.mod_rev)
            event = EngineEvent(result.rev, key, value, *previous)
        self.states[result.rev] = after
        self.events.append(event)

    async def look(self) -> None:
        """Everything that can be asked, at every revision: below the floor it is gone, and from there on it is right."""
        engine, floor = self.engine, self.engine.floor_rev()
        for rev, state in self.states.items():
            after = [event for event in self.events if event.rev > rev]
            if rev < floor:
                for refused in (
                    engine.get(START + b"00", rev=rev),
                    engine.range(START, END, rev=rev),
                    engine.history(START, END, after_rev=rev, upto=engine.current_rev()),
                ):
                    with pytest.raises(CompactedError):
                        await refused
                continue
            listed = await engine.range(START, END, rev=rev)
            assert (listed.kvs, listed.total) == ([state[key] for key in sorted(state)], len(state))
            for key in (START + b"%02d" % number for number in range(12)):
                assert (await engine.get(key, rev=rev)).kv == state.get(key)
            assert list((await engine.history(START, END, after_rev=rev, upto=engine.current_rev())).events) == after


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """By this clock each step takes longer than a slice may, so there is one in each turn of the loop."""
    seconds = count()
    monkeypatch.setattr(slices, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))


@pytest.mark.parametrize("seed", range(8))
async def test_reads_while_a_compaction_goes_on_are_right_or_gone(seed: int) -> None:
    rng = random.Random(seed)
    past = Past(rng)
    for _ in range(60):
        await past.write()
    watch = past.engine.watch(START, END, after_rev=past.engine.current_rev())
    seen = past.engine.current_rev()
    targets = sorted(rng.sample(range(2, 61), 3))
    for target in targets:  # the next one begins while the last one is not through
        await past.engine.compact(target)
        assert past.engine.floor_rev() == target
        for _ in range(rng.randrange(12)):
            await past.look()
            await asyncio.sleep(0)
            if rng.random() < 0.5:
                await past.write()
    while (forgetting := past.engine._forgetting) is not None and not forgetting.done():
        await past.look()
        await asyncio.sleep(0)
    await past.look()
    kept = {key: versions[0].rev for key, versions in past.engine._versions.items()}
    assert not [key for key, rev in kept.items() if rev < targets[-1] and key not in past.states[targets[-1]]]
    assert past.engine._known_keys == sorted(kept)
    missed = [event for event in past.events if event.rev > seen]
    if missed:
        assert list((await watch.next()).events) == missed
    await past.engine.aclose()


async def test_what_a_compaction_gives_back_is_as_much_as_at_once() -> None:
    """Of every key there is what it was at the floor, and nothing at all of those that were gone."""
    past = Past(random.Random(99))
    for _ in range(200):
        await past.write()
    current = past.engine.current_rev()
    await past.engine.compact(current)
    assert past.engine._forgetting is not None
    await past.engine._forgetting
    state = past.states[current]
    assert {key: len(versions) for key, versions in past.engine._versions.items()} == dict.fromkeys(state, 1)
    await past.engine.aclose()


async def test_others_get_their_turns_while_a_compaction_goes_on() -> None:
    past = Past(random.Random(1))
    for _ in range(300):
        await past.write()
    await past.engine.compact(past.engine.current_rev())
    forgetting = past.engine._forgetting
    assert forgetting is not None
    turns = 0
    while not forgetting.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 300
    await past.engine.aclose()


async def test_an_engine_can_be_closed_while_it_compacts() -> None:
    past = Past(random.Random(2))
    for _ in range(50):
        await past.write()
    await past.engine.compact(past.engine.current_rev())
    forgetting = past.engine._forgetting
    await past.engine.aclose()
    assert forgetting is not None
    await asyncio.wait([forgetting])
    assert forgetting.cancelled()
