"""Who lends seats to whom: one fraction of what each level could use, within each level's bounds.

Source: pkg/util/flowcontrol/conc_alloc.go and updateBorrowing of apf_controller.go. The fraction is found over the points at
which a level meets a bound, between which the sum grows evenly.
"""

import math
from collections.abc import Sequence
from typing import Final

import attrs

MIN_TARGET: Final = 0.001
"""A level that could use nothing still counts so much, so that the fraction exists."""
_EPSILON: Final = 1e-7


class AllocationError(ValueError):
    """The bounds contradict each other or the sum."""


@attrs.frozen
class Claim:
    """What one level could use, and the bounds of what it gets."""

    target: float
    lower: float
    upper: float


def round_half_away(value: float) -> int:
    """Go's math.Round for what is never negative here."""
    return math.floor(value + 0.5)


def allocate(total: int, claims: Sequence[Claim]) -> tuple[list[float], float]:
    """Shares of *total*, and the fraction F: each share is F times the target, moved into the bounds.

    Raises AllocationError.
    """
    if total < 0:
        raise AllocationError("negative sums are not supported")
    for at, claim in enumerate(claims):
        if claim.lower < 0:
            raise AllocationError(f"lower bound {at} is {claim.lower} but negative lower bounds are not allowed")
        if claim.target < claim.lower:
            raise AllocationError(f"target {at} is {claim.target}, which is below its lower bound of {claim.lower}")
        if claim.upper < claim.lower:
            raise AllocationError(
                f"upper bound {at} is {claim.upper} but should not be less than the lower bound {claim.lower}"
            )
    lowest, highest = sum(claim.lower for claim in claims), sum(claim.upper for claim in claims)
    if lowest - total > _EPSILON:
        raise AllocationError(f"lower bounds sum to {lowest}, which is higher than the required sum of {total}")
    if total - highest > _EPSILON:
        raise AllocationError(f"upper bounds sum to {highest}, which is lower than the required sum of {total}")
    if total == 0:
        return [0.0] * len(claims), 0.0
    targets = [max(claim.target, MIN_TARGET) for claim in claims]
    lower = [claim.lower / target for claim, target in zip(claims, targets, strict=True)]
    upper = [claim.upper / target for claim, target in zip(claims, targets, strict=True)]
    if lowest - total > -_EPSILON:
        return [claim.lower for claim in claims], min(lower)
    if total - highest > -_EPSILON:
        return [claim.upper for claim in claims], max(upper)
    fraction = _fraction(total, lowest, targets, lower, upper)
    shares = [
        max(claim.lower, min(claim.upper, fraction * target)) for claim, target in zip(claims, targets, strict=True)
    ]
    return shares, fraction


def _fraction(
    total: float, lowest: float, targets: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> float:
    """Walk up from the fraction at which all are at their lower bounds until the sum is reached."""
    bounds = sorted(
        [(bound, target) for bound, target in zip(lower, targets, strict=True)]
        + [(bound, -target) for bound, target in zip(upper, targets, strict=True)]
    )
    reached, growing, fraction = lowest, 0.0, bounds[0][0]
    for bound, change in bounds:
        if growing > _EPSILON and reached + (bound - fraction) * growing >= total:
            return fraction + (total - reached) / growing
        reached += max(0.0, growing) * (bound - fraction)
        fraction = bound
        growing += change
    return fraction


@attrs.frozen(kw_only=True)
class LevelDemand:
    """What lending looks at of one level."""

    exempt: bool
    nominal: int
    minimum: int
    maximum: int
    current: int
    highest: int
    smoothed: float


@attrs.frozen
class Adjustment:
    """The seats that a level gets for the next period, and the target that led there."""

    limit: int
    target: float


def adjust(levels: Sequence[LevelDemand], total: int) -> tuple[list[Adjustment], float]:
    """Share *total* seats, the sum of the nominal ones, out for the next period; also the fraction, 0 for scarcity.

    An exempt level gets what it used, and the rest is for the others. Where there is too little for all minima each gets
    its own all the same: limits may then add up to more than the total.
    """
    wanted = [
        max(level.minimum, level.highest if level.exempt else min(level.nominal, level.highest)) for level in levels
    ]
    limited = [at for at, level in enumerate(levels) if not level.exempt]
    remaining = total - sum(wanted[at] for at, level in enumerate(levels) if level.exempt)
    minima, wanted_sum = sum(levels[at].minimum for at in limited), sum(wanted[at] for at in limited)
    targets = [max(float(least), level.smoothed) for level, least in zip(levels, wanted, strict=True)]
    limits, fraction = list(wanted), 0.0
    if remaining <= minima:
        for at in limited:
            limits[at] = levels[at].minimum
    elif remaining <= wanted_sum:
        share = (remaining - minima) / (wanted_sum - minima)
        for at in limited:
            limits[at] = levels[at].minimum + round_half_away((wanted[at] - levels[at].minimum) * share)
    else:
        claims = [Claim(targets[at], wanted[at], levels[at].maximum) for at in limited]
        try:
            shares, fraction = allocate(total, claims)
        except AllocationError:
            shares = [float(levels[at].current) for at in limited]
        for at, seats in zip(limited, shares, strict=True):
            limits[at] = round_half_away(seats)
    return [Adjustment(limit, target) for limit, target in zip(limits, targets, strict=True)], fraction
