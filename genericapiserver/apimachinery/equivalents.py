"""Which resources are the same objects in other versions or groups. Go: apimachinery pkg/runtime/mapper.go."""

from collections.abc import Callable, Sequence

from genericapiserver.apimachinery.schema import GroupResource, GroupVersionKind, GroupVersionResource


class EquivalentResources:
    """Filled while API groups are installed, then only read.

    Two resources are equivalent when *key_of* gives the same text for both: usually the prefix under which they are
    stored. The default, and what stands in for an empty text, is the resource in its group.
    """

    def __init__(self, key_of: Callable[[GroupResource], str] = lambda resource: "") -> None:
        self._key_of = key_of
        self._kinds: dict[tuple[GroupVersionResource, str], GroupVersionKind] = {}
        self._resources: dict[tuple[str, str], list[GroupVersionResource]] = {}

    def register(self, resource: GroupVersionResource, subresource: str, kind: GroupVersionKind) -> None:
        """Note that the endpoint of *resource* and *subresource* speaks *kind*."""
        if (resource, subresource) not in self._kinds:
            self._resources.setdefault((self._key(resource), subresource), []).append(resource)
        self._kinds[resource, subresource] = kind

    def kind_for(self, resource: GroupVersionResource, subresource: str) -> GroupVersionKind | None:
        """The kind that the endpoint speaks; None when there is no such endpoint."""
        return self._kinds.get((resource, subresource))

    def equivalents(self, resource: GroupVersionResource, subresource: str) -> Sequence[GroupVersionResource]:
        """*resource* and all that are equivalent and have *subresource*, in the order of installation."""
        return self._resources.get((self._key(resource), subresource), ())

    def _key(self, resource: GroupVersionResource) -> str:
        return self._key_of(resource.group_resource) or str(resource.group_resource)
