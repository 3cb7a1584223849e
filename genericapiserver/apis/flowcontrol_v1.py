"""flowcontrol.apiserver.k8s.io/v1: which requests belong together, and how much of the server each kind may take.

Source: k8s.io/api/flowcontrol/v1/types.go and the defaults of k8s.io/kubernetes/pkg/apis/flowcontrol/v1. What is wrong with
an object is said in controlplane.flowcontrol_validation.
"""

from typing import Final

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Time, api_type, field

GROUP: Final = "flowcontrol.apiserver.k8s.io"
GROUP_VERSION: Final = GroupVersion(GROUP, "v1")
MODEL_PACKAGE = "io.k8s.api.flowcontrol.v1"

ALL: Final = "*"
EXEMPT_NAME: Final = "exempt"
CATCH_ALL_NAME: Final = "catch-all"
AUTO_UPDATE_ANNOTATION: Final = "apf.kubernetes.io/autoupdate-spec"
MAX_MATCHING_PRECEDENCE: Final = 10000

BY_USER, BY_NAMESPACE = "ByUser", "ByNamespace"
USER, GROUP_SUBJECT, SERVICE_ACCOUNT = "User", "Group", "ServiceAccount"
EXEMPT, LIMITED = "Exempt", "Limited"
QUEUE, REJECT = "Queue", "Reject"
DANGLING: Final = "Dangling"

DEFAULT_MATCHING_PRECEDENCE: Final = 1000
DEFAULT_CONCURRENCY_SHARES: Final = 30
DEFAULT_QUEUES: Final = 64
DEFAULT_HAND_SIZE: Final = 8
DEFAULT_QUEUE_LENGTH_LIMIT: Final = 50


@api_type
class UserSubject:
    """UserSubject is one user, or with * every user."""

    name: str = field(doc="The name of the user, or * for all users.")


@api_type
class GroupSubject:
    """GroupSubject is one group of users, or with * every group."""

    name: str = field(doc="The name of the group, or * for all groups.")


@api_type
class ServiceAccountSubject:
    """ServiceAccountSubject is one service account, or with * all of a namespace."""

    namespace: str = field(doc="The namespace of the account.")
    name: str = field(doc="The name of the account, or * for all of the namespace.")


@api_type
class Subject:
    """Subject is who sends a request; kind says which of the other fields is set."""

    kind: str = field(
        enum=[USER, GROUP_SUBJECT, SERVICE_ACCOUNT], doc="Which field is set: User, Group or ServiceAccount."
    )
    user: UserSubject | None = field(default=None, doc="A user by name.")
    group: GroupSubject | None = field(default=None, doc="A group by name.")
    service_account: ServiceAccountSubject | None = field(default=None, doc="A service account by namespace and name.")


@api_type
class ResourcePolicyRule:
    """ResourcePolicyRule selects requests for resources; every list counts, and * stands alone in its list."""

    verbs: list[str] = field(list_type="set", doc="The verbs, or * alone.")
    api_groups: list[str] = field(list_type="set", name="apiGroups", doc="The API groups, or * alone.")
    resources: list[str] = field(
        list_type="set", doc="The resources as resource or resource/subresource, or * alone for both."
    )
    cluster_scope: bool = field(default=False, doc="Whether requests without a namespace are meant, too.")
    namespaces: list[str] = field(
        list_type="set",
        null_when_empty=True,
        doc="The namespaces, or * alone, which does not stand for requests without a namespace.",
    )


@api_type
class NonResourcePolicyRule:
    """NonResourcePolicyRule selects requests for paths that are no resource."""

    verbs: list[str] = field(list_type="set", doc="The verbs, or * alone.")
    non_resource_urls: list[str] = field(
        list_type="set",
        name="nonResourceURLs",
        number=6,
        doc="The paths, each with all below it, or * alone.",
    )


@api_type
class PolicyRulesWithSubjects:
    """PolicyRulesWithSubjects selects a request if one of the subjects sends it and one of the rules selects it."""

    subjects: list[Subject] = field(list_type="atomic", null_when_empty=True, doc="Who sends the request.")
    resource_rules: list[ResourcePolicyRule] = field(
        factory=list, list_type="atomic", doc="What is asked of resources."
    )
    non_resource_rules: list[NonResourcePolicyRule] = field(
        factory=list, list_type="atomic", doc="What is asked of other paths."
    )


@api_type
class FlowDistinguisherMethod:
    """FlowDistinguisherMethod says how requests of one schema are told apart."""

    type: str = field(enum=[BY_NAMESPACE, BY_USER], doc="ByUser or ByNamespace.")


@api_type
class PriorityLevelConfigurationReference:
    """PriorityLevelConfigurationReference names a priority level."""

    name: str = field(doc="The name of the priority level.")


@api_type
class FlowSchemaSpec:
    """FlowSchemaSpec is which requests are meant and where they belong."""

    priority_level_configuration: PriorityLevelConfigurationReference = field(
        factory=lambda: PriorityLevelConfigurationReference(name=""),
        omit_empty=False,
        doc="The level that the requests belong to. A schema whose level does not exist is ignored.",
    )
    matching_precedence: Int32 = field(
        default=0,
        omit_empty=False,
        doc="Of several schemas that select a request the one with the lowest number counts: 1 to 10000, by default 1000.",
    )
    distinguisher_method: FlowDistinguisherMethod | None = field(
        default=None, doc="How requests are told apart into flows; without it all are one flow."
    )
    rules: list[PolicyRulesWithSubjects] = field(
        factory=list, list_type="atomic", doc="Which requests are meant: those that one of the rules selects."
    )


