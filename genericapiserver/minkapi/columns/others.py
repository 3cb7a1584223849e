"""The columns of the kinds that groups of their own have: events, leases, priorities, devices, roles."""

from typing import Any, Final

from genericapiserver.apis.core_v1.references import ObjectReference
from genericapiserver.apis.events_v1 import Event
from genericapiserver.apis.rbac_v1 import GROUP_KIND, SERVICE_ACCOUNT, USER, ClusterRoleBinding, RoleBinding
from genericapiserver.apis.resource_v1 import ResourceClaim
from genericapiserver.minkapi.columns.shared import AGE, CREATED_AT, NAME, WIDE, boolean, integer, since, text
from genericapiserver.registry.table import TableColumn


def _first_seen(event: Event) -> str:
    return since(event.deprecated_first_timestamp or event.event_time)


def _last_seen(event: Event) -> str:
    if event.series is not None:
        return since(event.series.last_observed_time)
    return since(event.deprecated_last_timestamp or event.deprecated_first_timestamp or event.event_time)


def _count(event: Event) -> int:
    return event.series.count if event.series is not None else event.deprecated_count or 1


def _object(reference: ObjectReference) -> str:
    kind = reference.kind.lower()
    return f"{kind}/{reference.name}" if reference.name else kind


def _source(event: Event) -> str:
    source = event.deprecated_source
    named = (source.component or event.reporting_controller, source.host or event.reporting_instance)
    return ", ".join(named) if named[1] else named[0]


EVENT_COLUMNS: Final = (
    TableColumn("Last Seen", _last_seen, doc="When it last happened."),
    text("Type", "type", "Normal or Warning."),
    text("Reason", "reason", "Why it happened, in a word."),
    TableColumn("Object", lambda event: _object(event.regarding), doc="The object it happened to."),
    text("Subobject", "regarding.field_path", "The part of the object.", priority=WIDE),
    TableColumn("Source", _source, doc="Who reports it.", priority=WIDE),
    TableColumn("Message", lambda event: event.note.strip(), doc="What happened."),
    TableColumn("First Seen", _first_seen, doc="When it first happened.", priority=WIDE),
    TableColumn("Count", _count, doc="How often it happened.", priority=WIDE),
    TableColumn("Name", "metadata.name", format="name", doc=NAME.doc, priority=WIDE),
)
LEASE_COLUMNS: Final = (NAME, text("Holder", "spec.holder_identity", "Who holds it."), AGE)
PRIORITY_CLASS_COLUMNS: Final = (
    NAME,
    integer("Value", "value", "The priority of pods of this class."),
    boolean("Global-Default", "global_default", "Whether pods without a class are of this one."),
    AGE,
    text("PreemptionPolicy", "preemption_policy", "Whether less important pods are pushed aside."),
)
RUNTIME_CLASS_COLUMNS: Final = (NAME, text("Handler", "handler", "The handler in the configuration of nodes."), AGE)


def _claim_state(claim: ResourceClaim) -> str:
    deleted = claim.metadata.deletion_timestamp is not None
    states = ["deleted"] if deleted else []
    if claim.status.allocation is None:
        states += [] if deleted else ["pending"]
    else:
        states += ["allocated", "reserved"] if claim.status.reserved_for else ["allocated"]
    return ",".join(states)


RESOURCE_CLAIM_COLUMNS: Final = (
    NAME,
    TableColumn("State", _claim_state, doc="Whether devices were given, and whether somebody uses them."),
    AGE,
)
RESOURCE_SLICE_COLUMNS: Final = (
    NAME,
    text("Node", "spec.node_name", "The node that the devices are on."),
    text("Driver", "spec.driver", "The driver that publishes them."),
    text("Pool", "spec.pool.name", "The pool they belong to."),
    AGE,
)
ROLE_COLUMNS: Final = (NAME, CREATED_AT)


def _role(binding: RoleBinding | ClusterRoleBinding) -> str:
    return f"{binding.role_ref.kind}/{binding.role_ref.name}"


def _subjects(name: str, kind: str, doc: str) -> TableColumn:
    def cell(binding: Any) -> str:
        named = [subject for subject in binding.subjects if subject.kind == kind]
        if kind != SERVICE_ACCOUNT:
            return ", ".join(subject.name for subject in named)
        return ", ".join(f"{subject.namespace}/{subject.name}" for subject in named)

    return TableColumn(name, cell, doc=doc, priority=WIDE)


ROLE_BINDING_COLUMNS: Final = (
    NAME,
    TableColumn("Role", _role, doc="The role that is given."),
    AGE,
    _subjects("Users", USER, "The users who get it."),
    _subjects("Groups", GROUP_KIND, "The groups that get it."),
    _subjects("ServiceAccounts", SERVICE_ACCOUNT, "The service accounts that get it."),
)
