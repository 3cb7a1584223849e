"""events.k8s.io/v1: Event, in the form that took the place of the one of core/v1.

Source: k8s.io/api/events/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, MicroTime, Time, api_type, field
from genericapiserver.apis.core_v1.events import EventSource
from genericapiserver.apis.core_v1.references import ObjectReference

GROUP_VERSION = GroupVersion("events.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.events.v1"


@api_type
class EventSeries:
    """EventSeries tells of an event that happened again and again."""

    count: Int32 = field(doc="How often it happened up to the last heartbeat.")
    last_observed_time: MicroTime | None = field(default=None, omit_empty=False, doc="When it was last seen.")


@api_type
class Event(Object):
    """Event is a report of something that happened to an object, kept for a while and for information only."""

    event_time: MicroTime | None = field(default=None, omit_empty=False, doc="When it was first observed.")
    series: EventSeries | None = field(default=None, doc="The series it begins, if any.")
    reporting_controller: str = field(default="", doc="The controller that emitted it.")
    reporting_instance: str = field(default="", doc="The instance of the controller.")
    action: str = field(default="", doc="What was done, or failed, to the object.")
    reason: str = field(default="", doc="Why it was done, in a word for programs.")
    regarding: ObjectReference = field(factory=ObjectReference, doc="The object it happened to.")
    related: ObjectReference | None = field(default=None, doc="A second object, for more complex actions.")
    note: str = field(default="", doc="What happened, for people.")
    type: str = field(default="", doc="Normal, Warning, or a type that was added later.")
    deprecated_source: EventSource = field(factory=EventSource, doc="Who reports it, as core/v1 has it.")
    deprecated_first_timestamp: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When it was first seen, as core/v1 has it."
    )
    deprecated_last_timestamp: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When it was last seen, as core/v1 has it."
    )
    deprecated_count: Int32 = field(default=0, doc="How often it happened, as core/v1 has it.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Event)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
