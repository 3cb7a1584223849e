"""The Scheme knows API types by name, and how they convert and default (apimachinery pkg/runtime/scheme.go).

A type that is registered for `__internal` is the hub of its group: conversion functions lead from each version to it and
back. A group with one version registers its class for both, and nothing is ever converted.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.describe import describe, is_api_type
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.apimachinery.types import list_of

T = TypeVar("T")
S = TypeVar("S")
D = TypeVar("D")

FieldLabelFunc = Callable[[str, str], tuple[str, str]]


class SchemeError(Exception):
    """A name that the scheme does not know, or a conversion that it cannot make."""


class NotRegisteredError(SchemeError):
    """A kind, a version or a type that nobody registered."""


class ConversionError(SchemeError):
    """No way leads from one type to the other."""


class MissingKindError(SchemeError):
    """An object that does not say its kind, where that is needed."""

    def __init__(self, raw: str) -> None:
        super().__init__(f"Object 'Kind' is missing in '{raw}'")


class MissingVersionError(SchemeError):
    """An object that does not say its version, where that is needed."""

    def __init__(self, raw: str) -> None:
        super().__init__(f"Object 'apiVersion' is missing in '{raw}'")


class FieldLabelError(ValueError):
    """A field selector uses a label that the kind does not support."""


class Scheme:
    """The types of a server. Filled before it serves, then only read."""

    def __init__(self, name: str = "scheme") -> None:
        self.name = name
        """Stands in error messages."""
        self._types: dict[GroupVersionKind, type[Any]] = {}
        self._kinds: dict[type[Any], list[GroupVersionKind]] = {}
        self._unversioned: dict[str, type[Any]] = {}
        self._automatic_lists: set[GroupVersionKind] = set()
        self._conversions: dict[tuple[type[Any], type[Any]], Callable[[Any], Any]] = {}
        self._defaulters: dict[type[Any], Callable[[Any], None]] = {}
        self._field_labels: dict[GroupVersionKind, FieldLabelFunc] = {}
        self._observed: dict[GroupVersion, None] = {}
        self._priorities: dict[str, tuple[GroupVersion, ...]] = {}

    # Registration

    def add_known_types(self, group_version: GroupVersion, *types: type[Any]) -> None:
        """Register *types* by their class names; each `meta.Object` brings its `<Kind>List`, unless one is there."""
        for cls in types:
            self.add_known_type_with_name(group_version.with_kind(cls.__name__), cls)
        for cls in types:
            list_kind = group_version.with_kind(f"{cls.__name__}List")
            if issubclass(cls, meta.Object) and list_kind not in self._types:
                self.add_known_type_with_name(list_kind, list_of(cls))
                self._automatic_lists.add(list_kind)

    def add_known_type_with_name(self, gvk: GroupVersionKind, cls: type[Any]) -> None:
        """Register *cls* as *gvk*. Raises ValueError for an empty version, or when *gvk* is another type already."""
        if not is_api_type(cls):
            raise TypeError(f"{cls!r} is not declared with @api_type")
        if not gvk.version:
            raise ValueError(f"version is required on all types: {gvk} {type_name(cls)}")
        known = self._types.get(gvk)
        if known is not None and gvk in self._automatic_lists:
            self._automatic_lists.discard(gvk)
            self._kinds[known].remove(gvk)
        elif known is not None and known is not cls:
            raise ValueError(
                f"Double registration of different types for {gvk}: old={type_name(known)}, new={type_name(cls)} "
                f'in scheme "{self.name}"'
            )
        self._types[gvk] = cls
        if not gvk.group_version.is_internal:
            self._observed.setdefault(gvk.group_version)
        kinds = self._kinds.setdefault(cls, [])
        if gvk not in kinds:
            kinds.append(gvk)

    def add_unversioned_types(self, group_version: GroupVersion, *types: type[Any]) -> None:
        """Register types that are the same for all groups and never converted, such as Status."""
        self.add_known_types(group_version, *types)
        for cls in types:
            known = self._unversioned.setdefault(cls.__name__, cls)
            if known is not cls:
                raise ValueError(f"{cls.__name__} is an unversioned type already: {type_name(known)}")

    def add_conversion_func(self, source: type[S], target: type[D], function: Callable[[S], D]) -> None:
        """How a *source* becomes a *target*; the result may share parts with the source. Lists follow by themselves."""
        self._conversions[source, target] = function

    def add_defaulting_func(self, cls: type[T], function: Callable[[T], None]) -> None:
        """What fills in unset fields of *cls*, an external type, after decoding. A later one replaces an earlier."""
        self._defaulters[cls] = function

    def add_field_label_conversion_func(self, gvk: GroupVersionKind, function: FieldLabelFunc) -> None:
        """How the field labels of *gvk* become those of the hub. It raises FieldLabelError for labels it does not know."""
        self._field_labels[gvk] = function

    def set_version_priority(self, *versions: GroupVersion) -> None:
        """The order of a group's versions, preferred first. Raises ValueError for several groups or the internal version."""
        for version in versions:
            if version.is_internal:
                raise ValueError(f"internal versions cannot be prioritized: {version}")
        groups = sorted({version.group for version in versions})
        if len(groups) != 1:
            raise ValueError(f"must register versions for exactly one group: {', '.join(groups)}")
        self._priorities[groups[0]] = versions

    # Names

    def type_for(self, gvk: GroupVersionKind) -> type[Any]:
        """The class of *gvk*. Raises NotRegisteredError."""
        cls = self._types.get(gvk) or self._unversioned.get(gvk.kind)
        if cls is not None:
            return cls
        if not gvk.kind:
            raise NotRegisteredError(f'no version "{gvk.group_version}" has been registered in scheme "{self.name}"')
        if gvk.version == INTERNAL_VERSION:
            raise NotRegisteredError(
                f'no kind "{gvk.kind}" is registered for the internal version of group "{gvk.group}" '
                f'in scheme "{self.name}"'
            )
        raise NotRegisteredError(
            f'no kind "{gvk.kind}" is registered for version "{gvk.group_version}" in scheme "{self.name}"'
        )

    def new(self, gvk: GroupVersionKind) -> Any:
        """An empty object of *gvk*. Raises NotRegisteredError."""
        return new(self.type_for(gvk))

    def recognizes(self, gvk: GroupVersionKind) -> bool:
        """Whether exactly *gvk* is registered."""
        return gvk in self._types

    def is_unversioned(self, obj: object) -> bool:
        """Whether the type of *obj* (or *obj* itself) is one that all groups share."""
        cls = obj if isinstance(obj, type) else type(obj)
        return self._unversioned.get(cls.__name__) is cls

    def object_kinds(self, obj: object) -> list[GroupVersionKind]:
        """The kinds of an object or a type, in the order of registration. Raises NotRegisteredError."""
        cls = obj if isinstance(obj, type) else type(obj)
        kinds = self._kinds.get(cls)
        if not kinds:
            raise NotRegisteredError(f'no kind is registered for the type {type_name(cls)} in scheme "{self.name}"')
        return list(kinds)

    def kind_for(self, obj: object, group_version: GroupVersion) -> GroupVersionKind:
        """The kind that *obj* has at *group_version*: that version's own, else one of the same group, renamed.

        Unversioned types keep the kind they were registered with. Raises NotRegisteredError.
        """
        kinds = self.object_kinds(obj)
        if self.is_unversioned(obj):
            return kinds[0]
        same_group = [gvk for gvk in kinds if gvk.group == group_version.group]
        for gvk in same_group:
            if gvk.version == group_version.version:
                return gvk
        for gvk in same_group:
            return group_version.with_kind(gvk.kind)
        cls = obj if isinstance(obj, type) else type(obj)
        raise NotRegisteredError(
            f'{type_name(cls)} is not suitable for converting to "{group_version}" in scheme "{self.name}"'
        )

    def all_known_types(self) -> dict[GroupVersionKind, type[Any]]:
        """Everything that is registered, in the order of registration."""
        return dict(self._types)

    def known_types(self, group_version: GroupVersion) -> dict[str, type[Any]]:
        """The classes of one version by kind."""
        return {gvk.kind: cls for gvk, cls in self._types.items() if gvk.group_version == group_version}

    def is_group_registered(self, group: str) -> bool:
        """Whether the group has a version that clients can use."""
        return any(version.group == group for version in self._observed)

    def is_version_registered(self, version: GroupVersion) -> bool:
        """Whether clients can use the version."""
        return version in self._observed

    def prioritized_versions_for_group(self, group: str) -> list[GroupVersion]:
        """The versions of a group, preferred first: those of `set_version_priority`, then the others as registered."""
        explicit = [version for version in self._priorities.get(group, ()) if version in self._observed]
        return explicit + [version for version in self._observed if version.group == group and version not in explicit]

    def prioritized_versions_all_groups(self) -> list[GroupVersion]:
        """The versions of all groups, in the order in which groups were first registered."""
        groups = dict.fromkeys(version.group for version in self._observed)
        return [version for group in groups for version in self.prioritized_versions_for_group(group)]

    # Objects

    def default(self, obj: Any) -> None:
        """Fill in the unset fields of an external object; of a list, those of its items."""
        defaulter = self._defaulters.get(type(obj))
        if defaulter is not None:
            defaulter(obj)
        elif isinstance(obj, meta.ObjectList):
            for item in obj.items:
                self.default(item)

    def convert(self, obj: Any, target: type[T]) -> T:
        """*obj* as a *target*; the same object if it is one. The result may share parts with *obj*.

        Raises ConversionError when no function was registered for the pair.
        """
        source = type(obj)
        if source is target:
            same: T = obj
            return same
        function = self._conversions.get((source, target))
        if function is not None:
            converted: T = function(obj)
            return converted
        if issubclass(source, meta.ObjectList) and issubclass(target, meta.ObjectList):
            item_type = describe(target).by_attribute["items"].type.item.object_type
            items = [self.convert(item, item_type) for item in obj.items]
            made: Any = new(target)
            made.metadata, made.items = obj.metadata, items
            converted_list: T = made
            return converted_list
        raise ConversionError(f"converting ({type_name(source)}) to ({type_name(target)}): unknown conversion")

    def convert_to_version(self, obj: Any, group_version: GroupVersion) -> Any:
        """*obj* as it is at *group_version*: the same object if nothing has to change, and for unversioned types.

        Raises NotRegisteredError or ConversionError.
        """
        if self.is_unversioned(obj):
            return obj
        kind = self.kind_for(obj, group_version)
        return self.convert(obj, self.type_for(kind))

    def convert_field_label(self, gvk: GroupVersionKind, label: str, value: str) -> tuple[str, str]:
        """The hub's label and value for those of *gvk*. Raises FieldLabelError for an unsupported label."""
        function = self._field_labels.get(gvk)
        return convert_metadata_field_label(label, value) if function is None else function(label, value)


