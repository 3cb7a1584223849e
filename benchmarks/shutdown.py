"""SIGTERM under load: what becomes of requests, watches, writes and audit events when a busy server is told to stop.

    python -m benchmarks.shutdown [--rate 500] [--watches 100] [--seconds 10] [--retry-after] [--delay 2] [--grace 2]
                                    [--audit-mode batch]

The sample server on SQLite, with an audit log of every request; reads, lists and writes over HTTP/2 and HTTP/1.1, at a fixed
rate whatever the answers do, and watches that see the writes. In the middle comes SIGTERM; clients go on until the
port is closed. Nothing that the server had begun may fail: not by what clients see, nor by what the audit log knows and
they did not see. Every acknowledged write is there when the server is started again. The exit status tells.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import attrs

from benchmarks.sample import free_port
from benchmarks.shutdown_clients import Exchange, HTTP1Client, HTTP2Client, Outcome, Server

NAMESPACE = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders"
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
"""
WATCHES_PER_CONNECTION = 25
HTTP1_SHARE = 0.2
OVERTAKEN = 5
TURN = 1 / 200
"""Seconds between the ends of two watches."""


@attrs.frozen(kw_only=True)
class Plan:
    """How much load, for how long before the signal, and how the server is to stop."""

    rate: float = 500.0
    watches: int = 100
    seconds: float = 10.0
    """From the first request to the signal."""
    delay: float = 2.0
    grace: float = 2.0
    retry_after: bool = False
    audit_mode: str = "blocking"
    http2_connections: int = 4
    http1_connections: int = 8

    def flags(self) -> list[str]:
        flags = [
            f"--shutdown-delay-duration={self.delay}s",
            f"--shutdown-watch-termination-grace-period={self.grace}s",
            f"--audit-log-mode={self.audit_mode}",
        ]
        return [*flags, "--shutdown-send-retry-after"] if self.retry_after else flags


@attrs.define
class Result:
    """What happened. `problems` is empty when all is as it must be."""

    status: int
    seconds_to_exit: float
    outcomes: Counter[str]
    answered_after_signal: int
    watches_ended_in: float
    p99_ms: float
    audited: int
    acknowledged_writes: int
    problems: list[str]

    def lines(self) -> list[str]:
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return [
            f"exit status {self.status}, {self.seconds_to_exit:.2f} s after SIGTERM",
            f"requests: {outcomes}; {self.answered_after_signal} answered after the signal; p99 {self.p99_ms:.1f} ms",
            f"watches: all ended within {self.watches_ended_in:.2f} s",
            f"audited: {self.audited} requests; acknowledged writes: {self.acknowledged_writes}",
            *(f"PROBLEM: {problem}" for problem in self.problems[:20]),
        ]


