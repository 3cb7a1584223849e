"""Putting pods on nodes: `POST pods/<name>/binding`, and `POST bindings`, as schedulers do.

Source: BindingREST in pkg/registry/core/pod/storage/storage.go of k8s.io/kubernetes.
"""

import datetime as dt
from typing import Any

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.errors import BadRequestError, ConflictError, InvalidError
from genericapiserver.apimachinery.meta import CreateOptions, Status, UpdateOptions
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apis.core_v1 import Binding, Pod
from genericapiserver.apis.core_v1.pods import PodCondition
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import UpdatedObjectInfo, ValidateObject
from genericapiserver.registry.subresource import Subresource
from genericapiserver.registry.updated_object import DefaultUpdatedObjectInfo
from genericapiserver.request import RequestContext

SCHEDULED = "PodScheduled"
CREATED = 201


async def bind(store: Store, context: RequestContext, name: str, binding: Binding, *, dry_run: bool = False) -> Any:
    """The pod *name* on the node that *binding* names. *store* is one of pods in which the status may be written.

    Raises NotFoundError, InvalidError for a binding to no node, ConflictError for a pod that is on a node already.
    """
    _check(binding)

    async def bound(context: RequestContext, new: Any, pod: Pod) -> Pod:
        _refuse(pod, binding, name)
        pod.spec.node_name = binding.target.name
        pod.metadata.annotations.update(binding.metadata.annotations)
        _set_scheduled(pod, store.clock.now())
        return pod

    info: UpdatedObjectInfo = DefaultUpdatedObjectInfo(None, bound)
    options = UpdateOptions(dry_run=["All"] if dry_run else [])
    result = await store.update(context, name, info, validate_create=None, validate_update=None, options=options)
    return result.object


def _check(binding: Binding) -> None:
    target, path, problems = binding.target, errors.Path("target"), []
    if target.kind not in ("", "Node"):
        problems.append(errors.not_supported(path.child("kind"), target.kind, ["Node", "<empty>"]))
    if not target.name:
        problems.append(errors.required(path.child("name")))
    if problems:
        raise InvalidError(GroupKind("", "Binding"), binding.metadata.name, problems)


def _refuse(pod: Pod, binding: Binding, name: str) -> None:
    resource = GroupResource("", "pods/binding")
    if binding.metadata.uid and binding.metadata.uid != pod.metadata.uid:
        problem = (
            f"Precondition failed: UID in precondition: {binding.metadata.uid}, UID in object meta: {pod.metadata.uid}"
        )
        raise ConflictError(resource, name, problem)
    if pod.metadata.deletion_timestamp is not None:
        raise ConflictError(resource, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if pod.spec.node_name:
        raise ConflictError(resource, name, f'pod {name} is already assigned to node "{pod.spec.node_name}"')


def _set_scheduled(pod: Pod, now: dt.datetime) -> None:
    for condition in pod.status.conditions:
        if condition.type == SCHEDULED:
            if condition.status != "True":
                condition.status, condition.last_transition_time = "True", now
            return
    pod.status.conditions.append(PodCondition(type=SCHEDULED, status="True", last_transition_time=now))


class BindingStore(Subresource):
    """The subresource; *store* is one of pods in which the status may be written."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.object_type = Binding

    async def create_named(
        self,
        context: RequestContext,
        name: str,
        obj: Binding,
        *,
        validate: ValidateObject | None,
        options: CreateOptions,
    ) -> Status:
        if obj.metadata.name and obj.metadata.name != name:
            raise BadRequestError("name in URL does not match name in Binding object")
        if validate is not None:
            await validate(obj)
        await bind(self.store, context, name, obj, dry_run=bool(options.dry_run))
        return Status(status="Success", code=CREATED)


class LegacyBindingStore(Subresource):
    """The resource `bindings`: the same, with the pod in the name of the object."""

    namespace_scoped = True
    singular_name = "binding"

    def __init__(self, subresource: BindingStore) -> None:
        super().__init__(subresource.store)
        self.object_type = Binding
        self._subresource = subresource

    async def create(
        self, context: RequestContext, obj: Binding, *, validate: ValidateObject | None, options: CreateOptions
    ) -> Status:
        if not obj.metadata.name:
            raise BadRequestError("name is required: it is that of the pod")
        return await self._subresource.create_named(context, obj.metadata.name, obj, validate=validate, options=options)
