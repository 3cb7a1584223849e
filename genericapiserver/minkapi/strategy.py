"""The rules of every kind: what a simulation says is stored as it says it.

Names and metadata are checked as everywhere, fields by their types; what a cluster's admission would fill in or refuse
beyond that is not known here. What has phases and says none is in the first, as in a cluster: who looks for pending pods
finds them. A new object keeps the status it comes with, so that dumps of clusters load as they are;
afterwards the status changes through its subresource alone, as in a cluster.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.validation.names import name_is_dns_subdomain, path_segment_name
from genericapiserver.apis import rbac_v1
from genericapiserver.minkapi.kinds import ServedKind
from genericapiserver.registry.status_store import reset_fields
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import RequestContext

_FREE_NAMES: Final = frozenset({rbac_v1.GROUP})
"""Groups whose objects may be called `system:node`."""


class ViewStrategy(DefaultStrategy):
    """The rules of *kind*."""

    allow_unconditional_update = True

    def __init__(self, scheme: Scheme, kind: ServedKind) -> None:
        super().__init__(scheme)
        self.namespace_scoped = kind.namespaced
        self._names = path_segment_name if kind.group_version.group in _FREE_NAMES else name_is_dns_subdomain
        self._has_spec = "spec" in attrs.fields_dict(kind.object_type)
        self._has_status = kind.has_status
        self._first_phase = kind.first_phase
        self._reset_fields = reset_fields([kind.group_version], "status") if kind.has_status else {}

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        if self._has_spec:
            obj.metadata.generation = 1
        if self._first_phase and not obj.status.phase:
            obj.status.phase = self._first_phase

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        if self._has_status:
            obj.status = old.status
        if self._has_spec:
            obj.metadata.generation = old.metadata.generation + (1 if obj.spec != old.spec else 0)

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        name = obj.metadata.name
        path = errors.Path("metadata", "name")
        return [errors.invalid(path, name, problem) for problem in self._names(name)] if name else []

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self._reset_fields


class WholeObjectStrategy(ViewStrategy):
    """For callers in this process, who hand over whole objects: the status comes with the rest."""

    def __init__(self, scheme: Scheme, kind: ServedKind) -> None:
        super().__init__(scheme, kind)
        self._has_status = False

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        """The generation stays, which what was observed of the object goes by."""
        generation = obj.metadata.generation
        super().prepare_for_create(context, obj)
        obj.metadata.generation = generation or obj.metadata.generation
