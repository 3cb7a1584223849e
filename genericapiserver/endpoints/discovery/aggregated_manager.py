"""What the aggregated document is made from: group versions of several sources, and where each stands.

The same group version may come from several sources: an APIService that names another server, a group of this process,
a custom resource. One of them is shown, that of the lowest number; versions of one group from different sources stand in
one group. Source: pkg/endpoints/discovery/aggregated/handler.go of k8s.io/apiserver.
"""

import enum
from collections.abc import Callable
from typing import Final

import attrs

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.endpoints.discovery.aggregated import (
    APIGroupDiscovery,
    APIGroupDiscoveryList,
    APIVersionDiscovery,
    DiscoveryObjectMeta,
)
from genericapiserver.endpoints.discovery.versions import kube_aware_key

DEFAULT_GROUP_PRIORITY: Final = 1000
DEFAULT_VERSION_PRIORITY: Final = 15


class Source(enum.IntEnum):
    """Who says what a group version has; of several the lowest."""

    AGGREGATOR = 0
    BUILTIN = 100
    CUSTOM_RESOURCES = 200


@attrs.frozen
class Priorities:
    """Where a group version stands: groups of a higher group priority come first, and so do versions within a group."""

    group: int = DEFAULT_GROUP_PRIORITY
    version: int = DEFAULT_VERSION_PRIORITY


_DEFAULT: Final = Priorities()


class _Merged:
    """What all sources say, and the one document of it."""

    def __init__(self, on_aggregation: Callable[[], None]) -> None:
        self.on_aggregation = on_aggregation
        self.groups: dict[str, dict[str, dict[Source, APIVersionDiscovery]]] = {}
        self.priorities: dict[tuple[GroupVersion, Source], Priorities] = {}
        self.generation = 0
        self.document: APIGroupDiscoveryList | None = None

    def changed(self) -> None:
        self.generation += 1
        self.document = None

    def remove(self, group_version: GroupVersion, source: Source) -> None:
        versions = self.groups.get(group_version.group, {})
        said = versions.get(group_version.version, {})
        if said.pop(source, None) is None:
            return
        self.priorities.pop((group_version, source), None)
        if not said:
            del versions[group_version.version]
        if not versions:
            del self.groups[group_version.group]
        self.changed()

    def make(self) -> APIGroupDiscoveryList:
        found = [self._group(group) for group in self.groups]
        found.sort(key=lambda pair: (-pair[0], pair[1].metadata.name))
        return APIGroupDiscoveryList(items=[group for _, group in found])

    def _group(self, group: str) -> tuple[int, APIGroupDiscovery]:
        """A group with its priority, the highest of its versions'."""
        versions = []
        for version, said in self.groups[group].items():
            source = min(said)
            priorities = self.priorities.get((GroupVersion(group, version), source), _DEFAULT)
            versions.append((priorities, said[source]))
        versions.sort(key=lambda pair: (-pair[0].version, kube_aware_key(pair[1].version)))
        shown = APIGroupDiscovery(
            metadata=DiscoveryObjectMeta(name=group), versions=[discovery for _, discovery in versions]
        )
        return max(priorities.group for priorities, _ in versions), shown


class AggregatedDiscoveryManager:
    """What all groups of a server have, kept as one document, and the part of *source* in it.

    `with_source` gives the same document for another source. *on_aggregation* is told each time that the document is made
    anew.
    """

    def __init__(self, *, on_aggregation: Callable[[], None] = lambda: None, source: Source = Source.BUILTIN) -> None:
        self.source = source
        self._merged = _Merged(on_aggregation)

    def with_source(self, source: Source) -> "AggregatedDiscoveryManager":
        """The same document; what is added and removed there is *source*'s."""
        other = AggregatedDiscoveryManager(source=source)
        other._merged = self._merged
        return other

    @property
    def generation(self) -> int:
        """Grows with every change."""
        return self._merged.generation

    def add_group_version(self, group: str, version: APIVersionDiscovery) -> None:
        """Add a version, or replace the one of its name."""
        said = self._merged.groups.setdefault(group, {}).setdefault(version.version, {})
        if said.get(self.source) != version:
            said[self.source] = version
            self._merged.changed()

    def set_priority(self, group_version: GroupVersion, priorities: Priorities) -> None:
        """Say where *group_version* stands, now or when it is added."""
        key = (group_version, self.source)
        if self._merged.priorities.get(key) != priorities:
            self._merged.priorities[key] = priorities
            self._merged.changed()

    def remove_group_version(self, group_version: GroupVersion) -> None:
        """Remove a version, and its group with the last of them."""
        self._merged.remove(group_version, self.source)

    def remove_group(self, group: str) -> None:
        """Remove what this source has of a group."""
        for version in list(self._merged.groups.get(group, {})):
            self._merged.remove(GroupVersion(group, version), self.source)

    def document(self) -> APIGroupDiscoveryList:
        """The document as it is now; not to be changed."""
        merged = self._merged
        if merged.document is None:
            merged.on_aggregation()
            merged.document = merged.make()
        return merged.document
