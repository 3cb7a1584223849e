"""When a version is deprecated, and how that is said (endpoints reference, section 16)."""

from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.endpoints.deprecation import APILifecycle, MajorMinor, api_lifecycle

KIND = GroupVersionKind("example.com", "v1alpha1", "Foo")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, ""),
        ({"introduced": "1.0"}, ""),
        ({"removed": "1.9"}, ""),
        ({"deprecated": "1.3"}, "example.com/v1alpha1 Foo is deprecated in v1.3+"),
        (
            {"deprecated": "1.3", "removed": "1.10"},
            "example.com/v1alpha1 Foo is deprecated in v1.3+, unavailable in v1.10+",
        ),
        (
            {"deprecated": "1.3", "replacement": GroupVersionKind("", "v1", "Bar")},
            "example.com/v1alpha1 Foo is deprecated in v1.3+; use v1 Bar",
        ),
    ],
)
def test_the_text_says_what_is_known(facts: dict[str, Any], text: str) -> None:
    @api_lifecycle(**facts)
    class Foo:
        pass

    assert APILifecycle.of(Foo).warning(KIND) == text


@pytest.mark.parametrize(
    ("current", "deprecated"),
    [((0, 0), True), ((1, 2), False), ((1, 3), True), ((1, 4), True), ((2, 0), True), ((0, 9), False)],
)
def test_a_version_is_deprecated_from_its_release_on(current: MajorMinor, deprecated: bool) -> None:
    assert APILifecycle(deprecated=(1, 3)).is_deprecated(current) is deprecated


def test_facts_are_not_inherited() -> None:
    @api_lifecycle(deprecated="1.3", removed="1.10")
    class Old:
        pass

    class New(Old):
        pass

    assert APILifecycle.of(Old).removed_release == "1.10"
    assert APILifecycle.of(New) == APILifecycle()


@pytest.mark.parametrize("release", ["1", "x.y", "1.x"])
def test_a_release_is_two_numbers(release: str) -> None:
    with pytest.raises(ValueError):
        api_lifecycle(deprecated=release)
