"""ResourceConfig: which versions and resources of which API groups are served, out of those that a program has.

A setting for a resource is stronger than one for its version; changing a version forgets what was said before about its
resources, so the order of changes matters. `merge_resource_config` changes things in the one order that makes the order
of flags not matter. Source: pkg/server/resourceconfig and pkg/server/storage/resource_config.go of k8s.io/apiserver.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import attrs

from genericapiserver.apimachinery.go import parse_bool, quote
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionResource

API_ALL: Final = "api/all"
STAGES: Final[Mapping[str, re.Pattern[str]]] = {
    API_ALL: re.compile(r".*"),
    "api/ga": re.compile(r"v\d+"),
    "api/beta": re.compile(r"v\d+beta\d+"),
    "api/alpha": re.compile(r"v\d+alpha\d+"),
}
"""Names for many versions at once, in the order in which they are applied."""


class ResourceConfigError(ValueError):
    """A setting cannot be applied; the text says which and why."""


@attrs.define
class ResourceConfig:
    """What is on and off. A version that was never named is off, and all its resources with it."""

    versions: dict[GroupVersion, bool] = attrs.field(factory=dict)
    resources: dict[GroupVersionResource, bool] = attrs.field(factory=dict)
    explicit_versions: dict[GroupVersion, bool] = attrs.field(factory=dict)
    explicit_resources: dict[GroupVersionResource, bool] = attrs.field(factory=dict)

    def set_versions(self, enabled: bool, *versions: GroupVersion) -> None:
        """Switch versions on or off, and forget what was said about their resources."""
        for version in versions:
            self.versions[version] = enabled
            for resource in [each for each in self.resources if each.group_version == version]:
                del self.resources[resource]

    def set_matching_versions(self, enabled: bool, matches: Callable[[GroupVersion], bool]) -> None:
        """The same for all versions that were named before and match."""
        self.set_versions(enabled, *[version for version in self.versions if matches(version)])

    def set_resources(self, enabled: bool, *resources: GroupVersionResource) -> None:
        self.resources.update(dict.fromkeys(resources, enabled))

    def resource_enabled(self, resource: GroupVersionResource) -> bool:
        """Whether *resource*, which is no subresource, is served."""
        setting = self.resources.get(resource)
        return self.versions.get(resource.group_version, False) if setting is None else setting

    def any_resource_for_group_enabled(self, group: str) -> bool:
        return any(on and version.group == group for version, on in self.versions.items()) or any(
            on and resource.group == group for resource, on in self.resources.items()
        )

    def version_explicitly_enabled(self, version: GroupVersion) -> bool:
        """Whether somebody asked for the version by its name."""
        return self.explicit_versions.get(version, False)

    def resource_explicitly_enabled(self, resource: GroupVersionResource) -> bool:
        """Whether somebody asked for the resource by its name."""
        return self.explicit_resources.get(resource, False)


def merge_resource_config(
    config: ResourceConfig, overrides: Mapping[str, str], registered: Iterable[GroupVersion]
) -> ResourceConfig:
    """A copy of *config* changed by *overrides*, as `--runtime-config` has them; *registered* are the versions there are.

    `api/all`, then `api/ga`, `api/beta`, `api/alpha`; then `group/version`; then `group/version/resource`. A group that is
    not registered is passed over. Raises ResourceConfigError.
    """
    merged = ResourceConfig(*map(dict, attrs.astuple(config, recurse=False)))
    known = set(registered)
    for key, pattern in STAGES.items():
        if key in overrides:
            value = overrides[key]
            if value not in ("true", "false"):
                raise ResourceConfigError(f"invalid value {key}={value}")
            merged.set_matching_versions(value == "true", partial(_is_of_stage, pattern))
    named = [(key, *_parts(key), value) for key, value in overrides.items() if key not in STAGES]
    for key, version, resource, value in sorted(named, key=lambda entry: bool(entry[2])):
        if not any(each.group == version.group for each in known):
            continue
        enabled = _enabled(key, value)
        if resource:
            _apply_resource(merged, key, version, resource, enabled, known)
        else:
            _check_version(version, known)
            merged.explicit_versions[version] = enabled
            merged.set_versions(enabled, version)
    return merged


def _is_of_stage(pattern: re.Pattern[str], version: GroupVersion) -> bool:
    return pattern.fullmatch(version.version) is not None


def _apply_resource(
    merged: ResourceConfig, key: str, version: GroupVersion, resource: str, enabled: bool, known: set[GroupVersion]
) -> None:
    if resource != resource.lower():
        raise ResourceConfigError(
            f"invalid key {key}: group/version/resource and resource is always lowercase plural, not {quote(resource)}"
        )
    _check_version(version, known)
    named = version.with_resource(resource)
    merged.explicit_resources[named] = enabled
    merged.set_resources(enabled, named)


def _check_version(version: GroupVersion, known: set[GroupVersion]) -> None:
    if version not in known:
        raise ResourceConfigError(f"group version {version} that has not been registered")


def _parts(key: str) -> tuple[GroupVersion, str]:
    """Version and resource of `group/version` or `group/version/resource`; the group without a name is empty."""
    parts = key.split("/")
    if len(parts) not in (2, 3):
        raise ResourceConfigError(f"runtime-config invalid key {key}")
    return GroupVersion(parts[0], parts[1]), parts[2] if len(parts) == 3 else ""


def group_of(key: str) -> str:
    """The group that *key* is about. Raises ResourceConfigError for a key of a wrong form."""
    return _parts(key)[0].group


def _enabled(key: str, value: str) -> bool:
    if not value:
        return True
    try:
        return parse_bool(value)
    except ValueError as error:
        raise ResourceConfigError(f"invalid value of {key}: {value}, err: {error}") from error
