"""Views against a model of dictionaries over each other: what is read, listed and watched at every depth."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from genericapiserver.storage.engine import CompactedError, EngineClosedError, EngineEvent
from genericapiserver.storage.event_log import LogCursor
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.views import ChangedBelowError, CurrentEngine, ViewEngine, ViewFamily

START, END = b"/r/", b"/r0"
KEYS = [b"/r/a", b"/r/b", b"/r/c", b"/r/d"]
HIDDEN = None


def new_base(**retention: Any) -> ViewEngine:
    return ViewEngine.base(ViewFamily(initial_rev=1, retention=Retention(interval=0, **{"max_events": 0, **retention})))


async def put(view: ViewEngine, key: bytes, value: bytes = b"x") -> int:
    """Write whatever is there; the revision."""
    existing = view.look(key)
    result = await view.put(key, value, expect_rev=existing.mod_rev if existing is not None else 0)
    assert result.ok
    return result.rev


async def delete(view: ViewEngine, key: bytes) -> int:
    existing = view.look(key)
    assert existing is not None
    result = await view.delete(key, expect_rev=existing.mod_rev)
    assert result.ok
    return result.rev


async def content(view: ViewEngine, rev: int = 0) -> dict[bytes, bytes]:
    return {kv.key: kv.value for kv in (await view.range(START, END, rev=rev)).kvs}


class ViewModel:
    """One view as a dictionary of its own writes; HIDDEN is what it has deleted of what is below."""

    def __init__(self, below: "ViewModel | None") -> None:
        self.below = below
        self.own: dict[bytes, bytes | None] = {}

    def look(self, key: bytes) -> bytes | None:
        if key in self.own:
            return self.own[key]
        return self.below.look(key) if self.below is not None else None

    def delete(self, key: bytes) -> None:
        if self.below is not None and self.below.look(key) is not None:
            self.own[key] = HIDDEN
        else:
            del self.own[key]

    def content(self) -> dict[bytes, bytes]:
        return {key: value for key in KEYS if (value := self.look(key)) is not None}


class Watching:
    """A client that lists once and then goes by the events alone."""

    def __init__(self, cursor: LogCursor, known: dict[bytes, bytes], rev: int) -> None:
        self.cursor = cursor
        self.known = dict(known)
        self.rev = rev

    def apply(self, event: EngineEvent) -> None:
        assert event.rev > self.rev, "events come in the order of their revisions"
        self.rev = event.rev
        assert self.known.get(event.key) == event.prev_value, "an event begins with what the client knows"
        if event.value is None:
            del self.known[event.key]
        else:
            self.known[event.key] = event.value


class Views(RuleBasedStateMachine):
    """base; over it `left` with `deep` and `deeper`, and `right`."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        base = new_base()
        left = base.fork()
        deep = left.fork()
        self.engines = {"base": base, "left": left, "deep": deep, "deeper": deep.fork(), "right": base.fork()}
        model = ViewModel(None)
        left_model = ViewModel(model)
        deep_model = ViewModel(left_model)
        self.models = {
            "base": model,
            "left": left_model,
            "deep": deep_model,
            "deeper": ViewModel(deep_model),
            "right": ViewModel(model),
        }
        self.watching = {name: self.watch(name) for name in self.engines}
        self.states: dict[int, dict[str, dict[bytes, bytes]]] = {1: {name: {} for name in self.engines}}
        self.floor = 1

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    def watch(self, name: str) -> Watching:
        engine = self.engines[name]
        rev = engine.current_rev()
        return Watching(engine.watch(START, END, after_rev=rev), self.run(content(engine)), rev)

    def teardown(self) -> None:
        self.engines["base"].close()
        self.loop.close()

    names = st.sampled_from(["base", "left", "deep", "deeper", "right"])
    keys = st.sampled_from(KEYS)

    @rule(name=names, key=keys, value=st.binary(min_size=1, max_size=2))
    def write(self, name: str, key: bytes, value: bytes) -> None:
        self.run(put(self.engines[name], key, value))
        self.models[name].own[key] = value
        self.remember()

    @rule(name=names, key=keys)
    def remove(self, name: str, key: bytes) -> None:
        if self.models[name].look(key) is None:
            assert not self.run(self.engines[name].delete(key, expect_rev=1)).ok
            return
        self.run(delete(self.engines[name], key))
        self.models[name].delete(key)
        self.remember()

    @rule(name=names, key=keys)
    def race(self, name: str, key: bytes) -> None:
        """Who goes by an older version writes nothing."""
        existing = self.engines[name].look(key)
        result = self.run(
            self.engines[name].put(key, b"late", expect_rev=(existing.mod_rev if existing else 0) + 10**9)
        )
        assert (result.ok, result.current) == (False, existing)

    @rule(name=names)
    def read_what_happened(self, name: str) -> None:
        watching = self.watching[name]
        while True:
            self.engines[name].report_progress(watching.cursor)
            batch = self.run(watching.cursor.next())
            if not batch.events:
                break
            for event in batch.events:
                watching.apply(event)
        assert watching.known == self.models[name].content()

    @rule(name=names, limit=st.integers(1, 3))
    def page(self, name: str, limit: int) -> None:
        expected = self.models[name].content()
        found = self.run(self.engines[name].range(START, END, limit=limit))
        assert [kv.key for kv in found.kvs] == sorted(expected)[:limit]
        assert found.total == len(expected)

    @rule(data=st.data(), name=names)
    def look_back(self, data: st.DataObject, name: str) -> None:
        rev = data.draw(st.sampled_from([each for each in self.states if each >= self.floor]), label="rev")
        assert self.run(content(self.engines[name], rev)) == self.states[rev][name]
        batch = self.run(self.engines[name].history(START, END, after_rev=rev, upto=self.engines[name].current_rev()))
        client = Watching(self.watching[name].cursor, self.states[rev][name], rev)
        for event in batch.events:
            client.apply(event)
        assert client.known == self.models[name].content()

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        base = self.engines["base"]
        rev = data.draw(st.integers(self.floor, base.current_rev()), label="compact to")
        for name in self.engines:
            self.read_what_happened(name)
        try:
            self.run(base.compact(rev))
        except CompactedError:
            return
        self.floor = rev

    @rule(name=st.sampled_from(["left", "deep", "deeper", "right"]))
    def reset(self, name: str) -> None:
        self.loop.run_until_complete(_reset(self.engines[name]))
        self.models[name].own.clear()
        over = {"left": ["left", "deep", "deeper"], "deep": ["deep", "deeper"]}.get(name, [name])
        for other in over:
            with pytest.raises(CompactedError):
                self.run(self.watching[other].cursor.next())
            self.watching[other] = self.watch(other)
        self.states = {}
        self.floor = self.engines[name].current_rev()
        self.remember()

    def remember(self) -> None:
        rev = self.engines["base"].current_rev()
        self.states[rev] = {name: model.content() for name, model in self.models.items()}

    @invariant()
    def every_view_shows_its_own_and_what_is_below(self) -> None:
        for name, engine in self.engines.items():
            assert self.run(content(engine)) == self.models[name].content()
            stats = self.run(engine.stats(START, END))
            assert stats.keys == len(self.models[name].content())


