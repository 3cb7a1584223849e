"""Flow control with a clock that a test turns by hand, timers included."""

import heapq
from collections.abc import Callable, Iterable
from itertools import count

from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.flowcontrol_v1 import (
    BY_USER,
    GROUP_SUBJECT,
    LIMITED,
    QUEUE,
    REJECT,
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
    Subject,
)
from genericapiserver.authentication.user import ALL_AUTHENTICATED, UserInfo
from genericapiserver.flowcontrol.controller import FlowController
from genericapiserver.flowcontrol.metrics import FlowControlMetrics
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request.request_info import RequestInfo
from tests.support.clock import HandClock


class Timers(HandClock):
    """A clock with things to do: `advance` does them in their order, each at its time."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.seconds + seconds, next(self._numbers), call))

    def advance(self, seconds: float) -> None:
        end = self.seconds + seconds
        while self._due and self._due[0][0] <= end:
            at, _, call = heapq.heappop(self._due)
            self.seconds = max(self.seconds, at)
            call()
        self.seconds = end


def level(
    name: str,
    *,
    shares: int = 30,
    queues: int = 0,
    hand: int = 1,
    length: int = 10,
    lendable: int = 0,
    borrowing: int | None = None,
    uid: str = "",
) -> PriorityLevelConfiguration:
    """A limited level; without queues one that rejects."""
    queuing = QueuingConfiguration(queues=queues, hand_size=hand, queue_length_limit=length) if queues else None
    limited = LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=shares,
        lendable_percent=lendable,
        borrowing_limit_percent=borrowing,
        limit_response=LimitResponse(type=QUEUE if queues else REJECT, queuing=queuing),
    )
    return PriorityLevelConfiguration(
        metadata=ObjectMeta(name=name, uid=uid), spec=PriorityLevelConfigurationSpec(type=LIMITED, limited=limited)
    )


def resource_rule(
    verbs: Iterable[str] = ("*",),
    groups: Iterable[str] = ("*",),
    resources: Iterable[str] = ("*",),
    namespaces: Iterable[str] = ("*",),
    *,
    cluster: bool = True,
) -> ResourcePolicyRule:
    return ResourcePolicyRule(
        verbs=list(verbs),
        api_groups=list(groups),
        resources=list(resources),
        namespaces=list(namespaces),
        cluster_scope=cluster,
    )


def path_rule(verbs: Iterable[str] = ("*",), urls: Iterable[str] = ("*",)) -> NonResourcePolicyRule:
    return NonResourcePolicyRule(verbs=list(verbs), non_resource_urls=list(urls))


def group(name: str) -> Subject:
    return Subject(kind=GROUP_SUBJECT, group=GroupSubject(name=name))


def schema(
    name: str,
    level: str,
    *,
    precedence: int = 1000,
    method: str = BY_USER,
    subjects: Iterable[Subject] = (group(ALL_AUTHENTICATED),),
    resources: Iterable[ResourcePolicyRule] = (resource_rule(),),
    paths: Iterable[NonResourcePolicyRule] = (path_rule(),),
    uid: str = "",
) -> FlowSchema:
    rule = PolicyRulesWithSubjects(
        subjects=list(subjects), resource_rules=list(resources), non_resource_rules=list(paths)
    )
    return FlowSchema(
        metadata=ObjectMeta(name=name, uid=uid),
        spec=FlowSchemaSpec(
            priority_level_configuration=PriorityLevelConfigurationReference(name=level),
            matching_precedence=precedence,
            distinguisher_method=FlowDistinguisherMethod(type=method) if method else None,
            rules=[rule],
        ),
    )


def new_controller(limit: int, timers: Timers, registry: MetricsRegistry | None = None) -> FlowController:
    return FlowController(
        limit,
        clock=timers,
        call_later=timers.call_later,
        metrics=FlowControlMetrics(registry or MetricsRegistry()),
    )


def user(name: str, *groups: str) -> UserInfo:
    return UserInfo(name=name, groups=groups or (ALL_AUTHENTICATED,))


def resource(verb: str = "get", resource: str = "pods", *, namespace: str = "ns", **more: str) -> RequestInfo:
    return RequestInfo(True, "/", verb, "api", namespace=namespace, resource=resource, **more)  # type: ignore[arg-type]
