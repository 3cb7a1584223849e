"""Names of API groups, versions, kinds and resources (k8s.io/apimachinery pkg/runtime/schema).

All are small immutable values that can be keys of a dict. `str()` gives Go's text, which reaches clients in messages.
"""

from typing import Self

import attrs

INTERNAL_VERSION = "__internal"
"""The version of the hub types, which everything converts through. It never appears on the wire."""


@attrs.frozen(order=True, cache_hash=True)
class GroupKind:
    """A kind in a group: `Flunder.wardle.example.com`."""

    group: str
    kind: str

    def with_version(self, version: str) -> "GroupVersionKind":
        return GroupVersionKind(self.group, version, self.kind)

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


@attrs.frozen(order=True, cache_hash=True)
class GroupResource:
    """A resource in a group: `flunders.wardle.example.com`."""

    group: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<resource>.<group>`; without a dot the group is empty."""
        resource, _, group = text.partition(".")
        return cls(group, resource)

    def with_version(self, version: str) -> "GroupVersionResource":
        return GroupVersionResource(self.group, version, self.resource)

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


@attrs.frozen(order=True, cache_hash=True)
class GroupVersion:
    """A version of a group; prints as apiVersion does: `wardle.example.com/v1beta1`, `v1` for the core group."""

    group: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an apiVersion. `""` and `/` give the empty one. Raises ValueError when there is more than one slash."""
        if text in ("", "/"):
            return cls("", "")
        match text.split("/"):
            case [version]:
                return cls("", version)
            case [group, version]:
                return cls(group, version)
        raise ValueError(f"unexpected GroupVersion string: {text}")

    @property
    def is_internal(self) -> bool:
        return self.version == INTERNAL_VERSION

    def with_kind(self, kind: str) -> "GroupVersionKind":
        return GroupVersionKind(self.group, self.version, kind)

    def with_resource(self, resource: str) -> "GroupVersionResource":
        return GroupVersionResource(self.group, self.version, resource)

    def __str__(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@attrs.frozen(order=True, cache_hash=True)
class GroupVersionKind:
    """A kind at a version of a group. Prints as Go does: `wardle.example.com/v1beta1, Kind=Flunder`."""

    group: str
    version: str
    kind: str

    @classmethod
    def parse(cls, api_version: str, kind: str) -> Self:
        """The kind named by the two fields of an object. Raises ValueError for a bad apiVersion."""
        group_version = GroupVersion.parse(api_version)
        return cls(group_version.group, group_version.version, kind)

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def api_version(self) -> str:
        """What an object of this kind carries as `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


@attrs.frozen(order=True, cache_hash=True)
class GroupVersionResource:
    """A resource at a version of a group. Prints as Go does: `wardle.example.com/v1beta1, Resource=flunders`."""

    group: str
    version: str
    resource: str

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def group_resource(self) -> GroupResource:
        return GroupResource(self.group, self.resource)

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Resource={self.resource}"
