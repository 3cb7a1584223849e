"""Events of the core group, which are those of events.k8s.io: one object, two ways to write it.

Clients that were there before events.k8s.io (kopf, kubectl describe, old recorders) report and look for events at
/api/v1. Source: pkg/apis/events/v1/conversion.go and pkg/apis/core/v1/conversion.go of k8s.io/kubernetes.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import FieldLabelError, Scheme
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis import core_v1, events_v1
from genericapiserver.minkapi.kinds import ServedKind
from genericapiserver.minkapi.strategy import ViewStrategy
from genericapiserver.registry.generic.options import RESTOptions, RESTOptionsGetter, store_for
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.selectable_fields import selectable_attributes

CORE: Final = core_v1.GROUP_VERSION
_LABELS: Final = {
    "involvedObject.kind": "regarding.kind",
    "involvedObject.namespace": "regarding.namespace",
    "involvedObject.name": "regarding.name",
    "involvedObject.uid": "regarding.uid",
    "involvedObject.apiVersion": "regarding.apiVersion",
    "involvedObject.resourceVersion": "regarding.resourceVersion",
    "involvedObject.fieldPath": "regarding.fieldPath",
    "reportingComponent": "reportingController",
    "source": "reportingController",
    "reason": "reason",
    "type": "type",
    "metadata.name": "metadata.name",
    "metadata.namespace": "metadata.namespace",
}
"""What can be selected by here, and what it is called there."""


@attrs.frozen(eq=False)
class CoreEvents:
    """`/api/v1/events` over the events of *kind*."""

    kind: ServedKind

    @classmethod
    def for_kinds(cls, kinds: Sequence[ServedKind]) -> "CoreEvents | None":
        """None where events.k8s.io is not served, or the core group has events of its own."""
        served = {kind.object_type: kind for kind in kinds}
        if core_v1.Event in served or events_v1.Event not in served:
            return None
        return cls(served[events_v1.Event])

    def register(self, scheme: Scheme) -> None:
        scheme.add_known_types(CORE, core_v1.Event)
        scheme.add_known_types(GroupVersion("", INTERNAL_VERSION), events_v1.Event)
        scheme.add_conversion_func(core_v1.Event, events_v1.Event, from_core)
        scheme.add_conversion_func(events_v1.Event, core_v1.Event, to_core)
        scheme.add_field_label_conversion_func(CORE.with_kind("Event"), _convert_label)

    def storages(self, getter: RESTOptionsGetter, scheme: Scheme) -> dict[str, RESTStorage]:
        kind = self.kind
        store = store_for(
            _Elsewhere(getter, kind.resource.group_resource),
            object_type=events_v1.Event,
            qualified_resource=GroupResource("", "events"),
            singular_name="event",
            strategy=ViewStrategy(scheme, kind),
            attributes=selectable_attributes(kind.selectable, namespaced=True),
            short_names=("ev",),
            table_columns=kind.columns,
        )
        return {"events": store}


@attrs.frozen
class _Elsewhere:
    """Keeps every resource where *getter* keeps *resource*."""

    getter: RESTOptionsGetter
    resource: GroupResource

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        return self.getter.get_rest_options(self.resource)


def _convert_label(label: str, value: str) -> tuple[str, str]:
    if label not in _LABELS:
        raise FieldLabelError(f"field label not supported: {label}")
    return _LABELS[label], value


def from_core(event: core_v1.Event) -> events_v1.Event:
    """The same event as events.k8s.io has it."""
    made = events_v1.Event()
    made.metadata = deep_copy(event.metadata)
    made.event_time = event.event_time
    made.regarding = deep_copy(event.involved_object)
    made.note = event.message
    made.deprecated_source = deep_copy(event.source)
    made.deprecated_first_timestamp = event.first_timestamp
    made.deprecated_last_timestamp = event.last_timestamp
    made.deprecated_count = event.count
    _copy_equal(event, made)
    return made


def to_core(event: events_v1.Event) -> core_v1.Event:
    """The same event as the core group has it."""
    made = core_v1.Event()
    made.metadata = deep_copy(event.metadata)
    made.event_time = event.event_time
    made.involved_object = deep_copy(event.regarding)
    made.message = event.note
    made.source = deep_copy(event.deprecated_source)
    made.first_timestamp = event.deprecated_first_timestamp
    made.last_timestamp = event.deprecated_last_timestamp
    made.count = event.deprecated_count
    _copy_equal(event, made, back=True)
    return made


_EQUAL: Final = ("reason", "action", "type", "reporting_instance")


def _copy_equal(event: Any, made: Any, *, back: bool = False) -> None:
    for name in _EQUAL:
        setattr(made, name, getattr(event, name))
    made.related = None if event.related is None else deep_copy(event.related)
    names = ("reporting_controller", "reporting_component")
    read, write = names if back else reversed(names)
    setattr(made, write, getattr(event, read))
    if event.series is not None:
        series_type = core_v1.EventSeries if back else events_v1.EventSeries
        made.series = series_type(count=event.series.count, last_observed_time=event.series.last_observed_time)
