from typing import Any

import pytest

from genericapiserver.admission import RECOMMENDED_PLUGIN_ORDER, AdmissionPlugin, PluginError, PluginRegistry
from tests.admission.support import Validating


def make(configuration: bytes | None) -> AdmissionPlugin:
    return Validating()


def new_registry(*names: str, **arguments: Any) -> PluginRegistry:
    registry = PluginRegistry(order=names, **arguments)
    for name in names:
        registry.register(name, make)
    return registry


def test_the_generic_names_are_known_in_their_order_before_anybody_brings_the_plugins() -> None:
    registry = PluginRegistry()
    assert tuple(registry.known) == RECOMMENDED_PLUGIN_ORDER
    assert registry.registered == []
    assert not registry.is_registered("NamespaceLifecycle")
    assert registry.validate(disable=RECOMMENDED_PLUGIN_ORDER) == []


def test_a_new_name_goes_to_the_end_or_where_it_is_told() -> None:
    registry = PluginRegistry()
    registry.register("BanFlunder", make)
    registry.register("First", make, before="NamespaceLifecycle")
    registry.register("NamespaceLifecycle", make)
    assert registry.order == ["First", *RECOMMENDED_PLUGIN_ORDER, "BanFlunder"]
    assert registry.registered == ["BanFlunder", "First", "NamespaceLifecycle"]


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match=r'^admission plugin "a" was registered twice$'):
        new_registry("a").register("a", make)


ENABLED = [
    # default off, enable, disable, expected
    ((), (), (), "a b c"),
    ((), (), ("b",), "a c"),
    (("b",), (), (), "a c"),
    (("b",), ("b",), (), "a b c"),
    (("b",), ("c", "b"), ("a",), "b c"),
    ((), ("b",), ("b",), "a b c"),
    (("a", "b", "c"), ("c", "a"), (), "a c"),
]


@pytest.mark.parametrize(("default_off", "enable", "disable", "expected"), ENABLED)
def test_what_is_on_follows_the_order_and_never_the_flags(
    default_off: tuple[str, ...], enable: tuple[str, ...], disable: tuple[str, ...], expected: str
) -> None:
    assert new_registry("a", "b", "c", default_off=default_off).enabled(enable, disable) == expected.split()


def test_flags_are_checked() -> None:
    registry = new_registry("a", "b")
    assert registry.validate(["a"], ["b"]) == []
    assert registry.validate(["x", "b", "a"], ["y", "a", "b"]) == [
        'enable-admission-plugins plugin "x" is unknown',
        'disable-admission-plugins plugin "y" is unknown',
        "[a b] in enable-admission-plugins and disable-admission-plugins overlapped",
    ]


def test_plugins_are_built_in_order_with_their_configuration() -> None:
    seen: list[bytes | None] = []

    def factory(configuration: bytes | None) -> AdmissionPlugin:
        seen.append(configuration)
        return Validating()

    registry = PluginRegistry()
    registry.register("b", factory)
    registry.register("a", factory)
    plugins = registry.build(["b", "a"], configuration_for={"a": b"for a"}.get)
    assert list(plugins) == ["b", "a"]
    assert seen == [None, b"for a"]


class Wanting(Validating):
    """A plugin that cannot work without a lister."""

    lister: object = None

    def validate_initialization(self) -> None:
        if self.lister is None:
            raise ValueError("missing fischer lister")


class Giving:
    def initialize(self, plugin: AdmissionPlugin) -> None:
        if isinstance(plugin, Wanting):
            plugin.lister = object()


def test_initializers_run_before_the_plugin_checks_what_it_got() -> None:
    registry = PluginRegistry()
    registry.register("w", lambda configuration: Wanting())
    with pytest.raises(PluginError, match=r'^failed to initialize admission plugin "w": missing fischer lister$'):
        registry.build(["w"])
    assert isinstance(registry.build(["w"], initializers=[Giving()])["w"], Wanting)


def test_what_cannot_be_built_says_why() -> None:
    def broken(configuration: bytes | None) -> AdmissionPlugin:
        raise ValueError("bad configuration")

    registry = PluginRegistry()
    registry.register("broken", broken)
    with pytest.raises(PluginError, match=r"^unknown admission plugin: NamespaceLifecycle$"):
        registry.build(["NamespaceLifecycle"])
    with pytest.raises(PluginError, match=r'^couldn\'t init admission plugin "broken": bad configuration$'):
        registry.build(["broken"])
