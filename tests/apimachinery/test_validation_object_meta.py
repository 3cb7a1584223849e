"""ObjectMeta on create and on update, label selectors and conditions."""

import datetime as dt
from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import (
    Condition,
    LabelSelector,
    LabelSelectorRequirement,
    ManagedFieldsEntry,
    ObjectMeta,
    OwnerReference,
)
from genericapiserver.apimachinery.validation.conditions import validate_conditions
from genericapiserver.apimachinery.validation.labels import validate_label_selector
from genericapiserver.apimachinery.validation.names import path_segment_name
from genericapiserver.apimachinery.validation.object_meta import (
    validate_immutable,
    validate_object_meta,
    validate_object_meta_update,
)

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def texts(errors: list[FieldError]) -> list[str]:
    return [str(error) for error in errors]


def created(*, namespaced: bool = True, **fields: Any) -> list[str]:
    metadata = ObjectMeta(**{"name": "a", "namespace": "ns" if namespaced else "", **fields})
    return texts(validate_object_meta(metadata, requires_namespace=namespaced, name_validator=path_segment_name))


def owner(**fields: Any) -> OwnerReference:
    return OwnerReference(**{"api_version": "v1", "kind": "Pod", "name": "p", "uid": "1", **fields})


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        pytest.param({}, [], id="fine"),
        pytest.param({"name": ""}, ["metadata.name: Required value: name or generateName is required"], id="no name"),
        pytest.param({"name": "a/b"}, ["metadata.name: Invalid value: \"a/b\": may not contain '/'"], id="a slash"),
        pytest.param({"name": ".."}, ["metadata.name: Invalid value: \"..\": may not be '..'"], id="dots"),
        pytest.param({"name": "A_b"}, [], id="DNS rules are the strategy's"),
        pytest.param(
            {"generate_name": "a/", "name": "a/x"},
            [
                "metadata.generateName: Invalid value: \"a/\": may not contain '/'",
                "metadata.name: Invalid value: \"a/x\": may not contain '/'",
            ],
            id="a bad prefix",
        ),
        pytest.param({"namespace": ""}, ["metadata.namespace: Required value"], id="no namespace"),
        pytest.param(
            {"namespace": "a.b"}, ['metadata.namespace: Invalid value: "a.b": must not contain dots'], id="namespace"
        ),
        pytest.param(
            {"generation": -1},
            ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"],
            id="generation",
        ),
        pytest.param(
            {"labels": {"k" * 64: "v", "ok": "v" * 64}},
            [
                f'metadata.labels: Invalid value: "{"k" * 64}": name part must be no more than 63 bytes',
                f'metadata.labels: Invalid value: "{"v" * 64}": must be no more than 63 bytes',
            ],
            id="labels",
        ),
        pytest.param({"annotations": {"Example.COM/Key": "any value \x00"}}, [], id="annotation keys have any case"),
        pytest.param(
            {"annotations": {"X" * 64: "v"}},
            [f'metadata.annotations: Invalid value: "{"X" * 64}": name part must be no more than 63 bytes'],
            id="annotation keys are shown as given",
        ),
        pytest.param({"annotations": {"k": "v" * 262143}}, [], id="262144 bytes of annotations"),
        pytest.param(
            {"annotations": {"k": "v" * 262142 + "\u00e9"}},
            ["metadata.annotations: Too long: may not be more than 262144 bytes"],
            id="262145 bytes of annotations",
        ),
        pytest.param({"owner_references": [owner(), owner(uid="2", controller=True)]}, [], id="owners"),
        pytest.param(
            {"owner_references": [owner(api_version="", kind="x", name="", uid="")]},
            [
                'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
                'metadata.ownerReferences.name: Invalid value: "": must not be empty',
                'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
            ],
            id="an incomplete owner",
        ),
        pytest.param(
            {"owner_references": [owner(api_version="a/b/c", kind="")]},
            [
                'metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
                'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
            ],
            id="an owner of no version",
        ),
        pytest.param(
            {"owner_references": [owner(kind="Event", name="e", uid="u")]},
            [
                'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: '
                "/v1, Kind=Event is disallowed from being an owner"
            ],
            id="an event as owner",
        ),
        pytest.param(
            {
                "owner_references": [
                    owner(controller=True),
                    owner(name="q", uid="2", controller=True, block_owner_deletion=False),
                ]
            },
            [
                "metadata.ownerReferences: Invalid value: "
                '[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1","controller":true},'
                '{"apiVersion":"v1","kind":"Pod","name":"q","uid":"2","controller":true,"blockOwnerDeletion":false}]: '
                'Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q'
            ],
            id="two controllers",
        ),
        pytest.param({"finalizers": ["nope", "example.com/x", "orphan"]}, [], id="finalizers"),
        pytest.param(
            {"finalizers": ["/a", "orphan", "foregroundDeletion"]},
            [
                'metadata.finalizers: Invalid value: "/a": prefix part must be non-empty',
                'metadata.finalizers: Invalid value: ["/a","orphan","foregroundDeletion"]: '
                "finalizer orphan and foregroundDeletion cannot be both set",
            ],
            id="bad finalizers",
        ),
        pytest.param(
            {
                "managed_fields": [
                    ManagedFieldsEntry(manager="m", operation="Update", fields_type="FieldsV1"),
                    ManagedFieldsEntry(
                        manager="m" * 129, operation="Nope", fields_type="FieldsV2", subresource="s" * 257
                    ),
                ]
            },
            [
                'metadata.managedFields[1].operation: Invalid value: "Nope": must be `Apply` or `Update`',
                'metadata.managedFields[1].fieldsType: Invalid value: "FieldsV2": must be `FieldsV1`',
                "metadata.managedFields[1].manager: Too long: may not be more than 128 bytes",
                "metadata.managedFields[1].subresource: Too long: may not be more than 256 bytes",
            ],
            id="managed fields",
        ),
        pytest.param(
            {"finalizers": ["/a"], "name": "", "generation": -1, "namespace": ""},
            [
                "metadata.name: Required value: name or generateName is required",
                "metadata.namespace: Required value",
                "metadata.generation: Invalid value: -1: must be greater than or equal to 0",
                'metadata.finalizers: Invalid value: "/a": prefix part must be non-empty',
            ],
            id="everything at once, in order",
        ),
    ],
)
def test_metadata_on_create(fields: dict[str, Any], errors: list[str]) -> None:
    assert created(**fields) == errors


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    assert created(namespaced=False) == []
    assert created(namespaced=False, namespace="ns") == ["metadata.namespace: Forbidden: not allowed on this type"]


