"""Event, as kubectl and older clients know it; events_v1 has its other form.

Source: k8s.io/api/core/v1/types.go and the validation of k8s.io/kubernetes/pkg/apis/core.
"""

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.types import Int32, MicroTime, Time, api_type, field
from genericapiserver.apis.core_v1.namespaces import NAMESPACE_DEFAULT
from genericapiserver.apis.core_v1.references import ObjectReference

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class EventSource:
    """EventSource is who tells of an event."""

    component: str = field(default="", doc="The component that reports.")
    host: str = field(default="", doc="The node it runs on.")


@api_type
class EventSeries:
    """EventSeries tells of an event that happened again and again."""

    count: Int32 = field(default=0, doc="How often it happened up to the last heartbeat.")
    last_observed_time: MicroTime | None = field(
        default=None, omit_empty=False, required=False, doc="When it was last seen."
    )


@api_type
class Event(Object):
    """Event is a report of something that happened to an object, kept for a while and for information only."""

    metadata: ObjectMeta = field(factory=ObjectMeta, required=True)
    involved_object: ObjectReference = field(factory=ObjectReference, required=True, doc="The object it happened to.")
    reason: str = field(default="", doc="Why the object is in its state, in a word for programs.")
    message: str = field(default="", doc="What happened, for people.")
    source: EventSource = field(factory=EventSource, doc="Who reports it.")
    first_timestamp: Time | None = field(default=None, omit_empty=False, required=False, doc="When it was first seen.")
    last_timestamp: Time | None = field(default=None, omit_empty=False, required=False, doc="When it was last seen.")
    count: Int32 = field(default=0, doc="How often it happened.")
    type: str = field(default="", doc="Normal, Warning, or a type that was added later.")
    event_time: MicroTime | None = field(
        default=None, omit_empty=False, required=False, doc="When it was first observed."
    )
    series: EventSeries | None = field(default=None, doc="The series it begins, if any.")
    action: str = field(default="", doc="What was done, or failed, to the object.")
    related: ObjectReference | None = field(default=None, doc="A second object, for more complex actions.")
    reporting_component: str = field(
        default="", omit_empty=False, required=False, doc="The controller that emitted it."
    )
    reporting_instance: str = field(default="", omit_empty=False, required=False, doc="The instance of the controller.")


def validate_event(event: Event) -> list[FieldError]:
    """An event lies beside the object it is of; those of cluster-scoped objects lie in the default namespace."""
    involved, namespace = event.involved_object.namespace, event.metadata.namespace
    if namespace == involved or (not involved and namespace == NAMESPACE_DEFAULT):
        return []
    return [errors.invalid(Path("involvedObject", "namespace"), involved, "does not match event.namespace")]
