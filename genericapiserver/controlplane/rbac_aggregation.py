"""Aggregated cluster roles: their rules are those of the cluster roles that they select.

Source: pkg/controller/clusterroleaggregation of k8s.io/kubernetes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.rbac_v1 import GROUP_VERSION, ClusterRole, PolicyRule
from genericapiserver.authorization.rbac_sources import rbac_informer
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.rest import JSON
from genericapiserver.client.transport import Transport

logger = logging.getLogger(__name__)

AGGREGATION_HOOK: Final = "start-clusterrole-aggregation-controller"
FIELD_MANAGER: Final = "clusterrole-aggregation-controller"
RETRY_PAUSE: Final = 1.0
"""Seconds until a role that could not be written is tried again, unless something changes before."""
OUTDATED: Final = frozenset({404, 409})
"""The role is not what the informer last saw: its next event brings us back."""


class ClusterRoleAggregation:
    """Keeps the rules of every aggregated cluster role what they should be."""

    def __init__(self, transport: Transport, informers: InformerFactory, codec: CodecFactory) -> None:
        self._transport = transport
        self._codec = codec
        self._roles = rbac_informer(informers, codec, "clusterroles", ClusterRole)
        self._changed = asyncio.Event()
        self._roles.add_listener(self._changed.set)

    async def run(self) -> None:
        """Put roles together, now and whenever a cluster role changes, until cancelled."""
        await self._roles.synced.wait()
        while True:
            self._changed.clear()
            done = [await self._aggregate(role) for role in list(self._roles)]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if all(done) else RETRY_PAUSE)

    async def _aggregate(self, role: ClusterRole) -> bool:
        """Write *role* if its rules are to be others; whether it need not be tried again by itself."""
        if role.aggregation_rule is None:
            return True
        rules = aggregated_rules(role, self._roles)
        if rules == role.rules:
            return True
        wanted = deep_copy(role)
        wanted.rules = rules
        path = f"/apis/{GROUP_VERSION}/clusterroles/{role.metadata.name}"
        body = self._codec.encode(wanted, GROUP_VERSION.with_kind("ClusterRole"))
        try:
            response = await self._transport.request(
                "PUT", path, query={"fieldManager": FIELD_MANAGER}, headers=JSON, body=body
            )
        except ConnectionError as error:
            logger.warning("the aggregated cluster role %s could not be written: %s", role.metadata.name, error)
            return False
        if response.status == 200 or response.status in OUTDATED:
            return True
        logger.warning(
            "the aggregated cluster role %s could not be written: %s",
            role.metadata.name,
            response.body.decode(errors="replace"),
        )
        return False


def aggregated_rules(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[PolicyRule]:
    """The rules of those *roles* that *role* selects, by their names, without repetitions."""
    found: list[PolicyRule] = []
    rule = role.aggregation_rule
    by_name = sorted(roles, key=lambda other: other.metadata.name)
    for given in rule.cluster_role_selectors if rule is not None else ():
        selector = labels.from_label_selector(given)
        for other in by_name:
            if other.metadata.name == role.metadata.name or not selector.matches(other.metadata.labels):
                continue
            found += [one for one in other.rules if one not in found]
    return found