TestViews = Views.TestCase
TestViews.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_a_write_in_a_sandbox_leaves_the_base_as_it_is() -> None:
    base = new_base()
    await put(base, KEYS[0], b"base")
    before = await base.range(START, END)
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    await put(sandbox, KEYS[1], b"new")
    after = await base.range(START, END)
    assert (after.kvs, after.total) == (before.kvs, before.total)
    await delete(sandbox, KEYS[0])
    assert (await base.range(START, END)).kvs == before.kvs
    assert await content(sandbox) == {KEYS[1]: b"new"}


async def events(view: ViewEngine, after: int) -> list[tuple[bytes, bytes | None, bytes | None]]:
    batch = await view.history(START, END, after_rev=after, upto=view.current_rev())
    return [(event.key, event.prev_value, event.value) for event in batch.events]


async def test_the_first_write_of_what_is_below_is_a_change_of_it() -> None:
    base = new_base()
    rev = await put(base, KEYS[0], b"base")
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    assert await events(sandbox, rev) == [(KEYS[0], b"base", b"mine")]
    assert await events(base, rev) == []


async def test_what_happens_below_to_a_shadowed_key_is_silent() -> None:
    base = new_base()
    for key in KEYS[:2]:
        await put(base, key, b"base")
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    rev = await delete(sandbox, KEYS[1])
    await put(base, KEYS[0], b"again")
    await delete(base, KEYS[0])
    await delete(base, KEYS[1])
    await put(base, KEYS[1], b"back")
    await put(base, KEYS[2], b"other")
    assert await events(sandbox, rev) == [(KEYS[2], None, b"other")]
    assert await content(sandbox) == {KEYS[0]: b"mine", KEYS[2]: b"other"}


async def test_what_a_view_made_and_deleted_hides_nothing() -> None:
    base = new_base()
    sandbox = base.fork()
    await put(sandbox, KEYS[0])
    await delete(sandbox, KEYS[0])
    await put(base, KEYS[0], b"base")
    assert await content(sandbox) == {KEYS[0]: b"base"}
    assert sandbox.own_keys == 0


async def test_a_watch_wakes_for_what_happens_two_views_below() -> None:
    base = new_base()
    deep = base.fork().fork()
    cursor = deep.watch(START, END, after_rev=deep.current_rev())
    waiting = asyncio.ensure_future(cursor.next())
    await asyncio.sleep(0)
    await put(base, KEYS[0], b"base")
    assert [event.key for event in (await waiting).events] == [KEYS[0]]


async def test_revisions_of_all_views_are_one_sequence() -> None:
    base = new_base()
    left, right = base.fork(), base.fork()
    assert [await put(view, KEYS[0]) for view in (base, left, right, base, left)] == [2, 3, 4, 5, 6]


