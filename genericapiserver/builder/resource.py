"""A resource from one declaration: the type, the name of its group and version, and nothing else unless it matters.

    WIDGETS = Resource(
        Widget,
        group="demo.example.com",
        version="v1",
        columns=[TableColumn("Name", "metadata.name", format="name"), TableColumn("Color", "spec.color")],
        selectable=["spec.color"],
        status=StatusStrategy,
    )

A group with one version needs no hub type and no conversions: the declared type is both.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.apis import autoscaling_v1
from genericapiserver.registry.field_paths import check_path
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.registry.selectable_fields import add_field_labels, fields_at, selectable_attributes
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStore, StatusStrategy
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn
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
        return validate_dns_name(obj.metadata)


class ResourceWithStatusStrategy(SpecStatusStrategy):
    """The same for a kind with a status subresource, which alone can change the status."""

    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        return validate_dns_name(obj.metadata)


def _without_metadata(obj: Any) -> Any:
    copy = deep_copy(obj)
    copy.metadata = type(obj.metadata)()
    return copy


class Resource:
    """One kind to be served.

    *plural* and *singular* are the kind's name in lower case, with an `s`, unless given. *strategy* holds the rules of the
    kind (see registry.strategy); the default is ResourceStrategy, or ResourceWithStatusStrategy with *status*.
    *defaults* fills in what clients leave out. *columns* are those of `kubectl get`; *selectable* are the paths of the
    fields that clients may select by.

    *status* and *scale* add these subresources; *subresources* are further ones by their names, each called with the store
    of the resource (see registry.subresource).
    """

    store_type: type[Store] = Store
    """What serves the verbs; a subclass leaves some out (see registry.generic.options.store_for)."""

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
        strategy: type[DefaultStrategy] | None = None,
        columns: Sequence[TableColumn] = DEFAULT_COLUMNS,
        selectable: Sequence[str] = (),
        defaults: Callable[[Any], None] | None = None,
        status: type[StatusStrategy] | None = None,
        scale: ScaleFields | None = None,
        subresources: Mapping[str, Callable[[Store], RESTStorage]] | None = None,
    ) -> None:
        self.object_type = object_type
        self.group_version = GroupVersion(group, version)
        self.singular = singular or object_type.__name__.lower()
        self.plural = plural or f"{self.singular}s"
        self.namespaced = namespaced
        self.short_names = tuple(short_names)
        self.categories = tuple(categories)
        self._strategy = strategy or (ResourceStrategy if status is None else ResourceWithStatusStrategy)
        self._columns = columns
        self._selectable = tuple(selectable)
        self._defaults = defaults
        self._status = status
        self._scale = scale
        self._subresources = dict(subresources or {})
        for name in (self.singular, self.plural):
            if not re.fullmatch(r"[a-z][a-z0-9]*", name):
                raise ValueError(f"a resource is named in lower-case letters and digits, not {name!r}")
        if "." not in group:
            raise ValueError(f"the group of a resource is a domain name such as fridge.example.com, not {group!r}")

    def strategy(self, scheme: Scheme) -> DefaultStrategy:
        if issubclass(self._strategy, SpecStatusStrategy):
            made: DefaultStrategy = self._strategy(scheme, versions=[self.group_version])
        else:
            made = self._strategy(scheme)
        made.namespace_scoped = self.namespaced
        return made

    def register(self, scheme: Scheme) -> None:
        """Add the kind to *scheme*, as its own hub, with its defaulting and its field labels.

        Raises ValueError when a path in the declaration leads nowhere.
        """
        for path in self._paths():
            check_path(self.object_type, path)
        version = self.group_version
        scheme.add_known_types(version, self.object_type)
        scheme.add_known_types(GroupVersion(version.group, INTERNAL_VERSION), self.object_type)
        if self._selectable:
            add_field_labels(scheme, version.with_kind(self.object_type.__name__), fields_at(*self._selectable))
        if self._defaults is not None:
            scheme.add_defaulting_func(self.object_type, self._defaults)
        if self._scale is not None:
            autoscaling_v1.add_to_scheme(scheme)

    def _paths(self) -> list[str]:
        """All paths that the declaration is made of."""
        paths = [*self._selectable, *(column.cell for column in self._columns if isinstance(column.cell, str))]
        if self._status is not None:
            paths += self._status.keeps
        if (scale := self._scale) is not None:
            paths += [scale.spec_replicas, scale.status_replicas]
            paths += [] if scale.selector is None else [scale.selector]
        return paths

    def storages(self, getter: RESTOptionsGetter, scheme: Scheme) -> dict[str, RESTStorage]:
        """The resource and its subresources, by the names they are served under."""
        strategy = self.strategy(scheme)
        attributes = None
        if self._selectable:
            attributes = selectable_attributes(fields_at(*self._selectable), namespaced=self.namespaced)
        store = store_for(
            getter,
            object_type=self.object_type,
            qualified_resource=GroupResource(self.group_version.group, self.plural),
            singular_name=self.singular,
            strategy=strategy,
            attributes=attributes,
            store_type=self.store_type,
            short_names=self.short_names,
            categories=self.categories,
            table_columns=self._columns,
        )
        below = {name: make(store) for name, make in self._subresources.items()}
        if self._status is not None:
            below["status"] = StatusStore(store, self._status(strategy, scheme, versions=[self.group_version]))
        if self._scale is not None:
            versions = [self.group_version] if self._scale.tracks_managers else []
            below["scale"] = ScaleStore(store, self._scale, versions=versions)
        return {self.plural: store, **{f"{self.plural}/{name}": storage for name, storage in below.items()}}


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
        resource.register(scheme)
    for known in versions.values():
        scheme.set_version_priority(*known)
    return scheme
