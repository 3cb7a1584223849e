"""The scale subresource: any kind with a number of replicas, seen and changed as an autoscaling/v1 Scale.

    scale = ScaleStore(widgets, ScaleFields(
        spec_replicas=lambda widget: widget.spec.replicas,
        set_spec_replicas=set_replicas,
        status_replicas=lambda widget: widget.status.replicas,
        selector=lambda widget: widget.spec.selector,
    ))

The scheme needs `autoscaling_v1.add_to_scheme`. An update is one of the object itself, by the rules of its own
strategy. Go: the ScaleREST of every workload in k8s.io/kubernetes. Deviation: whoever sets replicas here does not
become the manager of that field in the object.
"""

from collections.abc import Callable
from typing import Any

import attrs

from genericapiserver.apimachinery.errors import BadRequestError, ConflictError, InvalidError, NotFoundError
from genericapiserver.apimachinery.meta import GetOptions, ObjectMeta, Preconditions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupKind, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import type_name
from genericapiserver.apis import autoscaling_v1
from genericapiserver.apis.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus, validate_scale
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import UpdatedObjectInfo, UpdateResult, ValidateObject, ValidateObjectUpdate
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredObject

_KIND = autoscaling_v1.GROUP_VERSION.with_kind("Scale")


@attrs.frozen(kw_only=True)
class ScaleFields:
    """Where a kind keeps what a Scale shows. *selector* is a label selector as text."""

    spec_replicas: Callable[[Any], int | None]
    set_spec_replicas: Callable[[Any, int], None]
    status_replicas: Callable[[Any], int]
    selector: Callable[[Any], str] = lambda obj: ""

    def scale_of(self, obj: Any) -> Scale:
        metadata = obj.metadata
        return Scale(
            metadata=ObjectMeta(
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
                creation_timestamp=metadata.creation_timestamp,
            ),
            spec=ScaleSpec(replicas=self.spec_replicas(obj) or 0),
            status=ScaleStatus(replicas=self.status_replicas(obj), selector=self.selector(obj)),
        )


class ScaleStore(Subresource):
    """Verbs get, update and patch of `<resource>/scale`, over the store of the resource."""

    def __init__(self, store: Store, fields: ScaleFields) -> None:
        super().__init__(store)
        self.object_type = Scale
        self._fields = fields

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        """A Scale, whatever group the resource is in."""
        return _KIND

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> Scale:
        return self._scale(await self.store.get(context, name, options))

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
        """As `Store.update`; never creates, and *validate_update* sees scales."""

        async def validate_scales(new: Any, old: Any) -> None:
            if validate_update is not None:
                await validate_update(self._scale(new), self._scale(old))

        result = await self.store.update(
            context,
            name,
            _ScaledObjectInfo(self.store, self._fields, name, info),
            validate_create=None,
            validate_update=validate_scales,
            options=options,
        )
        return UpdateResult(object=self._scale(result.object))

    def _scale(self, obj: Any) -> Scale:
        return self._fields.scale_of(obj.shared if isinstance(obj, StoredObject) else obj)


class _ScaledObjectInfo:
    """The update of an object that the update of its scale comes to."""

    def __init__(self, store: Store, fields: ScaleFields, name: str, info: UpdatedObjectInfo) -> None:
        self._store = store
        self._fields = fields
        self._name = name
        self._info = info

    def preconditions(self) -> Preconditions | None:
        return self._info.preconditions()

    async def updated_object(self, context: RequestContext, old: Any) -> Any:
        resource = self._store.resource(context)
        if not old.metadata.uid:  # the kind allows updates that create, its scale does not
            raise NotFoundError(resource, self._name)
        scale = await self._info.updated_object(context, self._fields.scale_of(old))
        if not isinstance(scale, Scale):
            raise BadRequestError(f"expected input object type to be Scale, but {type_name(type(scale))}")
        if errors := validate_scale(scale):
            raise InvalidError(GroupKind(_KIND.group, _KIND.kind), self._name, errors)
        if scale.metadata.uid and scale.metadata.uid != old.metadata.uid:
            raise ConflictError(
                resource,
                self._name,
                f"Precondition failed: UID in precondition: {scale.metadata.uid}, "
                f"UID in object meta: {old.metadata.uid}",
            )
        self._fields.set_spec_replicas(old, scale.spec.replicas)
        old.metadata.resource_version = scale.metadata.resource_version
        return old
