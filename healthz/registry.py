"""The checks of one page, until it is installed. Mirrors pkg/server/healthz.go."""

from collections.abc import Callable

import attrs

from genericapiserver.aio import Clock
from genericapiserver.asgi import Scope
from genericapiserver.healthz.checks import HealthChecker
from genericapiserver.healthz.handlers import HandlerRegistry, Instrument, install_path_handler, uninstrumented
from genericapiserver.healthz.metrics import HealthMetrics


class HealthCheckRegistry:
    """The checks of the page at *path*. With a *clock* (livez) a check may be given a grace period."""

    def __init__(self, path: str, *checks: HealthChecker, clock: Clock | None = None) -> None:
        self.path = path
        self._checks = list(checks)
        self._clock = clock
        self._installed = False

    @property
    def checks(self) -> tuple[HealthChecker, ...]:
        return tuple(self._checks)

    def add(self, *checks: HealthChecker, delay: float = 0.0) -> None:
        """Add checks that pass for *delay* seconds from now, whatever they would say.

        Raises RuntimeError after `install`, or for a delay without a clock.
        """
        if self._installed:
            raise RuntimeError(f"unable to add because the {self.path} endpoint has already been created")
        if delay > 0:
            if self._clock is None:
                raise RuntimeError(f"nil clock in healthCheckRegistry for {self.path} endpoint")
            until = self._clock.monotonic() + delay
            self._checks += [_DelayedCheck(check, self._clock, until) for check in checks]
        else:
            self._checks += checks

    def install(
        self,
        mux: HandlerRegistry,
        *,
        first_time_healthy: Callable[[], None] | None = None,
        metrics: HealthMetrics | None = None,
        instrument: Instrument = uninstrumented,
    ) -> None:
        """Put the page and one path per check into *mux*; nothing can be added afterwards.

        *first_time_healthy* is called once, when all checks of the page pass for the first time.
        """
        self._installed = True
        install_path_handler(
            mux,
            self.path,
            *self._checks,
            first_time_healthy=first_time_healthy,
            metrics=metrics,
            instrument=instrument,
        )


@attrs.frozen
class _DelayedCheck:
    checker: HealthChecker
    clock: Clock
    until: float

    @property
    def name(self) -> str:
        return self.checker.name

    @property
    def group(self) -> str:
        return self.checker.group

    async def check(self, scope: Scope) -> None:
        if self.clock.monotonic() > self.until:
            await self.checker.check(scope)
