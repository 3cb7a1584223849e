"""Keep the objects that every server starts with in the API.

The mandatory ones are always put right, but for the exempt level's part in lending, which is the operator's. A suggested one
is made when it is missing, and put right as long as its annotation says so; without the annotation it counts as untouched
while its generation is 1. One that is annotated but no longer suggested is deleted. Source: pkg/registry/flowcontrol/ensurer
and rest of k8s.io/kubernetes.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from genericapiserver.apis.flowcontrol_v1 import (
    AUTO_UPDATE_ANNOTATION,
    EXEMPT_NAME,
    GROUP_VERSION,
    FlowSchema,
    PriorityLevelConfiguration,
)
from genericapiserver.client.rest import JSON
from genericapiserver.client.transport import Transport
from genericapiserver.controlplane.flowcontrol_validation import plain
from genericapiserver.flowcontrol.bootstrap import (
    mandatory_levels,
    mandatory_schemas,
    suggested_levels,
    suggested_schemas,
)
from genericapiserver.flowcontrol.consumer import LEVELS_PATH, SCHEMAS_PATH, decode_level, decode_schema

PERIOD: Final = 60.0
"""Seconds between two looks."""

RETRY_PAUSE: Final = 0.2
START_SECONDS: Final = 30.0
"""How long a server may take until its objects are there."""

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_DONE: Final = frozenset({200, 201, 404, 409})
"""404 and 409: somebody else was faster; the next look tells what is left to do."""

Configuration: TypeAlias = FlowSchema | PriorityLevelConfiguration

logger = logging.getLogger(__name__)


class BootstrapError(Exception):
    """The objects could not be read or written."""


async def ensure(transport: Transport) -> None:
    """Look once at both kinds and put right what has to be. Raises BootstrapError, ConnectionError."""
    await _ensure_kind(transport, LEVELS_PATH, mandatory_levels(), suggested_levels())
    await _ensure_kind(transport, SCHEMAS_PATH, mandatory_schemas(), suggested_schemas())


async def ensure_at_start(transport: Transport, *, pause: float = RETRY_PAUSE, seconds: float = START_SECONDS) -> None:
    """Look until it has worked once: a server that starts may be busy already. Raises BootstrapError after *seconds*."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while True:
        try:
            await ensure(transport)
        except (BootstrapError, OSError) as error:
            if clock() >= deadline:
                raise BootstrapError(str(error)) from error
            logger.debug("flow control: %s; trying again", error)
            await asyncio.sleep(pause)
        else:
            return


async def keep_ensured(transport: Transport) -> None:
    """Look once a minute until cancelled."""
    while True:
        await asyncio.sleep(PERIOD)
        try:
            await ensure(transport)
        except (BootstrapError, OSError) as error:
            logger.warning("flow control: %s; trying again in %.0f s", error, PERIOD)


async def _ensure_kind(
    transport: Transport, path: str, mandatory: Sequence[Configuration], suggested: Sequence[Configuration]
) -> None:
    stored = await _stored(transport, path)
    writes = []
    for wanted, always in [*((each, True) for each in mandatory), *((each, False) for each in suggested)]:
        name = wanted.metadata.name
        current = stored.pop(name, None)
        if current is None:
            writes.append(_write(transport, "POST", path, _body(wanted)))
        elif put_right(current, wanted, always=always):
            writes.append(_write(transport, "PUT", f"{path}/{name}", current))
    for name, current in stored.items():
        if annotation(current) is True:
            precondition = {"preconditions": {"uid": current["metadata"]["uid"]}}
            writes.append(_write(transport, "DELETE", f"{path}/{name}", precondition))
    for failure in await asyncio.gather(*writes, return_exceptions=True):
        if failure is not None:
            raise failure


async def _stored(transport: Transport, path: str) -> dict[str, dict[str, Any]]:
    response = await transport.request("GET", path)
    if response.status != 200:
        raise BootstrapError(f"{path} could not be listed ({response.status}): {response.body[:200]!r}")
    return {item["metadata"]["name"]: item for item in json.loads(response.body)["items"]}


async def _write(transport: Transport, method: str, path: str, body: dict[str, Any]) -> None:
    response = await transport.request(method, path, headers=JSON, body=json.dumps(body).encode())
    if response.status not in _DONE:
        raise BootstrapError(f"{method} {path} was answered with {response.status}: {response.body[:200]!r}")


def annotation(stored: dict[str, Any]) -> bool | None:
    """What the annotation of an object says; None when it is missing or says neither."""
    value = (stored["metadata"].get("annotations") or {}).get(AUTO_UPDATE_ANNOTATION)
    if value in _TRUE:
        return True
    return False if value in _FALSE else None


def put_right(stored: dict[str, Any], wanted: Configuration, *, always: bool) -> bool:
    """Change *stored* to what it should be; whether that is a change. *always*: it is mandatory."""
    says = annotation(stored)
    update = True if always else says if says is not None else stored["metadata"].get("generation") == 1
    changed = False
    if says is not update:
        stored["metadata"].setdefault("annotations", {})[AUTO_UPDATE_ANNOTATION] = "true" if update else "false"
        changed = True
    if update:
        current = decode_level(stored) if isinstance(wanted, PriorityLevelConfiguration) else decode_schema(stored)
        if isinstance(wanted, PriorityLevelConfiguration) and wanted.metadata.name == EXEMPT_NAME:
            assert isinstance(current, PriorityLevelConfiguration)
            if current.spec.exempt is not None:
                wanted.spec.exempt = current.spec.exempt
        if current.spec != wanted.spec:
            stored["spec"] = plain(wanted.spec)
            changed = True
    return changed


def _body(wanted: Configuration) -> dict[str, Any]:
    return {
        "apiVersion": str(GROUP_VERSION),
        "kind": type(wanted).__name__,
        "metadata": {"name": wanted.metadata.name, "annotations": dict(wanted.metadata.annotations)},
        "spec": plain(wanted.spec),
    }
