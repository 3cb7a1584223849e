"""The part of Kubernetes' own API that operators cannot do without, for a server that stands alone.

`v1` with namespaces and events, at /api: kopf waits for both before it does anything, other clients look a namespace up.
The admission plugin NamespaceLifecycle asks whether a namespace exists; deleting it deletes nothing else, as there is no
controller that would. Events are forgotten after an hour.

Source: pkg/registry/core/{namespace,event} of k8s.io/kubernetes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import core_v1
from genericapiserver.apis.core_v1 import (
    GROUP_VERSION,
    NAMESPACE_ACTIVE,
    NAMESPACE_DEFAULT,
    NAMESPACE_TERMINATING,
    Event,
    Namespace,
)
from genericapiserver.client.rest import JSON
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX, ConfigError
from genericapiserver.hooks import HookError, PostStartHookContext
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.selectable_fields import (
    SelectableFields,
    add_field_labels,
    fields_at,
    selectable_attributes,
)
from genericapiserver.registry.status_store import reset_fields
from genericapiserver.registry.strategy import DefaultStrategy, GarbageCollectionPolicy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age, table_age
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer

EVENT_LIFETIME: Final = 3600
"""Seconds; the reference's --event-ttl."""
CREATED, ALREADY_THERE = 201, 409
SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease", NAMESPACE_DEFAULT)
"""Those of every cluster: the roles that a cluster begins with lie in the first two, clients begin in the last."""
NAMESPACES_HOOK: Final = "start-system-namespaces-controller"

NAMESPACE_FIELDS = fields_at("status.phase")
EVENT_FIELDS: SelectableFields = {
    **fields_at(
        "involved_object.kind",
        "involved_object.namespace",
        "involved_object.name",
        "involved_object.uid",
        "involved_object.api_version",
        "involved_object.resource_version",
        "involved_object.field_path",
        "reason",
        "reporting_component",
        "type",
    ),
    "source": lambda event: event.source.component or event.reporting_component,
}
NAMESPACE_COLUMNS = (
    DEFAULT_COLUMNS[0],
    TableColumn("Status", "status.phase", doc="The status of the namespace"),
    age(),
)
EVENT_COLUMNS = (
    TableColumn("Last Seen", lambda event: table_age(event.last_timestamp or event.event_time)),
    TableColumn("Type", "type"),
    TableColumn("Reason", "reason"),
    TableColumn("Object", lambda event: f"{event.involved_object.kind.lower()}/{event.involved_object.name}"),
    TableColumn("Message", "message"),
    TableColumn("Name", "metadata.name", format="name", priority=1),
)


class NamespaceStrategy(DefaultStrategy):
    """A namespace is active from the start; clients change only its metadata."""

    namespace_scoped = False
    allow_unconditional_update = True

    def prepare_for_create(self, context: RequestContext, obj: Namespace) -> None:
        obj.spec = core_v1.NamespaceSpec()
        obj.status = core_v1.NamespaceStatus(phase=NAMESPACE_ACTIVE)

    def prepare_for_update(self, context: RequestContext, obj: Namespace, old: Namespace) -> None:
        obj.spec, obj.status = old.spec, old.status

    def validate(self, context: RequestContext, obj: Namespace) -> Sequence[FieldError]:
        return core_v1.validate_namespace(obj)

    def canonicalize(self, obj: Namespace) -> None:
        core_v1.set_namespace_defaults(obj)

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return reset_fields([GROUP_VERSION], "spec", "status")


class NamespaceStore(Store):
    """Namespaces are deleted one by one, as in the reference."""

    delete_collection = None  # type: ignore[assignment]

    def prepare_for_termination(self, obj: Namespace) -> None:
        """What is being deleted takes no new content; the admission plugin goes by the phase."""
        obj.status.phase = NAMESPACE_TERMINATING


class EventStrategy(DefaultStrategy):
    """Whoever reports again may write over what was reported, or report first by an update."""

    allow_create_on_update = True
    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Event) -> Sequence[FieldError]:
        return core_v1.validate_event(obj)

    def validate_update(self, context: RequestContext, obj: Event, old: Event) -> Sequence[FieldError]:
        return core_v1.validate_event(obj)

    def default_garbage_collection_policy(self, context: RequestContext) -> GarbageCollectionPolicy:
        return GarbageCollectionPolicy.UNSUPPORTED


def event_lifetime(event: Any, existing: int, update: bool) -> int:
    """Every report, also one that writes over another, is kept for the same time."""
    return EVENT_LIFETIME


def register(scheme: Scheme) -> None:
    """Add both kinds to *scheme*, with the fields they can be selected by."""
    core_v1.add_to_scheme(scheme)
    add_field_labels(scheme, GROUP_VERSION.with_kind("Namespace"), NAMESPACE_FIELDS)
    add_field_labels(scheme, GROUP_VERSION.with_kind("Event"), EVENT_FIELDS)


def api_group(getter: RESTOptionsGetter, serializer: CodecFactory) -> APIGroupInfo:
    """The group without a name, kept where *getter* says; the scheme of *serializer* has the kinds by `register`."""
    scheme = serializer.scheme
    namespaces = store_for(
        getter,
        object_type=Namespace,
        qualified_resource=GroupResource("", "namespaces"),
        singular_name="namespace",
        strategy=NamespaceStrategy(scheme),
        attributes=selectable_attributes(NAMESPACE_FIELDS, namespaced=False),
        short_names=("ns",),
        table_columns=NAMESPACE_COLUMNS,
        store_type=NamespaceStore,
    )
    events = store_for(
        getter,
        object_type=Event,
        qualified_resource=GroupResource("", "events"),
        singular_name="event",
        strategy=EventStrategy(scheme),
        attributes=selectable_attributes(EVENT_FIELDS, namespaced=True),
        short_names=("ev",),
        ttl=event_lifetime,
        table_columns=EVENT_COLUMNS,
    )
    group = APIGroupInfo.for_group("", scheme=scheme, serializer=serializer)
    storages: dict[str, Store] = {"namespaces": namespaces, "events": events}
    group.versioned_resources_storage[GROUP_VERSION.version] = dict(storages)
    return group


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve /api/v1 at *server*, and have SYSTEM_NAMESPACES made at its start. Raises ConfigError, APIGroupError."""
    getter = server.config.rest_options_getter
    if getter is None:
        raise ConfigError("there is no storage to keep namespaces and events in")
    server.install_legacy_api_group(DEFAULT_LEGACY_API_PREFIX, api_group(getter, serializer.with_protobuf()))
    transport = server.config.new_loopback_transport()

    async def make_namespaces(context: PostStartHookContext) -> None:
        path = f"{DEFAULT_LEGACY_API_PREFIX}/v1/namespaces"
        for name in SYSTEM_NAMESPACES:
            body = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
            response = await transport.request("POST", path, headers=JSON, body=json.dumps(body).encode())
            if response.status not in (CREATED, ALREADY_THERE):
                raise HookError(f"the namespace {name} could not be made: {response.body.decode(errors='replace')}")

    server.add_post_start_hook(NAMESPACES_HOOK, make_namespaces)
