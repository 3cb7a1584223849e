"""What `benchmarks.scale` asks of a server with many objects, and what it sees."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import attrs

from benchmarks.client import JSON, Client, Target, connect, resource_version
from benchmarks.figures import percentile
from benchmarks.sample import resident
from benchmarks.scale_store import COLLECTION, OF_A_KIND, name_of, path_of

PAGE = 500
READERS = 16
WANTED = 500
CONNECTIONS = 4
WATCH_CONNECTIONS = 10
WRITES_A_SECOND = 20
_CONTINUE = re.compile(rb'"continue":"([^"]*)"')
_HEAD = 4096
"""The continue token of a list is in its first bytes."""
_STAMP = re.compile(rb'"stamp":"(\d+)"')


@attrs.frozen
class Answer:
    """One answer: its status, how many bytes, its first ones, and the seconds it took."""

    status: int
    size: int
    head: bytes
    seconds: float


def cpu_seconds(target: Target) -> float:
    """CPU of the threads of the server so far, finer than the ticks of `Target.cpu_seconds`."""
    tasks = Path(f"/proc/{target.pids[0]}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


async def ask(
    client: Client, target: Target, path: str, *, method: str = "GET", body: bytes = b"", kind: str = JSON
) -> Answer:
    """Send one request and wait for its whole answer. Raises SystemExit for one that is no success."""
    answered: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
    head = bytearray()

    def take(data: bytes) -> None:
        if len(head) < _HEAD:
            head.extend(data[:_HEAD])

    headers = target.headers(method, path, JSON)
    if body:
        headers.append(("content-type", kind))
    begun = time.perf_counter()

    def done(status: int, size: int) -> None:
        if not answered.done():
            answered.set_result((status, size))

    client.request(headers, body, done, take)
    status, size = await answered
    if not 200 <= status < 300:
        raise SystemExit(f"{method} {path} was answered {status}: {bytes(head[:500])!r}")
    return Answer(status, size, bytes(head), time.perf_counter() - begun)


@attrs.frozen
class Took:
    """What some requests took: seconds of each, seconds of all, and seconds of the server's CPU."""

    each: Sequence[float]
    seconds: float
    cpu: float
    size: int = 0

    def part(self, portion: float) -> float:
        """The percentile of the seconds of each."""
        return percentile(sorted(self.each), portion)


async def pages(target: Target, *, selector: str = "", limit: int = PAGE) -> Took:
    """Read a list page by page; *limit* 0: in one piece."""
    client = await connect(target)
    begun, cpu, each, size, token = time.perf_counter(), cpu_seconds(target), list[float](), 0, ""
    while True:
        query = [f"limit={limit}"] if limit else []
        query += [selector] if selector else []
        query += [f"continue={quote(token)}"] if token else []
        answer = await ask(client, target, f"{COLLECTION}?{'&'.join(query)}")
        each.append(answer.seconds)
        size += answer.size
        found = _CONTINUE.search(answer.head)
        token = found[1].decode() if found else ""
        if not token:
            break
    client.close()
    return Took(each, time.perf_counter() - begun, cpu_seconds(target) - cpu, size)


