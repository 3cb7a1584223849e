import datetime as dt
from typing import Any

import msgspec
import pytest

from genericapiserver.apimachinery.managedfields import ManagedFieldsError, validate_managed_fields
from genericapiserver.apimachinery.managedfields.cap import cap_update_managers
from genericapiserver.apimachinery.managedfields.conflicts import Conflict, MergeConflict
from genericapiserver.apimachinery.managedfields.elements import make_path
from genericapiserver.apimachinery.managedfields.managers import (
    Managed,
    ManagerIdentity,
    VersionedSet,
    decode_managed_fields,
    encode_managed_fields,
)
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.meta import ManagedFieldsEntry

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def entry(manager: str = "m", operation: str = "Update", api_version: str = "v1", **values: Any) -> ManagedFieldsEntry:
    values.setdefault("fields_type", "FieldsV1")
    values.setdefault("fields_v1", {"f:spec": {}})
    return ManagedFieldsEntry(manager=manager, operation=operation, api_version=api_version, **values)


def test_entries_come_back_in_their_order() -> None:
    entries = [
        entry("b", "Apply"),
        entry("z", "Apply", time=at(1)),
        entry("a", "Apply", time=at(2)),
        entry("a", "Update", time=at(1.2)),
        entry("b", "Update", "v1", time=at(1.9)),
        entry("b", "Update", "v1", time=at(1.1), subresource="status"),
        entry("b", "Update", "v2", time=at(1.5)),
        entry("a", "Update", "v2", time=at(3)),
    ]
    assert encode_managed_fields(decode_managed_fields(entries[::-1])) == entries


def test_nothing_is_encoded_as_nothing() -> None:
    assert encode_managed_fields(decode_managed_fields(None)) is None
    assert encode_managed_fields(decode_managed_fields([])) is None


def test_an_apply_is_the_same_in_every_version_and_an_update_is_not() -> None:
    entries = [entry(api_version=version, operation=name) for version in ("v1", "v2") for name in ("Apply", "Update")]
    again = encode_managed_fields(decode_managed_fields(entries)) or []
    assert [(each.operation, each.api_version) for each in again] == [
        ("Apply", "v2"),
        ("Update", "v1"),
        ("Update", "v2"),
    ]


def test_encoded_fields_are_read_too() -> None:
    managed = decode_managed_fields([entry(fields_v1=msgspec.Raw(b'{"f:a":{}}'))])
    assert [owned.paths for owned in managed.sets.values()] == [PathSet.of(make_path("a"))]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(operation=""), "operation must be `Apply` or `Update`"),
        (entry(api_version=""), "apiVersion must not be empty"),
        (entry(fields_type=""), "missing fieldsType in managed fields entry 1"),
        (entry(fields_type="V2"), 'invalid fieldsType "V2" in managed fields entry 1'),
        (entry(fields_v1={"f": {}}), "error decoding versioned set from entry 1: error decoding set: missing colon: f"),
    ],
)
def test_entries_that_cannot_be_understood(bad: ManagedFieldsEntry, message: str) -> None:
    with pytest.raises(ManagedFieldsError) as caught:
        validate_managed_fields([entry(), bad])
    assert str(caught.value) in (message, message.replace("missing colon: f", "key must be 2 characters long:"))


@pytest.mark.parametrize(
    ("identity", "text", "order"),
    [
        (
            ManagerIdentity("m", "Update", "v1"),
            '"m" using v1',
            '{"manager":"m","operation":"Update","apiVersion":"v1"}',
        ),
        (ManagerIdentity("a\nb", "Apply"), '"a\\nb"', '{"manager":"a\\nb","operation":"Apply"}'),
        (
            ManagerIdentity("m", "Update", "v1", "status"),
            '"m" with subresource "status" using v1',
            '{"manager":"m","operation":"Update","apiVersion":"v1","subresource":"status"}',
        ),
    ],
)
def test_managers_in_messages(identity: ManagerIdentity, text: str, order: str) -> None:
    assert str(identity) == text
    assert identity.order == order


