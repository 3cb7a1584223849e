"""The components of a process, their versions and gates, and the values of the three flags that set them.

Flags name a component before a colon or an equals sign and mean `kube` without one. Nothing takes effect, nor is it
checked, before `set()`: first emulation versions, then minimum compatibility versions, then gates.
Source: k8s.io/component-base/compatibility/registry.go. Here it is an object that is handed in, never process-wide.
"""

from collections.abc import Callable, Iterable

import attrs

from genericapiserver.component.feature_gate import FeatureGate, FeatureGateError
from genericapiserver.component.version import EffectiveVersion, Version, VersionError

DEFAULT_COMPONENT = "kube"


@attrs.define(eq=False)
class _Component:
    version: EffectiveVersion
    gate: FeatureGate | None
    mapped_from: str = ""
    mappings: dict[str, Callable[[Version], Version | None]] = attrs.field(factory=dict)


class ComponentGlobalsRegistry:
    """`register` components, `add_*` what the flags said, then `set`."""

    def __init__(self) -> None:
        self._components: dict[str, _Component] = {}
        self.emulated_versions: list[str] = []
        self.min_compatibility_versions: list[str] = []
        self.feature_gates: list[str] = []
        self._was_set = False

    def register(self, name: str, version: EffectiveVersion, gate: FeatureGate | None = None) -> None:
        """Add a component; its gate then follows its versions. Raises VersionError for a name taken already."""
        if name in self._components:
            raise VersionError(f"component globals of {name} already registered")
        self._components[name] = _Component(version, gate)
        self._follow(self._components[name])

    def version_of(self, name: str) -> EffectiveVersion:
        return self._component(name).version

    def gate_of(self, name: str) -> FeatureGate | None:
        return self._component(name).gate

    def set_version_mapping(self, source: str, target: str, mapping: Callable[[Version], Version | None]) -> None:
        """Let the emulation version of *target* follow that of *source*; no flag may set it then."""
        component = self._component(target)
        if component.mapped_from:
            raise VersionError(f"mapping of {target} already exists from another component")
        component.mapped_from = source
        self._component(source).mappings[target] = mapping

    def set(self) -> None:
        """Apply what the flags said. Raises VersionError or FeatureGateError with the reference's text."""
        self._was_set = True
        emulated = _versions(self.emulated_versions)
        for name in emulated:
            if self._component(name).mapped_from:
                raise VersionError(f"EmulationVersion of {name} is set by mapping, cannot set it by flag")
        for name, component in self._components.items():
            if not component.mapped_from:
                self._emulate(name, emulated.get(name), frozenset())
        for name, version in _versions(self.min_compatibility_versions).items():
            component = self._component(name)
            component.version.set_min_compatibility_version(version)
            self._follow(component)
        for name, gates in _gates(self.feature_gates).items():
            gate = self._component(name).gate
            if gate is None:
                raise FeatureGateError(f"component featureGate not registered: {name}")
            gate.set(gates)

    def set_fallback(self) -> None:
        """`set()`, unless it was called."""
        if not self._was_set:
            self.set()

    def validate(self) -> list[str]:
        return [problem for component in self._components.values() for problem in component.version.validate()]

    def known_features(self) -> list[str]:
        """The help lines of every component's gates, with their prefix."""
        return sorted(
            f"{name}:{line}"
            for name, component in self._components.items()
            if component.gate is not None
            for line in component.gate.known_features()
        )

    def _component(self, name: str) -> _Component:
        try:
            return self._components[name]
        except KeyError:
            raise VersionError(f"component not registered: {name}") from None

    def _emulate(self, name: str, version: Version | None, seen: frozenset[str]) -> None:
        if name in seen:
            raise VersionError(f"setting version of {name} more than once, probably version mapping loop")
        component = self._component(name)
        if version is not None:
            component.version.set_emulation_version(version)
            self._follow(component)
        current = component.version.emulation_version
        for target, mapping in component.mappings.items():
            mapped = mapping(current) if current is not None else None
            if mapped is not None:
                self._emulate(target, mapped, seen | {name})

    @staticmethod
    def _follow(component: _Component) -> None:
        emulation = component.version.emulation_version
        if component.gate is not None and emulation is not None:
            component.gate.set_versions(emulation, component.version.min_compatibility_version)


def _versions(values: Iterable[str]) -> dict[str, Version]:
    """`component=1.2` or `1.2` for each value; a component named twice is an error."""
    found: dict[str, tuple[str, Version]] = {}
    for value in values:
        name, separator, text = value.rpartition("=")
        name = name if separator else DEFAULT_COMPONENT
        version = Version.parse(text)
        if version.patch is not None:
            raise VersionError(f"patch version not allowed, got: {name}={text}")
        if name in found:
            raise VersionError(f"duplicate version flag, {name}={found[name][0]} and {name}={text}")
        found[name] = (text, version)
    return {name: version for name, (_, version) in found.items()}


def _gates(values: Iterable[str]) -> dict[str, str]:
    """`component:Gate=true` or `Gate=true` for each value, gathered by component in the grammar of FeatureGate.set."""
    gathered: dict[str, list[str]] = {}
    prefixed, bare = False, False
    for value in values:
        name, separator, gate = value.partition(":")
        if not separator:
            name, gate, bare = DEFAULT_COMPONENT, value, True
        elif name == DEFAULT_COMPONENT:
            prefixed = True
        gathered.setdefault(name, []).append(gate)
    if prefixed and bare:
        raise FeatureGateError(
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use"
        )
    return {name: ",".join(gates) for name, gates in gathered.items()}
