"""The levels and schemas that every server starts with.

Two of each are mandatory: they are imagined where the API has none, so that a server works before, or without, any objects.
The others are suggestions that an operator may change. Source: pkg/apis/flowcontrol/bootstrap/default.go.
"""

from collections.abc import Sequence
from typing import Final

from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.flowcontrol_v1 import (
    ALL,
    AUTO_UPDATE_ANNOTATION,
    BY_NAMESPACE,
    BY_USER,
    CATCH_ALL_NAME,
    EXEMPT,
    EXEMPT_NAME,
    GROUP_SUBJECT,
    LIMITED,
    QUEUE,
    REJECT,
    SERVICE_ACCOUNT,
    USER,
    ExemptPriorityLevelConfiguration,
    FlowDistinguisherMethod,
    FlowSchema,
    FlowSchemaSpec,
    GroupSubject,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec,
    QueuingConfiguration,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
    UserSubject,
)
from genericapiserver.authentication.user import (
    ALL_AUTHENTICATED,
    ALL_UNAUTHENTICATED,
    KUBE_CONTROLLER_MANAGER,
    KUBE_SCHEDULER,
    NODES_GROUP,
    SYSTEM_PRIVILEGED_GROUP,
)

LENGTH_LIMIT: Final = 50
_SYSTEM_NAMESPACE: Final = "kube-system"
_LEASES: Final = "coordination.k8s.io"


def _metadata(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, annotations={AUTO_UPDATE_ANNOTATION: "true"})


def _level(name: str, spec: PriorityLevelConfigurationSpec) -> PriorityLevelConfiguration:
    return PriorityLevelConfiguration(metadata=_metadata(name), spec=spec)


def _queued(name: str, *, shares: int, lendable: int, queues: int, hand: int) -> PriorityLevelConfiguration:
    queuing = QueuingConfiguration(queues=queues, hand_size=hand, queue_length_limit=LENGTH_LIMIT)
    limited = LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=shares,
        lendable_percent=lendable,
        limit_response=LimitResponse(type=QUEUE, queuing=queuing),
    )
    return _level(name, PriorityLevelConfigurationSpec(type=LIMITED, limited=limited))


def _groups(*names: str) -> list[Subject]:
    return [Subject(kind=GROUP_SUBJECT, group=GroupSubject(name=name)) for name in names]


def _users(*names: str) -> list[Subject]:
    return [Subject(kind=USER, user=UserSubject(name=name)) for name in names]


def _service_accounts(namespace: str) -> list[Subject]:
    account = ServiceAccountSubject(namespace=namespace, name=ALL)
    return [Subject(kind=SERVICE_ACCOUNT, service_account=account)]


def _resources(verbs: Sequence[str], group: str, *resources: str, cluster: bool) -> ResourcePolicyRule:
    return ResourcePolicyRule(
        verbs=list(verbs), api_groups=[group], resources=list(resources), cluster_scope=cluster, namespaces=[ALL]
    )


def _paths(verb: str, *urls: str) -> NonResourcePolicyRule:
    return NonResourcePolicyRule(verbs=[verb], non_resource_urls=list(urls))


def _rule(
    subjects: list[Subject],
    *resources: ResourcePolicyRule,
    paths: Sequence[NonResourcePolicyRule] = (),
) -> PolicyRulesWithSubjects:
    return PolicyRulesWithSubjects(subjects=subjects, resource_rules=list(resources), non_resource_rules=list(paths))


def _everything(subjects: list[Subject]) -> PolicyRulesWithSubjects:
    return _rule(subjects, _resources([ALL], ALL, ALL, cluster=True), paths=[_paths(ALL, ALL)])


def _schema(name: str, level: str, precedence: int, distinguisher: str, rule: PolicyRulesWithSubjects) -> FlowSchema:
    return FlowSchema(
        metadata=_metadata(name),
        spec=FlowSchemaSpec(
            priority_level_configuration=PriorityLevelConfigurationReference(name=level),
            matching_precedence=precedence,
            distinguisher_method=FlowDistinguisherMethod(type=distinguisher) if distinguisher else None,
            rules=[rule],
        ),
    )


def mandatory_levels() -> list[PriorityLevelConfiguration]:
    """`exempt` and `catch-all`, new each time."""
    exempt = ExemptPriorityLevelConfiguration(nominal_concurrency_shares=0, lendable_percent=0)
    catch_all = LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=5, lendable_percent=0, limit_response=LimitResponse(type=REJECT)
    )
    return [
        _level(EXEMPT_NAME, PriorityLevelConfigurationSpec(type=EXEMPT, exempt=exempt)),
        _level(CATCH_ALL_NAME, PriorityLevelConfigurationSpec(type=LIMITED, limited=catch_all)),
    ]


def suggested_levels() -> list[PriorityLevelConfiguration]:
    """The six others, new each time."""
    return [
        _queued("system", shares=30, lendable=33, queues=64, hand=6),
        _queued("node-high", shares=40, lendable=25, queues=64, hand=6),
        _queued("leader-election", shares=10, lendable=0, queues=16, hand=4),
        _queued("workload-high", shares=40, lendable=50, queues=128, hand=6),
        _queued("workload-low", shares=100, lendable=90, queues=128, hand=6),
        _queued("global-default", shares=20, lendable=50, queues=128, hand=6),
    ]


def mandatory_schemas() -> list[FlowSchema]:
    """`exempt` and `catch-all`, new each time."""
    everybody = _groups(ALL_UNAUTHENTICATED, ALL_AUTHENTICATED)
    return [
        _schema(EXEMPT_NAME, EXEMPT_NAME, 1, "", _everything(_groups(SYSTEM_PRIVILEGED_GROUP))),
        _schema(CATCH_ALL_NAME, CATCH_ALL_NAME, 10000, BY_USER, _everything(everybody)),
    ]


def suggested_schemas() -> list[FlowSchema]:
    """The nine others, new each time."""
    accounts = _service_accounts(_SYSTEM_NAMESPACE)
    nodes = _resources([ALL], "", "nodes", "nodes/status", cluster=True)
    leases = _resources([ALL], _LEASES, "leases", cluster=False)
    elections = _resources(["get", "create", "update"], _LEASES, "leases", cluster=False)
    probes = _paths("get", "/healthz", "/readyz", "/livez")
    everybody = _groups(ALL_UNAUTHENTICATED, ALL_AUTHENTICATED)
    electors = _users(KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER)
    return [
        _schema("probes", EXEMPT_NAME, 2, "", _rule(everybody, paths=[probes])),
        _schema("system-leader-election", "leader-election", 100, BY_USER, _rule([*electors, *accounts], elections)),
        _schema("system-node-high", "node-high", 400, BY_USER, _rule(_groups(NODES_GROUP), nodes, leases)),
        _schema("system-nodes", "system", 500, BY_USER, _everything(_groups(NODES_GROUP))),
        *(
            _schema(name, "workload-high", 800, BY_NAMESPACE, _everything(_users(user)))
            for name, user in (
                ("kube-controller-manager", KUBE_CONTROLLER_MANAGER),
                ("kube-scheduler", KUBE_SCHEDULER),
            )
        ),
        _schema("kube-system-service-accounts", "workload-high", 900, BY_NAMESPACE, _everything(accounts)),
        _schema("service-accounts", "workload-low", 9000, BY_USER, _everything(_groups("system:serviceaccounts"))),
        _schema("global-default", "global-default", 9900, BY_USER, _everything(everybody)),
    ]
