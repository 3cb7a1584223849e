"""v1, the group without a name: Namespace and Event, which operators look for in every cluster.

Source: k8s.io/api/core/v1/types.go, the defaults of k8s.io/kubernetes/pkg/apis/core/v1 and the validation of
k8s.io/kubernetes/pkg/apis/core.
"""

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, MicroTime, Time, api_type, field
from genericapiserver.apimachinery.validation.names import dns_1123_label

GROUP_VERSION = GroupVersion("", "v1")
MODEL_PACKAGE = "io.k8s.api.core.v1"
NAMESPACE_DEFAULT = "default"
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
NAMESPACE_ACTIVE = "Active"
NAMESPACE_TERMINATING = "Terminating"


@api_type
class NamespaceSpec:
    """NamespaceSpec is what is wanted of a namespace."""

    finalizers: list[str] = field(
        factory=list, list_type="atomic", doc="Who has to clean up in the namespace before it is gone."
    )


@api_type
class NamespaceCondition:
    """NamespaceCondition is one thing that was observed of a namespace."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(default=None, number=4, doc="When the status changed.")
    reason: str = field(default="", number=5, doc="Why it changed, in a word for programs.")
    message: str = field(default="", number=6, doc="Why it changed, for people.")


@api_type
class NamespaceStatus:
    """NamespaceStatus is where a namespace is in its life."""

    phase: str = field(default="", enum=["Active", "Terminating"], doc="Whether the namespace is on its way out.")
    conditions: list[NamespaceCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed of the namespace.",
    )


@api_type
class Namespace(Object):
    """Namespace is a scope for names."""

    spec: NamespaceSpec = field(factory=NamespaceSpec, doc="What is wanted.")
    status: NamespaceStatus = field(factory=NamespaceStatus, doc="Where it is in its life. Read-only.")


@api_type(map_type="atomic")
class ObjectReference:
    """ObjectReference says which object is meant, or which part of it."""

    kind: str = field(default="", doc="The kind of the object.")
    namespace: str = field(default="", doc="The namespace of the object.")
    name: str = field(default="", doc="The name of the object.")
    uid: str = field(default="", doc="The UID of the object.")
    api_version: str = field(default="", doc="The group and version of the object.")
    resource_version: str = field(default="", doc="The version of the object that was seen.")
    field_path: str = field(default="", doc="The part of the object that is meant, such as spec.containers[2].")


@api_type
class EventSource:
    """EventSource is who tells of an event."""

    component: str = field(default="", doc="The component that reports.")
    host: str = field(default="", doc="The node it runs on.")


@api_type
class EventSeries:
    """EventSeries tells of an event that happened again and again."""

    count: Int32 = field(default=0, doc="How often it happened up to the last heartbeat.")
    last_observed_time: MicroTime | None = field(default=None, doc="When it was last seen.")


@api_type
class Event(Object):
    """Event is a report of something that happened to an object, kept for a while and for information only."""

    involved_object: ObjectReference = field(factory=ObjectReference, doc="The object it happened to.")
    reason: str = field(default="", doc="Why the object is in its state, in a word for programs.")
    message: str = field(default="", doc="What happened, for people.")
    source: EventSource = field(factory=EventSource, doc="Who reports it.")
    first_timestamp: Time | None = field(default=None, omit_empty=False, doc="When it was first seen.")
    last_timestamp: Time | None = field(default=None, omit_empty=False, doc="When it was last seen.")
    count: Int32 = field(default=0, doc="How often it happened.")
    type: str = field(default="", doc="Normal, Warning, or a type that was added later.")
    event_time: MicroTime | None = field(default=None, omit_empty=False, doc="When it was first observed.")
    series: EventSeries | None = field(default=None, doc="The series it begins, if any.")
    action: str = field(default="", doc="What was done, or failed, to the object.")
    related: ObjectReference | None = field(default=None, doc="A second object, for more complex actions.")
    reporting_component: str = field(default="", omit_empty=False, doc="The controller that emitted it.")
    reporting_instance: str = field(default="", omit_empty=False, doc="The instance of the controller.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register both kinds, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Namespace, Event)
    scheme.add_defaulting_func(Namespace, set_namespace_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)


def set_namespace_defaults(namespace: Namespace) -> None:
    """Label it with its name, so that namespaces can be selected by name; a name still to be generated is none yet."""
    if namespace.metadata.name:
        namespace.metadata.labels[NAMESPACE_NAME_LABEL] = namespace.metadata.name


def validate_namespace(namespace: Namespace) -> list[FieldError]:
    """The name is a part of domain names."""
    metadata, path = namespace.metadata, Path("metadata", "name")
    return [errors.invalid(path, metadata.name, text) for text in dns_1123_label(metadata.name)]


def validate_event(event: Event) -> list[FieldError]:
    """An event lies beside the object it is of; those of cluster-scoped objects lie in the default namespace."""
    involved, namespace = event.involved_object.namespace, event.metadata.namespace
    if namespace == involved or (not involved and namespace == NAMESPACE_DEFAULT):
        return []
    return [errors.invalid(Path("involvedObject", "namespace"), involved, "does not match event.namespace")]
