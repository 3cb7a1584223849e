"""`python -m benchmarks.fairness`: ten greedy clients and a modest one at one priority level, over TLS and HTTP/2.

Every client is a user with a certificate of his own, and so a flow of his own. A greedy one keeps --streams requests in
flight on --connections connections and sends the next as soon as one is answered, also when that was a refusal. The modest
one sends one request after another, with pauses as long as a round of the greedy ones should take. Shown are the modest
client's latencies alone and beside the greedy ones, what each greedy client got, and the ratio that fair queuing promises
to keep small. Three processes: server, greedy clients, modest client; the server allows anybody anything, so that nothing
but flow control decides.

The exit status is 1 when the modest client's p99 is more than --bound times its idle p99, or a greedy client got nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from benchmarks.client import Client, Target, connect, exchange
from benchmarks.figures import percentile
from benchmarks.sample import BODY, PATH, free_port, started
from examples.wardle.server import WardleServerOptions
from genericapiserver.builder.pki import Authority
from genericapiserver.builder.standalone import StandaloneOptions
from genericapiserver.options.command import run_command

MODULE = "benchmarks.fairness"
NAME = "one"
COLLECTION = PATH.format(namespace="fairness")
MODEST = "modest"
WARM_UP = 3.0
"""Seconds for which the first burst of the greedy clients is not looked at."""
PAUSE = 0.005
"""Seconds that the modest client leaves between two requests, at least. It leaves as many as a round of the greedy clients
takes on a quiet machine, one request each: who asks more often is not modest, and waits for the round like everybody."""


@attrs.frozen
class Latencies:
    """Of a client, sorted, in seconds: until the answer, and how much of that the server was computing.

    The second tells what the first would be on a machine that does nothing else.
    """

    waited: list[float]
    worked: list[float]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--clients", type=int, default=10, help="greedy clients")
    parser.add_argument("--connections", type=int, default=4, help="of each greedy client")
    parser.add_argument("--streams", type=int, default=40, help="requests in flight of each greedy client")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each of the two measurements")
    parser.add_argument("--reads", type=int, default=6, help="the server's --max-requests-inflight")
    parser.add_argument("--writes", type=int, default=2, help="the server's --max-mutating-requests-inflight")
    parser.add_argument("--bound", type=float, default=3.0, help="how many times the idle p99 is still fair")
    parser.add_argument("--flag", action="append", default=[], help="a further flag for the server")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(options, Path(folder)))


async def _measure(options: argparse.Namespace, folder: Path) -> int:
    port = free_port()
    limits = [f"--max-requests-inflight={options.reads}", f"--max-mutating-requests-inflight={options.writes}"]
    serve = ["serve", f"--port={port}", f"--data={folder}", *limits, *options.flag]
    with started(MODULE, serve) as server:
        modest = attrs.evolve(target(folder, port, MODEST), pids=[server.pid])
        client = await connect(modest)
        await _create(client, modest)
        warm = await _modest(client, modest, 2.0, PAUSE)
        pause = max(PAUSE, options.clients * percentile(warm.waited, 0.5))
        print(f"{'modest, between two':24} {pause * 1000:9.1f} ms")
        idle = await _modest(client, modest, options.seconds, pause)
        print(f"{'modest, alone':24} {_line(idle)}")
        users = [f"greedy-{at}" for at in range(options.clients)]
        for user in users:
            target(folder, port, user)
        crowd = [
            *("greed", f"--port={port}", f"--folder={folder}", f"--seconds={options.seconds + WARM_UP + 1}"),
            *(f"--connections={options.connections}", f"--streams={options.streams}", *users),
        ]
        with started(MODULE, crowd) as greedy:
            assert greedy.stdout is not None
            await asyncio.sleep(WARM_UP)
            beside = await _modest(client, modest, options.seconds, pause)
            results = json.loads(await asyncio.to_thread(greedy.stdout.readline))
        client.close()
    print(f"{'modest, beside greed':24} {_line(beside)}")
    return _judge(idle, beside, results, options)


def _judge(idle: Latencies, beside: Latencies, results: dict[str, dict[str, int]], options: argparse.Namespace) -> int:
    served = {user: counts.get("200", 0) for user, counts in results.items()}
    refused = sum(counts.get("429", 0) for counts in results.values())
    others = sum(sum(counts.values()) for counts in results.values()) - sum(served.values()) - refused
    seconds = options.seconds + WARM_UP + 1
    print(
        f"{'greedy, served':24} {sum(served.values()) / seconds:9.0f} /s   refused {refused / seconds:6.0f} /s", end=""
    )
    print(f"   other {others}   least/most {min(served.values())}/{max(served.values())}", end="")
    print(f" = {min(served.values()) / max(1, max(served.values())):.2f}")
    ratio = percentile(beside.waited, 0.99) / percentile(idle.waited, 0.99)
    fair = ratio <= options.bound and min(served.values()) > 0
    print(f"{'ratio of the p99':24} {ratio:9.2f}   bound {options.bound:.1f}   {'fair' if fair else 'NOT FAIR'}")
    return 0 if fair else 1


def target(folder: Path, port: int, user: str) -> Target:
    """Who *user* is and where the server is."""
    pair = Authority(folder / "pki").client(user)
    return Target(port=port, ca=folder / "pki" / "ca.crt", cert=pair.certificate, key=pair.key)


async def _create(client: Client, modest: Target) -> None:
    headers = [*modest.headers("POST", COLLECTION, "application/json"), ("content-type", "application/json")]
    body = {**BODY, "metadata": {"name": NAME}}
    status = await exchange(client, headers, json.dumps(body).encode())
    if status != 201:
        raise SystemExit(f"the object to read could not be made: {status}")


async def neighbour(target: Target, path: str, over: Callable[[], bool], seconds: float) -> Latencies:
    """Send one GET of *path* after another on a connection of its own, for *seconds* or until *over* says so."""
    client = await connect(target)
    try:
        return await _one_by_one(client, target, path, over, seconds)
    finally:
        client.close()


async def _modest(client: Client, modest: Target, seconds: float, pause: float) -> Latencies:
    return await _one_by_one(client, modest, f"{COLLECTION}/{NAME}", lambda: False, seconds, pause)


async def _one_by_one(
    client: Client, modest: Target, path: str, over: Callable[[], bool], seconds: float, pause: float = PAUSE
) -> Latencies:
    """Send one request after another, *pause* seconds apart."""
    headers = modest.headers("GET", path, "application/json")
    (pid,) = modest.pids
    waited: list[float] = []
    worked: list[float] = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end and not over():
        work = _cpu_time(pid)
        status = await exchange(client, headers, b"")
        waited.append(time.perf_counter() - begun)
        worked.append(_cpu_time(pid) - work)
        if status != 200:
            raise SystemExit(f"the modest client was answered with {status}")
        await asyncio.sleep(pause)
    return Latencies(sorted(waited), sorted(worked))


def _cpu_time(pid: int) -> float:
    """What the process has computed so far, in seconds: the number of its clock is made of its own (clock_getres(2))."""
    return time.clock_gettime(~pid << 3 | 2)


def _line(latencies: Latencies) -> str:
    p50, p99, most = (percentile(latencies.waited, portion) * 1000 for portion in (0.5, 0.99, 1.0))
    work50, work99 = (percentile(latencies.worked, portion) * 1000 for portion in (0.5, 0.99))
    return (
        f"{len(latencies.waited):6} requests   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   most {most:7.2f} ms   "
        f"CPU of the server meanwhile p50 {work50:6.2f} ms   p99 {work99:6.2f} ms"
    )


# ---- the other processes


def greed(arguments: Sequence[str]) -> int:
    """Be all greedy clients; prints a line when all are connected and at the end who got what."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--streams", type=int)
    parser.add_argument("users", nargs="+")
    options = parser.parse_args(arguments)
    asyncio.run(_greed(options))
    return 0


