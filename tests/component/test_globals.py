from collections.abc import Callable

import pytest

from genericapiserver.component import (
    ComponentGlobalsRegistry,
    EffectiveVersion,
    FeatureGate,
    FeatureSpec,
    Stage,
    Version,
)

KUBE = Version(1, 35)


def to_kube(version: Version) -> Version | None:
    """wardle 1.N follows kube's minor + (N - 2), at most the binary; another major is not mapped."""
    if version.major != 1:
        return None
    return min(KUBE.with_minor(KUBE.minor + version.minor - 2), KUBE)


def registry() -> ComponentGlobalsRegistry:
    made = ComponentGlobalsRegistry()
    made.register("kube", EffectiveVersion.parse("1.35", floor="1.31"), FeatureGate(KUBE))
    gate = FeatureGate(Version(1, 2))
    gate.add({"Ban": [FeatureSpec(version=Version(1, 1), default=True, stage=Stage.BETA)]})
    made.register("wardle", EffectiveVersion.parse("1.2"), gate)
    made.set_version_mapping("wardle", "kube", to_kube)
    return made


@pytest.mark.parametrize(("emulated", "kube"), [("1.2", "1.35"), ("1.1", "1.34"), ("1.0", "1.33")])
def test_a_mapped_version_follows(emulated: str, kube: str) -> None:
    components = registry()
    components.emulated_versions = [f"wardle={emulated}"]
    components.set()
    assert str(components.version_of("kube").emulation_version) == kube
    assert components.validate() == []


def test_emulating_what_does_not_exist_is_found_by_validate() -> None:
    components = registry()
    components.emulated_versions = ["wardle=1.3"]
    components.set()
    assert "emulation version 1.3 is not between [0.0, 1.2.0]" in components.validate()


def versions(*values: str) -> Callable[[ComponentGlobalsRegistry], None]:
    return lambda components: components.emulated_versions.extend(values)


def gates(*values: str) -> Callable[[ComponentGlobalsRegistry], None]:
    return lambda components: components.feature_gates.extend(values)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (versions("kube=1.30"), "EmulationVersion of kube is set by mapping, cannot set it by flag"),
        (versions("nope=1.30"), "component not registered: nope"),
        (versions("wardle=abc"), 'could not parse "abc" as version'),
        (versions("wardle=1.1.0"), "patch version not allowed, got: wardle=1.1.0"),
        (versions("wardle=1.1", "wardle=1.0"), "duplicate version flag, wardle=1.1 and wardle=1.0"),
        (gates("wardle:Nope=true"), "unrecognized feature gate: Nope"),
        (gates("nope:Ban=true"), "component not registered: nope"),
        (
            gates("kube:A=true", "B=true"),
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use",
        ),
    ],
)
def test_bad_flags_are_refused_by_set(flags: Callable[[ComponentGlobalsRegistry], None], message: str) -> None:
    components = registry()
    flags(components)
    with pytest.raises(ValueError) as caught:
        components.set()
    assert str(caught.value) == message


def test_gates_are_set_at_the_emulated_version() -> None:
    components = registry()
    components.emulated_versions = ["wardle=1.0"]
    components.set()
    gate = components.gate_of("wardle")
    assert gate is not None
    assert not gate.enabled("Ban")


def test_version_information_leaves_out_a_zero() -> None:
    version = EffectiveVersion.parse("1.2")
    version.set_emulation_version(Version(1, 1))
    info = version.info()
    assert info is not None
    assert (info.major, info.minor, info.emulation_minor) == ("1", "2", "1")
    assert (info.min_compatibility_major, info.min_compatibility_minor) == ("1", "")


def test_without_a_binary_version_there_is_no_information() -> None:
    assert EffectiveVersion.parse("").info() is None
