"""Versions of a component: what it is, what it emulates, and the oldest it stays compatible with.

Source: k8s.io/component-base/compatibility/version.go and k8s.io/apimachinery/pkg/util/version.
"""

import platform
import re
import sys
from collections.abc import Callable

import attrs

from genericapiserver.apimachinery.types import api_type, deep_copy, field

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?\Z")


_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "i686": "386"}


def _architecture() -> str:
    """The machine as Go calls it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


class VersionError(ValueError):
    """A version that cannot be parsed, or one that is out of its bounds."""


@attrs.frozen(order=True)
class Version:
    """`major.minor` and, for a binary, `.patch`."""

    major: int
    minor: int
    patch: int | None = attrs.field(default=None, order=lambda patch: patch or 0)

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Parse `1.2`, `v1.2` or `1.2.3`. Raises VersionError."""
        match = _VERSION.match(text)
        if match is None:
            raise VersionError(f'could not parse "{text}" as version')
        major, minor, patch = match.groups()
        return cls(int(major), int(minor), None if patch is None else int(patch))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + ("" if self.patch is None else f".{self.patch}")

    @property
    def major_minor(self) -> "Version":
        return Version(self.major, self.minor)

    def with_minor(self, minor: int) -> "Version":
        return Version(self.major, minor)

    def subtract_minor(self, count: int) -> "Version":
        """*count* minors lower, never below minor 0."""
        return Version(self.major, max(0, self.minor - count))


@api_type(model_name="io.k8s.apimachinery.pkg.version.Info")
class BuildInfo:
    """The document of `/version`, in the order it is written. Clients parse git_version as a semantic version."""

    major: str = field(doc="The major version of the binary.")
    minor: str = field(doc="The minor version of the binary.")
    emulation_major: str = field(default="", doc="The major version whose capabilities are emulated.")
    emulation_minor: str = field(default="", doc="The minor version whose capabilities are emulated.")
    min_compatibility_major: str = field(
        default="", doc="The oldest major version that the server stays compatible with."
    )
    min_compatibility_minor: str = field(
        default="", doc="The oldest minor version that the server stays compatible with."
    )
    git_version: str = field(doc="The release.")
    git_commit: str = field(default="", omit_empty=False, doc="The commit that was built.")
    git_tree_state: str = field(default="", omit_empty=False, doc="Whether more than that commit was built.")
    build_date: str = field(default="1970-01-01T00:00:00Z", omit_empty=False, doc="When it was built.")
    go_version: str = field(
        factory=lambda: f"python{platform.python_version()}", omit_empty=False, doc="The version of the language."
    )
    compiler: str = field(factory=lambda: sys.implementation.name, omit_empty=False, doc="What runs it.")
    platform: str = field(
        factory=lambda: f"{sys.platform}/{_architecture()}",
        omit_empty=False,
        doc="The operating system and the machine.",
    )


@attrs.define(eq=False)
class EffectiveVersion:
    """The three versions of a component. Setting the emulation version resets the compatibility one to a minor below.

    `floor` is the lowest version that may be emulated. Without a binary version (`EffectiveVersion.unknown()`) there is
    no `/version` page.
    """

    binary_version: Version | None
    floor: Version = Version(0, 0)
    build: Callable[[Version], BuildInfo] | None = None
    emulation_version: Version | None = attrs.field(init=False, default=None)
    min_compatibility_version: Version | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.binary_version is not None:
            self.set_emulation_version(self.binary_version.major_minor)

    @classmethod
    def parse(cls, binary: str, *, floor: str = "0.0") -> "EffectiveVersion":
        """Make one from text; an empty *binary* means that no version is known."""
        return cls(Version.parse(binary) if binary else None, Version.parse(floor))

    def set_emulation_version(self, version: Version) -> None:
        self.emulation_version = version
        self.min_compatibility_version = max(version.subtract_minor(1), self.floor)

    def set_min_compatibility_version(self, version: Version) -> None:
        self.min_compatibility_version = version

    def validate(self) -> list[str]:
        """What is wrong with the three versions, as texts for the user."""
        if self.binary_version is None or self.emulation_version is None or self.min_compatibility_version is None:
            return []
        problems = []
        if not self.floor <= self.emulation_version <= self.binary_version.major_minor:
            binary = f"{self.binary_version.major_minor}.0"  # as the reference prints it, whatever the patch is
            problems.append(f"emulation version {self.emulation_version} is not between [{self.floor}, {binary}]")
        if not self.floor <= self.min_compatibility_version <= self.emulation_version:
            problems.append(
                f"minCompatibilityVersion version {self.min_compatibility_version} is not between "
                f"[{self.floor}, {self.emulation_version}]"
            )
        return problems

    def info(self) -> BuildInfo | None:
        """What `/version` says; None when the binary version is unknown."""
        binary = self.binary_version
        if binary is None:
            return None
        info = deep_copy(self.build(binary)) if self.build else _build_info(binary)
        emulation, compatibility = self.emulation_version, self.min_compatibility_version
        if emulation is not None:
            info.emulation_major = _number(emulation.major)
            info.emulation_minor = _number(emulation.minor)
        if compatibility is not None:
            info.min_compatibility_major = _number(compatibility.major)
            info.min_compatibility_minor = _number(compatibility.minor)
        return info


def _number(value: int) -> str:
    return str(value) if value else ""  # the reference drops a zero here


def _build_info(version: Version) -> BuildInfo:
    full = f"v{version.major}.{version.minor}.{version.patch or 0}"
    return BuildInfo(major=str(version.major), minor=str(version.minor), git_version=full)
