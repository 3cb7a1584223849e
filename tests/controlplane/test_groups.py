"""The table of Kubernetes' own groups that a server without a cluster can serve."""

import pytest

from genericapiserver.config import ConfigError
from genericapiserver.controlplane.groups import (
    CORE,
    GROUPS,
    ControlPlaneGroup,
    group_names,
    selected_groups,
    unknown_group_problems,
)


@pytest.mark.parametrize("group", [pytest.param(group, id=group.module) for group in (CORE, *GROUPS)])
def test_every_module_of_the_table_registers_and_installs(group: ControlPlaneGroup) -> None:
    module = group.load()
    assert callable(module.register)
    assert callable(module.install)


def test_a_group_that_nobody_serves_is_named_together_with_those_that_are() -> None:
    (problem,) = unknown_group_problems(["apps"], "--control-plane-groups")
    assert problem.startswith('--control-plane-groups: there is no group "apps" (known: ')
    for name in group_names():
        assert name in problem


@pytest.mark.parametrize("name", ["", "core", "v1"])
def test_who_asks_for_core_is_told_its_own_flag(name: str) -> None:
    (problem,) = unknown_group_problems([name], "--control-plane-groups")
    assert "--serve-core serves namespaces and events" in problem


def test_known_groups_are_no_problem_and_come_in_the_order_of_the_table() -> None:
    names = group_names()
    assert unknown_group_problems(names, "--x") == []
    assert [group.name for group in selected_groups(reversed(names), core=True, storage=True)] == ["", *names]


def test_without_storage_only_groups_that_keep_nothing_can_be_served() -> None:
    assert selected_groups(group_names(stored=False), core=False, storage=False) is not None
    with pytest.raises(ConfigError, match="there is no storage to keep the objects of core in"):
        selected_groups([], core=True, storage=False)
