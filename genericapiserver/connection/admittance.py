"""How many connections there may be: in all, and from one address.

Off unless configured. Behind an aggregator or a load balancer one address carries everybody, so a limit per address fits
only servers that clients reach directly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from genericapiserver.connection.metrics import ConnectionMetrics

LOGGER = logging.getLogger(__name__)

_LOG_PERIOD: Final = 60.0
"""Seconds between two lines of log about connections that were refused."""


class Admittance:
    """Counts connections by address; 0 is no limit. *clock* gives seconds."""

    def __init__(self, total: int, per_address: int, *, metrics: ConnectionMetrics, clock: Callable[[], float]) -> None:
        self._total = total
        self._per_address = per_address
        self._metrics = metrics
        self._clock = clock
        self._count = 0
        self._by_address: dict[str, int] = {}
        self._refused = 0
        self._logged = float("-inf")

    def admit(self, address: str) -> bool:
        """Count a connection from *address*, unless it is one too many. An empty address has no limit of its own."""
        if self._total and self._count >= self._total:
            return self._refuse("total", f"{self._count} are open (--max-connections)")
        if address and self._per_address:
            here = self._by_address.get(address, 0)
            if here >= self._per_address:
                return self._refuse("address", f"{here} are open from {address} (--max-connections-per-address)")
            self._by_address[address] = here + 1
        self._count += 1
        return True

    def release(self, address: str) -> None:
        """A connection that was admitted is gone."""
        self._count -= 1
        if address in self._by_address:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _refuse(self, limit: str, why: str) -> bool:
        self._metrics.refused.labels(limit).inc()
        self._refused += 1
        now = self._clock()
        if now - self._logged >= _LOG_PERIOD:
            LOGGER.warning("connections are refused, %d since the last word of it: %s", self._refused, why)
            self._logged, self._refused = now, 0
        return False
