"""The flags of the page of metrics (k8s.io/component-base metrics/options_test.go, and what it leaves open)."""

from pathlib import Path

import pytest

from genericapiserver.config import ConfigError
from genericapiserver.metrics import Release
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.metrics import MetricsOptions
from tests.server.servers import new_config

A = frozenset({"a"})
AB = frozenset({"a", "b"})


def parsed(*arguments: str) -> MetricsOptions:
    options, flags = MetricsOptions(), FlagSet("test")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--allow-metric-labels=m,l='a,b'"], {("m", "l"): AB}),
        (["--allow-metric-labels=m,l=a,b"], {("m", "l"): AB}),
        (["--allow-metric-labels=m,l= a , b "], {("m", "l"): AB}),
        (["--allow-metric-labels", '"m,l=a,b"'], {("m", "l"): AB}),
        (["--allow-metric-labels=m,l='a,b', m,k='a', n,l='a'"], {("m", "l"): AB, ("m", "k"): A, ("n", "l"): A}),
        (["--allow-metric-labels=m,l=a,b,n,l=a"], {("m", "l"): AB, ("n", "l"): A}),
        (["--allow-metric-labels=m,l=a", "--allow-metric-labels=n,l=a"], {("m", "l"): A, ("n", "l"): A}),
        (["--allow-metric-labels=m,l="], {("m", "l"): frozenset({""})}),
    ],
)
def test_values_that_labels_may_have(arguments: list[str], allowed: dict[tuple[str, str], frozenset[str]]) -> None:
    options, config = parsed(*arguments), new_config()
    assert options.validate() == []
    options.apply_to(config)
    assert config.metrics.policy.allowed == allowed


@pytest.mark.parametrize("text", ["ml=a", "m,l", "m-x,l=a", "m,l='a", "m,l='a'x", "x m,l=a", "m,l=a=b"])
def test_what_is_no_list_of_labels_is_refused(text: str) -> None:
    [problem] = parsed("--allow-metric-labels", text).validate()
    assert problem.startswith("--allow-metric-labels must have a list of kv pair with format `metricName,labelName=")


def test_the_flag_wins_over_the_manifest(tmp_path: Path) -> None:
    manifest, config = tmp_path / "allowed.yaml", new_config()
    manifest.write_text("m,l: a,b\nn,l: a\n")
    parsed(f"--allow-metric-labels-manifest={manifest}", "--allow-metric-labels=m,l=a").apply_to(config)
    assert config.metrics.policy.allowed == {("m", "l"): A, ("n", "l"): A}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file or directory"),
        ("m,l: [a", "failed to read allow list manifest"),
        ("- m", "must be a mapping"),
        ("m: a", "m: must have a list of kv pair"),
        ("m,l: [a]", "m,l: must have a list of kv pair"),
    ],
)
def test_a_bad_manifest_is_refused_by_name(tmp_path: Path, content: str | None, problem: str) -> None:
    manifest, config = tmp_path / "allowed.yaml", new_config()
    if content is not None:
        manifest.write_text(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        parsed(f"--allow-metric-labels-manifest={manifest}").apply_to(config)
    assert str(manifest) in str(caught.value)
    assert config.metrics.policy.allowed == {}


def test_disabled_metrics() -> None:
    options, config = parsed("--disabled-metrics=one_total,two"), new_config()
    assert options.validate() == []
    options.apply_to(config)
    assert config.metrics.policy.disabled == {"one_total", "two"}
    assert parsed("--disabled-metrics=not a name").validate() == [
        "--disabled-metrics: 'not a name' is not the name of a metric"
    ]


@pytest.mark.parametrize(
    ("shown", "version", "problem"),
    [
        ("1.34", "1.35", ""),
        ("1.33", "1.35", "must be omitted or have the value '1.34'. Only the previous minor version is allowed"),
        ("1.35", "1.35", "must be omitted or have the value '1.34'. Only the previous minor version is allowed"),
        ("1.34", "", "must be omitted: this program carries no release"),
    ],
)
def test_hidden_metrics_are_shown_for_the_previous_release_only(shown: str, version: str, problem: str) -> None:
    options, config = parsed(f"--show-hidden-metrics-for-version={shown}"), new_config()
    config.metrics.policy.version = config.sli_metrics.policy.version = Release.parse(version) if version else None
    assert options.validate() == []
    if problem:
        with pytest.raises(ConfigError, match=problem.replace(".", r"\.")):
            options.apply_to(config)
    else:
        options.apply_to(config)
    assert config.metrics.policy.show_hidden is not bool(problem)


def test_a_release_is_two_numbers() -> None:
    [problem] = parsed("--show-hidden-metrics-for-version=latest").validate()
    assert problem == "--show-hidden-metrics-for-version must be major.minor, not 'latest'"
