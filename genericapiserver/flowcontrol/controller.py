"""The configuration at work: levels with their queues, schemas in their order, and the sharing of seats between levels.

`digest` takes all objects at once and may be called at any time: levels keep their queues while they exist, and one that is
gone lives on until its last request is done. Source: pkg/util/flowcontrol/apf_controller.go.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.apis.flowcontrol_v1 import (
    BY_NAMESPACE,
    BY_USER,
    CATCH_ALL_NAME,
    EXEMPT_NAME,
    FlowSchema,
    PriorityLevelConfiguration,
)
from genericapiserver.authentication.user import UserInfo
from genericapiserver.flowcontrol.allocation import adjust
from genericapiserver.flowcontrol.bootstrap import mandatory_levels, mandatory_schemas
from genericapiserver.flowcontrol.classification import Classifier
from genericapiserver.flowcontrol.flow_metrics import FlowMetrics
from genericapiserver.flowcontrol.metrics import FlowControlMetrics
from genericapiserver.flowcontrol.priority_level import BrokenLevelError, PriorityLevel, check_level
from genericapiserver.flowcontrol.queue_set import REJECTED, CallLater, Request
from genericapiserver.flowcontrol.shuffle_sharding import flow_hash
from genericapiserver.flowcontrol.work import WorkEstimate
from genericapiserver.request.request_info import RequestInfo

BORROWING_PERIOD: Final = 10.0
"""Seconds between two looks at who needs how many seats."""

_REMEMBERED_HANDS: Final = 4096
_NO_HAND: Final = ()

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class ActiveSchema:
    """A flow schema that requests may be put into."""

    name: str
    uid: str
    level: PriorityLevel
    method: str
    metrics: FlowMetrics
    headers: tuple[tuple[bytes, bytes], ...]
    """What every answer to a request of the schema carries: UIDs, never names, which may say too much."""
    _hands: dict[str, tuple[int, ...]] = attrs.field(factory=dict)

    def distinguisher(self, user: UserInfo, info: RequestInfo) -> str:
        """What tells the flow of a request from others of the schema, where that makes a difference."""
        dealer = self.level.dealer
        if dealer is None or dealer.deck_size <= 1:
            return ""
        if self.method == BY_USER:
            return user.name
        return info.namespace if self.method == BY_NAMESPACE else ""

    def flow(self, user: UserInfo, info: RequestInfo) -> tuple[str, str]:
        """The flow of a request, also at a level that does not tell its flows apart by queues."""
        if self.method == BY_USER:
            return self.name, user.name
        return self.name, info.namespace if self.method == BY_NAMESPACE else ""

    def refuse_late(self, user: UserInfo, info: RequestInfo, work: WorkEstimate, details: Any = None) -> Request:
        """Refuse a request whose time to wait was over before it got here."""
        self.metrics.estimated_seats.observe(work.seats)
        return self.level.queues.refuse_late(self.metrics, self.distinguisher(user, info), work, details)

    def start(self, user: UserInfo, info: RequestInfo, work: WorkEstimate, details: Any = None) -> Request:
        """Take a request in; see QueueSet.start."""
        distinguisher = self.distinguisher(user, info)
        hand: Sequence[int] = _NO_HAND
        if self.level.dealer is not None:
            known = self._hands.get(distinguisher)
            hand = known if known is not None else self._deal(distinguisher)
        self.metrics.estimated_seats.observe(work.seats)
        return self.level.queues.start(self.metrics, hand, distinguisher, work, details)

    def _deal(self, distinguisher: str) -> tuple[int, ...]:
        dealer = self.level.dealer
        assert dealer is not None
        if len(self._hands) >= _REMEMBERED_HANDS:
            self._hands.clear()
        hash_value = flow_hash(self.name, distinguisher) if dealer.deck_size > 1 else 0
        hand = self._hands[distinguisher] = dealer.deal(hash_value)
        return hand


@attrs.frozen
class SchemaFinding:
    """Whether the level of *schema* exists, which its status has to say."""

    schema: FlowSchema
    dangling: bool


class FlowController:
    """Classifies requests and shares out *server_limit* seats. Starts with what is mandatory."""

    def __init__(
        self,
        server_limit: int,
        *,
        clock: Clock,
        call_later: CallLater,
        metrics: FlowControlMetrics,
    ) -> None:
        self.server_limit = server_limit
        self.clock = clock
        self.levels: dict[str, PriorityLevel] = {}
        self.schemas: list[ActiveSchema] = []
        self.on_quiet: Callable[[], None] = lambda: None
        """Called when a level that is on its way out has become idle: time to digest again."""
        self._call_later = call_later
        self._metrics = metrics
        self._nominal_sum = 0
        self._classifier: Classifier[ActiveSchema]
        self.digest((), ())
        metrics.watch(lambda: self.levels.values())

    # ---- requests

    def classify(self, user: UserInfo, info: RequestInfo) -> ActiveSchema:
        """The schema of a request; the one for everything else if no other matches."""
        return self._classifier.classify(user, info)

    def finish(self, level: PriorityLevel, request: Request) -> None:
        """The handler of *request* is done, however it ended; see QueueSet.finish."""
        level.queues.finish(request)
        if level.quiescing and level.queues.idle:
            self.on_quiet()

    def withdraw(self, level: PriorityLevel, request: Request, *, cancelled: bool = False) -> bool:
        """*request* waits no longer; see QueueSet.withdraw."""
        withdrawn = level.queues.withdraw(request, cancelled=cancelled)
        if level.quiescing and level.queues.idle:
            self.on_quiet()
        return withdrawn

    def retry_after(self, level: PriorityLevel, request: Request) -> int:
        """Note that *request* was refused; how many seconds its client should wait."""
        assert request.state == REJECTED
        level.retry_after.record(int(self.clock.now().timestamp()))
        return level.retry_after.value

    @property
    def executing_limit(self) -> int:
        """How many seats the levels have by their shares."""
        return self._nominal_sum

    @property
    def waiting_limit(self) -> int:
        """How many requests the queues of all levels hold."""
        configs = (level.queues.config for level in self.levels.values())
        return sum(config.queues * config.length_limit for config in configs)

    # ---- configuration

    def digest(
        self, levels: Iterable[PriorityLevelConfiguration], schemas: Iterable[FlowSchema]
    ) -> list[SchemaFinding]:
        """Work with these objects from now on; says of every schema whether its level is among them."""
        wanted = self._wanted_levels(levels)
        findings, active = self._usable_schemas(schemas, wanted)
        states = self._retained_levels(wanted)
        self.levels = states
        all_shares = sum(level.shares for level in states.values())
        for level in states.values():
            level.set_nominal(self.server_limit, all_shares)
        self._nominal_sum = sum(level.nominal for level in states.values())
        self.schemas = [self._activate(schema) for schema in active]
        self._metrics.retain({(schema.level.name, schema.name) for schema in self.schemas})
        catch_all = next(schema for schema in self.schemas if schema.name == CATCH_ALL_NAME)
        self._classifier = Classifier(
            [(schema.spec, state) for schema, state in zip(active, self.schemas, strict=True)], catch_all
        )
        self.share_seats()
        return findings

    def share_seats(self) -> None:
        """Look at what each level could use and set its limit for the next period."""
        now = self.clock.monotonic()
        levels = list(self.levels.values())
        adjustments, fraction = adjust([level.take_demand(now) for level in levels], self._nominal_sum)
        self._metrics.fair_fraction.set(fraction)
        for level, adjustment in zip(levels, adjustments, strict=True):
            level.target = adjustment.target
            level.set_current(adjustment.limit)

    def _wanted_levels(self, levels: Iterable[PriorityLevelConfiguration]) -> dict[str, PriorityLevelConfiguration]:
        wanted: dict[str, PriorityLevelConfiguration] = {}
        for level in levels:
            try:
                check_level(level)
            except BrokenLevelError as error:
                logger.warning("ignoring the PriorityLevelConfiguration %s: %s", level.metadata.name, error)
            else:
                wanted[level.metadata.name] = level
        return wanted

    def _usable_schemas(
        self, schemas: Iterable[FlowSchema], levels: dict[str, PriorityLevelConfiguration]
    ) -> tuple[list[SchemaFinding], list[FlowSchema]]:
        """Those whose level is really there, in the order of matching, with what is mandatory at its ends."""
        findings = [
            SchemaFinding(schema, schema.spec.priority_level_configuration.name not in levels) for schema in schemas
        ]
        usable = sorted(
            (finding.schema for finding in findings if not finding.dangling),
            key=lambda schema: (schema.spec.matching_precedence, schema.metadata.name),
        )
        names = {schema.metadata.name for schema in usable}
        exempt, catch_all = mandatory_schemas()
        if EXEMPT_NAME not in names:
            usable.insert(0, exempt)
        if CATCH_ALL_NAME not in names:
            usable.append(catch_all)
        return findings, usable

    def _retained_levels(self, wanted: dict[str, PriorityLevelConfiguration]) -> dict[str, PriorityLevel]:
        """The levels that are wanted, those that are mandatory, and those that still have something to do."""
        states: dict[str, PriorityLevel] = {}
        imagined = {level.metadata.name: level for level in mandatory_levels() if level.metadata.name not in wanted}
        for name, config in {**wanted, **imagined}.items():
            known = self.levels.get(name)
            if known is None:
                known = PriorityLevel.of(config, clock=self.clock.monotonic, call_later=self._call_later)
            else:
                known.reconfigure(config)
                known.quiescing = False
            states[name] = known
        for name, level in self.levels.items():
            if name not in states and not level.queues.idle:
                level.quiescing = True
                states[name] = level
        return states

    def _activate(self, schema: FlowSchema) -> ActiveSchema:
        name, uid = schema.metadata.name, schema.metadata.uid
        level = self.levels[schema.spec.priority_level_configuration.name]
        method = schema.spec.distinguisher_method
        return ActiveSchema(
            name,
            uid,
            level,
            method.type if method is not None else "",
            self._metrics.flow(level.name, name),
            (
                (b"x-kubernetes-pf-flowschema-uid", uid.encode()),
                (b"x-kubernetes-pf-prioritylevel-uid", level.config.metadata.uid.encode()),
            ),
        )
