"""Everybody on one HTTP/2 connection, as behind kube-apiserver's aggregator: nothing is lost, whatever some of them do."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from h2.errors import ErrorCodes

from benchmarks.client import Target
from benchmarks.figures import percentile
from benchmarks.one_connection import COLLECTION, NAMESPACE, prepare, problems, run
from benchmarks.sample import create_all
from tests.support.raw_http2 import GOAWAY, RawConnection, raw_http2, request, window_update
from tests.support.server_process import free_port
from tests.support.standalone import Standalone, standalone

pytestmark = pytest.mark.e2e

REQUESTS = 20_000
WATCHES = 240


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("one") / "data"
    with standalone(folder, free_port(), "--storage-backend=memory", "--goaway-chance=0") as server:
        prepare(target_of(server))
        yield server


def target_of(server: Standalone) -> Target:
    pki = server.data / "pki"
    return Target(
        port=server.port,
        pids=[server.process.pid],
        ca=pki / "ca.crt",
        cert=pki / "admin.crt",
        key=pki / "admin.key",
    )


def test_nothing_is_lost_on_it(running: Standalone) -> None:
    report = run(target_of(running), requests=REQUESTS, in_flight=40, watches=WATCHES, seconds=0.5, deadline=240)
    assert problems(report.outcome, requests=REQUESTS, watches=WATCHES) == []
    # The figures are `python -m benchmarks.one_connection`'s; here only that the neighbour is not kept waiting for long,
    # on whatever machine.
    assert percentile(report.beside.waited, 0.5) < 1.0


@asynccontextmanager
async def connected(server: Standalone) -> AsyncIterator[RawConnection]:
    pki = server.data / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    context.set_alpn_protocols(["h2"])
    context.check_hostname = False
    async with raw_http2(server.port, context) as connection:
        await connection.greet((4, 2**30))
        await connection.send(window_update(0, 2**30))
        yield connection


def get(stream: int, path: str) -> bytes:
    head = ((":method", "GET"), (":scheme", "https"), (":path", path), (":authority", "localhost"))
    return request(stream, *head)


def last_taken(connection: RawConnection) -> int:
    """The last stream that the server takes: those behind it may be sent again elsewhere."""
    goaways = connection.of(GOAWAY)
    return goaways[0].number if goaways else 2**31


async def some_gets(connection: RawConnection, stream: int, count: int) -> int:
    """Send *count* GETs; returns how many got their 200. The others were refused, which says that they may be repeated."""
    asked = range(stream, stream + 2 * count, 2)
    await connection.send(*[get(each, f"{COLLECTION}/one") for each in asked])
    await connection.until(lambda: all(connection.ended(each) or each > last_taken(connection) for each in asked), 60)
    answered = [each for each in asked if connection.ended(each)]
    assert all(connection.status(each) == "200" for each in answered)
    assert {code for each in asked for code in connection.resets(each)} <= {ErrorCodes.REFUSED_STREAM}
    return len(answered)


async def test_a_chance_of_goaway_spreads_clients_and_loses_nothing(tmp_path: Path) -> None:
    """--goaway-chance: the connection is told to go away, what runs on it goes on, a watch as long as it likes."""
    flags = ("--storage-backend=memory", "--goaway-chance=0.02")
    with standalone(tmp_path / "data", free_port(), *flags) as server:
        target = target_of(server)
        await asyncio.to_thread(prepare, target)
        answered = connections = 0
        async with connected(server) as first:
            await first.send(get(1, f"{COLLECTION}?watch=true"))
            await first.until(lambda: first.body(1))
            stream = 3
            while not first.of(GOAWAY):
                answered += await some_gets(first, stream, 20)
                stream += 40
            assert first.goaway() is ErrorCodes.NO_ERROR
            assert not any(first.ended(each) for each in range(last_taken(first) + 2, stream, 2))
            while answered < 400:
                connections += 1
                async with connected(server) as connection:
                    for number in range(10):
                        answered += await some_gets(connection, 1 + 40 * number, 20)
                        if connection.of(GOAWAY):
                            await connection.until_closed()  # nothing runs on it any more
                            break
            await create_all(target, NAMESPACE, "seen")
            await first.until(lambda: b'"seen"' in first.body(1))
            assert json.loads(first.body(1).splitlines()[-1])["type"] == "ADDED"
            assert not first.ended(1)
        assert connections >= 1
