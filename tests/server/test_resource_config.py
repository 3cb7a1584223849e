"""ResourceConfig and --runtime-config; rows follow Go's TestParseRuntimeConfig."""

from collections.abc import Mapping

import pytest

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.resource_config import ResourceConfig, ResourceConfigError, merge_resource_config

APPS1, APPS1B1, APPS1A1 = (GroupVersion("apps", version) for version in ("v1", "v1beta1", "v1alpha1"))
CORE, EXTENSIONS = GroupVersion("", "v1"), GroupVersion("extensions", "v1beta1")
REGISTERED = [CORE, APPS1, APPS1B1, APPS1A1, EXTENSIONS]
DEPLOYMENTS, DAEMONS = APPS1.with_resource("deployments"), APPS1.with_resource("daemonsets")


def default() -> ResourceConfig:
    config = ResourceConfig()
    config.set_versions(True, CORE, APPS1, EXTENSIONS)
    config.set_versions(False, APPS1B1, APPS1A1)
    return config


def merged(overrides: Mapping[str, str]) -> ResourceConfig:
    return merge_resource_config(default(), overrides, REGISTERED)


@pytest.mark.parametrize(
    ("overrides", "on", "off"),
    [
        ({}, [CORE, APPS1, EXTENSIONS], [APPS1B1, APPS1A1]),
        ({"apps/v1beta1": ""}, [APPS1B1], []),
        ({"apps/v1beta1": "true"}, [APPS1B1], []),
        ({"/v1": "false"}, [APPS1], [CORE]),
        ({"nobody/v1": "true", "nobody/v2/things": "x"}, [CORE], []),
        ({"api/all": "true"}, REGISTERED, []),
        ({"api/all": "false", "/v1": "true"}, [CORE], [APPS1, APPS1B1, APPS1A1, EXTENSIONS]),
        ({"/v1": "true", "api/all": "false"}, [CORE], [APPS1, APPS1B1, APPS1A1, EXTENSIONS]),
        ({"api/ga": "false"}, [EXTENSIONS], [CORE, APPS1]),
        ({"api/beta": "false", "api/alpha": "true"}, [CORE, APPS1, APPS1A1], [EXTENSIONS, APPS1B1]),
        ({"api/alpha": "false", "api/all": "true"}, [CORE, APPS1, APPS1B1, EXTENSIONS], [APPS1A1]),
        ({"api/beta": "true", "apps/v1beta1": "false"}, [EXTENSIONS], [APPS1B1]),
    ],
)
def test_versions(overrides: dict[str, str], on: list[GroupVersion], off: list[GroupVersion]) -> None:
    config = merged(overrides)
    assert [version for version in on if not config.resource_enabled(version.with_resource("things"))] == []
    assert [version for version in off if config.resource_enabled(version.with_resource("things"))] == []


@pytest.mark.parametrize(
    ("overrides", "deployments", "daemons"),
    [
        ({"apps/v1/deployments": "false"}, False, True),
        ({"apps/v1": "false", "apps/v1/deployments": "true"}, True, False),
        ({"apps/v1/deployments": "true", "apps/v1": "false"}, True, False),
        ({"api/all": "false", "apps/v1/daemonsets": ""}, False, True),
        ({"api/ga": "true", "apps/v1/daemonsets": "0", "apps/v1": "1"}, True, False),
    ],
)
def test_resources_are_stronger_than_versions(overrides: dict[str, str], deployments: bool, daemons: bool) -> None:
    config = merged(overrides)
    assert (config.resource_enabled(DEPLOYMENTS), config.resource_enabled(DAEMONS)) == (deployments, daemons)
    assert config.any_resource_for_group_enabled("apps")


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"api/all": ""}, "invalid value api/all="),
        ({"api/ga": "True"}, "invalid value api/ga=True"),
        (
            {"apps/v1": "maybe"},
            'invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        ({"apps/v7": "true"}, "group version apps/v7 that has not been registered"),
        ({"apps/v7/deployments": "true"}, "group version apps/v7 that has not been registered"),
        (
            {"apps/v1/Deployments": "true"},
            "invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "
            '"Deployments"',
        ),
        ({"v1": "true"}, "runtime-config invalid key v1"),
        ({"a/b/c/d": "true"}, "runtime-config invalid key a/b/c/d"),
    ],
)
def test_what_cannot_be_set(overrides: dict[str, str], problem: str) -> None:
    with pytest.raises(ResourceConfigError) as caught:
        merged(overrides)
    assert str(caught.value) == problem


def test_a_version_forgets_what_was_said_of_its_resources() -> None:
    config = default()
    config.set_resources(False, DEPLOYMENTS)
    assert not config.resource_enabled(DEPLOYMENTS)
    config.set_versions(True, APPS1)
    assert config.resource_enabled(DEPLOYMENTS)


def test_what_was_asked_for_by_name_is_remembered() -> None:
    config = merged({"apps/v1beta1": "true", "apps/v1/deployments": "true", "api/all": "true"})
    assert config.version_explicitly_enabled(APPS1B1)
    assert not config.version_explicitly_enabled(APPS1)
    assert config.resource_explicitly_enabled(DEPLOYMENTS)
    assert not config.resource_explicitly_enabled(DAEMONS)


def test_the_default_stays_as_it_is_and_unknown_versions_are_off() -> None:
    config = default()
    merge_resource_config(config, {"api/all": "false"}, REGISTERED)
    assert config.resource_enabled(DEPLOYMENTS)
    assert not config.resource_enabled(GroupVersion("new", "v1").with_resource("things"))
    assert not config.any_resource_for_group_enabled("new")
