"""A load generator over TLS and HTTP/2, and the CPU it cost the server.

    python -m benchmarks.http                               our bare driver against the unit (a bare hypercorn)
    python -m benchmarks.http --server 127.0.0.1:6443 --pid PID --cert C --key K --ca CA
                              --mode get    --path /apis/G/V/namespaces/NS/R/NAME
                              --mode list   --path '/apis/G/V/namespaces/NS/R?limit=500'
                              --mode create --path /apis/G/V/namespaces/NS/R --body '{... "name":"NAME" ...}'
                              --mode watch  --path /apis/G/V/namespaces/NS/R --body '...' --watchers 1000 --creates 100

Figures: throughput, p50 and p99 of the latency seen by the client, and user+system time of the server's processes per
operation. The client is a process of its own and, being Python, slower than some servers: compare CPU per operation,
and compare it with the unit measured in the same run, since machines differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

import attrs

from benchmarks.bare import running
from benchmarks.client import Client, Target, connect, resource_version
from benchmarks.credentials import make_credentials
from benchmarks.figures import Figures


async def measure_requests(
    target: Target,
    *,
    path: str,
    method: str = "GET",
    body: str = "",
    accept: str = "application/json",
    connections: int = 4,
    streams: int = 16,
    seconds: float = 5.0,
    warm_up: float = 1.0,
) -> Figures:
    """Keep *streams* requests in flight over *connections*; `NAME` in path and body is replaced by a unique name."""
    clients = [await connect(target) for _ in range(connections)]
    headers = target.headers(method, path, accept)
    if body:
        headers.append(("content-type", "application/json"))
    names = iter(range(10**12))
    prefix = f"bench-{os.getpid()}-{time.time_ns():x}"
    latencies: list[float] = []
    errors = 0
    counting = stopped = False
    running_requests = 0
    all_done = asyncio.Event()

    def start(client: Client) -> None:
        nonlocal running_requests
        running_requests += 1
        sent = headers
        payload = b""
        if "NAME" in path or body:
            name = f"{prefix}-{next(names)}"
            sent = [(key, value.replace("NAME", name) if key == ":path" else value) for key, value in headers]
            payload = body.replace("NAME", name).encode()
        begun = time.perf_counter()

        def done(status: int, size: int) -> None:
            nonlocal errors, running_requests
            running_requests -= 1
            if counting:
                latencies.append(time.perf_counter() - begun)
                if not 200 <= status < 300:
                    errors += 1
            if not stopped and status:
                start(client)
            elif running_requests == 0:
                all_done.set()

        client.request(sent, payload, done)

    for index in range(streams):
        start(clients[index % connections])
    await asyncio.sleep(warm_up)
    cpu, begun, counting = target.cpu_seconds(), time.perf_counter(), True
    await asyncio.sleep(seconds)
    elapsed, cpu, counting = time.perf_counter() - begun, target.cpu_seconds() - cpu, False
    stopped = True
    await asyncio.wait_for(all_done.wait(), 30)
    for client in clients:
        client.close()
    return Figures.of(latencies, elapsed, cpu, errors, len(latencies))


async def measure_watch(
    target: Target,
    *,
    path: str,
    body: str,
    watchers: int = 100,
    creates: int = 100,
    connections: int = 10,
    writers: int = 4,
    accept: str = "application/json",
) -> Figures:
    """Open *watchers* watches, create *creates* objects, and wait until every watcher saw every one.

    An operation is a delivered event; latencies are from the start of a create to its arrival at each watcher.
    """
    clients = [await connect(target) for _ in range(connections)]
    creator = await connect(target)
    separator = "&" if "?" in path else "?"
    version = await resource_version(creator, target, path)
    headers = target.headers("GET", f"{path}{separator}watch=true&resourceVersion={version}", accept)
    prefix = f"bench-{os.getpid()}-{time.time_ns():x}"
    started: dict[int, float] = {}
    latencies: list[float] = []
    errors = seen = 0
    finished = asyncio.Event()
    marker = f'"{prefix}-'.encode()

    def listen(client: Client) -> None:
        buffer = b""

        def on_data(data: bytes) -> None:
            nonlocal buffer, seen
            *lines, buffer = (buffer + data).split(b"\n")
            now = time.perf_counter()
            for line in lines:
                at = line.find(marker)
                if at >= 0:
                    end = line.index(b'"', at + len(marker))
                    latencies.append(now - started[int(line[at + len(marker) : end])])
                    seen += 1
            if seen >= watchers * creates:
                finished.set()

        def done(status: int, size: int) -> None:
            nonlocal errors
            errors += 1

        client.request(headers, b"", done, on_data)

    for index in range(watchers):
        listen(clients[index % connections])
    await asyncio.sleep(1.0 + watchers / 1000)
    create = [*target.headers("POST", path, accept), ("content-type", "application/json")]
    numbers = iter(range(creates))

    def write(status: int = 201, size: int = 0) -> None:
        nonlocal errors
        if status != 201:
            errors += 1
        number = next(numbers, None)
        if number is not None:
            started[number] = time.perf_counter()
            creator.request(create, body.replace("NAME", f"{prefix}-{number}").encode(), write)

    cpu, begun = target.cpu_seconds(), time.perf_counter()
    for _ in range(writers):
        write()
    await asyncio.wait_for(finished.wait(), 120)
    elapsed, cpu = time.perf_counter() - begun, target.cpu_seconds() - cpu
    for client in [*clients, creator]:
        client.close()
    return Figures.of(latencies, elapsed, cpu, errors, seen)


def measure_unit(*, seconds: float = 4.0, server: str = "hypercorn", streams: int = 16) -> Figures:
    """The unit: a GET of 0.6 KB from a bare hypercorn, 16 in flight on 4 connections."""
    with tempfile.TemporaryDirectory() as folder:
        credentials = make_credentials(Path(folder))
        with running(server, credentials) as process:
            target = Target(
                port=process.port,
                pids=[process.pid],
                ca=credentials.ca,
                cert=credentials.client_cert,
                key=credentials.client_key,
            )
            return asyncio.run(measure_requests(target, path="/static", seconds=seconds, streams=streams))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.http", description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="host:port of a running server; without it our bare driver is measured")
    parser.add_argument("--pid", type=int, action="append", default=[], help="process whose CPU counts; repeatable")
    parser.add_argument("--ca", type=Path)
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--token")
    parser.add_argument("--mode", choices=["get", "list", "create", "watch"], default="get")
    parser.add_argument("--path", default="/static")
    parser.add_argument("--body", default="")
    parser.add_argument("--accept", default="application/json")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--creates", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--no-unit", action="store_true", help="do not measure the bare hypercorn beside it")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    unit = None if arguments.no_unit else measure_unit(seconds=arguments.seconds)
    if unit is not None and not arguments.json:
        print(f"{'unit (bare hypercorn)':24}", unit.line())
    if arguments.server is None:
        figures = measure_unit(seconds=arguments.seconds, server="genericapiserver", streams=arguments.streams)
    else:
        host, _, port = arguments.server.rpartition(":")
        target = Target(
            host=host,
            port=int(port),
            pids=arguments.pid,
            ca=arguments.ca,
            cert=arguments.cert,
            key=arguments.key,
            token=arguments.token,
        )
        if arguments.mode == "watch":
            run = measure_watch(
                target,
                path=arguments.path,
                body=arguments.body,
                watchers=arguments.watchers,
                creates=arguments.creates,
                connections=arguments.connections,
                accept=arguments.accept,
            )
        else:
            run = measure_requests(
                target,
                path=arguments.path,
                method="POST" if arguments.mode == "create" else "GET",
                body=arguments.body,
                accept=arguments.accept,
                connections=arguments.connections,
                streams=arguments.streams,
                seconds=arguments.seconds,
            )
        figures = asyncio.run(run)
    if arguments.json:
        print(json.dumps({"unit": unit and attrs.asdict(unit), arguments.mode: attrs.asdict(figures)}))
    else:
        print(f"{arguments.mode + ' ' + arguments.path:24}", figures.line(unit))


if __name__ == "__main__":
    main()
