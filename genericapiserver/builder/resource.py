"""A resource from one declaration: the type, the name of its group and version, and nothing else unless it matters.

A group with one version needs no hub type and no conversions: the declared type is both.
"""

import re
from collections.abc import Sequence
from typing import Any

from genericapiserver.apimachinery.field import FieldError, Path, invalid
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.validation.names import name_is_dns_subdomain
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import RequestContext


class ResourceStrategy(DefaultStrategy):
    """What users expect of a kind without rules of its own: DNS names, unconditional updates, a generation for its spec."""

    allow_unconditional_update = True

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        changed = _without_metadata(obj) != _without_metadata(old)
        obj.metadata.generation = old.metadata.generation + (1 if changed else 0)

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        name = obj.metadata.name
        return [invalid(Path("metadata", "name"), name, problem) for problem in name_is_dns_subdomain(name)]


def _without_metadata(obj: Any) -> Any:
    copy = deep_copy(obj)
    copy.metadata = type(obj.metadata)()
    return copy


class Resource:
    """One kind to be served.

    *plural* and *singular* are the kind's name in lower case, with an `s`, unless given. *strategy* holds the rules of the
    kind; see registry.strategy.
    """

    def __init__(
        self,
        object_type: type[Any],
        *,
        group: str,
        version: str,
        plural: str = "",
        singular: str = "",
        namespaced: bool = True,
        short_names: Sequence[str] = (),
        categories: Sequence[str] = (),
        strategy: type[DefaultStrategy] = ResourceStrategy,
    ) -> None:
        self.object_type = object_type
        self.group_version = GroupVersion(group, version)
        self.singular = singular or object_type.__name__.lower()
        self.plural = plural or f"{self.singular}s"
        self.namespaced = namespaced
        self.short_names = tuple(short_names)
        self.categories = tuple(categories)
        self._strategy = strategy
        for name in (self.singular, self.plural):
            if not re.fullmatch(r"[a-z][a-z0-9]*", name):
                raise ValueError(f"a resource is named in lower-case letters and digits, not {name!r}")
        if "." not in group:
            raise ValueError(f"the group of a resource is a domain name such as fridge.example.com, not {group!r}")

    def strategy(self, scheme: Scheme) -> DefaultStrategy:
        made = self._strategy(scheme)
        made.namespace_scoped = self.namespaced
        return made


def new_scheme(resources: Sequence[Resource]) -> Scheme:
    """A scheme with the types of *resources*, each its own hub. Versions of a group have the order they come in."""
    scheme = Scheme("genericapiserver")
    versions: dict[str, list[GroupVersion]] = {}
    for resource in resources:
        version = resource.group_version
        known = versions.setdefault(version.group, [])
        if known and version not in known:
            raise ValueError(
                f"group {version.group} has several versions: they need a hub type, conversions and a scheme"
            )
        if not known:
            known.append(version)
            add_to_group_version(scheme, version)
        scheme.add_known_types(version, resource.object_type)
        scheme.add_known_types(GroupVersion(version.group, INTERNAL_VERSION), resource.object_type)
    for known in versions.values():
        scheme.set_version_priority(*known)
    return scheme
