"""`python -m benchmarks.one_connection`: everybody on one HTTP/2 connection, as behind kube-apiserver's aggregator.

One connection carries --requests GETs, --in-flight at a time; --watches watches that stay open, some with a body that
nobody ever reads; requests that are refused while their body still comes; creations that every watch has to tell; and in
the middle a burst of requests that are reset at once. A neighbour on a connection of its own asks for one object now and
then, before and meanwhile. Three processes: server, the one connection, neighbour.

The exit status is 1 when anything is lost: a GET without its 200, a watch without one of its events or ended, the
connection told to go away; or when the neighbour's p99 is more than --bound times what it is beside the same GETs alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
from hpack import Encoder

from benchmarks.client import Target
from benchmarks.fairness import Latencies, neighbour
from benchmarks.figures import percentile
from benchmarks.sample import BODY, PATH, create_all, sample, started

NAMESPACE = "one-connection"
COLLECTION = PATH.format(namespace=NAMESPACE)
UNREAD = 20
"""Watches whose client sends a body that nobody reads, as much as a window takes."""
UNREAD_BYTES = 200_000
REFUSALS = 200
CREATED = 20
"""Objects that are created meanwhile, and so events that every watch is told."""
BURST = 500
_WINDOW = 2**30
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS = 1, 4
_REFUSED = 7
_OK = 0x88
"""`:status: 200` in HPACK; the server writes every response without the dynamic table."""


@attrs.define(kw_only=True)
class Outcome:
    """What came of the one connection."""

    answered: int = 0
    """GETs with their 200."""
    other: int = 0
    """GETs with anything else."""
    refused_early: int = 0
    retried: int = 0
    """GETs refused with REFUSED_STREAM, which says that they may be sent again."""
    watches: int = 0
    """Watches still open at the end."""
    fewest_events: int = 0
    most_events: int = 0
    went_away: bool = False
    lost: bool = False


class OneConnection(asyncio.Protocol):
    """A client that costs little, so that it is not what is measured: heads are encoded once, bodies only counted."""

    def __init__(self, target: Target, requests: int, in_flight: int, watches: int) -> None:
        self.outcome = Outcome()
        self.watching = asyncio.Event()
        self.done = asyncio.Event()
        self._left = requests
        self._requests = requests
        self._in_flight = in_flight
        self._watches = watches
        self._stream = -1
        self._gets: set[int] = set()
        self._early: set[int] = set()
        self._creating: set[int] = set()
        self._events: dict[int, int] = {}
        self._open: set[int] = set()
        self._input = bytearray()
        self._output: list[bytes] = []
        self._transport: asyncio.Transport
        self._get = _head(target, "GET", f"{COLLECTION}/one")
        self._watch = _head(target, "GET", f"{COLLECTION}?watch=true")
        self._create = _head(target, "POST", COLLECTION)
        self._early_post = _head(target, "POST", "/apis/nobody.example.com/v1/namespaces/default/things")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = struct.pack(">HLHL", 3, 1000, 4, _WINDOW)
        self._output += [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _frame(_SETTINGS, 0, 0, settings)]
        self._output.append(_frame(_WINDOW_UPDATE, 0, 0, struct.pack(">L", _WINDOW)))
        for number in range(self._watches):
            unread = number < UNREAD
            stream = self._begin(self._watch, end=not unread)
            self._events[stream] = 0
            if unread:
                self._output += [_frame(_DATA, 0, stream, bytes(10_000))] * (UNREAD_BYTES // 10_000)
        if not self._watches:
            self.watching.set()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.outcome.lost = not self.done.is_set()
        self.watching.set()
        self.done.set()

    def start(self) -> None:
        """Begin with the GETs."""
        for _ in range(self._in_flight):
            self._next()
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._input += data
        at, size = 0, len(self._input)
        while size - at >= 9:
            high, low, kind, flags, stream = struct.unpack_from(">HBBBL", self._input, at)
            length = high << 8 | low
            if size - at < 9 + length:
                break
            self._received(kind, flags, stream, bytes(self._input[at + 9 : at + 9 + length]))
            at += 9 + length
        del self._input[:at]
        self._flush()

    def _received(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self._answered(stream, payload[0])
        elif kind == _DATA and stream in self._events:
            # Not every ADDED: a watch begins with the object that the neighbour asks for.
            self._events[stream] += payload.count(b'"name":"event-')
        elif kind == _SETTINGS and not flags:
            self._output.append(_frame(_SETTINGS, 1, 0))
        elif kind == _GOAWAY:
            self.outcome.went_away = True
        elif kind == _RST_STREAM:
            self._was_reset(stream, payload[3])
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            self._open.discard(stream)
        self._look()

    def _answered(self, stream: int, status: int) -> None:
        if stream in self._events:
            self._open.add(stream)
            if len(self._open) == self._watches:
                self.watching.set()
        elif stream in self._gets:
            self._gets.discard(stream)
            self.outcome.answered += status == _OK
            self.outcome.other += status != _OK
            self._next()
        elif stream in self._early:
            self._early.discard(stream)
            self.outcome.refused_early += status != _OK
        self._creating.discard(stream)

    def _was_reset(self, stream: int, code: int) -> None:
        self._open.discard(stream)
        if stream in self._gets:
            self._gets.discard(stream)
            if code == _REFUSED:
                self.outcome.retried += 1
                self._left += 1
            else:
                self.outcome.other += 1
            self._next()

    def _next(self) -> None:
        if not self._left:
            return
        self._left -= 1
        self._gets.add(self._begin(self._get))
        sent = self._requests - self._left
        if not self._watches:
            return
        if sent % (self._requests // CREATED) == 0:
            stream = self._begin(self._create, end=False)
            body = json.dumps(BODY).replace("NAME", f"event-{sent}").encode()
            self._creating.add(stream)
            self._output.append(_frame(_DATA, _END_STREAM, stream, body))
        if sent % (self._requests // REFUSALS) == 0:
            stream = self._begin(self._early_post, end=False)
            self._early.add(stream)
            self._output.append(_frame(_DATA, 0, stream, bytes(16_000)))  # and nothing more comes
        if sent == self._requests // 2:
            for _ in range(BURST):
                stream = self._begin(self._get)
                self._output.append(_frame(_RST_STREAM, 0, stream, b"\0\0\0\x08"))

    def _begin(self, head: bytes, *, end: bool = True) -> int:
        self._stream += 2
        self._output.append(_frame(_HEADERS, _END_HEADERS | (_END_STREAM if end else 0), self._stream, head))
        return self._stream

    def _look(self) -> None:
        if self._left or self._gets or self._early or self._creating:
            return
        counts = [*self._events.values()] or [CREATED]
        if min(counts) >= CREATED or self.outcome.went_away:
            self.outcome.watches = len(self._open & self._events.keys())
            self.outcome.fewest_events, self.outcome.most_events = min(counts), max(counts)
            self.done.set()

    def _flush(self) -> None:
        if self._output:
            self._transport.write(b"".join(self._output))
            self._output.clear()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def _head(target: Target, method: str, path: str) -> bytes:
    fields = [*target.headers(method, path, "application/json"), ("content-type", "application/json")]
    return Encoder().encode(fields)


async def load(target: Target, requests: int, in_flight: int, watches: int, *, deadline: float) -> Outcome:
    """Put everything on one connection; says "ready" on standard output when all watches are open."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: OneConnection(target, requests, in_flight, watches), target.host, target.port, ssl=target.context()
    )
    async with asyncio.timeout(deadline):
        await connection.watching.wait()
        print("ready", flush=True)
        connection.start()
        await connection.done.wait()
    return connection.outcome