@api_type
class FlowSchemaCondition:
    """FlowSchemaCondition is one thing that was observed of a flow schema."""

    type: str = field(default="", doc="What is observed.")
    status: str = field(default="", doc="True, False or Unknown.")
    last_transition_time: Time | None = field(default=None, omit_empty=False, doc="When the status changed.")
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class FlowSchemaStatus:
    """FlowSchemaStatus is what was observed of a flow schema."""

    conditions: list[FlowSchemaCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class FlowSchema(Object):
    """FlowSchema puts requests into flows, and flows into a priority level."""

    spec: FlowSchemaSpec = field(factory=FlowSchemaSpec, doc="What is wanted.")
    status: FlowSchemaStatus = field(factory=FlowSchemaStatus, doc="What was observed. Read-only.")


@api_type
class QueuingConfiguration:
    """QueuingConfiguration is how requests wait."""

    queues: Int32 = field(
        default=0, omit_empty=False, doc="How many queues there are, by default 64. With 1 flows are not told apart."
    )
    hand_size: Int32 = field(
        default=0, omit_empty=False, doc="How many of the queues each flow may use, by default 8; at most all."
    )
    queue_length_limit: Int32 = field(
        default=0, omit_empty=False, doc="How many requests may wait in one queue, by default 50."
    )


@api_type
class LimitResponse:
    """LimitResponse is what happens to requests that cannot be served at once."""

    type: str = field(default="", omit_empty=False, enum=[QUEUE, REJECT], doc="Queue or Reject.")
    queuing: QueuingConfiguration | None = field(default=None, doc="How requests wait, for type Queue.")


@api_type
class LimitedPriorityLevelConfiguration:
    """LimitedPriorityLevelConfiguration is the share of a level, and what happens beyond it."""

    nominal_concurrency_shares: Int32 | None = field(
        default=None,
        omit_empty=False,
        doc="The level's part of the server, relative to the shares of the other levels; by default 30.",
    )
    limit_response: LimitResponse = field(
        factory=LimitResponse, omit_empty=False, doc="What happens to requests that cannot be served at once."
    )
    lendable_percent: Int32 | None = field(
        default=None, doc="How much of its part other levels may use while the level does not need it: 0 to 100."
    )
    borrowing_limit_percent: Int32 | None = field(
        default=None,
        doc="How much the level may use of others' parts, relative to its own; without it there is no limit.",
    )


@api_type
class ExemptPriorityLevelConfiguration:
    """ExemptPriorityLevelConfiguration is how a level without a limit takes part in lending."""

    nominal_concurrency_shares: Int32 | None = field(default=None, doc="What is set aside for the level, by default 0.")
    lendable_percent: Int32 | None = field(default=None, doc="How much of that other levels may use: 0 to 100.")


@api_type
class PriorityLevelConfigurationSpec:
    """PriorityLevelConfigurationSpec is how much of the server a level may take."""

    type: str = field(enum=[EXEMPT, LIMITED], doc="Exempt or Limited; says which of the other fields is set.")
    limited: LimitedPriorityLevelConfiguration | None = field(default=None, doc="For type Limited.")
    exempt: ExemptPriorityLevelConfiguration | None = field(default=None, doc="For type Exempt, and optional there.")


@api_type
class PriorityLevelConfigurationCondition:
    """PriorityLevelConfigurationCondition is one thing that was observed of a priority level."""

    type: str = field(default="", doc="What is observed.")
    status: str = field(default="", doc="True, False or Unknown.")
    last_transition_time: Time | None = field(default=None, omit_empty=False, doc="When the status changed.")
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class PriorityLevelConfigurationStatus:
    """PriorityLevelConfigurationStatus is what was observed of a priority level."""

    conditions: list[PriorityLevelConfigurationCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class PriorityLevelConfiguration(Object):
    """PriorityLevelConfiguration is one of the levels that share the server's capacity."""

    spec: PriorityLevelConfigurationSpec = field(
        factory=lambda: PriorityLevelConfigurationSpec(type=""), doc="What is wanted."
    )
    status: PriorityLevelConfigurationStatus = field(
        factory=PriorityLevelConfigurationStatus, doc="What was observed. Read-only."
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register both kinds, each its own hub."""
    for version in (GROUP_VERSION, GroupVersion(GROUP, INTERNAL_VERSION)):
        scheme.add_known_types(version, FlowSchema, PriorityLevelConfiguration)
    scheme.add_defaulting_func(FlowSchema, set_flow_schema_defaults)
    scheme.add_defaulting_func(PriorityLevelConfiguration, set_priority_level_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)


def set_flow_schema_defaults(schema: FlowSchema) -> None:
    if not schema.spec.matching_precedence:
        schema.spec.matching_precedence = DEFAULT_MATCHING_PRECEDENCE


def set_priority_level_defaults(level: PriorityLevelConfiguration) -> None:
    """Shares, percentages and queues; a level whose shares are 0 keeps them: nothing is served there."""
    for part, shares in ((level.spec.limited, DEFAULT_CONCURRENCY_SHARES), (level.spec.exempt, 0)):
        if part is None:
            continue
        if part.nominal_concurrency_shares is None:
            part.nominal_concurrency_shares = shares
        if part.lendable_percent is None:
            part.lendable_percent = 0
    queuing = level.spec.limited.limit_response.queuing if level.spec.limited is not None else None
    if queuing is not None:
        queuing.queues = queuing.queues or DEFAULT_QUEUES
        queuing.hand_size = queuing.hand_size or DEFAULT_HAND_SIZE
        queuing.queue_length_limit = queuing.queue_length_limit or DEFAULT_QUEUE_LENGTH_LIMIT