def convert_metadata_field_label(label: str, value: str) -> tuple[str, str]:
    """What kinds without a function of their own support. Raises FieldLabelError."""
    if label in ("metadata.name", "metadata.namespace"):
        return label, value
    raise FieldLabelError(f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def type_name(cls: type[Any]) -> str:
    """How messages name a class: package and name as in Go, `v1alpha1.Flunder`."""
    return describe(cls).go_name if is_api_type(cls) else cls.__qualname__


_HELPERS = (
    meta.ListOptions,
    meta.GetOptions,
    meta.DeleteOptions,
    meta.CreateOptions,
    meta.UpdateOptions,
    meta.PatchOptions,
)


def add_to_group_version(scheme: Scheme, *group_versions: GroupVersion) -> None:
    """Register what every API version carries beside its own kinds: WatchEvent and the options of requests.

    Also the unversioned types, once. Every version that is served needs this.
    """
    for group_version in group_versions:
        scheme.add_known_types(group_version, meta.WatchEvent, *_HELPERS)
    scheme.add_unversioned_types(
        meta.UNVERSIONED, meta.Status, meta.APIVersions, meta.APIGroup, meta.APIGroupList, meta.APIResourceList
    )


def add_meta_to_scheme(scheme: Scheme) -> None:
    """Register Table and PartialObjectMetadata, for `meta.k8s.io/v1` and its older name `v1beta1`."""
    for version in ("v1", "v1beta1"):
        scheme.add_known_types(
            GroupVersion(meta.GROUP_VERSION.group, version),
            meta.Table,
            meta.TableOptions,
            meta.PartialObjectMetadata,
            meta.PartialObjectMetadataList,
        )
