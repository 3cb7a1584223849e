"""The health checks of one server: three registries that fill up until the server is prepared.

Source: pkg/server/healthz.go of k8s.io/apiserver.
"""

from collections.abc import Awaitable, Callable

from genericapiserver.aio import Clock, Signal
from genericapiserver.asgi import Scope
from genericapiserver.healthz import (
    HealthChecker,
    HealthCheckRegistry,
    HealthMetrics,
    named_check,
)
from genericapiserver.healthz.handlers import Instrument, uninstrumented
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.mux import PathRecorderMux


class HealthChecks:
    """/healthz, /livez and /readyz of one server, each with its own list of checks."""

    def __init__(
        self,
        *,
        healthz: list[HealthChecker],
        livez: list[HealthChecker],
        readyz: list[HealthChecker],
        livez_grace_period: float,
        clock: Clock,
    ) -> None:
        self.healthz = HealthCheckRegistry("/healthz", *healthz)
        self.livez = HealthCheckRegistry("/livez", *livez, clock=clock)
        self.readyz = HealthCheckRegistry("/readyz", *readyz)
        self.livez_grace_period = livez_grace_period

    def add(self, *checks: HealthChecker) -> None:
        """Add to all three, without a grace period."""
        self.healthz.add(*checks)
        self.livez.add(*checks)
        self.readyz.add(*checks)

    def add_boot_sequence(self, *checks: HealthChecker) -> None:
        """Add to all three; /livez lets them pass for the grace period, while the server is still starting."""
        self.healthz.add(*checks)
        self.livez.add(*checks, delay=self.livez_grace_period)
        self.readyz.add(*checks)

    def install(
        self,
        mux: PathRecorderMux,
        *,
        metrics: MetricsRegistry,
        initiated: Signal,
        ready: Signal,
        instrument: Instrument = uninstrumented,
    ) -> None:
        """Put the pages into *mux*. /readyz fails once *initiated* fires, and fires *ready* when it first passes.

        *metrics* counts what the checks say, *instrument* who asks for the pages.
        """
        observed = HealthMetrics(metrics)
        self.healthz.install(mux, metrics=observed, instrument=instrument)
        self.livez.install(mux, metrics=observed, instrument=instrument)
        self.readyz.add(named_check("shutdown", _not(initiated)))
        self.readyz.install(mux, metrics=observed, first_time_healthy=ready.set, instrument=instrument)


def _not(initiated: Signal) -> Callable[[Scope], Awaitable[None]]:
    async def check(scope: Scope) -> None:
        if initiated.is_set():
            raise RuntimeError("process is shutting down")

    return check


def hook_check(name: str, check: Callable[[], Awaitable[None]]) -> HealthChecker:
    """The check of a post-start hook."""

    async def checked(scope: Scope) -> None:
        await check()

    return named_check(f"poststarthook/{name}", checked)
