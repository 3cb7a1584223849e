"""The order in which clients are told of groups and versions.

Source: SortedByGroupAndVersion in pkg/apis/apiregistration/v1/helper of k8s.io/kube-aggregator.
"""

from collections.abc import Iterable
from typing import Any

from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.endpoints.discovery.versions import kube_aware_key


def version_key(service: APIService) -> tuple[Any, ...]:
    """Sorts the versions of one group: by priority, then stable before beta before alpha and newer before older."""
    return (-service.spec.version_priority, kube_aware_key(service.spec.version))


def sorted_by_group_and_version(services: Iterable[APIService]) -> list[list[APIService]]:
    """One list for each group, the most important group first; each has its most important version first.

    A group is as important as the highest priority that one of its versions asks for; of equals, the one whose most
    important APIService has the smaller name comes first.
    """
    groups: dict[str, list[APIService]] = {}
    for service in services:
        groups.setdefault(service.spec.group, []).append(service)
    return sorted((sorted(group, key=version_key) for group in groups.values()), key=_group_key)


def _group_key(group: list[APIService]) -> tuple[Any, ...]:
    by_priority = sorted(group, key=lambda service: (-service.spec.group_priority_minimum, service.metadata.name))
    return (-by_priority[0].spec.group_priority_minimum, by_priority[0].metadata.name)
