"""semver(), isSemver() and their order (library/semverlib.go; semver.org 2.0.0)."""

import re
from typing import Any

from genericapiserver.cel.library.declaration import VALUE, Function, Overload, function, method, opaque
from genericapiserver.cel.types import Type

SEMVER = Type.opaque("kubernetes.Semver")
Opaque = dict[str, Any]

_NUMBER = "(0|[1-9][0-9]*)"
_FULL = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
_LARGEST = (1 << 63) - 1


def _normalize(text: str) -> str:
    """Without a `v`, with three numbers, without leading zeros."""
    parts = text.removeprefix("v").split(".", 2)
    stripped = [re.sub(r"^0+(?=[0-9])", "", part) for part in parts]
    if len(stripped) < 3 and not re.search(r"[-+]", stripped[-1]):
        stripped += ["0"] * (3 - len(stripped))
    return ".".join(stripped)


def _match(text: str, normalize: bool) -> re.Match[str] | None:
    found = _FULL.fullmatch(_normalize(text) if normalize else text)
    if found and any(int(found[part][:20]) > _LARGEST for part in (1, 2, 3)):
        return None
    return found


def parse(text: str, normalize: bool = False) -> Opaque:
    found = _match(text, normalize)
    if not found:
        raise ValueError(f'"{text}" is not a semantic version')
    # Build metadata has no part in the order, nor in equality.
    return opaque(SEMVER, found[0].partition("+")[0])


def is_semver(text: str, normalize: bool = False) -> bool:
    return _match(text, normalize) is not None


def _number(part: int, value: Opaque) -> int:
    found = _FULL.fullmatch(value[VALUE])
    return int(found[part]) if found else 0


def _key(value: Opaque) -> tuple[object, ...]:
    numbers = tuple(_number(part, value) for part in (1, 2, 3))
    release, _, pre = value[VALUE].partition("-")
    del release
    if not pre:
        return (*numbers, 1)
    identifiers = tuple((0, int(name), "") if name.isdigit() else (1, 0, name) for name in pre.split("."))
    return (*numbers, 0, identifiers)


def compare(one: Opaque, other: Opaque) -> int:
    first: Any = _key(one)
    second: Any = _key(other)
    return int(first > second) - int(first < second)


VERSIONS: tuple[Function, ...] = (
    function("semver", ((Type.STRING,), SEMVER, parse), ((Type.STRING, Type.BOOL), SEMVER, parse)),
    function("isSemver", ((Type.STRING,), Type.BOOL, is_semver), ((Type.STRING, Type.BOOL), Type.BOOL, is_semver)),
    method("major", ((SEMVER,), Type.INT, lambda value: _number(1, value))),
    method("minor", ((SEMVER,), Type.INT, lambda value: _number(2, value))),
    method("patch", ((SEMVER,), Type.INT, lambda value: _number(3, value))),
)
VERSION_ORDER = (
    ("isGreaterThan", Overload((SEMVER, SEMVER), Type.BOOL, lambda one, other: compare(one, other) > 0)),
    ("isLessThan", Overload((SEMVER, SEMVER), Type.BOOL, lambda one, other: compare(one, other) < 0)),
    ("compareTo", Overload((SEMVER, SEMVER), Type.INT, compare)),
)
