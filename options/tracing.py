"""TracingOptions: where traces go.

Source: pkg/server/options/tracing.go of k8s.io/apiserver, k8s.io/component-base/tracing/api/v1/config.go.
"""

import importlib.util
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apis.apiserver_config_tracing import TracingConfiguration, add_to_scheme
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.config_file import ConfigFileError, decode_config
from genericapiserver.options.flags import STRING, FlagSet
from genericapiserver.options.texts import reason

_MILLION: Final = 1_000_000
_SCHEMES: Final = ("dns", "unix", "unix-abstract")
_NAMING: Final = "https://github.com/grpc/grpc/blob/master/doc/naming.md"


@attrs.define(kw_only=True)
class TracingOptions:
    """A file that says where traces go; without one nothing is traced, and no tracing library is loaded."""

    config_file: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        flags.add("tracing-config-file", STRING, self, "config_file", "File with apiserver tracing configuration.")

    def validate(self) -> list[str]:
        if not self.config_file:
            return []
        if not Path(self.config_file).exists():
            return [f"tracing-config-file {self.config_file} does not exist"]
        if importlib.util.find_spec("opentelemetry") is None:
            return [
                '--tracing-config-file needs the extra otel: install "genericapiserver[otel]", or leave the flag out'
            ]
        return []

    @property
    def _origin(self) -> str:
        """The end of what is said of the file; the reference leaves out which it was."""
        return f": from file {self.config_file}"

    def apply_to(self, config: RecommendedConfig) -> None:
        """Give *config* a tracer. Raises ConfigError for a file that cannot be read or says what cannot be."""
        if not self.config_file:
            return
        try:
            configuration = read_tracing_configuration(self.config_file)
        except ConfigError as error:
            raise ConfigError(f"failed to read tracing config: {error}{self._origin}") from error
        problems = validate_tracing_configuration(configuration)
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise ConfigError(f"failed to validate tracing configuration: {text}{self._origin}")
        from genericapiserver.tracing.exporter import Tracing

        tracing = Tracing(
            configuration.endpoint, configuration.sampling_rate_per_million, instance=config.api_server_id
        )
        config.tracer = tracing
        config.add_cleanup(tracing.aclose)


def read_tracing_configuration(path: str) -> TracingConfiguration:
    """The configuration in the file at *path*; an empty file is an empty one. Raises ConfigError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"unable to read tracing configuration from {quote(path)}: {reason(error)}") from error
    if not data.strip():
        return TracingConfiguration()
    scheme = Scheme("tracing configuration")
    add_to_scheme(scheme)
    try:
        configuration: TracingConfiguration = decode_config(data, scheme)
    except ConfigFileError as error:
        raise ConfigError(f"unable to decode tracing configuration data: {error}") from error
    return configuration


def validate_tracing_configuration(configuration: TracingConfiguration) -> list[str]:
    """What is wrong with *configuration*, field by field."""
    problems = []
    rate, endpoint = configuration.sampling_rate_per_million, configuration.endpoint
    if rate is not None and rate < 0:
        problems.append(f"samplingRatePerMillion: Invalid value: {rate}: sampling rate must be positive")
    if rate is not None and rate > _MILLION:
        problems.append(
            f"samplingRatePerMillion: Invalid value: {rate}: sampling rate per million must be less than or equal to one "
            "million"
        )
    if endpoint is not None and (problem := _endpoint_problem(endpoint)):
        problems.append(problem)
    return problems


def _endpoint_problem(endpoint: str) -> str:
    if "//" not in endpoint:
        endpoint = "dns://" + endpoint
    try:
        scheme = urlsplit(endpoint).scheme
    except ValueError as error:
        return f"endpoint: Invalid value: {quote(endpoint)}: {error}"
    if scheme in _SCHEMES:
        return ""
    return (
        f"endpoint: Invalid value: {quote(endpoint)}: unsupported scheme: {scheme}.  Options are none, dns, unix, or "
        f"unix-abstract.  See {_NAMING}"
    )
