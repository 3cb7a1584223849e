"""kopf: an operator whose handlers see flunders come, change and go.

kopf waits for namespaces and events to be served; it lists and watches flunders in the namespaces that match its pattern,
keeps its notes in annotations by merge patches, holds objects by a finalizer, and posts events. Flunders are written by the
server's administrator.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import kopf
import pytest

from tests.clients.conftest import NewRow
from tests.clients.matrix import CORE
from tests.clients.scenario import API_VERSION, DEADLINE, GROUP, PLURAL, VERSION, a_watch_ends, flunder
from tests.support.https_client import Response
from tests.support.standalone import Standalone

NAMESPACE = "kopf"
FLUNDERS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{PLURAL}"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}

Seen = asyncio.Queue[tuple[str, str, str]]


def new_registry(seen: Seen) -> kopf.OperatorRegistry:
    """Handlers that tell *seen* of what they are called for; creating succeeds at the second attempt."""
    registry = kopf.OperatorRegistry()

    def tell(cause: str, name: str | None, meta: Any) -> None:
        seen.put_nowait((cause, str(name), meta.get("labels", {}).get("step", "")))

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.create(GROUP, VERSION, PLURAL, registry=registry)
    def created(name: str | None, meta: Any, body: Any, retry: int, **_: Any) -> None:
        if retry == 0:
            raise kopf.TemporaryError("not yet", delay=0.1)
        kopf.info(body, reason="Painted", message="It has its colour.")
        tell("created", name, meta)

    @kopf.on.update(GROUP, VERSION, PLURAL, registry=registry)
    def updated(name: str | None, meta: Any, **_: Any) -> None:
        tell("updated", name, meta)

    @kopf.on.delete(GROUP, VERSION, PLURAL, registry=registry)
    def deleted(name: str | None, meta: Any, **_: Any) -> None:
        tell("deleted", name, meta)

    return registry


@contextlib.asynccontextmanager
async def operator(registry: kopf.OperatorRegistry) -> AsyncIterator[None]:
    """An operator for the length of the block. It must not have ended by itself."""
    stop = asyncio.Event()
    running = asyncio.create_task(
        kopf.operator(registry=registry, standalone=True, namespaces=[f"{NAMESPACE[:-1]}*"], stop_flag=stop)
    )
    try:
        yield
        assert not running.done(), "the operator has ended"
    finally:
        stop.set()
        await running


async def expect(seen: Seen, *expected: tuple[str, str, str]) -> None:
    """The next calls of handlers are *expected*, in whatever order."""
    async with asyncio.timeout(DEADLINE):
        assert sorted([await seen.get() for _ in expected]) == sorted(expected)


async def test_kopf(server_with_core: Standalone, new_row: NewRow, monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_with_core
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    row = new_row("kopf", needs=CORE, leaves_out={"expiry", "apply"})
    seen: Seen = asyncio.Queue()

    async def ask(method: str, path: str, body: Any = None, status: int = 200) -> Any:
        headers = MERGE_PATCH if method == "PATCH" else {}
        response: Response = await asyncio.to_thread(server.admin.request, method, path, body, headers)
        assert response.status == status, response.body
        return response.json()

    async def until_the_server_says(path: str, probe: Any, status: int = 200) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                response: Response = await asyncio.to_thread(server.admin.get, path)
                if response.status == status and probe(response.json()):
                    return
                await asyncio.sleep(0.1)

    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await ask("POST", "/api/v1/namespaces", namespace, status=201)
    await ask("POST", FLUNDERS, flunder("early", NAMESPACE, step="before"), status=201)
    async with operator(new_registry(seen)):
        await expect(seen, ("created", "early", "before"))  # kopf has not seen it before, though it was there
        row.passed("list")

        await ask("POST", FLUNDERS, flunder("first", NAMESPACE, step="made"), status=201)
        await expect(seen, ("created", "first", "made"))
        row.passed("watch")
        await until_the_server_says(EVENTS, lambda found: {"Painted"} <= {item["reason"] for item in found["items"]})
        row.passed("create")

        def is_handled(found: Any) -> bool:
            annotations = found["metadata"].get("annotations", {})
            return found["metadata"].get("finalizers") == [FINALIZER] and list(annotations) == [
                "kopf.zalando.org/last-handled-configuration"
            ]

        await until_the_server_says(f"{FLUNDERS}/first", is_handled)
        row.passed("patch")

        await a_watch_ends(server)
        await a_watch_ends(server)
        await ask("PATCH", f"{FLUNDERS}/first", {"metadata": {"labels": {"step": "changed"}}})
        await expect(seen, ("updated", "first", "changed"))
        row.passed("restart")

        await ask("DELETE", f"{FLUNDERS}/early")
        await ask("DELETE", f"{FLUNDERS}/first")
        await expect(seen, ("deleted", "early", "before"), ("deleted", "first", "changed"))
        for name in ("early", "first"):
            await until_the_server_says(f"{FLUNDERS}/{name}", lambda _: True, status=404)
        row.passed("delete")
    assert seen.empty()
