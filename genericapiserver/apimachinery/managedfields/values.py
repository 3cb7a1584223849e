"""JSON values: equality as structured merge sees it, and the absence of a value."""

import enum
from typing import Final

from genericapiserver.apimachinery.managedfields.elements import JSON


class _Absent(enum.Enum):
    """No value at all, which is not null."""

    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT

Value = JSON | _Absent
"""A JSON value, or ABSENT."""


def values_equal(left: JSON, right: JSON) -> bool:
    """Whether two values are the same: `1` is `1.0`, but neither is `true`; the order counts in lists, not in maps."""
    if left is right:
        return True
    # Python agrees in all but this: it takes True for 1. So what it tells apart is apart.
    return bool(left == right) and _same_booleans(left, right)


def _same_booleans(left: JSON, right: JSON) -> bool:
    """Whether two values that Python takes for equal have their booleans at the same places."""
    if isinstance(left, dict):
        return all(_same_booleans(value, right[name]) for name, value in left.items())
    if isinstance(left, list):
        return all(map(_same_booleans, left, right))
    return isinstance(left, bool) == isinstance(right, bool)