class Load:
    """Requests at a fixed rate over connections that are made anew when the server ends one."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self._server = server
        self._plan = plan
        self._http2: list[HTTP2Client] = []
        self._http1: list[HTTP1Client] = []
        self._idle: list[HTTP1Client] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._reconnecting = False
        self._random = random.Random(7)
        self.exchanges: list[Exchange] = []
        self.watches: list[Exchange] = []
        self.refused_connections = 0

    async def connect(self) -> None:
        self._http2 = [await self._server.http2() for _ in range(self._plan.http2_connections)]
        self._idle = [await self._server.http1() for _ in range(self._plan.http1_connections)]

    async def open_watches(self) -> None:
        """Open the watches of the plan, one after another."""
        while len(self.watches) < self._plan.watches:
            client = await self._server.http2()
            for _ in range(min(WATCHES_PER_CONNECTION, self._plan.watches - len(self.watches))):
                opened = asyncio.Event()
                watch = new_exchange("GET", f"{NAMESPACE}?watch=1")
                watch.on_start = opened.set
                client.send(watch)
                self.watches.append(watch)
                await asyncio.wait_for(opened.wait(), 30)

    async def run(self, until: Callable[[], bool]) -> None:
        """Send at the rate of the plan until *until* says so, and wait for what is under way."""
        began, number = time.monotonic(), 0
        while not until():
            number += 1
            await asyncio.sleep(max(0.0, began + number / self._plan.rate - time.monotonic()))
            exchange = self._next()
            self.exchanges.append(exchange)
            if self._random.random() < HTTP1_SHARE and self._idle:
                self._start(self._over_http1(self._idle.pop(), exchange))
            else:
                self._over_http2(exchange)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=60)

    def _next(self) -> Exchange:
        kind = self._random.random()
        if kind < 0.2:
            name = f"load-{uuid.uuid4().hex}"
            return new_exchange("POST", NAMESPACE, json.dumps({"metadata": {"name": name}, "spec": {}}).encode())
        return new_exchange("GET", f"{NAMESPACE}?limit=5" if kind < 0.3 else f"{NAMESPACE}/one")

    def _over_http2(self, exchange: Exchange) -> None:
        usable = [client for client in self._http2 if client.usable]
        if usable:
            self._random.choice(usable).send(exchange)
        else:
            exchange.end(Outcome.NOT_ACCEPTED, "no connection")
        if len(usable) < self._plan.http2_connections and not self._reconnecting:
            self._reconnecting = True
            self._start(self._reconnect())

    async def _over_http1(self, client: HTTP1Client, exchange: Exchange) -> None:
        await client.send(exchange)
        if not client.usable:
            try:
                client = await self._server.http1()
            except OSError:
                self.refused_connections += 1
                return
        self._idle.append(client)

    async def _reconnect(self) -> None:
        self._http2 = [client for client in self._http2 if client.usable]
        try:
            while len(self._http2) < self._plan.http2_connections:
                self._http2.append(await self._server.http2())
        except OSError:
            self.refused_connections += 1
        finally:
            self._reconnecting = False

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def new_exchange(method: str, path: str, body: bytes = b"") -> Exchange:
    return Exchange(str(uuid.uuid4()), method, path, body)


async def one(server: Server, method: str, path: str, body: bytes = b"") -> Exchange:
    """One exchange on a connection of its own."""
    client = await server.http1()
    exchange = new_exchange(method, path, body)
    await client.send(exchange)
    client.close()
    return exchange


async def load_and_stop(server: Server, plan: Plan, process: asyncio.subprocess.Process) -> tuple[Load, float, float]:
    """Load *server*, tell it to stop in the middle, and go on until it has; the moments of the signal and of the end."""
    load = Load(server, plan)
    body = json.dumps({"metadata": {"name": "one"}, "spec": {}}).encode()
    made = await one(server, "POST", NAMESPACE, body)
    assert made.status in (201, 409), made
    await load.connect()
    await load.open_watches()
    ended = asyncio.ensure_future(process.wait())
    running = asyncio.ensure_future(load.run(ended.done))
    await asyncio.sleep(plan.seconds)
    signalled = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(ended, 120)
    exited = time.monotonic()
    await running
    return load, signalled, exited


def audited_ids(path: Path) -> set[str]:
    """The requests whose end is in the audit log."""
    with path.open() as lines:
        events = [json.loads(line) for line in lines]
    return {event["auditID"] for event in events if event["stage"] == "ResponseComplete"}


def judge(load: Load, plan: Plan, *, status: int, signalled: float, exited: float, audited: set[str]) -> Result:
    """Hold what clients saw against what the server recorded."""
    problems: list[str] = []
    if status != 0:
        problems.append(f"exit status {status}")
    outcomes: Counter[str] = Counter()
    for exchange in load.exchanges:
        what = f"{exchange.method} {exchange.path} {exchange.audit_id} ({exchange.reason})"
        if exchange.outcome is None:
            exchange.end(Outcome.FAILED, "no answer and no end")
        if exchange.outcome is Outcome.UNKNOWN:
            exchange.outcome = Outcome.FAILED if exchange.audit_id in audited else Outcome.NOT_ACCEPTED
        answered = exchange.outcome is Outcome.ANSWERED
        outcomes[f"{exchange.status}" if answered else str(exchange.outcome and exchange.outcome.name).lower()] += 1
        if exchange.outcome is Outcome.FAILED:
            problems.append(f"accepted and failed: {what}")
        elif answered and exchange.status not in (200, 201, 429):
            problems.append(f"answered {exchange.status}: {what}")
        elif answered and exchange.status != 429 and exchange.audit_id not in audited:
            problems.append(f"answered {exchange.status} and not audited: {what}")
        elif not answered and exchange.audit_id in audited:
            problems.append(f"audited and not answered: {what}")
    problems += watch_problems(load.watches, audited)
    ends = [watch.ended for watch in load.watches if watch.ended]
    spread = max(ends) - min(ends) if ends else 0.0
    if ends and spread < 0.3 * TURN * (len(ends) - 1):
        problems.append(f"{len(ends)} watches ended within {spread:.3f} s: not one after another")
    if ends and min(ends) < signalled + plan.delay - 0.05:
        problems.append("a watch ended before the shutdown delay was over")
    answered_all = [exchange for exchange in load.exchanges if exchange.outcome is Outcome.ANSWERED]
    latencies = sorted(exchange.ended - exchange.started for exchange in answered_all)
    return Result(
        status=status,
        seconds_to_exit=exited - signalled,
        outcomes=outcomes,
        answered_after_signal=sum(1 for exchange in answered_all if exchange.started > signalled),
        watches_ended_in=spread,
        p99_ms=1e3 * latencies[len(latencies) * 99 // 100] if latencies else 0.0,
        audited=len(audited),
        acknowledged_writes=len(acknowledged(load)),
        problems=problems,
    )


def watch_problems(watches: list[Exchange], audited: set[str]) -> Iterator[str]:
    """Each must have ended well and be audited; on one connection they end in the order in which they were opened.

    A watch that has an event to send when it is told to end may be overtaken by a few.
    """
    for watch in watches:
        if watch.outcome is not Outcome.ANSWERED:
            yield f"a watch did not end well: {watch.outcome} {watch.reason}"
        if watch.audit_id not in audited:
            yield f"a watch is not audited: {watch.audit_id}"
    for first in range(0, len(watches), WATCHES_PER_CONNECTION):
        ends = [watch.ended for watch in watches[first : first + WATCHES_PER_CONNECTION]]
        turns = sorted(range(len(ends)), key=lambda index: ends[index])
        if any(abs(turn - index) > OVERTAKEN for turn, index in enumerate(turns)):
            yield f"watches of one connection ended out of turn: {turns}"


def acknowledged(load: Load) -> set[str]:
    """The names that were written and answered 201."""
    return {
        json.loads(exchange.body)["metadata"]["name"]
        for exchange in load.exchanges
        if exchange.method == "POST" and exchange.outcome is Outcome.ANSWERED and exchange.status == 201
    }


@contextlib.asynccontextmanager
async def sample(folder: Path, port: int, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The sample server with its data in *folder*, ready when the block begins and gone at its end."""
    arguments = [f"--port={port}", f"--data={folder / 'data'}", *flags]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "examples.wardle.standalone",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        if b"is ready" not in await asyncio.wait_for(process.stdout.readline(), 120):
            raise RuntimeError(f"the sample server did not start:\n{(folder / 'log').read_text()}")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def stop_under_load(folder: Path, plan: Plan) -> Result:
    """Run *plan* with all files in *folder*."""
    (folder / "policy.yaml").write_text(POLICY)
    audit_log, port = folder / "audit.log", free_port()
    audit = [f"--audit-policy-file={folder / 'policy.yaml'}", f"--audit-log-path={audit_log}"]
    async with sample(folder, port, *plan.flags(), *audit) as process:
        server = Server.at(port, folder / "data" / "pki")
        load, signalled, exited = await load_and_stop(server, plan, process)
        status = await process.wait()
    result = judge(
        load,
        plan,
        status=status,
        signalled=signalled,
        exited=exited,
        audited=await asyncio.to_thread(audited_ids, audit_log),
    )
    if "Traceback" in (folder / "log").read_text():
        result.problems.append(f"a traceback is in the log:\n{(folder / 'log').read_text()[-4000:]}")
    async with sample(folder, port) as process:
        names = await stored_names(Server.at(port, folder / "data" / "pki"))
    for name in sorted(acknowledged(load) - names):
        result.problems.append(f"acknowledged and lost: {name}")
    return result


async def stored_names(server: Server) -> set[str]:
    """The names of all objects."""
    client, received = await server.http2(), bytearray()
    exchange, done = new_exchange("GET", NAMESPACE), asyncio.Event()
    exchange.on_data = received.extend
    exchange.on_end = lambda exchange: done.set()
    client.send(exchange)
    await asyncio.wait_for(done.wait(), 60)
    client.close()
    return {item["metadata"]["name"] for item in json.loads(received)["items"]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.shutdown", description=(__doc__ or "").splitlines()[0])
    defaults = Plan()
    for name in ("rate", "seconds", "delay", "grace"):
        parser.add_argument(f"--{name}", type=float, default=getattr(defaults, name))
    parser.add_argument("--watches", type=int, default=defaults.watches)
    parser.add_argument("--retry-after", action="store_true")
    parser.add_argument("--audit-mode", choices=["blocking", "batch"], default=defaults.audit_mode)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(stop_under_load(Path(folder), plan))
    print("\n".join(result.lines()))
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
