"""Making the roles and bindings that every server has, and mending them at every start.

What is missing of an object is added: rules, subjects, labels. What somebody added stays. An object that is annotated
`rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone.

Source: pkg/registry/rbac/rest/storage_rbac.go and k8s.io/component-helpers auth/rbac/reconciliation.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.rbac_v1 import (
    AUTO_UPDATE_ANNOTATION,
    GROUP_VERSION,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
)
from genericapiserver.authorization.rbac_rules import uncovered
from genericapiserver.client.rest import JSON
from genericapiserver.client.transport import Transport
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX
from genericapiserver.controlplane.rbac_bootstrap_policy import bootstrap_objects
from genericapiserver.hooks import HookError

logger = logging.getLogger(__name__)

BOOTSTRAP_HOOK: Final = "rbac/bootstrap-roles"
START_SECONDS: Final = 30.0
"""How long it is tried; as long as the reference does."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between attempts, each twice the one before. The reference waits a second at once; what a server that starts waits
for is its own admission or namespaces, which are there in a moment."""
ROOT: Final = f"/apis/{GROUP_VERSION}"
RECREATE_CODES: Final = frozenset({200, 404})


class BootstrapError(Exception):
    """An object could not be read or written; trying again may help."""


async def bootstrap_roles(transport: Transport, codec: CodecFactory) -> None:
    """Make or mend every object. Raises HookError when that does not succeed in half a minute."""
    clock = asyncio.get_running_loop().time
    deadline, pause = clock() + START_SECONDS, FIRST_PAUSE
    while True:
        try:
            await asyncio.gather(
                *(
                    _reconcile_all(transport, codec, resource, objects)
                    for resource, objects in bootstrap_objects().items()
                )
            )
        except (BootstrapError, ConnectionError) as error:
            if clock() >= deadline:
                raise HookError(f"unable to initialize roles: {error}") from error
            # At first it is the way things are, later it is worth knowing.
            level = logging.WARNING if pause >= LONGEST_PAUSE else logging.DEBUG
            logger.log(level, "roles could not be initialized, trying again: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return


async def _reconcile_all(transport: Transport, codec: CodecFactory, resource: str, objects: Sequence[Any]) -> None:
    existing = await _existing(transport, codec, resource, type(objects[0]))
    await asyncio.gather(
        *(_reconcile(transport, codec, resource, wanted, existing.get(_key(wanted))) for wanted in objects)
    )


async def _existing(
    transport: Transport, codec: CodecFactory, resource: str, cls: type[Any]
) -> dict[tuple[str, str], Any]:
    response = await transport.request("GET", f"{ROOT}/{resource}")
    if response.status != 200:
        raise BootstrapError(f"{resource} could not be listed: {response.body.decode(errors='replace')}")
    items = [codec.from_unstructured(item, cls)[0] for item in msgspec.json.decode(response.body)["items"]]
    return {_key(item): item for item in items}


def _key(obj: Any) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name


async def _reconcile(transport: Transport, codec: CodecFactory, resource: str, wanted: Any, existing: Any) -> None:
    metadata = wanted.metadata
    collection = f"{ROOT}/namespaces/{metadata.namespace}/{resource}" if metadata.namespace else f"{ROOT}/{resource}"
    item = f"{collection}/{metadata.name}"
    if existing is not None:
        if existing.metadata.annotations.get(AUTO_UPDATE_ANNOTATION) == "false":
            return
        if _other_role(wanted, existing):
            deleted = await transport.request("DELETE", item)
            if deleted.status not in RECREATE_CODES:
                raise BootstrapError(f"{metadata.name}: {deleted.body.decode(errors='replace')}")
            existing = None
    method, path, obj = "POST", collection, wanted
    if existing is not None:
        obj = reconciled(wanted, existing)
        if obj == existing:
            return
        method, path = "PUT", item
    body = codec.encode(obj, GROUP_VERSION.with_kind(type(obj).__name__))
    response = await transport.request(method, path, headers=JSON, body=body)
    if response.status == 404 and metadata.namespace:
        # Where namespaces are kept, nothing is made in one that is not there.
        await _make_namespace(transport, metadata.namespace)
        response = await transport.request(method, path, headers=JSON, body=body)
    if response.status not in (200, 201):
        raise BootstrapError(f"{metadata.name}: {response.body.decode(errors='replace')}")


async def _make_namespace(transport: Transport, name: str) -> None:
    """Whatever comes of it: what is made in the namespace next tells whether it is there."""
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
    body = msgspec.json.encode(namespace)
    await transport.request("POST", f"{DEFAULT_LEGACY_API_PREFIX}/v1/namespaces", headers=JSON, body=body)


def _other_role(wanted: Any, existing: Any) -> bool:
    """Whether a binding refers to another role, which cannot be changed."""
    return isinstance(wanted, RoleBinding | ClusterRoleBinding) and wanted.role_ref != existing.role_ref


def reconciled(wanted: Any, existing: Any) -> Any:
    """*existing* with everything of *wanted* that it lacks."""
    result = deep_copy(existing)
    metadata = wanted.metadata
    result.metadata.labels = {**metadata.labels, **existing.metadata.labels}
    result.metadata.annotations = {**metadata.annotations, **existing.metadata.annotations}
    if isinstance(wanted, RoleBinding | ClusterRoleBinding):
        result.subjects += [subject for subject in wanted.subjects if subject not in existing.subjects]
    elif isinstance(wanted, ClusterRole) and wanted.aggregation_rule is not None:
        # The rules are those of the aggregation controller.
        if result.aggregation_rule is None:
            result.aggregation_rule = deep_copy(wanted.aggregation_rule)
        else:
            selectors = result.aggregation_rule.cluster_role_selectors
            selectors += [one for one in wanted.aggregation_rule.cluster_role_selectors if one not in selectors]
    elif isinstance(wanted, Role | ClusterRole):
        result.rules += uncovered(existing.rules, wanted.rules)
    return result
