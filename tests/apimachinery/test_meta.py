import datetime as dt

import pytest

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.describe import describe
from genericapiserver.apimachinery.go import TimeParseError
from genericapiserver.apimachinery.meta import internal
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.time import (
    ZERO_TIME,
    format_micro_time,
    format_time,
    parse_micro_time,
    parse_time,
)
from genericapiserver.apimachinery.watch import Event, EventType
from tests.apimachinery.declared import new_codecs


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (
            meta.ObjectMeta,
            "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
            "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields",
        ),
        (meta.ListMeta, "selfLink resourceVersion continue remainingItemCount"),
        (meta.OwnerReference, "apiVersion kind name uid controller blockOwnerDeletion"),
        (meta.ManagedFieldsEntry, "manager operation apiVersion time fieldsType fieldsV1 subresource"),
        (meta.Condition, "type status observedGeneration lastTransitionTime reason message"),
        (meta.Status, "metadata status message reason details code"),
        (meta.StatusDetails, "name group kind uid causes retryAfterSeconds"),
        (meta.StatusCause, "reason message field"),
        (
            meta.DeleteOptions,
            "gracePeriodSeconds preconditions orphanDependents propagationPolicy dryRun "
            "ignoreStoreReadErrorWithClusterBreakingPotential",
        ),
        (
            meta.ListOptions,
            "labelSelector fieldSelector watch allowWatchBookmarks resourceVersion resourceVersionMatch timeoutSeconds "
            "limit continue sendInitialEvents",
        ),
        (meta.PatchOptions, "dryRun force fieldManager fieldValidation"),
        (meta.Table, "metadata columnDefinitions rows"),
        (meta.TableColumnDefinition, "name type format description priority"),
        (
            meta.APIResource,
            "name singularName namespaced group version kind verbs shortNames categories storageVersionHash",
        ),
        (meta.APIGroup, "name versions preferredVersion serverAddressByClientCIDRs"),
        (meta.APIVersions, "versions serverAddressByClientCIDRs"),
    ],
)
def test_the_fields_and_their_order_on_the_wire(cls: type, names: str) -> None:
    assert [field.json_name for field in describe(cls).fields] == names.split()


def test_what_apply_needs_to_know_of_metadata() -> None:
    fields = describe(meta.ObjectMeta).by_json_name
    assert (fields["finalizers"].list_type, fields["finalizers"].patch_strategy) == ("set", "merge")
    owners = fields["ownerReferences"]
    assert (owners.list_type, owners.list_map_keys, owners.patch_merge_key) == ("map", ("uid",), "uid")
    assert fields["managedFields"].list_type == "atomic"
    assert describe(meta.OwnerReference).map_type == "atomic"
    assert describe(meta.LabelSelector).map_type == "atomic"
    assert describe(meta.ObjectMeta).model_name == "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def test_a_status_on_the_wire() -> None:
    status = meta.Status(
        status=meta.STATUS_FAILURE,
        message="m",
        reason="NotFound",
        details=meta.StatusDetails(name="a", kind="flunders", causes=[meta.StatusCause(field="f", message="x")]),
        code=404,
    )
    codecs = new_codecs()
    gvk = GroupVersionKind("", "v1", "Status")
    assert codecs.encode(status, gvk) == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","reason":"NotFound",'
        b'"details":{"name":"a","kind":"flunders","causes":[{"message":"x","field":"f"}]},"code":404}\n'
    )
    assert codecs.encode(meta.Status(details=meta.StatusDetails()), gvk) == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"details":{}}\n'
    )


def test_managed_fields_tell_absent_from_empty() -> None:
    codecs = new_codecs()
    assert codecs.from_unstructured({}, meta.ObjectMeta)[0].managed_fields is None
    assert codecs.from_unstructured({"managedFields": []}, meta.ObjectMeta)[0].managed_fields == []
    gvk = meta.GROUP_VERSION.with_kind("PartialObjectMetadata")
    empty = meta.PartialObjectMetadata(metadata=meta.ObjectMeta(managed_fields=[]))
    assert codecs.encode(empty, gvk).endswith(b'"metadata":{}}\n')


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-20T09:49:32Z", dt.datetime(2026, 11, 20, 9, 49, 32, tzinfo=dt.UTC)),
        ("2026-11-20T09:49:32.999999999Z", dt.datetime(2026, 11, 20, 9, 49, 32, 999999, tzinfo=dt.UTC)),
        ("2026-11-20T09:49:32+01:30", dt.datetime(2026, 11, 20, 8, 19, 32, tzinfo=dt.UTC)),
        ("2026-11-20T00:00:00-23:59", dt.datetime(2026, 11, 20, 23, 59, tzinfo=dt.UTC)),
    ],
)
def test_times_are_read(text: str, time: dt.datetime) -> None:
    assert parse_micro_time(text) == time
    assert parse_time(text) == time.replace(microsecond=0)
    assert parse_time(text).tzinfo is dt.UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bad",
        "2026-11-20",
        "2026-11-20T09:49:32",
        "2026-11-20t09:49:32z",
        "2026-11-20 09:49:32Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T09:49:60Z",
        "2026-02-30T09:49:32Z",
        "2026-W01-1T09:49:32Z",
        "٢٠٢٦-11-20T09:49:32Z",
    ],
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(TimeParseError):
        parse_time(text)


def test_times_are_written() -> None:
    time = dt.datetime(2026, 11, 20, 9, 49, 32, 1500, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert format_time(time) == "2026-11-20T08:49:32Z"
    assert format_micro_time(time) == "2026-11-20T08:49:32.001500Z"
    assert format_micro_time(time.replace(microsecond=0)) == "2026-11-20T08:49:32.000000Z"
    assert format_time(dt.datetime(999, 1, 1, tzinfo=dt.UTC)) == "0999-01-01T00:00:00Z"
    assert format_time(ZERO_TIME) is None
    assert format_micro_time(ZERO_TIME) is None


def test_internal_list_options_match_everything_by_default() -> None:
    options = internal.ListOptions()
    assert options.label_selector.empty
    assert options.field_selector.empty
    assert options.label_selector.matches({"a": "b"})
    assert not options.watch


def test_events_carry_their_word() -> None:
    event = Event(EventType.ADDED, "object")
    assert f"{event.type}" == "ADDED"
    assert [str(kind) for kind in EventType] == ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
