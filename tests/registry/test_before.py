"""The order of the steps around a strategy's hooks, and what each refuses."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import BadRequestError, InternalError, InvalidError
from genericapiserver.apimachinery.field import FieldError, Path, invalid
from genericapiserver.apimachinery.meta import ManagedFieldsEntry, ObjectMeta, Status
from genericapiserver.registry.before import before_create, before_update
from genericapiserver.registry.generic.managed_fields import ignore_managed_fields_timestamps
from genericapiserver.registry.strategy import DefaultStrategy
from tests.registry.support import SCHEME, Gadget, GadgetSpec, new_context, new_gadget

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


class Recording(DefaultStrategy):
    """Notes every call, and finds what it was told to."""

    def __init__(self, *problems: FieldError) -> None:
        super().__init__(SCHEME)
        self.problems = problems
        self.calls: list[str] = []

    def prepare_for_create(self, context: Any, obj: Any) -> None:
        self.calls.append("prepare")

    def prepare_for_update(self, context: Any, obj: Any, old: Any) -> None:
        self.calls.append("prepare")

    def validate(self, context: Any, obj: Any) -> Sequence[FieldError]:
        self.calls.append("validate")
        return self.problems

    def validate_update(self, context: Any, obj: Any, old: Any) -> Sequence[FieldError]:
        self.calls.append("validate")
        return self.problems

    def warnings_on_create(self, context: Any, obj: Any) -> Sequence[str]:
        self.calls.append("warn")
        return ["old fashioned"]

    def warnings_on_update(self, context: Any, obj: Any, old: Any) -> Sequence[str]:
        self.calls.append("warn")
        return ["old fashioned"]

    def canonicalize(self, obj: Any) -> None:
        self.calls.append("canonicalize")


def filled(name: str = "a", **metadata: Any) -> Gadget:
    return new_gadget(name, uid="u", creation_timestamp=NOW, **metadata)


def stored(name: str = "a", **metadata: Any) -> Gadget:
    return filled(name, resource_version="5", **metadata)


PROBLEM = invalid(Path("spec", "size"), 3, "must be even")


def test_create_steps_run_in_order_and_warnings_reach_the_response() -> None:
    strategy, context = Recording(), new_context()
    before_create(strategy, context, filled())
    assert strategy.calls == ["prepare", "validate", "warn", "canonicalize"]
    assert context.warnings is not None
    assert context.warnings.headers == [(b"warning", b'299 - "old fashioned"')]


def test_update_steps_run_in_order() -> None:
    strategy = Recording()
    before_update(strategy, new_context(), stored(), stored())
    assert strategy.calls == ["prepare", "validate", "warn", "canonicalize"]


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        pytest.param(ObjectMeta(name="a"), "system metadata was not initialized", id="not filled"),
        pytest.param(
            ObjectMeta(generate_name="a-", uid="u", creation_timestamp=NOW),
            "metadata.name was not generated",
            id="name not generated",
        ),
    ],
)
def test_create_of_what_the_caller_left_unfinished_is_an_internal_error(metadata: ObjectMeta, text: str) -> None:
    with pytest.raises(InternalError, match=f"^Internal error occurred: {text}$"):
        before_create(Recording(), new_context(), Gadget(metadata=metadata))


def test_what_has_no_object_metadata_is_an_internal_error() -> None:
    with pytest.raises(InternalError):
        before_create(Recording(), new_context(), Status())


def test_create_reports_the_strategy_before_the_metadata() -> None:
    broken = filled("a/b")
    with pytest.raises(InvalidError) as raised:
        before_create(Recording(PROBLEM), new_context(), broken)
    assert str(raised.value) == (
        'Gadget.things.example.com "a/b" is invalid: spec.size: Invalid value: 3: must be even'
    )
    with pytest.raises(InvalidError) as raised:
        before_create(Recording(), new_context(), broken)
    assert "metadata.name: Invalid value: \"a/b\": may not contain '/'" in str(raised.value)


def test_create_needs_a_name() -> None:
    with pytest.raises(InvalidError) as raised:
        before_create(Recording(), new_context(), filled(""))
    assert str(raised.value) == (
        'Gadget.things.example.com "" is invalid: metadata.name: Required value: name or generateName is required'
    )


def test_update_reports_metadata_and_strategy_together() -> None:
    with pytest.raises(InvalidError) as raised:
        before_update(Recording(PROBLEM), new_context(), stored("b"), stored("a"))
    assert [error.field for error in raised.value.errors] == ["metadata.name", "spec.size"]


def test_a_foreign_namespace_is_refused_and_nothing_else_runs() -> None:
    strategy = Recording()
    with pytest.raises(BadRequestError):
        before_create(strategy, new_context("other"), filled())
    with pytest.raises(BadRequestError):
        before_update(strategy, new_context("other"), stored(), stored())
    assert strategy.calls == []


def test_a_cluster_scoped_kind_loses_its_namespace() -> None:
    strategy = Recording()
    strategy.namespace_scoped = False
    obj = filled()
    before_create(strategy, new_context("ns"), obj)
    assert obj.metadata.namespace == ""


def test_update_keeps_what_clients_may_leave_out() -> None:
    old = stored(generation=4, deletion_timestamp=NOW, deletion_grace_period_seconds=9)
    obj = new_gadget(resource_version="5", generation=77)
    before_update(Recording(), new_context(), obj, old)
    assert obj.metadata == old.metadata


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"uid": "other"}, id="uid"),
        pytest.param({"deletion_timestamp": LATER}, id="deletion timestamp of what is not deleted"),
        pytest.param({"deletion_grace_period_seconds": 3}, id="grace period"),
    ],
)
def test_update_refuses_changes_of_system_fields(change: dict[str, Any]) -> None:
    obj = stored()
    for name, value in change.items():
        setattr(obj.metadata, name, value)
    with pytest.raises(InvalidError, match="field is immutable"):
        before_update(Recording(), new_context(), obj, stored())


def test_update_refuses_new_finalizers_while_the_object_is_being_deleted() -> None:
    old = stored(deletion_timestamp=NOW, deletion_grace_period_seconds=0, finalizers=["example.com/a"])
    obj = stored(finalizers=["example.com/a", "example.com/b"])
    with pytest.raises(InvalidError, match="no new finalizers can be added if the object is being deleted"):
        before_update(Recording(), new_context(), obj, old)


def test_a_strategy_may_count_the_generation_up() -> None:
    class Counting(Recording):
        def prepare_for_update(self, context: Any, obj: Any, old: Any) -> None:
            obj.metadata.generation += 1

    obj = stored(generation=99)
    before_update(Counting(), new_context(), obj, stored(generation=4))
    assert obj.metadata.generation == 5


def managed(time: dt.datetime, manager: str = "m") -> ManagedFieldsEntry:
    return ManagedFieldsEntry(manager=manager, operation="Update", time=time, fields_v1={"f:spec": {}})


def test_times_alone_are_put_back() -> None:
    old, obj = stored(managed_fields=[managed(NOW)]), stored(managed_fields=[managed(LATER)])
    ignore_managed_fields_timestamps(obj, old)
    assert obj == old


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(
            Gadget(metadata=stored(managed_fields=[managed(LATER)]).metadata, spec=GadgetSpec(size=1)), id="spec"
        ),
        pytest.param(stored(managed_fields=[managed(LATER, "other")]), id="manager"),
        pytest.param(stored(managed_fields=[managed(LATER), managed(LATER, "n")]), id="number of managers"),
        pytest.param(stored(managed_fields=[managed(LATER)], labels={"k": "v"}), id="labels"),
    ],
)
def test_times_of_a_real_change_stay(obj: Gadget) -> None:
    ignore_managed_fields_timestamps(obj, stored(managed_fields=[managed(NOW)]))
    assert obj.metadata.managed_fields is not None
    assert obj.metadata.managed_fields[0].time == LATER