def test_conflicts_are_told_by_manager() -> None:
    kubectl = ManagerIdentity("kubectl", "Update", "wardle.example.com/v1alpha1")
    error = MergeConflict.between(
        {
            ManagerIdentity("m1", "Apply"): PathSet.of(make_path("metadata", "labels", "a")),
            kubectl: PathSet.of(make_path("spec", "reference"), make_path("spec")),
        }
    ).to_status_error()
    assert error.message == (
        'Apply failed with 3 conflicts: conflicts with "kubectl" using wardle.example.com/v1alpha1:\n'
        '- .spec\n- .spec.reference\nconflicts with "m1":\n- .metadata.labels.a'
    )
    assert (error.code, error.reason) == (409, "Conflict")
    assert error.details is not None
    cause = error.details.causes[0]
    assert (cause.reason, cause.field) == ("FieldManagerConflict", ".spec")
    assert cause.message == 'conflict with "kubectl" using wardle.example.com/v1alpha1'
    assert (error.details.name, error.details.kind) == ("", "")


def test_allowed_paths_are_no_conflicts() -> None:
    manager = ManagerIdentity("m", "Apply")
    conflict = MergeConflict([Conflict(manager, make_path("a")), Conflict(manager, make_path("b"))])
    left = conflict.without(PathSet.of(make_path("a")))
    assert left is not None
    assert left.conflicts == (Conflict(manager, make_path("b")),)
    assert conflict.without(PathSet.of(make_path("a"), make_path("b"))) is None


def updaters(*names: str, version: str = "v1", first: int = 0) -> Managed:
    managed = Managed()
    for index, name in enumerate(names):
        identity = ManagerIdentity(name, "Update", version)
        managed.sets[identity] = VersionedSet(PathSet.of(make_path(name)), version, applied=False)
        managed.times[identity] = at(first + index)
    return managed


class TestCap:
    def test_ten_are_left_alone(self) -> None:
        managed = updaters(*"abcdefghij")
        managed.sets[ManagerIdentity("x", "Apply")] = VersionedSet(PathSet.of(make_path("x")), "v1", applied=True)
        cap_update_managers(managed)
        assert len(managed.sets) == 11

    def test_the_oldest_two_are_put_together(self) -> None:
        managed = updaters(*"abcdefghijk")
        cap_update_managers(managed)
        bucket = ManagerIdentity("ancient-changes", "Update", "v1")
        assert len(managed.sets) == 10
        assert managed.sets[bucket].paths == PathSet.of(make_path("a"), make_path("b"))
        assert managed.times[bucket] == at(1)
        assert {identity.manager for identity in managed.sets} == {*"cdefghijk", "ancient-changes"}

    def test_later_ones_join_them(self) -> None:
        managed = updaters("ancient-changes", *"cdefghijkl")
        cap_update_managers(managed)
        bucket = ManagerIdentity("ancient-changes", "Update", "v1")
        assert managed.sets[bucket].paths == PathSet.of(make_path("ancient-changes"), make_path("c"))
        assert managed.times[bucket] == at(1)
        assert len(managed.sets) == 10

    def test_each_version_has_its_own_bucket(self) -> None:
        managed, other = updaters(*"abcdefg"), updaters(*"tuvwxyz", version="v2")
        managed.sets.update(other.sets)
        managed.times.update(other.times)
        cap_update_managers(managed)
        assert len(managed.sets) == 10
        assert managed.sets[ManagerIdentity("ancient-changes", "Update", "v1")].paths == PathSet.of(
            make_path("a"), make_path("b"), make_path("c")
        )
        assert managed.sets[ManagerIdentity("ancient-changes", "Update", "v2")].paths == PathSet.of(
            make_path("t"), make_path("u"), make_path("v")
        )

    def test_those_without_time_go_first_and_then_by_name(self) -> None:
        managed = updaters(*"abcdefghijk")
        del managed.times[ManagerIdentity("k", "Update", "v1")]
        managed.times[ManagerIdentity("j", "Update", "v1")] = at(0)
        cap_update_managers(managed)
        bucket = managed.sets[ManagerIdentity("ancient-changes", "Update", "v1")]
        assert bucket.paths == PathSet.of(make_path("k"), make_path("a"))

    def test_a_bucket_of_the_same_second_is_not_lost(self) -> None:
        managed = updaters("a", "ancient-changes", *"cdefghijk")
        managed.times[ManagerIdentity("a", "Update", "v1")] = at(1)
        cap_update_managers(managed)
        owned = {path for versioned in managed.sets.values() for path in versioned.paths}
        assert owned == {make_path(name) for name in ("a", "ancient-changes", *"cdefghijk")}
        assert len(managed.sets) == 10
