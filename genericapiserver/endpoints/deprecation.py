"""When a version of a kind came, is discouraged, goes, and what to use instead.

A type says so with `api_lifecycle`, which sets four class attributes; a type of a lower room may set them itself. Every
request to a deprecated version is answered with a warning that kubectl prints. Go: pkg/endpoints/deprecation.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import attrs

from genericapiserver.apimachinery.schema import GroupVersionKind

T = TypeVar("T")

MajorMinor: TypeAlias = tuple[int, int]
"""A release of the server, `(1, 10)`. `(0, 0)` stands for none, or for an unknown one."""

UNKNOWN: MajorMinor = (0, 0)


@attrs.frozen(kw_only=True)
class APILifecycle:
    """What a type tells of its version."""

    introduced: MajorMinor = UNKNOWN
    deprecated: MajorMinor = UNKNOWN
    removed: MajorMinor = UNKNOWN
    replacement: GroupVersionKind | None = None

    @classmethod
    def of(cls, api_type: type[Any]) -> "APILifecycle":
        """The facts of *api_type*; nothing is set for a type that tells nothing. Facts are not inherited."""
        facts = vars(api_type)
        return cls(
            introduced=facts.get("api_lifecycle_introduced", UNKNOWN),
            deprecated=facts.get("api_lifecycle_deprecated", UNKNOWN),
            removed=facts.get("api_lifecycle_removed", UNKNOWN),
            replacement=facts.get("api_lifecycle_replacement"),
        )

    def is_deprecated(self, current: MajorMinor = UNKNOWN) -> bool:
        """Whether the version is deprecated in release *current*; an unknown release is taken for late enough."""
        if self.deprecated == UNKNOWN:
            return False
        return current == UNKNOWN or self.deprecated <= current

    @property
    def removed_release(self) -> str:
        """`1.10`, or "" when nothing is planned."""
        return "" if self.removed == UNKNOWN else "{}.{}".format(*self.removed)

    def warning(self, kind: GroupVersionKind) -> str:
        """What clients of *kind* are told; "" when it is not deprecated at all."""
        if self.deprecated == UNKNOWN:
            return ""
        text = f"{kind.group_version} {kind.kind} is deprecated in v{self.deprecated[0]}.{self.deprecated[1]}+"
        if self.removed != UNKNOWN:
            text += f", unavailable in v{self.removed_release}+"
        if self.replacement is not None:
            text += f"; use {self.replacement.group_version} {self.replacement.kind}"
        return text


def api_lifecycle(
    *,
    introduced: str = "",
    deprecated: str = "",
    removed: str = "",
    replacement: GroupVersionKind | None = None,
) -> Callable[[type[T]], type[T]]:
    """Class decorator that records the lifecycle of an API type, in releases such as `1.10`; put it above `@api_type`.

    Raises ValueError for a release that is not two numbers.
    """
    facts = {
        "api_lifecycle_introduced": _release(introduced),
        "api_lifecycle_deprecated": _release(deprecated),
        "api_lifecycle_removed": _release(removed),
        "api_lifecycle_replacement": replacement,
    }

    def record(api_type: type[T]) -> type[T]:
        for name, value in facts.items():
            setattr(api_type, name, value)
        return api_type

    return record


def _release(text: str) -> MajorMinor:
    if not text:
        return UNKNOWN
    major, _, minor = text.partition(".")
    return int(major), int(minor)
