"""The status subresource: the same objects, of which an update changes the status only.

    strategy = FlunderStrategy(scheme)                       # a SpecStatusStrategy
    flunders = Store(..., strategy=strategy)
    status = StatusStore(flunders, StatusStrategy(strategy, scheme))

The main strategy keeps clients' hands off the status (see `SpecStatusStrategy`), the status strategy off everything
else. Both say so as reset fields, so that nobody becomes the manager of what was not taken from them. Go: the
StatusREST that every kind in k8s.io/kubernetes has beside its REST.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.meta import GetOptions, Table, TableOptions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.registry.field_paths import json_path, reader, writer
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import (
    APIObject,
    UpdatedObjectInfo,
    UpdateResult,
    ValidateObject,
    ValidateObjectUpdate,
)
from genericapiserver.registry.strategy import DefaultStrategy, RESTUpdateStrategy
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredObject


class SpecStatusStrategy(DefaultStrategy):
    """The usual rules of a kind with a spec and a status.

    A new object starts with an empty status and generation 1; an update keeps the status and counts the generation up
    when the spec changes. *versions* are those the kind is served in. A subclass that prepares more calls these two
    methods too.
    """

    def __init__(self, scheme: Scheme, *, versions: Iterable[GroupVersion] = ()) -> None:
        super().__init__(scheme)
        self._reset_fields = reset_fields(versions, "status")

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        obj.status = type(obj)().status
        obj.metadata.generation = 1

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        obj.status = old.status
        if obj.spec != old.spec:
            obj.metadata.generation = old.metadata.generation + 1

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self._reset_fields


class StatusStrategy(DefaultStrategy):
    """Takes nothing but the status from an update. Scope and kinds are those of *main*.

    A kind whose status updates may bring metadata along, too, names less in `keeps`. The kind's own `validate_update` runs
    on the result; a subclass may check the status instead or besides.
    """

    keeps: Sequence[str] = (
        "spec",
        "metadata.labels",
        "metadata.annotations",
        "metadata.finalizers",
        "metadata.owner_references",
        "metadata.deletion_timestamp",
    )
    """What stays as it is stored, whatever was sent, and so becomes nobody's; paths of attributes.

    Never identity, version or managedFields: they are checked, or already tell of this update.
    """

    def __init__(self, main: RESTUpdateStrategy, scheme: Scheme, *, versions: Iterable[GroupVersion] = ()) -> None:
        super().__init__(scheme)
        self.main = main
        self.namespace_scoped = main.namespace_scoped
        self.allow_unconditional_update = main.allow_unconditional_update
        self.missing_version_conflicts = getattr(main, "missing_version_conflicts", False)
        self._kept = [(reader(path), writer(path)) for path in self.keeps]
        self._reset_fields = reset_fields(versions, *self.keeps)

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        for read, write in self._kept:
            write(obj, read(old))

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        return self.main.validate_update(context, obj, old)

    def canonicalize(self, obj: Any) -> None:
        self.main.canonicalize(obj)

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self._reset_fields


class StatusStore(Subresource):
    """Verbs get, update and patch of `<resource>/status`, over the store of the resource."""

    def __init__(self, store: Store, strategy: RESTUpdateStrategy) -> None:
        super().__init__(store.with_strategy(update=strategy))

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> APIObject | StoredObject[Any]:
        return await self.store.get(context, name, options)

    async def update(
        self,
        context: RequestContext,
        name: str,
        info: UpdatedObjectInfo,
        *,
        validate_create: ValidateObject | None,
        validate_update: ValidateObjectUpdate | None,
        force_allow_create: bool = False,
        options: UpdateOptions,
    ) -> UpdateResult:
        """As `Store.update`; never asked to create, whatever *force_allow_create* says."""
        return await self.store.update(
            context,
            name,
            info,
            validate_create=validate_create,
            validate_update=validate_update,
            options=options,
        )

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        return self.store.convert_to_table(context, obj, options)

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self.store.get_reset_fields()


def reset_fields(versions: Iterable[GroupVersion], *paths: str) -> dict[str, list[tuple[str, ...]]]:
    """Fields that are ignored in every one of *versions*, by the paths of their attributes."""
    return {str(version): [json_path(path) for path in paths] for version in versions}
