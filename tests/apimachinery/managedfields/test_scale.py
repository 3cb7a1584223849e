import datetime as dt
from typing import Any

import pytest

from genericapiserver.apimachinery.managedfields.elements import make_path
from genericapiserver.apimachinery.managedfields.scale import ScaleManagers
from genericapiserver.apimachinery.meta import ManagedFieldsEntry

MANAGERS = ScaleManagers(
    replicas={"apps/v1": make_path("spec", "replicas"), "apps/v1beta1": make_path("spec", "size")},
    version="apps/v1",
    scale_version="autoscaling/v1",
)
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def entry(
    manager: str,
    fields: dict[str, Any],
    *,
    operation: str = "Update",
    version: str = "apps/v1",
    subresource: str = "",
    time: dt.datetime = LONG_AGO,
) -> ManagedFieldsEntry:
    return ManagedFieldsEntry(
        manager=manager,
        operation=operation,
        api_version=version,
        time=time,
        fields_type="FieldsV1",
        fields_v1=fields,
        subresource=subresource,
    )


def of_scale(manager: str, **values: Any) -> ManagedFieldsEntry:
    return entry(manager, REPLICAS, version="autoscaling/v1", **values)


@pytest.mark.parametrize(
    ("entries", "presented"),
    [
        (None, None),
        ([entry("a", {"f:spec": {"f:color": {}}})], None),
        ([entry("a", {"f:spec": {"f:replicas": {}, "f:color": {}}})], [of_scale("a")]),
        ([entry("a", {"f:spec": {"f:size": {}}}, version="apps/v1beta1")], [of_scale("a")]),
        ([entry("a", REPLICAS, version="apps/v9")], None),
        ([entry("a", REPLICAS, operation="Apply")], [of_scale("a", operation="Apply")]),
        ([entry("hpa", REPLICAS, subresource="scale")], [of_scale("hpa", subresource="scale")]),
    ],
    ids=["nobody", "another field", "among others", "another version", "an unknown version", "applied", "by scale"],
)
def test_owners_of_the_replicas_own_those_of_the_scale(entries: Any, presented: Any) -> None:
    assert MANAGERS.of_scale(entries) == presented


def test_a_scale_that_nobody_changed_changes_nothing() -> None:
    entries = [
        entry("a", {"f:spec": {"f:color": {}, "f:replicas": {}}}, operation="Apply"),
        entry("b", {"f:spec": {"f:size": {}}}, version="apps/v1beta1"),
        entry("c", {"f:metadata": {"f:labels": {}}}),
    ]
    assert MANAGERS.of_object(entries, MANAGERS.of_scale(entries)) == entries


def test_who_scales_takes_the_replicas_over() -> None:
    entries = [entry("a", {"f:spec": {"f:color": {}, "f:replicas": {}}}), entry("b", REPLICAS)]
    scaled = MANAGERS.of_object(entries, [of_scale("hpa", subresource="scale", time=NOW)])
    assert scaled == [
        entry("a", {"f:spec": {"f:color": {}}}),
        entry("hpa", REPLICAS, subresource="scale", time=NOW),
    ]


def test_who_applied_the_same_number_shares_them() -> None:
    entries = [entry("a", REPLICAS, operation="Apply")]
    scale = [of_scale("a", operation="Apply"), of_scale("b", operation="Apply", subresource="scale", time=NOW)]
    assert MANAGERS.of_object(entries, scale) == [
        entry("a", REPLICAS, operation="Apply"),
        entry("b", REPLICAS, operation="Apply", subresource="scale", time=NOW),
    ]


def test_who_scaled_before_has_one_entry() -> None:
    entries = [entry("hpa", REPLICAS, subresource="scale")]
    scale = [of_scale("hpa", subresource="scale", time=NOW)]
    assert MANAGERS.of_object(entries, scale) == [entry("hpa", REPLICAS, subresource="scale", time=NOW)]


def test_nobody_is_left_when_the_last_owner_lost_the_only_field() -> None:
    assert MANAGERS.of_object([entry("a", REPLICAS)], None) is None


def test_entries_that_cannot_be_read_count_for_nothing() -> None:
    assert MANAGERS.of_scale([entry("a", REPLICAS, operation="Guess")]) is None
