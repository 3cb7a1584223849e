"""Peers that take their time, a thousand of them, and what they cost the server and a neighbour.

    python -m benchmarks.slow_peers [--peers 1000] [--seconds 20]

A third shakes no hands, a third drips a head byte by byte, a third asks for an answer without an end and reads none of it.
Meanwhile a neighbour asks again and again. What is printed: the resident memory of the server before, and second by second;
the neighbour's 50th and 99th percentile before and meanwhile; and how many peers were cut off in the end. The limits are
short, so that a run need not take a minute: 5 s for a head, 5 s for a peer that reads nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.figures import percentile
from benchmarks.sample import resident
from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.certificates import generate_self_signed
from genericapiserver.connection import ConnectionLimits, HTTPServer, ServingCertificate, TLSContexts, create_listener

LIMIT = 5.0
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ENDLESS = b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] != "/endless":
        await send_response(send, 200, b"x" * 600, b"application/json")
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
        await asyncio.sleep(0)


async def serve() -> None:
    """The server, until its input ends. Two ports: with TLS, and without, where peers that do not read need no handshake."""
    pair = generate_self_signed("localhost", ["127.0.0.1"])
    limits = ConnectionLimits(header_read_timeout=LIMIT, write_stall_timeout=LIMIT, write_high_water=64 * 1024)
    servers, ports = [], []
    certificate = ServingCertificate(certificate_pem=pair.certificate_pem, private_key_pem=pair.private_key_pem)
    for tls in (TLSContexts([certificate]), None):
        listener = create_listener("127.0.0.1", 0)
        servers.append(HTTPServer(app, listener, tls=tls, limits=limits))
        ports.append(listener.getsockname()[1])
        await servers[-1].start()
    print(*ports, flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await stop.wait()
    for server in servers:
        await server.stop(0)


@contextlib.contextmanager
def running() -> Iterator[tuple[int, int, int]]:
    """The process, and its ports with and without TLS."""
    command = [sys.executable, "-m", "benchmarks.slow_peers", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            secure, plain = map(int, process.stdout.readline().split())
            yield process.pid, secure, plain
        finally:
            process.stdin.close()


class Neighbour:
    """Asks on one connection, and remembers how long each answer took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.times: list[float] = []

    async def ask(self, until: float) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=context)
        while time.perf_counter() < until:
            began = time.perf_counter()
            writer.write(GET)
            await reader.readuntil(b"x" * 600)
            self.times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.01)
        writer.transport.abort()

    def told(self) -> str:
        ordered = sorted(self.times)
        middle, high = percentile(ordered, 0.5), percentile(ordered, 0.99)
        return f"p50 {middle:.2f} ms, p99 {high:.2f} ms"


def peers(count: int, secure: int, plain: int) -> list[socket.socket]:
    made = []
    for number in range(count):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", secure if number % 3 == 0 else plain))
        if number % 3 == 2:
            peer.sendall(ENDLESS)
        peer.setblocking(False)
        made.append(peer)
    return made


async def drip(dripping: list[socket.socket], until: float) -> None:
    position = 0
    while time.perf_counter() < until:
        for peer in dripping:
            with contextlib.suppress(OSError):
                peer.send((GET[:-2] + b"A: b\r\n" * 100)[position : position + 1])
        position += 1
        await asyncio.sleep(0.5)


def cut_off(peer: socket.socket) -> bool:
    """Whether the server has ended the connection; what it has sent is of no interest."""
    try:
        while peer.recv(1_000_000):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


async def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.slow_peers")
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with running() as (pid, secure, plain):
        before = Neighbour(secure)
        await before.ask(time.perf_counter() + 3)
        print(f"neighbour alone:  {before.told()}; server {resident(pid):.0f} MB")
        made = await asyncio.to_thread(peers, arguments.peers, secure, plain)
        meanwhile, until = Neighbour(secure), time.perf_counter() + arguments.seconds
        tasks = [asyncio.create_task(meanwhile.ask(until)), asyncio.create_task(drip(made[1::3], until))]
        memory = []
        while time.perf_counter() < until:
            await asyncio.sleep(1)
            memory.append(resident(pid))
        await asyncio.gather(*tasks)
        print(f"among {len(made)} peers: {meanwhile.told()}; server MB {' '.join(f'{size:.0f}' for size in memory)}")
        print(f"cut off: {sum(map(cut_off, made))} of {len(made)}")
        for peer in made:
            peer.close()


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1:] == ["serve"] else main())