@attrs.frozen
class Report:
    """What one run showed."""

    outcome: Outcome
    alone: Latencies
    """The neighbour's, before."""
    beside: Latencies
    """The neighbour's, meanwhile."""


def run(target: Target, *, requests: int, in_flight: int, watches: int, seconds: float, deadline: float) -> Report:
    """Measure the neighbour for *seconds* alone, then beside the one connection until that is done."""
    alone = asyncio.run(neighbour(target, f"{COLLECTION}/one", lambda: False, seconds))
    arguments = ["load", f"--port={target.port}", f"--deadline={deadline}"]
    arguments += [f"--ca={target.ca}", f"--cert={target.cert}", f"--key={target.key}"]
    arguments += [f"--requests={requests}", f"--in-flight={in_flight}", f"--watches={watches}"]
    with started("benchmarks.one_connection", arguments) as process:  # its first line: all watches are open
        beside = asyncio.run(neighbour(target, f"{COLLECTION}/one", lambda: process.poll() is not None, deadline))
        assert process.stdout is not None
        said = process.stdout.readline()
    if not said:
        raise SystemExit("the one connection did not come to its end")
    return Report(Outcome(**json.loads(said)), alone, beside)


def problems(outcome: Outcome, *, requests: int, watches: int) -> list[str]:
    """What was lost, in words; nothing when nothing was."""
    found = []
    if outcome.answered != requests or outcome.other:
        found.append(f"{requests - outcome.answered} GETs without their 200")
    if outcome.watches != watches:
        found.append(f"{watches - outcome.watches} watches ended")
    if watches and not outcome.fewest_events == outcome.most_events == CREATED:
        found.append(f"watches told {outcome.fewest_events} to {outcome.most_events} of {CREATED} events")
    if watches and outcome.refused_early != REFUSALS:
        found.append(f"{REFUSALS - outcome.refused_early} refusals did not come")
    if outcome.went_away or outcome.lost:
        found.append("the connection ended")
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_connection", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=40)
    parser.add_argument("--watches", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--bound", type=float, default=2.0)
    parser.add_argument("--deadline", type=float, default=300.0, help="seconds for one round")
    options = parser.parse_args(arguments)
    shape = {"requests": options.requests, "in_flight": options.in_flight}
    ratios, lost = [], []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder, sample("memory", Path(folder)) as target:
            prepare(target)
            plain = run(target, **shape, watches=0, seconds=3.0, deadline=options.deadline)
            whole = run(target, **shape, watches=options.watches, seconds=1.0, deadline=options.deadline)
        lost += problems(whole.outcome, requests=options.requests, watches=options.watches)
        ratios.append(percentile(whole.beside.waited, 0.99) / percentile(plain.beside.waited, 0.99))
        print(f"round {number + 1}   {whole.outcome}")
        for what, latencies in (("alone", plain.alone), ("GETs only", plain.beside), ("everything", whole.beside)):
            p50, p99 = (percentile(latencies.waited, portion) * 1000 for portion in (0.5, 0.99))
            print(
                f"    neighbour, {what:12} {len(latencies.waited):6} requests   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms"
            )
    median = sorted(ratios)[len(ratios) // 2]
    print(f"the neighbour's p99 beside everything is {median:.2f} of that beside the GETs; bound {options.bound}")
    for problem in lost:
        print("LOST:", problem)
    return 1 if lost or median > options.bound else 0


def prepare(target: Target) -> None:
    """Create the object that is asked for."""
    asyncio.run(create_all(target, NAMESPACE, "one"))


def _load(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    for name in ("--port", "--requests", "--in-flight", "--watches"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--ca", "--cert", "--key"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--deadline", type=float, required=True)
    options = parser.parse_args(arguments)
    target = Target(port=options.port, ca=options.ca, cert=options.cert, key=options.key)
    outcome = asyncio.run(load(target, options.requests, options.in_flight, options.watches, deadline=options.deadline))
    print(json.dumps(attrs.asdict(outcome)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_load(sys.argv[2:]) if sys.argv[1:2] == ["load"] else main(sys.argv[1:]))
