"""Keep the controller fed with the objects of the API, and tell in their status which schemas lead nowhere.

Source: the worker of pkg/util/flowcontrol/apf_controller.go.
"""

import asyncio
import json
import logging
import random
from collections import deque
from typing import Any, Final

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.time import format_time
from genericapiserver.apis import flowcontrol_v1
from genericapiserver.apis.flowcontrol_v1 import DANGLING, FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration
from genericapiserver.client.informer import InformerFactory
from genericapiserver.flowcontrol.controller import FlowController, SchemaFinding

FIELD_MANAGER: Final = "api-priority-and-fairness-config-consumer-v1"
WRITES_PER_MINUTE: Final = 6
"""Of one schema's status: several servers that disagree must not write each other's words over without end."""
RETRY_PAUSE: Final = (1.0, 60.0)
"""Seconds before what failed is tried again: at first, and at most."""

BASE_PATH: Final = f"/apis/{flowcontrol_v1.GROUP_VERSION}"
SCHEMAS_PATH: Final = f"{BASE_PATH}/flowschemas"
LEVELS_PATH: Final = f"{BASE_PATH}/prioritylevelconfigurations"
_APPLY: Final = {"content-type": "application/apply-patch+yaml"}

logger = logging.getLogger(__name__)


class StatusWriteError(Exception):
    """A status could not be written; it is tried again."""


class ConfigConsumer:
    """Digests what the informers have whenever it changes, after they have listed and `begin` has fired."""

    def __init__(self, controller: FlowController, informers: InformerFactory) -> None:
        self.begin = Signal("flow control may use what is stored")
        """Fired by whoever knows that what every server starts with is stored; at once where nobody stores it."""
        self._controller = controller
        self._transport = informers.transport
        self._changed = asyncio.Event()
        self._writes: dict[str, deque[float]] = {}
        self._schemas = informers.informer(SCHEMAS_PATH, decode_schema)
        self._levels = informers.informer(LEVELS_PATH, decode_level)
        self._schemas.add_listener(self._changed.set)
        self._levels.add_listener(self._changed.set)
        controller.on_quiet = self._changed.set

    async def run(self) -> None:
        """Digest and write until cancelled."""
        await self.begin.wait()
        await self._schemas.synced.wait()
        await self._levels.synced.wait()
        pause = RETRY_PAUSE[0]
        while True:
            self._changed.clear()
            try:
                again = await self.sync()
            except (StatusWriteError, ConnectionError, TimeoutError) as error:
                logger.warning("flow control: %s; trying again in %.0f s", error, pause)
                again, pause = pause, min(pause * 2, RETRY_PAUSE[1])
            else:
                pause = RETRY_PAUSE[0]
            try:
                async with asyncio.timeout(again):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def sync(self) -> float | None:
        """Digest what is there now and write the conditions that are not so yet; after how many seconds to come again.

        Raises StatusWriteError and what the transport raises, after everything else was done.
        """
        findings = self._controller.digest(list(self._levels), list(self._schemas))
        again: float | None = None
        failures: list[str] = []
        for finding in findings:
            condition = wanted_condition(finding)
            if _is_so(finding.schema, condition):
                continue
            if not self._may_write(finding.schema.metadata.name):
                again = random.uniform(30, 75)  # noqa: S311  servers must not come back in step
                continue
            failure = await self._write(finding.schema, condition)
            if failure:
                failures.append(failure)
        if failures:
            raise StatusWriteError("; ".join(failures))
        return again

    def _may_write(self, name: str) -> bool:
        now = self._controller.clock.monotonic()
        self._writes = {key: kept for key, times in self._writes.items() if (kept := _within(times, now))}
        times = self._writes.setdefault(name, deque())
        if len(times) >= WRITES_PER_MINUTE:
            return False
        times.append(now)
        return True

    async def _write(self, schema: FlowSchema, condition: FlowSchemaCondition) -> str:
        """Apply *condition*; what went wrong, if anything. A schema that is gone needs none."""
        name = schema.metadata.name
        body = {
            "apiVersion": str(flowcontrol_v1.GROUP_VERSION),
            "kind": "FlowSchema",
            "metadata": {"name": name},
            "status": {
                "conditions": [
                    {
                        "type": condition.type,
                        "status": condition.status,
                        "lastTransitionTime": format_time(self._controller.clock.now()),
                        "reason": condition.reason,
                        "message": condition.message,
                    }
                ]
            },
        }
        response = await self._transport.request(
            "PATCH",
            f"{SCHEMAS_PATH}/{name}/status",
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            headers=_APPLY,
            body=json.dumps(body).encode(),
        )
        if response.status in (200, 201, 404):
            return ""
        return f"the status of the FlowSchema {name} could not be written ({response.status}): {response.body[:200]!r}"


def wanted_condition(finding: SchemaFinding) -> FlowSchemaCondition:
    """What the status of a schema has to say; the texts are the reference's."""
    level = finding.schema.spec.priority_level_configuration.name
    refers = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    if finding.dangling:
        return FlowSchemaCondition(
            type=DANGLING, status="True", reason="NotFound", message=f"{refers} but there is no such object"
        )
    return FlowSchemaCondition(type=DANGLING, status="False", reason="Found", message=f"{refers} and it exists")


def _is_so(schema: FlowSchema, wanted: FlowSchemaCondition) -> bool:
    return any(
        (condition.type, condition.status, condition.reason, condition.message)
        == (wanted.type, wanted.status, wanted.reason, wanted.message)
        for condition in schema.status.conditions
    )


def _within(times: deque[float], now: float) -> deque[float]:
    while times and now - times[0] > 60.0:
        times.popleft()
    return times


def _serializer() -> CodecFactory:
    scheme = Scheme("flowcontrol")
    flowcontrol_v1.add_to_scheme(scheme)
    return CodecFactory(scheme)


_codec: Final = _serializer()


def decode_schema(value: dict[str, Any]) -> FlowSchema:
    """A FlowSchema from its JSON, defaults set. Raises TypeMismatchError."""
    schema, _ = _codec.from_unstructured(value, FlowSchema)
    flowcontrol_v1.set_flow_schema_defaults(schema)
    return schema


def decode_level(value: dict[str, Any]) -> PriorityLevelConfiguration:
    """A PriorityLevelConfiguration from its JSON, defaults set. Raises TypeMismatchError."""
    level, _ = _codec.from_unstructured(value, PriorityLevelConfiguration)
    flowcontrol_v1.set_priority_level_defaults(level)
    return level
