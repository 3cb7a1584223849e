"""Lists in strategic merge: special items, scalars without repetition, and the order of the outcome.

The order is the reference's. Of the merged items P are those that the patch names, in the patch's order, and S the others,
in the live order. While both are left, the next of S comes first if the next of P is in the live list *behind* it; else the
next of P does. So `[a b c]` + `[d]` is `[d a b c]`, and `[a b c]` + `[c n]` is `[a b c n]`.
"""

import json
from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError, GenericServerResponseError, StatusError
from genericapiserver.apimachinery.go import format_value

DIRECTIVE = "$patch"
DELETE = "delete"
REPLACE = "replace"
MERGE = "merge"


class StrategicMergeError(ValueError):
    """A patch that cannot be merged. Most of these are the client's fault, and yet a 500 in the reference."""

    def __init__(self, message: str, *, code: int = 500) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def no_merge_key(cls, item: object, merge_key: str) -> "StrategicMergeError":
        return cls(f"map: {format_value(item)} does not contain declared merge key: {merge_key}")

    def status_error(self) -> StatusError:
        """The error as it is answered."""
        if self.code == 400:
            return BadRequestError(str(self))
        return GenericServerResponseError(422, str(self)) if self.code == 422 else StatusError(str(self))


def bad_argument(expected: str, value: object) -> StrategicMergeError:
    """A value of the wrong type, in Go's words."""
    return StrategicMergeError(f"expected a {expected}, but received a {_go_type(value)}")


def _go_type(value: object) -> str:
    match value:
        case None:
            return "%!s(<nil>)"
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case dict():
            return "map[string]interface {}"
    return "[]interface {}"


def check_item_kinds(live: list[Any], patch: list[Any]) -> type[Any]:
    """The one type of all items. Raises StrategicMergeError for none, for several, and for lists of lists."""
    items = [*live, *patch]
    if not items:
        raise StrategicMergeError("no elements in any of the given slices")
    if isinstance(items[0], list):
        raise StrategicMergeError("lists of lists are not supported", code=422)
    first = _go_type(items[0])
    if items[0] is None or any(_go_type(item) != first for item in items):
        raise StrategicMergeError(f"list element types are not identical: {format_value([live, patch])}")
    return type(items[0])


def merge_scalars(live: list[Any], patch: list[Any]) -> list[Any]:
    """Both lists without repetition. All items are of one type."""
    return list(dict.fromkeys([*live, *patch]))


def take_special_items(live: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any], bool]:
    """What is left of *live* and of *patch* after the items with directives, and whether the patch replaces the list."""
    ordinary = []
    replaces = False
    for item in patch:
        if DIRECTIVE not in item:
            ordinary.append(item)
            continue
        directive = item[DIRECTIVE]
        if directive == DELETE:
            if merge_key not in item:
                raise StrategicMergeError.no_merge_key(item, merge_key)
            unwanted = identity(item[merge_key])
            live = [one for one in live if merge_key not in one or identity(one[merge_key]) != unwanted]
        elif directive == REPLACE:
            replaces = True
        elif directive == MERGE:
            raise StrategicMergeError("merging lists cannot yet be specified in the patch")
        else:
            raise StrategicMergeError(f"unknown patch type: {format_value(directive)} in map: {format_value(item)}")
    return live, ordinary, replaces


def check_set_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """The items of *patch* must come in the order of `$setElementOrder`. Raises StrategicMergeError."""
    if not order or not patch:
        return
    if merge_key:
        for item in patch:
            if not isinstance(item, dict):
                raise bad_argument("map[string]interface {}", item)
        wanted = [item for item in patch if item.get(DIRECTIVE) != DELETE]
    else:
        wanted = patch
    position = 0
    for item in wanted:
        if isinstance(item, dict) and DIRECTIVE in item:
            continue
        while position < len(order) and not _same_item(item, order[position], merge_key):
            position += 1
        if position == len(order):
            raise StrategicMergeError(
                f"The order in patch list:\n{format_value(patch)}\n"
                f" doesn't match $setElementOrder list:\n{format_value(order)}\n"
            )
        position += 1


def _same_item(left: object, right: object, merge_key: str) -> bool:
    if not merge_key:
        return identity(left) == identity(right)
    for item in (left, right):
        if not isinstance(item, dict):
            raise bad_argument("map[string]interface {}", item)
        if merge_key not in item:
            raise StrategicMergeError.no_merge_key(item, merge_key)
    return _key(left, merge_key) == _key(right, merge_key)


def arrange(merged: list[Any], *, patch_order: list[Any], live_order: list[Any], merge_key: str = "") -> list[Any]:
    """The items of *merged* in the order that both lists give them. Raises StrategicMergeError without merge keys."""
    in_patch = _positions(patch_order, merge_key)
    in_live = _positions(live_order, merge_key)
    keys = [(_key(item, merge_key), item) for item in merged]
    patched = sorted((pair for pair in keys if pair[0] in in_patch), key=lambda pair: in_patch[pair[0]])
    others = sorted((pair for pair in keys if pair[0] not in in_patch), key=lambda pair: in_live.get(pair[0], -1))
    arranged = []
    next_other = 0
    for key, item in patched:
        while next_other < len(others) and _comes_before(others[next_other][0], key, in_live):
            arranged.append(others[next_other][1])
            next_other += 1
        arranged.append(item)
    return arranged + [item for _, item in others[next_other:]]


def _comes_before(left: object, right: object, positions: dict[object, int]) -> bool:
    return left in positions and right in positions and positions[left] < positions[right]


def _positions(items: list[Any], merge_key: str) -> dict[object, int]:
    """The first place of each key."""
    positions: dict[object, int] = {}
    for index, item in enumerate(items):
        positions.setdefault(_key(item, merge_key), index)
    return positions


def _key(item: Any, merge_key: str) -> object:
    """What identifies an item in its list."""
    if not merge_key:
        return identity(item)
    if not isinstance(item, dict):
        raise bad_argument("map[string]interface {}", item)
    if merge_key not in item:
        raise StrategicMergeError.no_merge_key(item, merge_key)
    return identity(item[merge_key])


def identity(value: object) -> object:
    """A hashable stand-in for a value, in which True is not 1."""
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return (_go_type(value), value)


def without_nulls(value: Any) -> Any:
    """*value* without members that are null; null items stay."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def remove_directives(value: Any) -> Any:
    """*value* without the objects in it that carry a `$patch`; it must not be one itself."""
    if isinstance(value, dict):
        return {key: remove_directives(item) for key, item in value.items() if not _has_directive(item)}
    if isinstance(value, list):
        return [remove_directives(item) for item in value if not _has_directive(item)]
    return value


def _has_directive(value: object) -> bool:
    return isinstance(value, dict) and DIRECTIVE in value
