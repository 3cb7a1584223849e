import pytest

from genericapiserver.component import FeatureGate, FeatureGateError, FeatureSpec, Stage, Version

SPECS = {
    "Ban": [
        FeatureSpec(version=Version(1, 0), default=False, stage=Stage.ALPHA),
        FeatureSpec(version=Version(1, 1), default=True, stage=Stage.BETA),
        FeatureSpec(version=Version(1, 2), default=True, stage=Stage.GA, lock_to_default=True),
    ],
    "Fresh": [FeatureSpec(version=Version(1, 2), default=False, stage=Stage.ALPHA)],
    "Needs": [FeatureSpec(version=Version(1, 0), default=False, stage=Stage.BETA)],
}


def gate(version: str) -> FeatureGate:
    made = FeatureGate(Version.parse(version))
    made.add(SPECS, dependencies={"Needs": ["Ban"]})
    return made


@pytest.mark.parametrize(("version", "on"), [("1.0", False), ("1.1", True), ("1.2", True)])
def test_the_emulated_version_picks_the_default(version: str, on: bool) -> None:
    assert gate(version).enabled("Ban") is on


@pytest.mark.parametrize(
    ("version", "text", "message"),
    [
        ("1.2", "Ban", "missing bool value for Ban"),
        ("1.2", "Ban=v", 'invalid value of Ban=v, err: strconv.ParseBool: parsing "v": invalid syntax'),
        ("1.2", "Nope=true", "unrecognized feature gate: Nope"),
        ("1.2", "Ban=false", "cannot set feature gate Ban to false, feature is locked to true"),
        (
            "1.1",
            "Fresh=true",
            "cannot set feature gate Fresh to true, feature is PreAlpha at emulated version 1.1, "
            "min compatibility version 1.0",
        ),
        ("1.0", "Needs=true", "Needs is enabled, but depends on features that are disabled: [Ban]"),
    ],
)
def test_a_gate_that_cannot_be_set_says_why_and_changes_nothing(version: str, text: str, message: str) -> None:
    gates = gate(version)
    before = [gates.enabled(name) for name in SPECS]
    with pytest.raises(FeatureGateError) as caught:
        gates.set(text)
    assert str(caught.value) == message
    assert [gates.enabled(name) for name in SPECS] == before


def test_a_locked_gate_may_be_set_to_its_own_value() -> None:
    gates = gate("1.2")
    gates.set("Ban=true")
    assert gates.enabled("Ban")


def test_an_explicit_value_beats_all_alpha() -> None:
    gates = gate("1.2")
    gates.set("AllAlpha=true")
    assert gates.enabled("Fresh")
    gates.set("Fresh=false")
    assert not gates.enabled("Fresh")
    assert str(gates) == "AllAlpha=true,Fresh=false"


def test_moving_the_emulated_version_changes_the_defaults() -> None:
    gates = gate("1.2")
    gates.set_versions(Version(1, 0))
    assert not gates.enabled("Ban")


def test_an_unknown_gate_is_a_programming_error() -> None:
    with pytest.raises(FeatureGateError, match='feature "X" is not registered in FeatureGate'):
        gate("1.2").enabled("X")


def test_the_same_specs_again_are_fine_and_others_are_not() -> None:
    gates = gate("1.2")
    gates.add(SPECS)
    with pytest.raises(FeatureGateError, match="with different spec already exists"):
        gates.add({"Ban": [FeatureSpec(default=True, stage=Stage.BETA)]})


def test_help_lists_what_is_alpha_or_beta() -> None:
    assert gate("1.2").known_features() == [
        "AllAlpha=true|false (ALPHA - default=false)",
        "AllBeta=true|false (BETA - default=false)",
        "Fresh=true|false (ALPHA - default=false)",
        "Needs=true|false (BETA - default=false)",
    ]