async def test_history_of_a_base_is_not_pinned_by_its_forks() -> None:
    base = new_base(max_events=100)
    forks = [base.fork() for _ in range(10)]
    for number in range(1000):
        await put(base, KEYS[number % 4], b"%d" % number)
    assert len(base._layer.events) <= 100
    assert all(fork.floor_rev() == base.floor_rev() for fork in forks)
    assert await content(forks[0]) == await content(base)


async def _reset(view: ViewEngine) -> None:
    view.reset()


async def closed_fork(base: ViewEngine) -> "weakref.ref[ViewEngine]":
    """What is left of a fork that was written, watched, and closed below another one."""
    sandbox = base.fork()
    deep = sandbox.fork()
    await put(sandbox, KEYS[1], b"y" * 1000)
    cursor = deep.watch(START, END, after_rev=base.current_rev())
    waiting = asyncio.ensure_future(cursor.next())
    await asyncio.sleep(0)
    sandbox.close()
    refused = await asyncio.gather(waiting, deep.get(KEYS[0]), return_exceptions=True)
    assert [type(error) for error in refused] == [EngineClosedError, EngineClosedError]
    return weakref.ref(sandbox)


async def test_closing_a_view_closes_those_over_it_and_gives_everything_back() -> None:
    base = new_base()
    await put(base, KEYS[0])
    gone = await closed_fork(base)
    await asyncio.sleep(0)  # the loop lets go of the errors that came out of it in this turn
    gc.collect()
    assert gone() is None
    await put(base, KEYS[2])
    assert base.forks == frozenset()


async def test_a_reset_shows_what_is_below_again_and_ends_watches() -> None:
    base = new_base()
    await put(base, KEYS[0], b"base")
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    await delete(sandbox, KEYS[0])
    await put(sandbox, KEYS[1], b"mine")
    cursor = sandbox.watch(START, END, after_rev=sandbox.current_rev())
    of_base = base.watch(START, END, after_rev=base.current_rev())
    sandbox.reset()
    assert await content(sandbox) == {KEYS[0]: b"base"}
    assert sandbox.changes == 0
    with pytest.raises(CompactedError):
        await cursor.next()
    base.report_progress()
    assert (await of_base.next()).events == []


async def test_a_reset_of_a_part_leaves_the_rest() -> None:
    base = new_base()
    await put(base, KEYS[0])
    await put(base, b"/s/a")
    base.reset(b"/r/")
    assert await content(base) == {}
    assert base.look(b"/s/a") is not None


async def test_a_commit_writes_what_the_view_has_written() -> None:
    base = new_base()
    for key in KEYS[:3]:
        await put(base, key, b"base")
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    await delete(sandbox, KEYS[1])
    await put(sandbox, KEYS[3], b"new")
    shown = await content(sandbox)
    rev = base.current_rev()
    assert sandbox.commit() == 3
    assert await content(base) == shown == await content(sandbox)
    assert {key for key, _, _ in await events(base, rev)} == {KEYS[0], KEYS[1], KEYS[3]}


async def test_a_commit_over_what_has_changed_is_refused_as_a_whole() -> None:
    base = new_base()
    await put(base, KEYS[0], b"base")
    sandbox = base.fork()
    await put(sandbox, KEYS[0], b"mine")
    await put(sandbox, KEYS[1], b"new")
    await put(base, KEYS[0], b"changed")
    with pytest.raises(ChangedBelowError, match="/r/a has changed below the view"):
        sandbox.commit()
    assert await content(base) == {KEYS[0]: b"changed"}
    assert await content(sandbox) == {KEYS[0]: b"mine", KEYS[1]: b"new"}


async def test_the_current_engine_is_that_of_the_task() -> None:
    base = new_base()
    sandbox = base.fork()
    engine = CurrentEngine(base)

    async def write(view: ViewEngine, value: bytes) -> None:
        with engine.use(view):
            await asyncio.sleep(0)
            await asyncio.create_task(_put(engine, value))

    await asyncio.gather(write(base, b"base"), write(sandbox, b"mine"))
    assert (await content(base), await content(sandbox)) == ({KEYS[0]: b"base"}, {KEYS[0]: b"mine"})
    assert engine.view is base


async def _put(engine: CurrentEngine, value: bytes) -> None:
    existing = (await engine.get(KEYS[0])).kv
    assert (await engine.put(KEYS[0], value, expect_rev=existing.mod_rev if existing else 0)).ok


async def test_views_may_lie_over_each_other_at_any_depth() -> None:
    """A search that forks at each step goes deeper than any recursion."""
    base = new_base()
    await put(base, KEYS[0], b"base")
    view = base
    for number in range(3000):
        view = view.fork()
        if number % 1000 == 0:
            await put(view, KEYS[1 + number // 1000], b"%d" % number)
    assert await content(view) == {KEYS[0]: b"base", KEYS[1]: b"0", KEYS[2]: b"1000", KEYS[3]: b"2000"}
    cursor = view.watch(START, END, after_rev=view.current_rev())
    await put(base, KEYS[0], b"changed")
    assert [event.value for event in (await cursor.next()).events] == [b"changed"]
    base.reset()
    with pytest.raises(CompactedError):
        await cursor.next()
    base.close()
    assert not base.family.views
