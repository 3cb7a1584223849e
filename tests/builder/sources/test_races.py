"""Readers, writers and polls of a source that takes its time, in random order: nobody sees a number go back.

Writers add one to the text of notes through the server, and somebody adds one to their status behind its back. Whoever
reads twice, by list, by get or by watching, sees each number rise or stay; what was acknowledged is there for every read
that begins later; nothing is counted twice or lost.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.registry.generic.store import Store
from tests.builder.sources.support import CONTEXT, Note, Notes, declared, get, note, opened, update

NAMES = ("a", "b")


@attrs.define(eq=False)
class SlowNotes(Notes):
    """Every function takes a few turns of the loop, before it looks and before it answers."""

    chance: random.Random = attrs.Factory(random.Random)

    async def _turns(self) -> None:
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)

    def slow(self, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        async def slowly(*arguments: Any) -> Any:
            await self._turns()
            said = function(*arguments)
            await self._turns()
            return said

        return slowly

    def update(self, obj: Note) -> None:
        changed = deep_copy(self.notes[obj.metadata.name])
        changed.spec.text = obj.spec.text
        self.notes[obj.metadata.name] = changed

    def edit(self, name: str) -> None:
        """Add one to the status, as no writer through the server does."""
        changed = deep_copy(self.notes[name])
        changed.status.read_by = str(int(changed.status.read_by) + 1)
        self.notes[name] = changed


Numbers = dict[str, tuple[int, int]]
"""What the text and the status of each note say."""


def numbers_of(notes: Iterable[Note]) -> Numbers:
    return {each.metadata.name: (int(each.spec.text), int(each.status.read_by)) for each in notes}


async def listed(store: Store) -> list[Note]:
    page = await store.list(CONTEXT, ListOptions())
    return [item.shared for item in page.items]


class Rising:
    """Fails when a number goes back."""

    def __init__(self) -> None:
        self.seen: Numbers = {}

    def sees(self, *notes: Note) -> None:
        for name, numbers in numbers_of(notes).items():
            before = self.seen.get(name, (0, 0))
            assert numbers[0] >= before[0], (name, numbers, before)
            assert numbers[1] >= before[1], (name, numbers, before)
            self.seen[name] = numbers


async def increment(context: Any, obj: Note | None, old: Note) -> Note:
    old.spec.text = str(int(old.spec.text) + 1)
    return old


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), writers=st.integers(1, 4), readers=st.integers(1, 3), with_get=st.booleans())
def test_numbers_never_go_back(seed: int, writers: int, readers: int, with_get: bool) -> None:
    async def story() -> None:
        notes = SlowNotes(chance=random.Random(seed))
        notes.put(*(note(name, "0") for name in NAMES))
        for each in notes.notes.values():
            each.status.read_by = "0"
        functions = {
            verb: notes.slow(getattr(notes, verb)) for verb in ("list", "update", *(["get"] if with_get else []))
        }
        source = declared(notes, **functions)
        async with opened(source) as store:
            watched, stop = Rising(), asyncio.Event()

            async def write() -> None:
                for _ in range(3):
                    name = notes.chance.choice(NAMES)
                    result = await update(store, None, increment, name=name)
                    assert int((await get(store, name)).spec.text) >= int(result.object.shared.spec.text)

            async def read() -> None:
                rising = Rising()
                while not stop.is_set():
                    rising.sees(*await listed(store))
                    rising.sees(await get(store, notes.chance.choice(NAMES)))

            async def follow(stream: Any) -> None:
                while events := await stream.next_events():
                    for event in events:
                        assert event.type in (EventType.ADDED, EventType.MODIFIED)
                        watched.sees(event.stored.shared)

            async def edit() -> None:
                for _ in range(4):
                    name = notes.chance.choice(NAMES)
                    notes.edit(name)
                    source.changed()
                    if with_get:  # what overlaps with writes is listed a few times, and asked for until it stands
                        assert (await get(store, name)).status.read_by == notes.notes[name].status.read_by

            stream = await store.watch(CONTEXT, ListOptions())
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(follow(stream))
                reading = [tasks.create_task(read()) for _ in range(readers)]
                writing = [tasks.create_task(write()) for _ in range(writers)]
                await asyncio.gather(edit(), *writing)
                stop.set()
                await asyncio.gather(*reading)
                final = numbers_of(await listed(store))
                while watched.seen != final:
                    await asyncio.sleep(0)
                stream.close()
                await following
            assert sum(text for text, _ in final.values()) == 3 * writers
            assert final == numbers_of(notes.notes.values())

    asyncio.run(asyncio.wait_for(story(), 60))