async def gets(target: Target, objects: int, seconds: float) -> Took:
    """Have READERS clients get WANTED objects from all over the resource, each of which was asked for before."""
    clients = [await connect(target) for _ in range(CONNECTIONS)]
    each: list[float] = []
    wanted = range(0, objects, max(1, objects // WANTED))
    for number in wanted:
        await ask(clients[0], target, path_of(number))
    begun, cpu = time.perf_counter(), cpu_seconds(target)

    async def read(at: int) -> None:
        number = at * len(wanted) // READERS
        while time.perf_counter() - begun < seconds:
            number = (number + 37) % len(wanted)
            each.append((await ask(clients[at % CONNECTIONS], target, path_of(wanted[number]))).seconds)

    await asyncio.gather(*(read(at) for at in range(READERS)))
    took = Took(each, time.perf_counter() - begun, cpu_seconds(target) - cpu)
    for client in clients:
        client.close()
    return took


async def gets_beside_lists(target: Target, objects: int, seconds: float) -> Took:
    """The same while another client lists everything, again and again."""
    client = await connect(target)

    async def list_all() -> None:
        while True:
            await ask(client, target, COLLECTION)

    beside = asyncio.create_task(list_all())
    took = await gets(target, objects, seconds)
    beside.cancel()
    client.close()
    return took


@attrs.frozen
class FanOut:
    """*writes* while watches are open: seconds from each write to the last watch that it concerns, events delivered, CPU
    seconds of the server over all, and its resident memory in MB with the watches."""

    to_last: Sequence[float]
    events: int
    cpu: float
    resident_mb: float
    writes: int


class Watches:
    """Open watches that note when they hear of a write, by the number that it stamps on the object."""

    def __init__(self, clients: Sequence[Client], target: Target) -> None:
        self.clients, self.target = clients, target
        self.last: dict[int, float] = {}
        self.seen: dict[int, int] = {}
        self.ended = 0

    def open(self, number: int, path: str) -> None:
        rest = b""

        def on_data(data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            now = time.perf_counter()
            for line in lines:
                found = _STAMP.search(line)
                if found:
                    stamp = int(found[1])
                    self.last[stamp] = now
                    self.seen[stamp] = self.seen.get(stamp, 0) + 1

        def done(status: int, size: int) -> None:
            self.ended += 1

        headers = self.target.headers("GET", path, JSON)
        self.clients[number % len(self.clients)].request(headers, b"", done, on_data)


ON_WHOLE: Callable[[int], str] = lambda number: COLLECTION + "?"  # noqa: E731
ON_OBJECT: Callable[[int], str] = lambda number: (  # noqa: E731
    f"{path_of(number).rpartition('/')[0]}?fieldSelector=metadata.name%3D{name_of(number)}&"
)
ON_TEAM: Callable[[int], str] = lambda number: f"{COLLECTION}?labelSelector=team%3Dt-{number}&"  # noqa: E731


async def fan_out(
    target: Target,
    watches: int,
    seconds: float,
    place: Callable[[int], str],
    written: Callable[[int], int],
    concerned: int,
) -> FanOut:
    """Open *watches* of *place*(number), and write WRITES_A_SECOND objects *written*(number of the write), each of which
    concerns so many watches, or none of them. Raises SystemExit when a watch ends or misses a write."""
    clients = [await connect(target) for _ in range(WATCH_CONNECTIONS)]
    writer = await connect(target)
    version = await resource_version(writer, target, COLLECTION)
    opened = Watches(clients, target)
    for number in range(watches):
        opened.open(number, f"{place(number)}watch=true&resourceVersion={version}")
    for _ in range(1200):
        if sum(client.answering for client in clients) == watches:
            break
        await asyncio.sleep(0.05)
    else:
        raise SystemExit(f"of {watches} watches {sum(client.answering for client in clients)} were opened in a minute")
    await asyncio.sleep(0.5)
    held = resident(target.pids[0])
    writes = int(seconds * WRITES_A_SECOND)
    first = time.time_ns() // 1000
    begun, cpu, started = time.perf_counter(), cpu_seconds(target), dict[int, float]()

    async def write(number: int) -> None:
        stamp = first + number
        body = json.dumps({"metadata": {"annotations": {"stamp": str(stamp)}}}).encode()
        started[stamp] = time.perf_counter()
        await ask(
            writer, target, path_of(written(number)), method="PATCH", body=body, kind="application/merge-patch+json"
        )

    writing = []
    for number in range(writes):
        await asyncio.sleep(max(0.0, begun + number / WRITES_A_SECOND - time.perf_counter()))
        writing.append(asyncio.create_task(write(number)))
    await asyncio.gather(*writing)
    for _ in range(200):
        if len(opened.seen) == (writes if concerned else 0) and all(seen == concerned for seen in opened.seen.values()):
            break
        await asyncio.sleep(0.05)
    else:
        raise SystemExit(
            f"{sum(opened.seen.values())} of {writes * concerned} events came, {opened.ended} watches ended"
        )
    cpu = cpu_seconds(target) - cpu
    for client in [*clients, writer]:
        client.close()
    return FanOut([last - started[at] for at, last in opened.last.items()], writes * concerned, cpu, held, writes)


def few_by_label(objects: int) -> str:
    """A selector of as many objects as share a label, in the middle of the resource."""
    return f"labelSelector=team%3Dt-{objects // OF_A_KIND // 2}"


def few_by_field(objects: int) -> str:
    """The same by a field."""
    return f"fieldSelector=status.phase%3Dp-{objects // OF_A_KIND // 2}"
