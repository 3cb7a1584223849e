"""Grace: when an object goes at once, when it gets time, and how that time can be made shorter."""

import datetime as dt
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import ConflictError, InternalError, InvalidError
from genericapiserver.apimachinery.meta import DeleteOptions, Preconditions
from genericapiserver.registry.before_delete import GRACEFUL, NOW, PENDING, Grace, before_delete
from genericapiserver.registry.strategy import DefaultStrategy
from tests.registry.support import SCHEME, Gadget, GracefulStrategy, new_context, new_gadget

T0 = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)


def deleting(grace: int | None, *, at: dt.datetime | None = None) -> Gadget:
    return new_gadget(
        deletion_timestamp=at or T0 + dt.timedelta(seconds=grace or 0),
        deletion_grace_period_seconds=grace,
        generation=3,
    )


def run(obj: Gadget, options: DeleteOptions | None = None, strategy: Any = None) -> Grace:
    return before_delete(
        strategy or GracefulStrategy(SCHEME),
        new_context(),
        obj,
        options or DeleteOptions(),
        now=T0.replace(microsecond=5),
    )


MATRIX = [
    # existing, requested, expected, grace afterwards
    (-1, -1, PENDING, 1),
    (-1, 0, GRACEFUL, 0),
    (-1, 1, PENDING, 1),
    (-1, 2, PENDING, 1),
    (0, -1, NOW, 0),
    (0, 0, NOW, 0),
    (0, 1, NOW, 0),
    (0, 2, NOW, 0),
    (1, -1, PENDING, 1),
    (1, 0, GRACEFUL, 0),
    (1, 1, PENDING, 1),
    (1, 2, PENDING, 1),
    (2, -1, GRACEFUL, 1),
    (2, 0, GRACEFUL, 0),
    (2, 1, GRACEFUL, 1),
    (2, 2, PENDING, 2),
]


@pytest.mark.parametrize(("existing", "requested", "expected", "grace"), MATRIX)
def test_grace_of_what_is_being_deleted_can_only_shrink(
    existing: int, requested: int, expected: Grace, grace: int
) -> None:
    obj = deleting(existing, at=T0 + dt.timedelta(seconds=abs(existing)))
    assert run(obj, DeleteOptions(grace_period_seconds=requested)) == expected
    assert obj.metadata.deletion_grace_period_seconds == grace
    assert obj.metadata.generation == 3


def test_shortening_moves_the_deletion_timestamp() -> None:
    obj = deleting(60)
    assert run(obj, DeleteOptions(grace_period_seconds=20)) == GRACEFUL
    assert obj.metadata.deletion_timestamp == T0 + dt.timedelta(seconds=20)


@pytest.mark.parametrize(("requested", "grace"), [(50, 1), (0, 0)])
def test_shortening_into_the_past_ends_now(requested: int, grace: int) -> None:
    obj = deleting(60, at=T0 - dt.timedelta(minutes=1))
    assert run(obj, DeleteOptions(grace_period_seconds=requested)) == GRACEFUL
    assert obj.metadata.deletion_timestamp == T0
    assert obj.metadata.deletion_grace_period_seconds == grace


def test_a_pending_deletion_fills_in_the_grace_that_was_not_given() -> None:
    options = DeleteOptions()
    assert run(deleting(40), options) == PENDING
    assert options.grace_period_seconds == 40


def test_a_mark_without_a_grace_period_means_now() -> None:
    assert run(deleting(None)) == NOW


def test_the_first_graceful_deletion_marks_the_object() -> None:
    obj = new_gadget(generation=2)
    assert run(obj, DeleteOptions(grace_period_seconds=10)) == GRACEFUL
    assert obj.metadata.deletion_timestamp == T0 + dt.timedelta(seconds=10)
    assert obj.metadata.deletion_grace_period_seconds == 10
    assert obj.metadata.generation == 3


def test_generation_zero_is_not_counted() -> None:
    obj = new_gadget()
    run(obj)
    assert obj.metadata.generation == 0


def test_the_strategy_chooses_the_grace_that_was_not_given() -> None:
    obj = new_gadget()
    assert run(obj) == GRACEFUL
    assert obj.metadata.deletion_grace_period_seconds == 30


def test_a_negative_grace_period_is_one_second() -> None:
    obj, options = new_gadget(), DeleteOptions(grace_period_seconds=-5)
    assert run(obj, options) == GRACEFUL
    assert obj.metadata.deletion_grace_period_seconds == options.grace_period_seconds == 1


def test_a_strategy_that_forgets_the_grace_period_is_an_internal_error() -> None:
    strategy = GracefulStrategy(SCHEME)
    strategy.default_grace = None
    with pytest.raises(InternalError, match=r"options.GracePeriodSeconds should not be nil"):
        run(new_gadget(), strategy=strategy)


def test_a_strategy_may_decline_grace() -> None:
    class Declining(GracefulStrategy):
        def check_graceful_delete(self, context: Any, obj: Any, options: Any) -> bool:
            return False

    obj = new_gadget()
    assert run(obj, strategy=Declining(SCHEME)) == NOW
    assert obj.metadata.deletion_timestamp is None


def test_a_kind_without_grace_goes_now_whatever_the_object_says() -> None:
    assert run(deleting(60), DeleteOptions(grace_period_seconds=5), DefaultStrategy(SCHEME)) == NOW


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            DeleteOptions(orphan_dependents=True, propagation_policy="Orphan"),
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        (DeleteOptions(propagation_policy="Foo"), 'supported values: "Foreground", "Background", "Orphan", "nil"'),
        (DeleteOptions(dry_run=["Some"]), 'supported values: "All"'),
    ],
)
def test_bad_options_are_invalid(options: DeleteOptions, text: str) -> None:
    with pytest.raises(InvalidError) as raised:
        run(new_gadget(), options)
    assert str(raised.value).startswith('DeleteOptions.meta.k8s.io "" is invalid: ')
    assert text in str(raised.value)


def test_preconditions_are_told_by_kind() -> None:
    obj = new_gadget(uid="u1", resource_version="7")
    assert run(obj, DeleteOptions(preconditions=Preconditions(uid="u1", resource_version="7"))) == GRACEFUL
    with pytest.raises(ConflictError) as raised:
        run(obj, DeleteOptions(preconditions=Preconditions(uid="u2")))
    assert str(raised.value) == (
        'Operation cannot be fulfilled on Gadget.things.example.com "a": the UID in the precondition (u2) does not match '
        "the UID in record (u1). The object might have been deleted and then recreated"
    )
    with pytest.raises(ConflictError) as raised:
        run(obj, DeleteOptions(preconditions=Preconditions(resource_version="8")))
    assert str(raised.value).endswith(
        "the ResourceVersion in the precondition (8) does not match the ResourceVersion in record (7). "
        "The object might have been modified"
    )


def test_an_empty_uid_is_a_precondition_that_never_holds() -> None:
    with pytest.raises(ConflictError):
        run(new_gadget(uid="u1"), DeleteOptions(preconditions=Preconditions(uid="")))
