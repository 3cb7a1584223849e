"""Watches through an aggregating server: many on one connection, one that nobody reads, and over a restart behind."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from typing import Any

import pytest

from tests.support.aggregation import Behind, Front, front
from tests.support.h2_client import H2Client, h2_client
from tests.support.https_client import HTTPSClient
from tests.support.server_process import eventually
from tests.support.standalone import FLUNDERS, Standalone

pytestmark = pytest.mark.e2e

API_SERVICE = "v1beta1.wardle.example.com"
WATCHES = 240
DEADLINE = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, Behind]]:
    with front(tmp_path_factory.mktemp("watches"), "wardle") as made:
        behind = made.behind("wardle")
        made.register(API_SERVICE, "wardle")
        yield made, behind
        made.server.process.stop()


@contextmanager
def serving(made: Front, behind: Behind) -> Iterator[Standalone]:
    with behind.running() as server:
        made.until_available(API_SERVICE)
        yield server


def flunder(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": labels}}


def create(made: Front, name: str, **annotations: str) -> str:
    """Create a flunder through the front; its version."""
    response = made.server.admin.request("POST", FLUNDERS, flunder(name, **annotations))
    assert response.status == 201, response.body
    return str(response.json()["metadata"]["resourceVersion"])


def context_of(server: Standalone) -> ssl.SSLContext:
    pki = server.data / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.check_hostname = False
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    context.set_alpn_protocols(["h2"])
    return context


def events(client: H2Client, stream: int) -> int:
    return client.responses[stream].body.count(b"\n")


async def test_many_watches_on_one_connection_of_which_one_is_not_read(running: tuple[Front, Behind]) -> None:
    """Every watch is told of everything, though one client reads nothing at all of its own."""
    made, behind = running
    with ExitStack() as stack:
        await asyncio.to_thread(lambda: stack.enter_context(serving(made, behind)))
        port, context = made.server.port, context_of(made.server)
        version = await asyncio.to_thread(create, made, "start")
        path = f"{FLUNDERS}?watch=true&resourceVersion={version}"
        async with h2_client(port, context) as client, h2_client(port, context, auto_window=False) as slow:
            unread = slow.send_request(path)
            await slow.flush()
            streams = [client.send_request(path) for _ in range(WATCHES)]
            await client.flush()
            await client.until(lambda: all(client.responses[each].status == 200 for each in streams), DEADLINE)
            await slow.until(lambda: slow.responses[unread].status == 200, DEADLINE)
            created = 6
            for number in range(created):  # in all, more than a window takes
                await asyncio.to_thread(create, made, f"large{number}", text="x" * 12_000)
            await client.until(lambda: all(events(client, each) == created for each in streams), DEADLINE)
            assert events(slow, unread) < created
            assert not any(client.responses[each].done for each in streams)


async def test_a_watch_goes_on_over_a_restart_of_the_server_behind(running: tuple[Front, Behind]) -> None:
    """List, watch, the server behind is killed, and the watch goes on from where it was: nothing missed, nothing twice."""
    made, behind = running
    admin, seen = made.server.admin, []

    def watch(since: str, until: str) -> str:
        """Watch until an event of *until* or the end; the last version that was seen."""
        with admin.stream("GET", f"{FLUNDERS}?watch=true&resourceVersion={since}") as response:
            if response.status != 200:
                return since
            while line := response.readline():
                event = json.loads(line)
                since = event["object"]["metadata"]["resourceVersion"]
                seen.append((event["type"], event["object"]["metadata"]["name"]))
                if event["object"]["metadata"]["name"] == until:
                    break
        return since

    with serving(made, behind) as first:
        since = admin.get(FLUNDERS).json()["metadata"]["resourceVersion"]
        await asyncio.to_thread(create, made, "before")
        since = await asyncio.to_thread(watch, since, "before")
        opened = threading.Event()
        path = f"{FLUNDERS}?watch=true&resourceVersion={since}"
        cut = asyncio.create_task(asyncio.to_thread(_ends, admin, path, opened))
        assert await asyncio.to_thread(opened.wait, DEADLINE)
        first.process.kill()
        await asyncio.wait_for(cut, DEADLINE)  # the client is told at once, and does not wait for ever
    assert admin.get(FLUNDERS).status == 503
    with serving(made, behind):
        await asyncio.to_thread(create, made, "after")
        since = await asyncio.to_thread(watch, since, "after")
        assert seen == [("ADDED", "before"), ("ADDED", "after")]


def _ends(admin: HTTPSClient, path: str, opened: threading.Event) -> None:
    """Read a watch to its end, whichever it is; it has begun when *opened* is set."""
    try:
        with admin.stream("GET", path) as response:
            assert response.status == 200
            opened.set()
            while response.read(1):
                pass
    except (OSError, HTTPException):
        return


def test_a_server_that_is_gone_is_seen_and_harms_nothing_else(running: tuple[Front, Behind]) -> None:
    made, behind = running
    with serving(made, behind):
        pass
    condition = made.until_available(API_SERVICE, "False")
    assert condition["reason"] == "FailedDiscoveryCheck"
    answer = made.server.admin.get(FLUNDERS)
    assert (answer.status, answer.body) == (503, b"service unavailable\n")
    assert made.server.admin.get("/api/v1/namespaces").status == 200

    def stale() -> bool:
        accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
        groups = made.server.admin.request("GET", "/apis", headers=accept).json()["items"]
        return any(
            version["freshness"] == "Stale" and not version.get("resources")
            for group in groups
            if group["metadata"]["name"] == "wardle.example.com"
            for version in group["versions"]
        )

    eventually(stale, "the version is stale in aggregated discovery")