async def _greed(options: argparse.Namespace) -> None:
    results: dict[str, dict[str, int]] = {user: {} for user in options.users}
    ended = time.perf_counter() + 3600

    def send(client: Client, user: str, headers: list[tuple[str, str]]) -> None:
        def done(status: int, size: int) -> None:
            counts = results[user]
            counts[str(status)] = counts.get(str(status), 0) + 1
            if status and time.perf_counter() < ended:
                send(client, user, headers)

        client.request(headers, b"", done)

    ready = []
    for user in options.users:
        who = target(options.folder, options.port, user)
        headers = who.headers("GET", f"{COLLECTION}/{NAME}", "application/json")
        ready += [(await connect(who), user, headers) for _ in range(options.connections)]
    ended = time.perf_counter() + options.seconds
    print("connected", flush=True)
    for client, user, headers in ready:
        for _ in range(max(1, options.streams // options.connections)):
            send(client, user, headers)
    await asyncio.sleep(options.seconds)
    print(json.dumps(results), flush=True)


def serve(arguments: Sequence[str]) -> int:
    """The sample server, alone, for anybody who has a certificate."""
    options = WardleServerOptions()
    options.recommended.authorization = None
    standalone = StandaloneOptions(options)
    return run_command("fairness", standalone, arguments, on_ready=standalone.announce)


ROLES = {"serve": serve, "greed": greed}

if __name__ == "__main__":
    role = ROLES.get(sys.argv[1]) if len(sys.argv) > 1 else None
    raise SystemExit(main(sys.argv[1:]) if role is None else role(sys.argv[2:]))
