"""The sample's own rules: conversion, defaulting, validation. What it answers on the wire is tested end to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.wardle import types, v1alpha1, v1beta1
from examples.wardle.banflunder import BanFlunder
from examples.wardle.scheme import GROUP, new_scheme
from examples.wardle.server import kube_version_of
from examples.wardle.strategy import validate_spec
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.component import Version

SCHEME = new_scheme()
HUB = GroupVersion(GROUP, INTERNAL_VERSION)


def hub_flunder(reference_type: str, name: str) -> types.Flunder:
    """A flunder whose type fits its reference, which is what every version can say."""
    spec = types.FlunderSpec(reference_type=reference_type)
    if reference_type == types.FLUNDER:
        spec.flunder_reference = name
    elif reference_type == types.FISCHER:
        spec.fischer_reference = name
    return types.Flunder(metadata=ObjectMeta(name="a"), spec=spec)


@given(
    reference_type=st.sampled_from([types.FLUNDER, types.FISCHER, ""]),
    name=st.text(max_size=20),
    version=st.sampled_from([v1alpha1.GROUP_VERSION, v1beta1.GROUP_VERSION]),
)
def test_every_version_says_what_the_hub_says(reference_type: str, name: str, version: GroupVersion) -> None:
    flunder = hub_flunder(reference_type, name)
    external = SCHEME.convert_to_version(flunder, version)
    assert SCHEME.convert_to_version(external, HUB) == flunder


def test_a_reference_without_a_type_is_one_to_a_flunder() -> None:
    codec = CodecFactory(SCHEME)
    decoded = codec.decode(b'{"spec":{"reference":"x"}}', default_gvk=v1alpha1.GROUP_VERSION.with_kind("Flunder"))
    assert decoded.object.spec == v1alpha1.FlunderSpec(reference="x", reference_type="Flunder")


def test_a_type_that_nobody_knows_is_dropped() -> None:
    flunder = v1alpha1.Flunder(spec=v1alpha1.FlunderSpec(reference="x", reference_type="Bogus"))
    assert SCHEME.convert_to_version(flunder, HUB).spec == types.FlunderSpec()


def test_objects_are_stored_as_v1alpha1() -> None:
    codec = CodecFactory(SCHEME).storage_codec(v1alpha1.GROUP_VERSION, types.Flunder)
    data = codec.encode(hub_flunder(types.FISCHER, "fred"))
    assert data == (
        b'{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{"name":"a"},'
        b'"spec":{"reference":"fred","referenceType":"Fischer"},"status":{}}\n'
    )
    assert codec.decode(data) == hub_flunder(types.FISCHER, "fred")


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        (types.FlunderSpec(), []),
        (types.FlunderSpec(flunder_reference="a", reference_type="Flunder"), []),
        (types.FlunderSpec(fischer_reference="a", reference_type="Fischer"), []),
        (
            types.FlunderSpec(flunder_reference="a", fischer_reference="b", reference_type="Flunder"),
            ['spec.fischerReference: Invalid value: "b": cannot be set with flunderReference at the same time'],
        ),
        (
            types.FlunderSpec(flunder_reference="a", reference_type="Fischer"),
            ['spec.flunderReference: Invalid value: "a": cannot be set if referenceType is not Flunder'],
        ),
        (
            types.FlunderSpec(fischer_reference="a", reference_type="Flunder"),
            ['spec.fischerReference: Invalid value: "a": cannot be set if referenceType is not Fischer'],
        ),
        (
            types.FlunderSpec(reference_type="Fischer"),
            ['spec.fischerReference: Invalid value: "": cannot be empty if referenceType is Fischer'],
        ),
        (
            types.FlunderSpec(reference_type="Flunder"),
            ['spec.flunderReference: Invalid value: "": cannot be empty if referenceType is Flunder'],
        ),
        (
            types.FlunderSpec(reference_type="Bogus"),
            ['spec.referenceType: Invalid value: "Bogus": must be Flunder or Fischer'],
        ),
        (
            types.FlunderSpec(flunder_reference="a", reference_type="Bogus"),
            [
                'spec.flunderReference: Invalid value: "a": cannot be set if referenceType is not Flunder',
                'spec.referenceType: Invalid value: "Bogus": must be Flunder or Fischer',
            ],
        ),
    ],
)
def test_a_reference_must_be_of_the_kind_that_the_type_names(spec: types.FlunderSpec, errors: list[str]) -> None:
    assert [str(error) for error in validate_spec(spec, Path("spec"))] == errors


def test_the_plugin_does_not_start_without_its_lister() -> None:
    with pytest.raises(ValueError, match="missing fischer lister"):
        BanFlunder().validate_initialization()


@pytest.mark.parametrize(
    ("wardle", "kube"), [("1.2", "1.35"), ("1.1", "1.34"), ("1.0", "1.33"), ("1.3", "1.35"), ("2.10", None)]
)
def test_wardle_versions_go_with_kubernetes_versions(wardle: str, kube: str | None) -> None:
    mapped = kube_version_of(Version.parse(wardle))
    assert (None if mapped is None else str(mapped)) == kube
