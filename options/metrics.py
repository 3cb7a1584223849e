"""MetricsOptions: what operators say about the page of metrics.

Source: metrics/options.go of k8s.io/component-base. Kubernetes' own API server has these flags; the reference's sample has
not.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import yaml

from genericapiserver.config import Config, ConfigError
from genericapiserver.metrics import Release
from genericapiserver.options.flags import STRING, STRINGS, TEXTS, FlagSet
from genericapiserver.options.texts import reason

_KEY: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*),([a-zA-Z_][a-zA-Z0-9_]*)")
_RELEASE: Final = re.compile(r"\d+\.\d+")
_FORM: Final = "must have a list of kv pair with format `metricName,labelName=labelValue, labelValue,...`"

Allowed = dict[tuple[str, str], frozenset[str]]


@attrs.define(kw_only=True)
class MetricsOptions:
    """Which metrics are shown, and with which values of their labels."""

    show_hidden_metrics_for_version: str = ""
    disabled_metrics: list[str] = attrs.field(factory=list)
    allow_metric_labels: list[str] = attrs.field(factory=list)
    allow_metric_labels_manifest: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, text in (
            (
                "show-hidden-metrics-for-version",
                STRING,
                "The previous minor version, as major.minor, whose hidden metrics are to be shown once more. Deprecated "
                "metrics are hidden before they go, so that there is one release to notice.",
            ),
            (
                "disabled-metrics",
                STRINGS,
                "Full names of metrics that are not to be served, if one misbehaves. Wins over showing what is hidden.",
            ),
            (
                "allow-metric-labels",
                TEXTS,
                "The values that a label may have, as metric,label='value,value'; other values are served as 'unexpected'. "
                "May be given several times.",
            ),
            (
                "allow-metric-labels-manifest",
                STRING,
                "A YAML file that maps metric,label to value,value as --allow-metric-labels does, which wins over it.",
            ),
        ):
            flags.add(name, kind, self, name.replace("-", "_"), text)

    def validate(self) -> list[str]:
        problems = []
        try:
            parse_allowed(self.allow_metric_labels)
        except ValueError as error:
            problems.append(str(error))
        shown = self.show_hidden_metrics_for_version
        if shown and _RELEASE.fullmatch(shown) is None:
            problems.append(f"--show-hidden-metrics-for-version must be major.minor, not {shown!r}")
        problems += [
            f"--disabled-metrics: {name!r} is not the name of a metric"
            for name in self.disabled_metrics
            if re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", name) is None
        ]
        return problems

    def apply_to(self, config: Config) -> None:
        """Have *config*'s pages show what is wanted. Raises ConfigError."""
        allowed = self._manifest() | parse_allowed(self.allow_metric_labels)
        for registry in (config.metrics, config.sli_metrics):
            policy = registry.policy
            if self.show_hidden_metrics_for_version:
                policy.show_hidden = self._shows_hidden(policy.version)
            policy.disabled = frozenset(self.disabled_metrics)
            policy.allowed = allowed

    def _shows_hidden(self, version: Release | None) -> bool:
        if version is None:
            raise ConfigError(
                "--show-hidden-metrics-for-version must be omitted: this program carries no release, so that it hides no "
                "metric"
            )
        previous = f"{version.major}.{version.minor - 1}"
        if self.show_hidden_metrics_for_version != previous:
            raise ConfigError(
                f"--show-hidden-metrics-for-version must be omitted or have the value '{previous}'. Only the previous minor "
                "version is allowed"
            )
        return True

    def _manifest(self) -> Allowed:
        path = self.allow_metric_labels_manifest
        if not path:
            return {}
        flag = "--allow-metric-labels-manifest"
        try:
            document = yaml.safe_load(Path(path).read_bytes())
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{flag}: failed to read allow list manifest: {path}: {reason(error)}") from error
        if not isinstance(document, Mapping):
            raise ConfigError(f"{flag}: {path} must be a mapping from metric,label to value,value")
        allowed: Allowed = {}
        for key, values in document.items():
            match = _KEY.fullmatch(key) if isinstance(key, str) else None
            if match is None or not isinstance(values, str):
                raise ConfigError(f"{flag}: {path}: {key}: {_FORM}")
            allowed[match[1], match[2]] = _values(values)
        return allowed


def parse_allowed(texts: Sequence[str]) -> Allowed:
    """What `--allow-metric-labels` says: metric,label='v1,v2', several of them with commas between. Raises ValueError."""
    allowed: Allowed = {}
    for text in texts:
        bare = text.strip().strip('"')
        keys = list(re.finditer(rf"{_KEY.pattern}=", bare))
        ends = [following.start() for following in keys[1:]] + [len(bare)]
        if not keys or keys[0].start():
            raise ValueError(f"--allow-metric-labels {_FORM}, not {text!r}")
        for key, end in zip(keys, ends, strict=True):
            value = bare[key.end() : end].strip().removesuffix(",").strip()
            if len(value) > 1 and value[0] == value[-1] == "'":
                value = value[1:-1]
            if "=" in value or "'" in value:
                raise ValueError(f"--allow-metric-labels {_FORM}, not {text!r}")
            allowed[key[1], key[2]] = _values(value)
    return allowed


def _values(text: str) -> frozenset[str]:
    return frozenset(value.strip() for value in text.split(","))
