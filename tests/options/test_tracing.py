"""--tracing-config-file (server reference, 13.7)."""

from pathlib import Path

import pytest

from genericapiserver.apis.apiserver_config_tracing import TracingConfiguration
from genericapiserver.config import ConfigError
from genericapiserver.options.tracing import TracingOptions, read_tracing_configuration, validate_tracing_configuration
from tests.options.fakes import new_config

HEAD = "apiVersion: apiserver.config.k8s.io/{}\nkind: TracingConfiguration\n"
V1 = HEAD.format("v1")


def written(folder: Path, text: str) -> Path:
    file = folder / "tracing.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_every_version_is_read(version: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEAD.format(version) + "endpoint: collector:4317\nsamplingRatePerMillion: 5\n")
    read = read_tracing_configuration(str(file))
    assert (read.endpoint, read.sampling_rate_per_million) == ("collector:4317", 5)


def test_an_empty_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert read_tracing_configuration(str(written(tmp_path, ""))) == TracingConfiguration()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            V1 + "bogus: 1\n",
            "failed to read tracing config: unable to decode tracing configuration data: strict decoding",
        ),
        (V1 + "endpoint: a\nendpoint: b\n", "already set in map"),
        ("kind: X\n", "failed to read tracing config: unable to decode tracing configuration data: "),
        (
            V1 + "samplingRatePerMillion: -1\n",
            "failed to validate tracing configuration: samplingRatePerMillion: Invalid value: -1: sampling rate must be "
            "positive",
        ),
    ],
)
def test_what_is_wrong_with_a_file(text: str, problem: str, tmp_path: Path) -> None:
    options = TracingOptions(config_file=str(written(tmp_path, text)))
    assert options.validate() == []
    config = new_config()
    with pytest.raises(ConfigError) as error:
        options.apply_to(config)
    assert problem in str(error.value)
    assert str(error.value).endswith(f": from file {options.config_file}")
    assert config.tracer is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_tracing_configuration(str(tmp_path))
    assert str(error.value) == (
        f'unable to read tracing configuration from "{tmp_path}": open {tmp_path}: is a directory'
    )


SCHEME = "  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md"


@pytest.mark.parametrize(
    ("endpoint", "rate", "problems"),
    [
        (None, None, []),
        ("localhost:4317", 0, []),
        ("dns://1.2.3.4/collector", 1_000_000, []),
        ("unix:///run/collector.sock", 1, []),
        ("unix-abstract://collector", 1, []),
        ("https://collector:4317", 1, [
            f'endpoint: Invalid value: "https://collector:4317": unsupported scheme: https.{SCHEME}'
        ]),
        (None, 1_000_001, [
            "samplingRatePerMillion: Invalid value: 1000001: sampling rate per million must be less than or equal to one "
            "million"
        ]),
        ("http://[", None, ['endpoint: Invalid value: "http://[": Invalid IPv6 URL']),
    ],
)  # fmt: skip
def test_values(endpoint: str | None, rate: int | None, problems: list[str]) -> None:
    configuration = TracingConfiguration(endpoint=endpoint, sampling_rate_per_million=rate)
    assert validate_tracing_configuration(configuration) == problems
