"""What every client does with flunders, in one story, told to each through a driver of its own.

The server ends every watch after a few seconds, so a client that watches has to begin anew from where it was: it must miss
nothing and see nothing twice. When a watch ended is read from the server's metrics.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol

import pytest

from tests.clients.matrix import Row
from tests.support.standalone import Standalone

GROUP, VERSION, PLURAL, KIND = "wardle.example.com", "v1beta1", "flunders", "Flunder"
API_VERSION = f"{GROUP}/{VERSION}"
DEADLINE = 60.0
"""Seconds for anything to be seen; reached only by a failure."""

Event = tuple[str, str, str]
"""Type, name, and the value of the label `step`."""


class Driver(Protocol):
    """A client, as the story needs it. Objects are plain dictionaries; errors are the client's own."""

    async def create(self, flunder: dict[str, Any]) -> dict[str, Any]: ...

    async def list(self) -> list[dict[str, Any]]: ...

    def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        """Every event *since* a version, or from the flunders that are there on; for as long as it is iterated."""

    async def patch(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """A JSON merge patch."""

    async def apply(self, flunder: dict[str, Any], manager: str) -> dict[str, Any]:
        """Server-side apply, without force."""

    async def delete(self, name: str) -> None: ...

    def status_of(self, error: Exception) -> int:
        """The HTTP status that *error* is about."""


def flunder(name: str, namespace: str, *, step: str = "", reference: str = "") -> dict[str, Any]:
    """A flunder as a client would write it."""
    spec = {"referenceType": "Flunder", "flunderReference": reference} if reference else {}
    metadata = {"name": name, "namespace": namespace, "labels": {"step": step}}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def event(type: str, obj: dict[str, Any]) -> Event:
    """What the story looks at in an event."""
    metadata = obj["metadata"]
    return type, metadata["name"], metadata.get("labels", {}).get("step", "")


async def act(driver: Driver, server: Standalone, row: Row, namespace: str) -> None:
    """The story. *row* is told what has passed."""
    created = await driver.create(flunder("first", namespace, step="created"))
    assert created["metadata"]["uid"]
    row.passed("create")

    assert [found["metadata"]["name"] for found in await driver.list()] == ["first"]
    row.passed("list")

    if "expiry" not in row.leaves_out:
        with pytest.raises(Exception) as refused:
            await anext(driver.watch("1"))
        assert driver.status_of(refused.value) == 410
        row.passed("expiry")

    async with watching(driver) as seen:
        await seen.next(("ADDED", "first", "created"))
        await driver.create(flunder("second", namespace, step="created"))
        await seen.next(("ADDED", "second", "created"))
        row.passed("watch")

        await a_watch_ends(server)
        await a_watch_ends(server)
        patched = await driver.patch("second", {"metadata": {"labels": {"step": "patched", "extra": "x"}}})
        assert patched["metadata"]["labels"]["step"] == "patched"
        await seen.next(("MODIFIED", "second", "patched"))
        row.passed("restart")

        patched = await driver.patch("second", {"metadata": {"labels": {"extra": None}}})
        assert patched["metadata"]["labels"] == {"step": "patched"}
        await seen.next(("MODIFIED", "second", "patched"))
        row.passed("patch")

        applied = await driver.apply(flunder("third", namespace, step="applied", reference="first"), "painter")
        assert managers(applied) == {("painter", "Apply")}
        await seen.next(("ADDED", "third", "applied"))
        await contested(driver, flunder("third", namespace, step="applied", reference="second"))
        applied = await driver.apply(flunder("third", namespace, step="again", reference="first"), "painter")
        assert applied["spec"]["flunderReference"] == "first"
        await seen.next(("MODIFIED", "third", "again"))
        row.passed("apply")

        for name, step in (("first", "created"), ("second", "patched"), ("third", "again")):
            await driver.delete(name)
            await seen.next(("DELETED", name, step))
        assert await driver.list() == []
        row.passed("delete")


async def contested(driver: Driver, wanted: dict[str, Any]) -> None:
    """What belongs to one manager is not another's without force."""
    with pytest.raises(Exception) as refused:
        await driver.apply(wanted, "other")
    assert driver.status_of(refused.value) == 409


def managers(obj: dict[str, Any]) -> set[tuple[str, str]]:
    return {(entry["manager"], entry["operation"]) for entry in obj["metadata"]["managedFields"]}


class Seen:
    """The events of a watch, in their order."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Event | BaseException] = asyncio.Queue()

    async def collect(self, events: AsyncIterator[Event]) -> None:
        try:
            async for found in events:
                self._events.put_nowait(found)
            self._events.put_nowait(AssertionError("the client ended its watch"))
        except Exception as error:  # noqa: BLE001  it is raised where the next event is waited for
            self._events.put_nowait(error)

    async def next(self, expected: Event) -> None:
        """The next event is *expected*: nothing was missed, nothing came twice."""
        async with asyncio.timeout(DEADLINE):
            found = await self._events.get()
        if isinstance(found, BaseException):
            raise found
        assert found == expected


@contextlib.asynccontextmanager
async def watching(driver: Driver) -> AsyncIterator[Seen]:
    seen = Seen()
    task = asyncio.create_task(seen.collect(driver.watch()))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])


async def a_watch_ends(server: Standalone) -> None:
    """Return once a watch of flunders has ended that had not when this was called."""
    before = await asyncio.to_thread(ended_watches, server)
    async with asyncio.timeout(DEADLINE):
        while await asyncio.to_thread(ended_watches, server) == before:
            await asyncio.sleep(0.1)


def ended_watches(server: Standalone) -> float:
    lines = server.admin.get("/metrics").body.decode().splitlines()
    counted = (line for line in lines if line.startswith("apiserver_request_total{"))
    wanted = (line for line in counted if 'verb="WATCH"' in line and 'resource="flunders"' in line)
    return sum(float(re.split(r"\s+", line)[1]) for line in wanted)


async def from_thread(make: Callable[[], Iterable[Event]], stop: Callable[[], None]) -> AsyncIterator[Event]:
    """The events of a client that blocks, which is iterated in a thread until *stop* ends it."""
    loop, events = asyncio.get_running_loop(), asyncio.Queue[Event | BaseException]()

    def put(found: Event | BaseException) -> None:
        with contextlib.suppress(RuntimeError):  # the test is over and its loop closed
            loop.call_soon_threadsafe(events.put_nowait, found)

    def run() -> None:
        try:
            for found in make():
                put(found)
            put(AssertionError("the client ended its watch"))
        except Exception as error:  # noqa: BLE001  it is raised in the loop
            put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while True:
            found = await events.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        stop()
        await asyncio.to_thread(thread.join, DEADLINE)
