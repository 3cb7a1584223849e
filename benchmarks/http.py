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
import math
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

from benchmarks.bare import running
from benchmarks.credentials import make_credentials

_WINDOW = 16 * 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


@attrs.frozen(kw_only=True)
class Target:
    """Where to send load, with which credentials, and whose CPU to count."""

    host: str = "127.0.0.1"
    port: int
    pids: Sequence[int] = ()
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token: str | None = None

    def headers(self, method: str, path: str, accept: str) -> list[tuple[str, str]]:
        headers = [
            (":method", method),
            (":scheme", "https"),
            (":authority", f"{self.host}:{self.port}"),
            (":path", path),
            ("accept", accept),
            ("user-agent", "genericapiserver-benchmark"),
        ]
        if self.token:
            headers.append(("authorization", f"Bearer {self.token}"))
        return headers

    def cpu_seconds(self) -> float:
        """User and system time of the processes so far."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS


@attrs.frozen(kw_only=True)
class Figures:
    """One measurement. `cpu_us` is microseconds of server CPU per operation (a request, or a delivered event)."""

    operations: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    cpu_us: float

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds

    def line(self, unit: Figures | None = None) -> str:
        text = (
            f"{self.per_second:9.0f} /s   p50 {self.p50_ms:7.2f} ms   p99 {self.p99_ms:7.2f} ms   "
            f"CPU {self.cpu_us:8.1f} us"
        )
        if unit is not None and unit.cpu_us:
            text += f" = {self.cpu_us / unit.cpu_us:.2f} units"
        return text + (f"   {self.errors} ERRORS" if self.errors else "")


class Client(asyncio.Protocol):
    """One HTTP/2 connection. `request` calls *done*(status, body bytes) when the response is complete."""

    def __init__(self) -> None:
        self._h2 = H2Connection(
            H2Configuration(header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._h2.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._transport: asyncio.Transport
        self._done: dict[int, Callable[[int, int], None]] = {}
        self._on_data: dict[int, Callable[[bytes], None]] = {}
        self._status: dict[int, int] = {}
        self._size: dict[int, int] = {}
        self._unacknowledged = 0
        self._stream_unacknowledged: dict[int, int] = {}
        self._flushing = False
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            kind = event.__class__
            if kind is DataReceived:
                assert isinstance(event, DataReceived)
                self._data(event)
            elif kind is ResponseReceived:
                assert isinstance(event, ResponseReceived)
                assert event.stream_id is not None
                assert event.headers is not None
                self._status[event.stream_id] = int(event.headers[0][1])
            elif kind is StreamEnded:
                assert isinstance(event, StreamEnded)
                assert event.stream_id is not None
                self._end(event.stream_id, self._status.get(event.stream_id, 0))
            elif kind is StreamReset:
                assert isinstance(event, StreamReset)
                assert event.stream_id is not None
                self._end(event.stream_id, 0)
        self._flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        for stream_id in list(self._done):
            self._end(stream_id, 0)

    def request(
        self,
        headers: list[tuple[str, str]],
        body: bytes,
        done: Callable[[int, int], None],
        on_data: Callable[[bytes], None] | None = None,
    ) -> None:
        stream_id = self._h2.get_next_available_stream_id()
        self._done[stream_id] = done
        if on_data is not None:
            self._on_data[stream_id] = on_data
        self._h2.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._h2.send_data(stream_id, body, end_stream=True)
        self._flush_soon()

    def close(self) -> None:
        self._transport.abort()

    def _data(self, event: DataReceived) -> None:
        stream_id, size = event.stream_id, event.flow_controlled_length or 0
        assert stream_id is not None
        self._size[stream_id] = self._size.get(stream_id, 0) + size
        on_data = self._on_data.get(stream_id)
        if on_data is not None:
            on_data(event.data or b"")
        self._unacknowledged += size
        if self._unacknowledged > _WINDOW // 4:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
        if event.stream_ended is None:
            waiting = self._stream_unacknowledged.get(stream_id, 0) + size
            if waiting > _WINDOW // 4:
                self._h2.increment_flow_control_window(waiting, stream_id)
                waiting = 0
            self._stream_unacknowledged[stream_id] = waiting

    def _end(self, stream_id: int, status: int) -> None:
        self._status.pop(stream_id, None)
        self._on_data.pop(stream_id, None)
        self._stream_unacknowledged.pop(stream_id, None)
        done = self._done.pop(stream_id, None)
        if done is not None:
            done(status, self._size.pop(stream_id, 0))

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self._h2.data_to_send()
        if data:
            self._transport.write(data)


async def connect(target: Target) -> Client:
    context = ssl.create_default_context(cafile=target.ca)
    context.check_hostname = False
    if target.ca is None:
        context.verify_mode = ssl.CERT_NONE
    if target.cert is not None:
        context.load_cert_chain(target.cert, target.key)
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, target.host, target.port, ssl=context, server_hostname=target.host)
    return client


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
    return _figures(latencies, elapsed, cpu, errors, len(latencies))


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
    version = await _resource_version(creator, target.headers("GET", f"{path}{separator}limit=1", "application/json"))
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
    return _figures(latencies, elapsed, cpu, errors, seen)


async def _resource_version(client: Client, headers: list[tuple[str, str]]) -> str:
    """Where the collection stands, so that a watch begins with what is new; empty when the server does not say."""
    body, done = bytearray(), asyncio.Event()
    client.request(headers, b"", lambda status, size: done.set(), body.extend)
    await asyncio.wait_for(done.wait(), 30)
    try:
        version: str = json.loads(body)["metadata"]["resourceVersion"]
    except (ValueError, KeyError, TypeError):
        return ""
    return version


def _figures(latencies: list[float], seconds: float, cpu: float, errors: int, operations: int) -> Figures:
    latencies.sort()

    def percentile(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000 if latencies else math.nan

    return Figures(
        operations=operations,
        seconds=seconds,
        errors=errors,
        p50_ms=percentile(0.5),
        p99_ms=percentile(0.99),
        cpu_us=cpu / operations * 1e6 if operations else math.nan,
    )


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
