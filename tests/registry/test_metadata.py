import datetime as dt
import uuid

import pytest

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.registry.metadata import (
    ensure_object_namespace_matches_request_namespace,
    expected_namespace_for_resource,
    fill_object_meta_system_fields,
    wipe_object_meta_system_fields,
)

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, 987654, tzinfo=dt.UTC)


def test_wiping_forgets_what_the_system_owns_and_nothing_else() -> None:
    metadata = ObjectMeta(
        name="a",
        labels={"k": "v"},
        resource_version="7",
        uid="u",
        self_link="/a",
        creation_timestamp=NOW,
        deletion_timestamp=NOW,
        deletion_grace_period_seconds=3,
    )
    wipe_object_meta_system_fields(metadata)
    assert metadata == ObjectMeta(name="a", labels={"k": "v"}, resource_version="7")


def test_filling_sets_a_fresh_uid_and_whole_seconds() -> None:
    metadata = ObjectMeta(uid="theirs")
    fill_object_meta_system_fields(metadata, NOW)
    assert metadata.creation_timestamp == NOW.replace(microsecond=0)
    assert uuid.UUID(metadata.uid).version == 4


@pytest.mark.parametrize(
    ("request_namespace", "own", "expected"),
    [
        pytest.param("ns", "ns", "ns", id="equal"),
        pytest.param("ns", "", "ns", id="filled in"),
        pytest.param("", "ns", "", id="cleared on cluster scope"),
        pytest.param("", "", "", id="none on both"),
    ],
)
def test_namespace_is_brought_in_line(request_namespace: str, own: str, expected: str) -> None:
    metadata = ObjectMeta(namespace=own)
    ensure_object_namespace_matches_request_namespace(request_namespace, metadata)
    assert metadata.namespace == expected


def test_another_namespace_is_refused() -> None:
    with pytest.raises(
        BadRequestError,
        match=r"^the namespace of the provided object does not match the namespace sent on the request$",
    ):
        ensure_object_namespace_matches_request_namespace("a", ObjectMeta(namespace="b"))


def test_a_namespace_object_has_no_namespace() -> None:
    assert expected_namespace_for_resource("ns", GroupResource("", "namespaces")) == ""
    assert expected_namespace_for_resource("ns", GroupResource("", "pods")) == "ns"
