"""What can be asked of lists: isSorted, sum, min, max, indexOf, lastIndexOf and the sets functions (library/lists.go)."""

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

from genericapiserver.cel.library.declaration import Function, function, method
from genericapiserver.cel.types import Type

COMPARABLE = (Type.INT, Type.UINT, Type.DOUBLE, Type.BOOL, Type.STRING, Type.BYTES)
SORTABLE = (*COMPARABLE, Type.DURATION, Type.TIMESTAMP)
"""The library cannot take durations and timestamps from a function, so there is no min, max or sum of them."""
SUMMABLE = (Type.INT, Type.UINT, Type.DOUBLE)
LIST = Type.list_of(Type.DYN)
NUMBERS = (int, float)
LARGEST = (1 << 63) - 1


Declared = tuple[tuple[Type, ...], Type, Callable[..., object]]


def _each(types: tuple[Type, ...], result: Type | None, call: Callable[..., object]) -> list[Declared]:
    return [((Type.list_of(type_),), result or type_, call) for type_ in types]


def _comparable(items: list[Any]) -> list[Any]:
    kinds = {float if type(item) in NUMBERS else type(item) for item in items}
    if len(kinds) > 1 or not kinds <= {float, bool, str, bytearray, dt.datetime, dt.timedelta}:
        raise ValueError("no such overload")
    return items


def is_sorted(items: list[Any]) -> bool:
    _comparable(items)
    return all(one <= other for one, other in itertools.pairwise(items))


def smallest(items: list[Any]) -> object:
    if not items:
        raise ValueError("min called on empty list")
    return min(_comparable(items))


def largest(items: list[Any]) -> object:
    if not items:
        raise ValueError("max called on empty list")
    return max(_comparable(items))


def total(items: list[Any]) -> object:
    if not items:
        return 0
    _comparable(items)
    if type(items[0]) not in NUMBERS:
        raise ValueError("no such overload")
    found = sum(items)
    if isinstance(found, int) and abs(found) > LARGEST:
        raise ValueError("integer overflow")
    return found


def index_of(items: list[object], item: object) -> int:
    return next((index for index, found in enumerate(items) if equal(found, item)), -1)


def last_index_of(items: list[object], item: object) -> int:
    return next((index for index in reversed(range(len(items))) if equal(items[index], item)), -1)


def equal(one: object, other: object) -> bool:
    """CEL's equality: numbers across their types, but true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return one == other


def contains(items: list[object], wanted: list[object]) -> bool:
    return all(any(equal(item, one) for item in items) for one in wanted)


def equivalent(items: list[object], others: list[object]) -> bool:
    return contains(items, others) and contains(others, items)


def intersects(items: list[object], others: list[object]) -> bool:
    return any(equal(item, other) for item in items for other in others)


LISTS: tuple[Function, ...] = (
    method("isSorted", *_each(SORTABLE, Type.BOOL, is_sorted)),
    method("sum", *_each(SUMMABLE, None, total)),
    method("min", *_each(COMPARABLE, None, smallest)),
    method("max", *_each(COMPARABLE, None, largest)),
    method("indexOf", ((LIST, Type.DYN), Type.INT, index_of), extends=True),
    method("lastIndexOf", ((LIST, Type.DYN), Type.INT, last_index_of), extends=True),
    function("sets.contains", ((LIST, LIST), Type.BOOL, contains)),
    function("sets.equivalent", ((LIST, LIST), Type.BOOL, equivalent)),
    function("sets.intersects", ((LIST, LIST), Type.BOOL, intersects)),
)
