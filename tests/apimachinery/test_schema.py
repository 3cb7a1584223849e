import pytest

from genericapiserver.apimachinery.schema import (
    GroupKind,
    GroupResource,
    GroupVersion,
    GroupVersionKind,
    GroupVersionResource,
)


@pytest.mark.parametrize(
    ("text", "group", "version", "printed"),
    [
        ("v1", "", "v1", "v1"),
        ("wardle.example.com/v1beta1", "wardle.example.com", "v1beta1", "wardle.example.com/v1beta1"),
        ("", "", "", ""),
        ("/", "", "", ""),
        ("/v1", "", "v1", "v1"),
        ("g/", "g", "", "g/"),
    ],
)
def test_an_api_version_is_read_and_printed(text: str, group: str, version: str, printed: str) -> None:
    parsed = GroupVersion.parse(text)
    assert parsed == GroupVersion(group, version)
    assert str(parsed) == printed


def test_two_slashes_are_no_api_version() -> None:
    with pytest.raises(ValueError, match=r"^unexpected GroupVersion string: a/b/c$"):
        GroupVersion.parse("a/b/c")


def test_names_print_as_in_go() -> None:
    gvk = GroupVersion("wardle.example.com", "v1beta1").with_kind("Flunder")
    assert str(gvk) == "wardle.example.com/v1beta1, Kind=Flunder"
    assert str(gvk.group_kind) == "Flunder.wardle.example.com"
    assert str(GroupKind("", "Pod")) == "Pod"
    assert gvk.api_version == "wardle.example.com/v1beta1"
    assert GroupVersionKind("", "v1", "Pod").api_version == "v1"

    gvr = gvk.group_version.with_resource("flunders")
    assert str(gvr) == "wardle.example.com/v1beta1, Resource=flunders"
    assert str(gvr.group_resource) == "flunders.wardle.example.com"
    assert str(GroupResource("", "pods")) == "pods"


def test_group_resources_are_read_up_to_the_first_dot() -> None:
    assert GroupResource.parse("flunders.wardle.example.com") == GroupResource("wardle.example.com", "flunders")
    assert GroupResource.parse("pods") == GroupResource("", "pods")


def test_names_are_keys_and_convert_into_each_other() -> None:
    gvr = GroupVersionResource("g", "v1", "things")
    assert {gvr: 1}[GroupVersionResource("g", "v1", "things")] == 1
    assert gvr.group_resource.with_version("v1") == gvr
    gvk = GroupVersionKind.parse("g/v1", "Thing")
    assert gvk.group_kind.with_version("v1") == gvk
    assert gvk.group_version == gvr.group_version
    assert GroupVersion("g", "__internal").is_internal
