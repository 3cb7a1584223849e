"""Feature gates: named switches with a history, of which the emulated version picks the entry in force.

Source: k8s.io/component-base/featuregate/feature_gate.go; the texts of the errors are the reference's.
"""

import enum
import logging
from collections.abc import Iterable, Mapping

import attrs

from genericapiserver.apimachinery.go import parse_bool
from genericapiserver.component.version import Version

logger = logging.getLogger(__name__)


class FeatureGateError(ValueError):
    """A gate that does not exist, cannot be set so, or contradicts another."""


ANY_VERSION = Version(0, 0)


class Stage(enum.StrEnum):
    PRE_ALPHA = "PreAlpha"
    ALPHA = "ALPHA"
    BETA = "BETA"
    GA = ""
    DEPRECATED = "DEPRECATED"


@attrs.frozen(kw_only=True)
class FeatureSpec:
    """What holds for a gate from *version* on."""

    default: bool
    stage: Stage
    lock_to_default: bool = False
    version: Version = ANY_VERSION
    min_compatibility_version: Version | None = None


_NOT_INTRODUCED = FeatureSpec(default=False, stage=Stage.PRE_ALPHA)
_SPECIAL = {"AllAlpha": Stage.ALPHA, "AllBeta": Stage.BETA}


class FeatureGate:
    """The gates of one component at one emulated version.

    `enabled(name)` is a dictionary look-up: values are worked out when something changes, not when somebody asks.
    """

    def __init__(self, emulation_version: Version, min_compatibility_version: Version | None = None) -> None:
        self._emulation_version = emulation_version
        self._min_compatibility_version = min_compatibility_version or emulation_version.subtract_minor(1)
        self._known: dict[str, tuple[FeatureSpec, ...]] = {}
        self._dependencies: dict[str, tuple[str, ...]] = {}
        self._set: dict[str, bool] = {}
        self._enabled: dict[str, bool] = {}

    def add(
        self,
        specs: Mapping[str, Iterable[FeatureSpec]],
        dependencies: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Register gates. The same specs again are fine; different ones raise FeatureGateError."""
        for name, given in specs.items():
            history = tuple(sorted(given, key=lambda spec: spec.version))
            if self._known.get(name, history) != history:
                raise FeatureGateError(f'feature gate "{name}" with different spec already exists: {self._known[name]}')
            self._known[name] = history
        for name, needed in (dependencies or {}).items():
            for other in needed:
                if other not in self._known:
                    raise FeatureGateError(f"{name} depends on {other}, which is not registered")
            self._dependencies[name] = tuple(needed)
        self._settle(self._set)

    def enabled(self, name: str) -> bool:
        """Whether the gate is on. An unknown name is a programming error: FeatureGateError."""
        try:
            return self._enabled[name]
        except KeyError:
            raise FeatureGateError(f'feature "{name}" is not registered in FeatureGate') from None

    def spec(self, name: str) -> FeatureSpec:
        """The entry in force at the emulated version."""
        current = _NOT_INTRODUCED
        for spec in self._known[name]:
            needed = spec.min_compatibility_version
            if spec.version <= self._emulation_version and (
                needed is None or needed <= self._min_compatibility_version
            ):
                current = spec
        return current

    def set(self, text: str) -> None:
        """Set gates from `A=true,B=false`; a text with one error changes nothing."""
        values: dict[str, bool] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, separator, value = (part.strip() for part in item.partition("="))
            if not separator:
                raise FeatureGateError(f"missing bool value for {name}")
            try:
                values[name] = parse_bool(value)
            except ValueError as error:
                raise FeatureGateError(f"invalid value of {name}={value}, err: {error}") from error
        self.set_from_map(values)

    def set_from_map(self, values: Mapping[str, bool]) -> None:
        """Set gates by name. Raises FeatureGateError and changes nothing when one of them cannot be set so."""
        for name, value in values.items():
            self._check(name, value)
        self._settle({**self._set, **values})
        for name, value in values.items():
            if name not in _SPECIAL and (stage := self.spec(name).stage) in (Stage.GA, Stage.DEPRECATED):
                word = "GA" if stage is Stage.GA else "deprecated"
                logger.warning(
                    "Setting %s feature gate %s=%s. It will be removed in a future release.", word, name, value
                )

    def set_versions(self, emulation_version: Version, min_compatibility_version: Version | None = None) -> None:
        """Move to another emulated version; every value is worked out anew."""
        self._emulation_version = emulation_version
        self._min_compatibility_version = min_compatibility_version or emulation_version.subtract_minor(1)
        self._settle(self._set)

    def known_features(self) -> list[str]:
        """The lines of the help text: alpha and beta gates, sorted."""
        lines = [f"{name}=true|false ({stage} - default=false)" for name, stage in _SPECIAL.items()]
        for name in self._known:
            spec = self.spec(name)
            if spec.stage in (Stage.ALPHA, Stage.BETA):
                lines.append(f"{name}=true|false ({spec.stage} - default={str(spec.default).lower()})")
        return sorted(lines)

    def states(self) -> list[tuple[str, Stage, bool]]:
        """Every gate with its stage at the emulated version and whether it is on, sorted by name."""
        return [(name, self.spec(name).stage, enabled) for name, enabled in sorted(self._enabled.items())]

    def __str__(self) -> str:
        return ",".join(f"{name}={str(value).lower()}" for name, value in sorted(self._set.items()))

    def _check(self, name: str, value: bool) -> None:
        if name in _SPECIAL:
            return
        if name not in self._known:
            raise FeatureGateError(f"unrecognized feature gate: {name}")
        spec, word = self.spec(name), str(value).lower()
        if spec.lock_to_default and value != spec.default:
            locked = str(spec.default).lower()
            raise FeatureGateError(f"cannot set feature gate {name} to {word}, feature is locked to {locked}")
        if spec.stage is Stage.PRE_ALPHA:
            raise FeatureGateError(
                f"cannot set feature gate {name} to {word}, feature is PreAlpha at emulated version "
                f"{self._emulation_version}, min compatibility version {self._min_compatibility_version}"
            )

    def _settle(self, chosen: dict[str, bool]) -> None:
        """Work out every value; explicit beats AllAlpha/AllBeta beats default, and a locked one stays."""
        enabled = {name: self._value(name, chosen) for name in self._known}
        for name, needed in self._dependencies.items():
            missing = [other for other in needed if not enabled[other]]
            if enabled[name] and missing:
                raise FeatureGateError(
                    f"{name} is enabled, but depends on features that are disabled: [{' '.join(missing)}]"
                )
        self._set, self._enabled = dict(chosen), enabled

    def _value(self, name: str, chosen: dict[str, bool]) -> bool:
        spec = self.spec(name)
        if spec.lock_to_default or spec.stage is Stage.PRE_ALPHA:
            return spec.default
        if name in chosen:
            return chosen[name]
        for special, stage in _SPECIAL.items():
            if special in chosen and spec.stage is stage:
                return chosen[special]
        return spec.default