OLD = ObjectMeta(name="a", namespace="ns", uid="u", resource_version="5", generation=3, creation_timestamp=NOW)


@pytest.mark.parametrize(
    ("old_fields", "fields", "errors"),
    [
        pytest.param({}, {}, [], id="nothing changed"),
        pytest.param({}, {"labels": {"a": "b"}, "generation": 4, "resource_version": "6"}, [], id="what may change"),
        pytest.param(
            {},
            {"resource_version": ""},
            ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
            id="no resource version",
        ),
        pytest.param(
            {}, {"generation": 2}, ["metadata.generation: Invalid value: 2: must not be decremented"], id="generation"
        ),
        pytest.param(
            {},
            {
                "name": "b",
                "namespace": "other",
                "uid": "x",
                "creation_timestamp": None,
                "deletion_timestamp": NOW,
                "deletion_grace_period_seconds": 7,
            },
            [
                'metadata.name: Invalid value: "b": field is immutable',
                'metadata.namespace: Invalid value: "other": field is immutable',
                'metadata.uid: Invalid value: "x": field is immutable',
                "metadata.creationTimestamp: Invalid value: null: field is immutable",
                'metadata.deletionTimestamp: Invalid value: "2026-01-02T03:04:05Z": field is immutable',
                "metadata.deletionGracePeriodSeconds: Invalid value: 7: field is immutable",
            ],
            id="what may not change",
        ),
        pytest.param({}, {"finalizers": ["x.io/a"]}, [], id="a new finalizer"),
        pytest.param(
            {"deletion_timestamp": NOW, "finalizers": ["x.io/a", "x.io/b"]},
            {"finalizers": ["x.io/b"]},
            [],
            id="one finalizer less while deleting",
        ),
        pytest.param(
            {"deletion_timestamp": NOW, "finalizers": ["x.io/a"]},
            {"finalizers": ["y.io/g", "x.io/a", "b"]},
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
                'found new finalizers []string{"b", "y.io/g"}'
            ],
            id="new finalizers while deleting",
        ),
        pytest.param(
            {},
            {
                "labels": {"k" * 64: "v"},
                "annotations": {"X" * 64: "v"},
                "owner_references": [owner(uid="")],
                "managed_fields": [ManagedFieldsEntry(operation="Nope")],
            },
            [
                f'metadata.labels: Invalid value: "{"k" * 64}": name part must be no more than 63 bytes',
                f'metadata.annotations: Invalid value: "{"X" * 64}": name part must be no more than 63 bytes',
                'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
                'metadata.managedFields[0].operation: Invalid value: "Nope": must be `Apply` or `Update`',
            ],
            id="checks of create that are repeated",
        ),
    ],
)
def test_metadata_on_update(old_fields: dict[str, Any], fields: dict[str, Any], errors: list[str]) -> None:
    old: Any = OLD
    old = attrs.evolve(old, **old_fields)
    assert texts(validate_object_meta_update(attrs.evolve(old, **fields), old)) == errors


