import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.flowcontrol.allocation import AllocationError, Claim, LevelDemand, adjust, allocate


@pytest.mark.parametrize(
    ("total", "claims", "shares", "fraction"),
    [
        (0, [Claim(5, 0, 9)], [0], 0),
        (10, [Claim(5, 0, 100), Claim(15, 0, 100)], [2.5, 7.5], 0.5),
        (10, [Claim(5, 5, 100), Claim(15, 0, 100)], [5, 5], 1 / 3),
        (10, [Claim(5, 0, 100), Claim(15, 0, 3)], [7, 3], 1.4),
        (10, [Claim(4, 4, 9), Claim(6, 6, 9)], [4, 6], 1),
        (10, [Claim(4, 0, 4), Claim(6, 0, 6)], [4, 6], 1),
        (10, [Claim(0, 0, 20), Claim(0, 0, 20)], [5, 5], 5000),
    ],
)
def test_one_fraction_within_the_bounds(total: int, claims: list[Claim], shares: list[float], fraction: float) -> None:
    found, used = allocate(total, claims)
    assert found == pytest.approx(shares)
    assert used == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("total", "claims", "text"),
    [
        (-1, [], "negative sums"),
        (5, [Claim(1, -1, 2)], "negative lower bounds"),
        (5, [Claim(1, 2, 3)], "below its lower bound"),
        (5, [Claim(3, 2, 1)], "should not be less than the lower bound"),
        (5, [Claim(9, 6, 9)], "higher than the required sum"),
        (5, [Claim(1, 0, 4)], "lower than the required sum"),
    ],
)
def test_bounds_that_contradict_each_other(total: int, claims: list[Claim], text: str) -> None:
    with pytest.raises(AllocationError, match=text):
        allocate(total, claims)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_shares_add_up_and_keep_their_bounds(numbers: list[tuple[int, int, int]], where: float) -> None:
    claims = [Claim(lower + more, lower, lower + room) for lower, more, room in numbers]
    lowest, highest = sum(claim.lower for claim in claims), sum(claim.upper for claim in claims)
    total = round(lowest + (highest - lowest) * where)
    shares, fraction = allocate(total, claims)
    assert sum(shares) == pytest.approx(total, abs=1e-6)
    for share, claim in zip(shares, claims, strict=True):
        assert claim.lower <= share <= claim.upper
        if claim.lower < share < claim.upper:
            assert share == pytest.approx(fraction * max(claim.target, 0.001))


def demand(highest: int, smoothed: float, *, exempt: bool = False, nominal: int = 50, minimum: int = 25) -> LevelDemand:
    return LevelDemand(
        exempt=exempt,
        nominal=nominal,
        minimum=minimum,
        maximum=500,
        current=nominal,
        highest=highest,
        smoothed=smoothed,
    )


def test_a_busy_level_borrows_what_an_idle_one_lends() -> None:
    limits, _ = adjust([demand(0, 0.0), demand(200, 200.0)], 100)
    assert [adjustment.limit for adjustment in limits] == [25, 75]


def test_the_exempt_level_gets_what_it_used_and_the_others_the_rest() -> None:
    exempt = demand(80, 80.0, exempt=True, nominal=0, minimum=0)
    limits, fraction = adjust([exempt, demand(200, 200.0), demand(0, 0.0)], 100)
    assert [adjustment.limit for adjustment in limits] == [80, 25, 25]
    assert fraction == 0
    limits, fraction = adjust([attrs.evolve(exempt, highest=40), demand(200, 200.0), demand(0, 0.0)], 100)
    assert [adjustment.limit for adjustment in limits] == [40, 35, 25]
    assert fraction == 0
