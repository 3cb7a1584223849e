"""The scale subresource: any kind with a number of replicas, seen and changed as an autoscaling/v1 Scale.

    scale = ScaleStore(widgets, ScaleFields(selector="spec.selector"))

The scheme needs `autoscaling_v1.add_to_scheme`. An update is one of the object itself, by the rules of its own
strategy. Whoever sets replicas here becomes the manager of that field in the object, if the store is told the versions
of the kind; else managedFields stay as they are. Go: the ScaleREST of every workload in k8s.io/kubernetes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.errors import BadRequestError, ConflictError, InvalidError, NotFoundError
from genericapiserver.apimachinery.managedfields.elements import make_path
from genericapiserver.apimachinery.managedfields.scale import ScaleManagers
from genericapiserver.apimachinery.meta import GetOptions, LabelSelector, ObjectMeta, Preconditions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import type_name
from genericapiserver.apis import autoscaling_v1
from genericapiserver.apis.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus, validate_scale
from genericapiserver.registry.field_paths import json_path, reader, writer
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import UpdatedObjectInfo, UpdateResult, ValidateObject, ValidateObjectUpdate
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredObject

_KIND = autoscaling_v1.GROUP_VERSION.with_kind("Scale")


@attrs.frozen(kw_only=True)
class ScaleFields:
    """Where a kind keeps what a Scale shows, by the paths of attributes.

    What is at *selector* is a label selector: a metav1.LabelSelector, a map of labels, or text.

    *tracks_managers* is for who makes the store from a declaration: whether to tell it the versions.
    """

    spec_replicas: str = "spec.replicas"
    status_replicas: str = "status.replicas"
    selector: str | None = None
    tracks_managers: bool = True


class ScaleStore(Subresource):
    """Verbs get, update and patch of `<resource>/scale`, over the store of the resource.

    *versions* are those the kind is served in, the one that is stored first; its replicas have one path in all of them.
    """

    def __init__(self, store: Store, fields: ScaleFields, *, versions: Sequence[GroupVersion] = ()) -> None:
        super().__init__(store)
        self.object_type = Scale
        self._replicas = reader(fields.spec_replicas)
        self._set_replicas = writer(fields.spec_replicas)
        self._status_replicas = reader(fields.status_replicas)
        self._selector = reader(fields.selector) if fields.selector else lambda obj: None
        self._managers: ScaleManagers | None = None
        if versions:
            path = make_path(*json_path(fields.spec_replicas))
            self._managers = ScaleManagers(
                replicas={str(version): path for version in versions},
                version=str(versions[0]),
                scale_version=str(_KIND.group_version),
            )

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        """A Scale, whatever group the resource is in."""
        return _KIND

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> Scale:
        return self.scale_of(await self.store.get(context, name, options))

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
                await validate_update(self.scale_of(new), self.scale_of(old))

        result = await self.store.update(
            context,
            name,
            _ScaledObjectInfo(self, name, info),
            validate_create=None,
            validate_update=validate_scales,
            options=options,
        )
        return UpdateResult(object=self.scale_of(result.object))

    def scale_of(self, obj: Any) -> Scale:
        """What the scale of *obj* is, stored or not."""
        if isinstance(obj, StoredObject):
            obj = obj.shared
        metadata = obj.metadata
        return Scale(
            metadata=ObjectMeta(
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
                creation_timestamp=metadata.creation_timestamp,
            ),
            spec=ScaleSpec(replicas=self._replicas(obj) or 0),
            status=ScaleStatus(replicas=self._status_replicas(obj) or 0, selector=_selector_text(self._selector(obj))),
        )

    def managed_scale_of(self, obj: Any) -> Scale:
        """The scale of *obj* with its managers, for an update to start from."""
        scale = self.scale_of(obj)
        if self._managers is not None:
            scale.metadata.managed_fields = self._managers.of_scale(obj.metadata.managed_fields)
        return scale

    def rescale(self, obj: Any, scale: Scale) -> None:
        """Bring the number that *scale* asks for, who asked, and the version it was made from, into *obj*."""
        metadata = obj.metadata
        self._set_replicas(obj, scale.spec.replicas)
        metadata.resource_version = scale.metadata.resource_version
        if self._managers is not None:
            metadata.managed_fields = self._managers.of_object(metadata.managed_fields, scale.metadata.managed_fields)


def _selector_text(selector: LabelSelector | Mapping[str, str] | str | None) -> str:
    """How a Scale shows *selector*. Raises BadRequestError for one that selects by what there is not."""
    if isinstance(selector, LabelSelector):
        try:
            return str(labels.from_label_selector(selector))
        except labels.SelectorError as error:
            raise BadRequestError(str(error)) from error
    if isinstance(selector, Mapping):
        return str(labels.Selector.from_labels(selector))
    return selector or ""


class _ScaledObjectInfo:
    """The update of an object that the update of its scale comes to."""

    def __init__(self, scales: ScaleStore, name: str, info: UpdatedObjectInfo) -> None:
        self._scales = scales
        self._name = name
        self._info = info

    def preconditions(self) -> Preconditions | None:
        return self._info.preconditions()

    async def updated_object(self, context: RequestContext, old: Any) -> Any:
        resource = self._scales.store.resource(context)
        uid = old.metadata.uid
        if not uid:  # the kind allows updates that create, its scale does not
            raise NotFoundError(resource, self._name)
        scale = await self._info.updated_object(context, self._scales.managed_scale_of(old))
        if not isinstance(scale, Scale):
            raise BadRequestError(f"expected input object type to be Scale, but {type_name(type(scale))}")
        if errors := validate_scale(scale):
            raise InvalidError(_KIND.group_kind, self._name, errors)
        if scale.metadata.uid and scale.metadata.uid != uid:
            raise ConflictError(
                resource,
                self._name,
                f"Precondition failed: UID in precondition: {scale.metadata.uid}, UID in object meta: {uid}",
            )
        self._scales.rescale(old, scale)
        return old
