"""What a measurement comes to, and how it is written down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs


def percentile(ordered: Sequence[float], portion: float) -> float:
    """The value below which *portion* (0 to 1) of the sorted values lie; NaN of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * portion))] if ordered else math.nan


@attrs.frozen(kw_only=True)
class Figures:
    """One measurement. `cpu_us` is microseconds of server CPU per operation (a request, or a delivered event)."""

    operations: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    cpu_us: float

    @classmethod
    def of(cls, latencies: list[float], seconds: float, cpu: float, errors: int, operations: int) -> Figures:
        """From *latencies* and *cpu*, both in seconds."""
        ordered = sorted(latencies)
        return cls(
            operations=operations,
            seconds=seconds,
            errors=errors,
            p50_ms=percentile(ordered, 0.5) * 1000,
            p99_ms=percentile(ordered, 0.99) * 1000,
            cpu_us=cpu / operations * 1e6 if operations else math.nan,
        )

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds

    def line(self, unit: Figures | None = None) -> str:
        text = (
            f"{self.per_second:9.0f} /s   p50 {self.p50_ms:7.2f} ms   p99 {self.p99_ms:7.2f} ms   "
            f"CPU {self.cpu_us:8.1f} us"
        )
        if unit is not None and unit.cpu_us:
            text += f" = {self.cpu_us / unit.cpu_us:.2f} units"
        return text + (f"   {self.errors} ERRORS" if self.errors else "")
