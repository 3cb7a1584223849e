"""audit.k8s.io/v1: the record of a request, and the policy that says which requests are recorded.

Source: k8s.io/apiserver/pkg/apis/audit/v1/types.go. The request path does not build these objects: it writes events
straight into JSON (audit/event.py). They are for those who read events, and for the policy file.
"""

from genericapiserver.apimachinery.meta import Object, Status
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import MicroTime, RawJSON, api_type, field, list_of
from genericapiserver.apis.authentication_v1 import UserInfo

GROUP_VERSION = GroupVersion("audit.k8s.io", "v1")
INTERNAL_GROUP_VERSION = GroupVersion("audit.k8s.io", INTERNAL_VERSION)
MODEL_PACKAGE = "io.k8s.apiserver.pkg.apis.audit.v1"

LEVELS = ("None", "Metadata", "Request", "RequestResponse")

STAGE_REQUEST_RECEIVED = "RequestReceived"
STAGE_RESPONSE_STARTED = "ResponseStarted"
STAGE_RESPONSE_COMPLETE = "ResponseComplete"
STAGE_PANIC = "Panic"
STAGES = (STAGE_REQUEST_RECEIVED, STAGE_RESPONSE_STARTED, STAGE_RESPONSE_COMPLETE, STAGE_PANIC)


@api_type
class ObjectReference:
    """ObjectReference is the object that a request is about."""

    resource: str = field(default="", doc="The resource, in the plural.")
    namespace: str = field(default="", doc="The namespace of the object.")
    name: str = field(default="", doc="The name of the object.")
    uid: str = field(default="", doc="The UID of the object.")
    api_group: str = field(default="", doc="The API group; empty for the core group.")
    api_version: str = field(default="", doc="The version of the API group.")
    resource_version: str = field(default="", doc="The version of the object.")
    subresource: str = field(default="", doc="The part of the object.")


@api_type
class AuthenticationMetadata:
    """AuthenticationMetadata says under which conditions a user was accepted."""

    impersonation_constraint: str = field(default="", doc="The verb that allowed a constrained impersonation.")


@api_type(root=True)
class Event:
    """Event is what is recorded of a request at one stage of it."""

    level: str = field(doc="The audit level at which the event was made.")
    audit_id: str = field(name="auditID", doc="The ID of the request, the same at all its stages.")
    stage: str = field(doc="The stage of the request at which this event was made.")
    request_uri: str = field(name="requestURI", doc="Path and query as the client sent them.")
    verb: str = field(doc="The Kubernetes verb, for non-resource requests the lower-case HTTP method.")
    user: UserInfo = field(factory=UserInfo, doc="Who sent the request.")
    impersonated_user: UserInfo | None = field(default=None, doc="As whom the request was carried out.")
    authentication_metadata: AuthenticationMetadata | None = field(default=None, doc="More about the authentication.")
    source_ips: list[str] = field(
        name="sourceIPs", factory=list, list_type="atomic", doc="Where the request came from, through which proxies."
    )
    user_agent: str = field(default="", doc="What the client calls itself. Not to be trusted.")
    object_ref: ObjectReference | None = field(default=None, doc="The object that the request is about.")
    response_status: Status | None = field(default=None, doc="How the request ended; for errors the whole Status.")
    request_object: RawJSON = field(default=None, doc="The request's body as JSON, at level Request and above.")
    response_object: RawJSON = field(default=None, doc="The response's body as JSON, at level RequestResponse.")
    request_received_timestamp: MicroTime | None = field(
        default=None, omit_empty=False, doc="When the request reached the server."
    )
    stage_timestamp: MicroTime | None = field(default=None, omit_empty=False, doc="When it reached this stage.")
    annotations: dict[str, str] = field(factory=dict, doc="What those who handled the request had to say.")


EventList = list_of(Event)


@api_type
class GroupResources:
    """GroupResources is resources of one API group."""

    group: str = field(default="", doc="The API group; empty for the core group.")
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        doc="Resources of the group: `pods`, `pods/log`, `pods/*`, `*/status`, `*`; all of them when empty.",
    )
    resource_names: list[str] = field(
        factory=list, list_type="atomic", doc="The names of the objects; all of them when empty. Needs resources."
    )


@api_type
class PolicyRule:
    """PolicyRule says at which level the requests that it fits are recorded."""

    level: str = field(doc="None, Metadata, Request or RequestResponse.")
    users: list[str] = field(factory=list, list_type="atomic", doc="The users that the rule is for; all when empty.")
    user_groups: list[str] = field(factory=list, list_type="atomic", doc="The groups, one of which the user is in.")
    verbs: list[str] = field(factory=list, list_type="atomic", doc="The verbs that the rule is for; all when empty.")
    resources: list[GroupResources] = field(factory=list, list_type="atomic", doc="The resources that it is for.")
    namespaces: list[str] = field(
        factory=list, list_type="atomic", doc="The namespaces; an empty one stands for resources without namespaces."
    )
    non_resource_urls: list[str] = field(
        name="nonResourceURLs", factory=list, list_type="atomic", doc="Paths; a `*` at the end stands for any rest."
    )
    omit_stages: list[str] = field(factory=list, list_type="atomic", doc="Stages of which no event is made.")
    omit_managed_fields: bool | None = field(default=None, doc="Whether managedFields are left out of bodies.")


@api_type
class Policy(Object):
    """Policy says which requests are recorded, and how much of them. The first rule that fits a request decides."""

    rules: list[PolicyRule] = field(factory=list, omit_empty=False, list_type="atomic", doc="The rules, in order.")
    omit_stages: list[str] = field(factory=list, list_type="atomic", doc="Stages of which no event is made.")
    omit_managed_fields: bool = field(default=False, doc="Whether managedFields are left out of bodies.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kinds, each its own hub."""
    for version in (GROUP_VERSION, INTERNAL_GROUP_VERSION):
        scheme.add_known_types(version, Event, EventList, Policy)
    scheme.set_version_priority(GROUP_VERSION)
