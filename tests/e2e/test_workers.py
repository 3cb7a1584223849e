"""Two workers behind one port: what one writes the other reads, and neither a death nor a restart is noticed by clients."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import attrs
import pytest

from genericapiserver.connection import create_listener
from genericapiserver.storage.sqlite import SQLiteEngine
from tests.support.etcd import needs_etcd, one_etcd
from tests.support.https_client import HTTPSClient, send
from tests.support.server_process import eventually, free_port, server_process
from tests.support.standalone import FLUNDERS, WARDLE, Standalone, standalone
from tests.support.workers import connections, is_alive, ready_workers, workers_of

WRITERS = 4
WATCHES = 6
ENOUGH = 60
"""Acknowledged writes between two things that happen to the server."""

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["sqlite", pytest.param("etcd", marks=needs_etcd)])
def storage(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The flags of a storage that processes can share, and that is empty."""
    if request.param == "sqlite":
        yield []
        return
    with one_etcd() as member:
        yield ["--storage-backend=etcd3", f"--etcd-servers={member.url}"]


def flunder(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"referenceType": "Flunder", "flunderReference": name}}


def exchange(connection: HTTPSConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    send(connection, method, path, body, ())
    with connection.getresponse() as response:
        return response.status, json.loads(response.read())


@attrs.define
class Load:
    """Clients that write and watch, each on connections of its own, and come back when one breaks."""

    client: HTTPSClient
    acknowledged: dict[str, int] = attrs.Factory(dict)
    seen: list[list[tuple[int, str]]] = attrs.Factory(list)
    broken: int = 0
    problems: list[str] = attrs.Factory(list)
    stopping: threading.Event = attrs.Factory(threading.Event)
    last: str = ""

    def write(self, prefix: str) -> None:
        """One object after the other. A write that nobody answered is tried under a new name, as a controller would."""
        number, connection = 0, self.client.connect()
        while not self.stopping.is_set():
            number += 1
            name = f"{prefix}-{number}"
            try:
                status, created = exchange(connection, "POST", FLUNDERS, flunder(name))
            except (OSError, HTTPException):
                connection.close()
                connection = self.client.connect()
                self.broken += 1
                continue
            if status == 201:
                self.acknowledged[name] = int(created["metadata"]["resourceVersion"])
            else:
                self.problems.append(f"{name}: {status} {created}")
        connection.close()

    def watch(self, seen: list[tuple[int, str]], since: int) -> None:
        """From the version *since*, and after every end from where it was, until `last` has been seen."""
        while not self.problems:
            try:
                with self.client.stream("GET", f"{FLUNDERS}?watch=1&resourceVersion={since}") as stream:
                    if stream.status != 200:
                        self.problems.append(f"a watch from {since}: {stream.status} {stream.read()!r}")
                        return
                    while line := stream.readline():
                        event = json.loads(line)
                        if event["type"] != "ADDED":
                            self.problems.append(str(event))
                            return
                        metadata = event["object"]["metadata"]
                        since = int(metadata["resourceVersion"])
                        seen.append((since, metadata["name"]))
                        if metadata["name"] == self.last:
                            return
            except (OSError, HTTPException):
                continue

    def after(self, number: int) -> None:
        """Wait for that many more acknowledged writes."""
        before = len(self.acknowledged)
        eventually(lambda: self.problems or len(self.acknowledged) - before >= number, f"{number} writes")
        assert not self.problems, self.problems


def test_a_worker_that_is_killed_under_load_takes_nothing_with_it(tmp_path: Path, storage: list[str]) -> None:
    with standalone(tmp_path / "data", free_port(), "--workers=2", *storage) as server:
        before = workers_of(server.process)
        assert len(before) == 2
        load = Load(server.admin)
        since = int(server.admin.get(FLUNDERS).json()["metadata"]["resourceVersion"])
        load.seen = [[] for _ in range(WATCHES)]
        watches = [threading.Thread(target=load.watch, args=(seen, since)) for seen in load.seen]
        writers = [threading.Thread(target=load.write, args=(f"w{number}",)) for number in range(WRITERS)]
        for thread in (*watches, *writers):
            thread.start()
        load.after(ENOUGH)
        counted = requests_counted(server)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        load.after(ENOUGH)
        # Told to end it may live for a moment yet, in which the others write a lot.
        eventually(lambda: not is_alive(victim), "the worker has ended")
        after = eventually(lambda: ready_workers(server.process, 2), "the worker is replaced")
        assert len(after & before) == 1
        load.after(ENOUGH)
        load.stopping.set()
        for thread in writers:
            thread.join()
        load.last = "last"
        assert server.admin.request("POST", FLUNDERS, flunder("last")).status == 201
        for thread in watches:
            thread.join()
        assert not load.problems, load.problems
        items = server.admin.get(FLUNDERS).json()["items"]
        stored = sorted((int(item["metadata"]["resourceVersion"]), item["metadata"]["name"]) for item in items)
        assert load.acknowledged.items() <= {(name, version) for version, name in stored}
        for seen in load.seen:  # everything, once, in order, whichever worker wrote it
            assert seen == stored
        assert requests_counted(server) >= counted
        server.process.stop()
        assert not any(map(is_alive, after))


def requests_counted(server: Standalone) -> float:
    """POSTs of flunders that were answered, as any worker's page counts them. There is none, but a 503, while the
    supervisor has no turn on a busy machine."""
    lines = eventually(lambda: metrics_page(server), "a page of metrics").splitlines()
    counts = [line for line in lines if line.startswith("apiserver_request_total") and 'resource="flunders"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counts if 'verb="POST"' in line)


def metrics_page(server: Standalone) -> str | None:
    response = server.admin.get("/metrics")
    assert response.status in (200, 503), response
    return response.body.decode() if response.status == 200 else None


def test_what_one_worker_has_acknowledged_the_other_one_reads_and_changes(tmp_path: Path, storage: list[str]) -> None:
    with standalone(tmp_path / "data", free_port(), "--workers=2", *storage) as server:
        workers = workers_of(server.process)
        with connections(server, workers) as by_worker:
            here, there = by_worker.values()
            for number in range(20):
                status, created = exchange(here, "POST", FLUNDERS, flunder(f"f{number}"))
                assert status == 201
                path = f"{FLUNDERS}/f{number}"
                assert exchange(there, "GET", path) == (200, created)
                status, listed = exchange(there, "GET", FLUNDERS)
                assert (status, len(listed["items"])) == (200, number + 1)
                created["metadata"]["labels"] = {"changed": "there"}
                status, changed = exchange(there, "PUT", path, created)
                assert status == 200
                assert exchange(here, "GET", path) == (200, changed)
                assert exchange(here, "PUT", path, created)[0] == 409
                here, there = there, here
        if not storage:
            arguments = [f"--data={server.data}", f"--port={free_port()}"]
            with server_process(
                WARDLE, arguments, tmp_path / "second"
            ) as second:  # without --workers: it would not share
                assert second.wait() == 1
                assert "another process has it open" in second.stderr
        pages = [server.admin.get("/metrics").body.decode() for _ in range(2)]
        for page in pages:
            assert 'verb="POST",version="v1beta1"} 20\n' in page
        server.process.stop()


def test_nobody_is_refused_while_the_workers_are_replaced(tmp_path: Path, storage: list[str]) -> None:
    with standalone(tmp_path / "data", free_port(), "--workers=2", *storage) as server:
        before, stopping = workers_of(server.process), threading.Event()
        answers: list[int] = []
        failures: list[str] = []

        def keep_asking(prefix: str) -> None:
            number = 0
            while not stopping.is_set():
                number += 1
                try:
                    created = server.admin.request("POST", FLUNDERS, flunder(f"{prefix}-{number}"))
                    found = server.admin.get(f"{FLUNDERS}/{prefix}-{number}")
                except (OSError, HTTPException) as error:
                    failures.append(f"{prefix}-{number}: {error!r}")
                    return
                answers.extend((created.status, found.status))

        clients = [threading.Thread(target=keep_asking, args=(f"c{number}",)) for number in range(3)]
        for client in clients:
            client.start()
        eventually(lambda: len(answers) > ENOUGH or failures, "there is load")
        server.process.signal(signal.SIGHUP)
        server.process.until(lambda: "all workers have been replaced" in server.process.stderr, "new workers")
        answered = len(answers)
        eventually(lambda: len(answers) > answered + ENOUGH or failures, "the new workers answer")
        stopping.set()
        for client in clients:
            client.join()
        assert failures == []
        assert set(answers) == {200, 201}
        assert workers_of(server.process).isdisjoint(before)
        server.process.stop()
        assert "Traceback" not in server.process.stderr


async def opened_alone(path: Path) -> None:
    await (await SQLiteEngine.open(path)).aclose()


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, "--workers=2") as server:
        workers = workers_of(server.process)
        server.process.kill()
        eventually(lambda: not any(map(is_alive, workers)), "the workers end")
    with create_listener("127.0.0.1", port):
        asyncio.run(opened_alone(data / "objects.db"))


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (
            ["--workers=2", "--storage-backend=memory"],
            "--workers 2 needs a storage that processes can share, which --storage-backend=memory is not: each would have "
            "objects of its own; use sqlite or etcd3, or --workers=1",
        ),
        (["--workers=3", "--storage-path=/proc/nowhere/x.db"], "--storage-path"),
    ],
)
def test_what_cannot_start_says_so_once(flags: list[str], problem: str, tmp_path: Path) -> None:
    arguments = [f"--data={tmp_path / 'data'}", f"--port={free_port()}", *flags]
    with server_process(WARDLE, arguments, tmp_path / "logs") as process:
        assert process.wait() == 1
        assert process.stderr.count("Error: ") == 1
        assert problem in process.stderr
        assert "Traceback" not in process.stderr