def test_equal_values_are_no_change() -> None:
    assert validate_immutable([1], [1], Path("spec")) == []
    assert texts(validate_immutable("b", "a", Path("spec"))) == ['spec: Invalid value: "b": field is immutable']


def requirement(key: str, operator: str, *values: str) -> LabelSelectorRequirement:
    return LabelSelectorRequirement(key=key, operator=operator, values=list(values))


def test_label_selectors() -> None:
    selector = LabelSelector(
        match_labels={"a": "v" * 64},
        match_expressions=[
            requirement("a", "In", "b"),
            requirement("b", "NotIn"),
            requirement("c", "Exists", "x"),
            requirement("k" * 64, "Foo"),
            requirement("d", "In", "v" * 64),
        ],
    )
    long_value = f'Invalid value: "{"v" * 64}": must be no more than 63 bytes'
    expected = [
        f"s.matchLabels: {long_value}",
        "s.matchExpressions[1].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "s.matchExpressions[2].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        's.matchExpressions[3].operator: Invalid value: "Foo": not a valid selector operator',
        f's.matchExpressions[3].key: Invalid value: "{"k" * 64}": name part must be no more than 63 bytes',
        f"s.matchExpressions[4].values[0]: {long_value}",
    ]
    assert texts(validate_label_selector(selector, Path("s"))) == expected
    assert texts(validate_label_selector(selector, Path("s"), allow_invalid_values=True)) == expected[:-1]
    assert validate_label_selector(None, Path("s")) == []


def condition(**fields: Any) -> Condition:
    return Condition(
        **{"type": "Ready", "status": "True", "last_transition_time": NOW, "reason": "Fine", "message": "", **fields}
    )


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, []),
        ({"type": "x.io/Ready", "message": "m" * 32768, "reason": "r" * 1024}, []),
        ({"type": ""}, ['c[0].type: Invalid value: "": name part must be non-empty']),
        (
            {"status": "Maybe"},
            ['c[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"'],
        ),
        (
            {"observed_generation": -1},
            ["c[0].observedGeneration: Invalid value: -1: must be greater than or equal to zero"],
        ),
        ({"last_transition_time": None}, ["c[0].lastTransitionTime: Required value"]),
        ({"reason": ""}, ["c[0].reason: Required value"]),
        ({"reason": "r" * 1025}, ["c[0].reason: Too long: may not be more than 1024 bytes"]),
        ({"message": "m" * 32769}, ["c[0].message: Too long: may not be more than 32768 bytes"]),
    ],
)
def test_conditions(fields: dict[str, Any], errors: list[str]) -> None:
    assert texts(validate_conditions([condition(**fields)], Path("c")))[: len(errors) or 1] == errors


def test_a_type_of_condition_stands_once() -> None:
    errors = texts(validate_conditions([condition(), condition(reason="1")], Path("c")))
    assert errors[0] == 'c[1].type: Duplicate value: "Ready"'
    assert errors[1].startswith('c[1].reason: Invalid value: "1": a condition reason must start')
