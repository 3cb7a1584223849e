"""A resource from one declaration: the type, the name of its group and version, and nothing else unless it matters.

    WIDGETS = Resource(
        Widget,
        group="demo.example.com",
        version="v1",
        columns=[TableColumn("Name", "metadata.name", format="name"), TableColumn("Color", "spec.color")],
        selectable=["spec.color"],
        status=StatusStrategy,
    )

A class may say the same, and more, itself (see `resource.object` and `resourcestrategy`); what is said here counts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion, GroupVersionResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.apimachinery.types import describe, list_of
from genericapiserver.apis import autoscaling_v1
from genericapiserver.builder.resource.checks import class_problems, name_problems, path_problems
from genericapiserver.builder.resource.hooks import ObjectHooks, said
from genericapiserver.builder.resource.object_strategy import DefaultStrategy as ObjectStrategy
from genericapiserver.builder.resource.object_strategy import StatusSubResourceStrategy
from genericapiserver.builder.resource.object_table import ObjectTable
from genericapiserver.builder.resource.scale import ObjectScaleStore
from genericapiserver.builder.resource.strategies import (
    HookedStrategy,
    ResourceStrategy,
    ResourceWithStatusStrategy,
)
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.registry.selectable_fields import add_field_labels, fields_at, selectable_attributes
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStore, StatusStrategy
from genericapiserver.registry.strategy import DefaultStrategy, RESTStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn


class Resource:
    """One kind to be served, at one version.

    *plural* and *singular* are the kind's name in lower case, with an `s`, unless given. *strategy* holds the rules of the
    kind (see registry.strategy); the default is ResourceStrategy, or ResourceWithStatusStrategy with *status*, and for a
    class that names its own resource `rest.DefaultStrategy`. *defaults* fills in what clients leave out. *columns* are
    those of `kubectl get`; *selectable* are the paths of the fields that clients may select by.

    *status* and *scale* add these subresources; *subresources* are further ones by their names, each called with the store
    of the resource (see registry.subresource).

    *is_storage_version* is for a kind in several versions, each a Resource of its own: exactly one is stored.

    Raises ValueError for names that cannot be served, with everything that is wrong.
    """

    store_type: type[Store] = Store
    """What serves the verbs; a subclass leaves some out (see registry.generic.options.store_for)."""

    def __init__(
        self,
        object_type: type[Any],
        *,
        group: str = "",
        version: str = "",
        plural: str = "",
        singular: str = "",
        namespaced: bool | None = None,
        short_names: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        strategy: type[DefaultStrategy] | None = None,
        columns: Sequence[TableColumn] = DEFAULT_COLUMNS,
        selectable: Sequence[str] | None = None,
        defaults: Callable[[Any], None] | None = None,
        status: type[StatusStrategy] | None = None,
        scale: ScaleFields | None = None,
        subresources: Mapping[str, Callable[[Store], RESTStorage]] | None = None,
        is_storage_version: bool | None = None,
    ) -> None:
        problems = class_problems(object_type)
        if problems:
            raise ValueError("\n".join(problems))
        named: GroupVersionResource | None = said(object_type, "group_version_resource", None)
        self.object_type = object_type
        if not (group and version) and named is None:
            name = object_type.__name__
            raise ValueError(
                f"{name}.group_version_resource: is missing: say it in the class, or declare the class with "
                f"Resource({name}, group=..., version=...)"
            )
        self.group_version = GroupVersion(
            group or (named.group if named else ""), version or (named.version if named else "")
        )
        self.singular = singular or said(object_type, "singular_name", "") or object_type.__name__.lower()
        self.plural = plural or (named.resource if named else "") or f"{self.singular}s"
        self.namespaced: bool = said(object_type, "namespace_scoped", True) if namespaced is None else namespaced
        self.short_names = tuple(_said(short_names, object_type, "short_names"))
        self.categories = tuple(_said(categories, object_type, "categories"))
        self.is_storage_version: bool = (
            said(object_type, "is_storage_version", True) if is_storage_version is None else is_storage_version
        )
        self.hooks = ObjectHooks.of(object_type)
        self.declares_itself = named is not None
        """Whether the class is a resource.Object, and so follows the rules of the seeds unless a strategy is given."""
        self._strategy = strategy or self._usual_strategy(status)
        self._columns = columns
        self._selectable = tuple(_said(selectable, object_type, "indexing_fields"))
        self._defaults = defaults or said(object_type, "default", None)
        self._status = status or (StatusSubResourceStrategy if said(object_type, "get_status") else None)
        self._scale = scale
        self._subresources = dict(subresources or {})
        problems = list(name_problems(object_type, self.resource, self.singular))
        if problems:
            raise ValueError("\n".join(problems))

    def _usual_strategy(self, status: type[StatusStrategy] | None) -> type[DefaultStrategy]:
        brings_status = said(self.object_type, "get_status") is not None
        if self.declares_itself and (status is None or brings_status):
            return ObjectStrategy
        by_field = {"spec", "status"} <= describe(self.object_type).by_attribute.keys()
        return ResourceWithStatusStrategy if status is not None or (brings_status and by_field) else ResourceStrategy

    @property
    def has_status(self) -> bool:
        """Whether there is a `/status`."""
        return self._status is not None

    @property
    def has_scale(self) -> bool:
        """Whether there is a `/scale`."""
        return self._scale is not None or said(self.object_type, "get_scale") is not None

    @property
    def resource(self) -> GroupVersionResource:
        return self.group_version.with_resource(self.plural)

    @property
    def group_resource(self) -> GroupResource:
        return self.resource.group_resource

    def strategy(self, scheme: Scheme, versions: Sequence[GroupVersion] = ()) -> RESTStrategy:
        """The rules of the kind, which is served in *versions*; its own one when none are given."""
        versions = versions or [self.group_version]
        if issubclass(self._strategy, ObjectStrategy):
            made: DefaultStrategy = self._strategy(scheme, object_type=self.object_type, versions=versions)
        elif issubclass(self._strategy, SpecStatusStrategy):
            made = self._strategy(scheme, versions=versions)
        else:
            made = self._strategy(scheme)
        made.namespace_scoped = self.namespaced
        return HookedStrategy(made, self.hooks) if self.hooks.any else made

    def register(self, scheme: Scheme, *, stored_as: "Resource | None" = None) -> None:
        """Add the kind to *scheme*, with its defaulting and its field labels; as its own hub, or beside *stored_as*.

        Raises ValueError when a path in the declaration leads nowhere, or the kind cannot be converted.
        """
        if problems := list(path_problems(self.object_type, self._paths())):
            raise ValueError("\n".join(problems))
        version = self.group_version
        scheme.add_known_types(version, self.object_type)
        if stored_as is None:
            scheme.add_known_types(GroupVersion(version.group, INTERNAL_VERSION), self.object_type)
        else:
            _add_conversions(scheme, self.object_type, stored_as.object_type)
        selectable = (stored_as or self)._selectable
        if selectable:
            add_field_labels(scheme, version.with_kind(self.object_type.__name__), fields_at(*selectable))
        if self._defaults is not None:
            scheme.add_defaulting_func(self.object_type, self._defaults)
        if self.has_scale:
            autoscaling_v1.add_to_scheme(scheme)

    def _paths(self) -> list[str]:
        """All paths that the declaration is made of."""
        paths = [*self._selectable, *(column.cell for column in self._columns if isinstance(column.cell, str))]
        if self._status is not None and not issubclass(self._status, StatusSubResourceStrategy):
            paths += self._status.keeps
        if (scale := self._scale) is not None:
            paths += [scale.spec_replicas, scale.status_replicas]
            paths += [] if scale.selector is None else [scale.selector]
        return paths

    def store(
        self,
        getter: RESTOptionsGetter,
        scheme: Scheme,
        *,
        versions: Sequence[GroupVersion] = (),
        strategy: RESTStrategy | None = None,
        **further: Any,
    ) -> Store:
        """The store of the resource alone. *further* are arguments of `Store`."""
        attributes = None
        if self._selectable:
            attributes = selectable_attributes(fields_at(*self._selectable), namespaced=self.namespaced)
        return store_for(
            getter,
            object_type=self.object_type,
            qualified_resource=self.group_resource,
            singular_name=self.singular,
            strategy=strategy or self.strategy(scheme, versions),
            attributes=attributes,
            store_type=self.store_type,
            **{
                "short_names": self.short_names,
                "categories": self.categories,
                "table_columns": self._columns,
                "table_convertor": ObjectTable(self.object_type, list_of(self.object_type)) or None,
                **further,
            },
        )

    def storages(
        self, getter: RESTOptionsGetter, scheme: Scheme, *, versions: Sequence[GroupVersion] = ()
    ) -> dict[str, RESTStorage]:
        """The resource and its subresources, by the names they are served under, in every one of *versions*."""
        versions = versions or [self.group_version]
        store = self.store(getter, scheme, versions=versions)
        below = {name: make(store) for name, make in self._subresources.items()}
        if self._status is not None:
            below["status"] = self.status_store(store, scheme, versions)
        if self._scale is not None:
            below["scale"] = ScaleStore(store, self._scale, versions=versions if self._scale.tracks_managers else [])
        elif self.has_scale:
            below["scale"] = ObjectScaleStore(store)
        for extra in _generic_sub_resources(self.object_type):
            provider = extra.get_storage_provider(self.object_type, extra.name, lambda scheme, getter: store)
            below[extra.name] = provider(scheme, getter)
        return {self.plural: store, **{f"{self.plural}/{name}": storage for name, storage in below.items()}}

    def status_store(self, store: Store, scheme: Scheme, versions: Sequence[GroupVersion] = ()) -> StatusStore:
        """`/status` over *store*. Raises ValueError for a kind without one."""
        if self._status is None:
            raise ValueError(f"{self.object_type.__name__}.get_status: is missing: the kind has no status subresource")
        main = store.update_strategy
        assert main is not None, "a Resource's store has a strategy for both"
        versions = versions or [self.group_version]
        if issubclass(self._status, StatusSubResourceStrategy):
            strategy: StatusStrategy = self._status(main, scheme, object_type=self.object_type, versions=versions)
        else:
            strategy = self._status(main, scheme, versions=versions)
        return StatusStore(store, strategy)


def declared(obj: type[Any] | Resource) -> Resource:
    """*obj* itself, or the Resource that a class declares. Raises ValueError with all that is wrong, a line each."""
    if isinstance(obj, Resource):
        return obj
    try:
        return Resource(obj)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _said(given: Sequence[str] | None, object_type: type[Any], attribute: str) -> Sequence[str]:
    """What the declaration says, else the class."""
    own: Sequence[str] = said(object_type, attribute, ())
    return own if given is None else given


def _generic_sub_resources(object_type: type[Any]) -> Sequence[Any]:
    named = said(object_type, "generic_sub_resources")
    return () if named is None else named()


def _add_conversions(scheme: Scheme, version: type[Any], hub: type[Any]) -> None:
    """Conversions of the class *version* to *hub*, the class that is stored, and back. Raises ValueError."""
    made = version.new_storage_version_object()
    if type(made) is not hub:
        raise ValueError(
            f"{version.__name__}.new_storage_version_object: gives a {type(made).__qualname__} of {type(made).__module__}, "
            f"but objects are stored as the {hub.__qualname__} of {hub.__module__}"
        )

    def to_hub(obj: Any) -> Any:
        stored = obj.new_storage_version_object()
        stored.metadata = obj.metadata
        obj.convert_to_storage_version(stored)
        return stored

    def from_hub(stored: Any) -> Any:
        # tilt calls the method on the stored object; the parent project has it right.
        obj = new(version)
        obj.metadata = stored.metadata
        obj.convert_from_storage_version(stored)
        return obj

    scheme.add_conversion_func(version, hub, to_hub)
    scheme.add_conversion_func(hub, version, from_hub)
