"""One priority level as it runs: its configuration, its queues and what lending made of its limit."""

import math
from collections.abc import Callable
from typing import Final

import attrs

from genericapiserver.apis.flowcontrol_v1 import (
    EXEMPT,
    EXEMPT_NAME,
    LIMITED,
    REJECT,
    PriorityLevelConfiguration,
    QueuingConfiguration,
)
from genericapiserver.flowcontrol.allocation import LevelDemand, round_half_away
from genericapiserver.flowcontrol.queue_set import CallLater, QueueSet, QueuingConfig
from genericapiserver.flowcontrol.retry_after import RetryAfter
from genericapiserver.flowcontrol.seat_demand import SeatDemandStatistics
from genericapiserver.flowcontrol.shuffle_sharding import Dealer, ShuffleShardingError

MAX_SEATS_PORTION: Final = 0.15
"""Of a level's nominal limit, for one request."""


class BrokenLevelError(ValueError):
    """The configuration of a level contradicts itself; the level is taken not to exist."""


def queuing_of(level: PriorityLevelConfiguration) -> QueuingConfiguration | None:
    """How *level* queues; None for one that does not."""
    limited = level.spec.limited
    return None if limited is None else limited.limit_response.queuing


def check_level(level: PriorityLevelConfiguration) -> None:
    """Raises BrokenLevelError for what validation lets nobody store here, but another server may serve."""
    spec = level.spec
    if (spec.type == LIMITED) != (spec.limited is not None):
        raise BrokenLevelError("broken union structure at the top, for Limited")
    if spec.type != EXEMPT and spec.exempt is not None:
        raise BrokenLevelError("broken union structure at the top, for Exempt")
    if (spec.type == EXEMPT) != (level.metadata.name == EXEMPT_NAME):
        raise BrokenLevelError("non-alignment between name and type")
    if spec.limited is None:
        return
    response = spec.limited.limit_response
    if (response.type == REJECT) != (response.queuing is None):
        raise BrokenLevelError("broken union structure for limit response")
    if response.queuing is not None:
        try:
            Dealer(response.queuing.queues, response.queuing.hand_size)
        except ShuffleShardingError as error:
            raise BrokenLevelError(str(error)) from error


@attrs.define(eq=False)
class PriorityLevel:
    """The level `config.metadata.name`. Its queues outlive changes of its configuration."""

    config: PriorityLevelConfiguration
    queues: QueueSet
    dealer: Dealer | None = None
    """None where there are no queues to deal."""
    quiescing: bool = False
    """The object is gone, and the last requests are not."""
    server_limit: int = 0
    nominal: int = 0
    minimum: int = 0
    maximum: int = 0
    current: int = 0
    target: float = 0.0
    max_seats: int = 0
    """What one request may take; 0: no limit of the level's own."""
    demand: SeatDemandStatistics = attrs.field(factory=SeatDemandStatistics)
    retry_after: RetryAfter = attrs.field(factory=RetryAfter)
    introduced: bool = False

    @classmethod
    def of(
        cls, config: PriorityLevelConfiguration, *, clock: Callable[[], float], call_later: CallLater
    ) -> "PriorityLevel":
        level = cls(config, QueueSet(clock=clock, call_later=call_later))
        level.reconfigure(config)
        return level

    @property
    def name(self) -> str:
        return self.config.metadata.name

    @property
    def exempt(self) -> bool:
        return self.config.spec.type == EXEMPT

    @property
    def shares(self) -> int:
        part = self.config.spec.limited or self.config.spec.exempt
        return (part.nominal_concurrency_shares or 0) if part is not None else 0

    def reconfigure(self, config: PriorityLevelConfiguration) -> None:
        """Take *config*, which `check_level` has seen. The queues follow with the next limit."""
        self.config = config
        queuing = queuing_of(config)
        self.dealer = None if queuing is None else Dealer(queuing.queues, queuing.hand_size)

    def set_nominal(self, server_limit: int, all_shares: int) -> None:
        """Compute the limits that follow from the shares."""
        self.server_limit = server_limit
        nominal = math.ceil(server_limit * self.shares / all_shares) if all_shares else 0
        part = self.config.spec.limited or self.config.spec.exempt
        lendable = round_half_away(nominal * ((part.lendable_percent or 0) if part is not None else 0) / 100)
        limited = self.config.spec.limited
        borrowing = server_limit
        if limited is not None and limited.borrowing_limit_percent is not None:
            borrowing = round_half_away(nominal * limited.borrowing_limit_percent / 100)
        self.nominal, self.minimum, self.maximum = nominal, nominal - lendable, nominal + borrowing
        queuing = queuing_of(self.config)
        if queuing is not None:
            self.max_seats = max(1, min(math.ceil(nominal * MAX_SEATS_PORTION), nominal // queuing.hand_size))
        if not self.introduced:
            self.introduced = True
            self.current = nominal - lendable // 2

    def set_current(self, limit: int) -> None:
        """Let the queues work with *limit* seats."""
        self.current = limit
        queuing = queuing_of(self.config)
        self.queues.configure(
            QueuingConfig(
                queues=queuing.queues if queuing is not None else 0,
                length_limit=queuing.queue_length_limit if queuing is not None else 0,
                exempt=self.exempt,
            ),
            limit,
            full=limit or max(1, round_half_away(self.server_limit / 10)),
        )

    def take_demand(self, now: float) -> LevelDemand:
        """End the period of measuring; what lending has to know."""
        self.demand.update(self.queues.demand.take(now))
        return LevelDemand(
            exempt=self.exempt,
            nominal=self.nominal,
            minimum=self.minimum,
            maximum=self.maximum,
            current=self.current,
            highest=self.demand.highest,
            smoothed=self.demand.smoothed,
        )
