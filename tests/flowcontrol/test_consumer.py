"""The configuration as it comes from the API, and the status that goes back."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import Response, StreamedResponse
from genericapiserver.flowcontrol.consumer import (
    FIELD_MANAGER,
    LEVELS_PATH,
    SCHEMAS_PATH,
    WRITES_PER_MINUTE,
    ConfigConsumer,
    StatusWriteError,
)
from tests.support.flow_control import Timers, new_controller


def schema(name: str, level: str, **condition: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "metadata": {"name": name, "resourceVersion": "1", "uid": f"{name}-uid"},
        "spec": {"priorityLevelConfiguration": {"name": level}, "rules": []},
    }
    if condition:
        found["status"] = {"conditions": [{"type": "Dangling", **condition}]}
    return found


def level(name: str) -> dict[str, Any]:
    limited = {"limitResponse": {"type": "Queue", "queuing": {}}}
    return {"metadata": {"name": name, "resourceVersion": "1"}, "spec": {"type": "Limited", "limited": limited}}


class API:
    """A transport that lists what it is told and writes down what is written."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {SCHEMAS_PATH: [], LEVELS_PATH: []}
        self.written: list[tuple[str, Mapping[str, str], dict[str, Any]]] = []
        self.answer = 200

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        if method == "GET":
            listed = {"metadata": {"resourceVersion": "1"}, "items": self.objects[path]}
            return Response(200, {}, json.dumps(listed).encode())
        assert (method, headers) == ("PATCH", {"content-type": "application/apply-patch+yaml"})
        self.written.append((path, dict(query or {}), json.loads(body)))
        return Response(self.answer, {}, b"no")

    def stream(
        self, path: str, *, query: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        @asynccontextmanager
        async def forever() -> AsyncIterator[StreamedResponse]:
            await asyncio.Event().wait()
            yield StreamedResponse(200, aiter(()))  # type: ignore[arg-type]

        return forever()


class Setup:
    """A consumer with its informers listed."""

    def __init__(self) -> None:
        self.api = API()
        self.timers = Timers()
        self.controller = new_controller(100, self.timers)
        self.informers = InformerFactory(self.api)
        self.consumer = ConfigConsumer(self.controller, self.informers)

    async def listed(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        self.informers = InformerFactory(self.api)
        consumer = ConfigConsumer(self.controller, self.informers)
        consumer._writes = self.consumer._writes
        self.consumer = consumer
        self.informers.start(lambda work: tasks.append(asyncio.ensure_future(work)))
        while self.informers.not_synced():
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()


async def test_conditions_are_applied_where_they_are_not_so_yet() -> None:
    setup = Setup()
    setup.api.objects = {
        LEVELS_PATH: [level("there")],
        SCHEMAS_PATH: [
            schema("good", "there"),
            schema("bad", "gone"),
            schema(
                "said",
                "there",
                status="False",
                reason="Found",
                message='This FlowSchema references the PriorityLevelConfiguration object named "there" and it exists',
            ),
        ],
    }
    await setup.listed()
    assert await setup.consumer.sync() is None
    assert [one.name for one in setup.controller.schemas] == ["exempt", "good", "said", "catch-all"]
    assert setup.controller.levels["there"].dealer is not None
    written = {path: (query, body["status"]["conditions"]) for path, query, body in setup.api.written}
    assert set(written) == {f"{SCHEMAS_PATH}/good/status", f"{SCHEMAS_PATH}/bad/status"}
    query, conditions = written[f"{SCHEMAS_PATH}/bad/status"]
    assert query == {"fieldManager": FIELD_MANAGER, "force": "true"}
    assert conditions == [
        {
            "type": "Dangling",
            "status": "True",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": "NotFound",
            "message": 'This FlowSchema references the PriorityLevelConfiguration object named "gone" but there is no '
            "such object",
        }
    ]
    assert written[f"{SCHEMAS_PATH}/good/status"][1][0]["reason"] == "Found"


async def test_one_status_is_written_six_times_a_minute_at_most() -> None:
    setup = Setup()
    setup.api.objects[SCHEMAS_PATH] = [schema("bad", "gone")]
    await setup.listed()
    for _ in range(WRITES_PER_MINUTE):
        assert await setup.consumer.sync() is None
    later = await setup.consumer.sync()
    assert later is not None
    assert 30 <= later <= 75
    assert len(setup.api.written) == WRITES_PER_MINUTE
    setup.timers.advance(61)
    assert await setup.consumer.sync() is None
    assert len(setup.api.written) == WRITES_PER_MINUTE + 1


async def test_a_schema_that_is_gone_meanwhile_is_no_failure_and_others_are() -> None:
    setup = Setup()
    setup.api.objects[SCHEMAS_PATH] = [schema("bad", "gone")]
    await setup.listed()
    setup.api.answer = 404
    assert await setup.consumer.sync() is None
    setup.api.answer = 503
    with pytest.raises(StatusWriteError, match=r"FlowSchema bad could not be written \(503\)"):
        await setup.consumer.sync()


async def test_nothing_is_digested_before_it_may_begin() -> None:
    setup = Setup()
    setup.api.objects[LEVELS_PATH] = [level("there")]
    tasks: list[asyncio.Task[None]] = []
    setup.informers.start(lambda work: tasks.append(asyncio.ensure_future(work)))
    tasks.append(asyncio.ensure_future(setup.consumer.run()))
    while setup.informers.not_synced():
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert "there" not in setup.controller.levels
    setup.consumer.begin.set()
    while "there" not in setup.controller.levels:
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
