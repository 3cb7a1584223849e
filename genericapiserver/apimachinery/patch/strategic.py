"""Strategic merge patch: a merge patch that knows the lists it merges (apimachinery pkg/util/strategicpatch).

A patch object is merged in this order:
1. `$patch: replace` puts the rest of the patch object in the place of the live one, `$patch: delete` an empty one.
2. `$retainKeys: [...]` drops live keys that are not listed; every key that the patch sets must be.
3. `$setElementOrder/<f>: [...]` merges list f and arranges it by this list.
4. `$deleteFromPrimitiveList/<f>: [...]` removes scalars from list f.
5. Every other key: null deletes, objects merge, lists merge or are replaced as the field's strategy says.

How merged lists are arranged is in `strategic_lists`. Nothing is changed in place; results share parts with the inputs.
"""

from collections.abc import Mapping
from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.go import format_value
from genericapiserver.apimachinery.patch.documents import duplicate_findings, json_kind, out_of_range, parse_document
from genericapiserver.apimachinery.patch.schema import PatchField, PatchSchema, patch_schema_for
from genericapiserver.apimachinery.patch.strategic_lists import (
    DELETE,
    DIRECTIVE,
    REPLACE,
    StrategicMergeError,
    arrange,
    bad_argument,
    check_item_kinds,
    check_set_order,
    identity,
    merge_scalars,
    remove_directives,
    take_special_items,
    without_nulls,
)
from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.json import NumberLiteral

__all__ = ["PatchField", "PatchSchema", "StrategicMergePatch", "patch_schema_for"]

RETAIN_KEYS = "$retainKeys"
SET_ORDER = "$setElementOrder"
DELETE_FROM_LIST = "$deleteFromPrimitiveList"

_Object = dict[str, Any]


class StrategicMergePatch:
    """A strategic merge patch, read from a body. `findings` are its repeated fields, if they were asked for."""

    def __init__(self, value: _Object, findings: list[str] | None = None) -> None:
        self.value = value
        self.findings = findings or []

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = False) -> "StrategicMergePatch":
        """Read a patch; `null` is one that does nothing. Raises BadRequestError."""
        try:
            value = parse_document(data)
        except JSONSyntaxError as error:
            raise BadRequestError(str(error)) from None
        if value is None:
            value = {}
        if not isinstance(value, dict):
            kind = json_kind(value)
            raise BadRequestError(f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
        literal = out_of_range(value)
        if literal is not None:
            raise BadRequestError(f"json: cannot unmarshal number {literal} into Go value of type float64")
        return cls(_plain_numbers(value), duplicate_findings(data) if strict else None)

    def apply(self, document: _Object, schema: PatchSchema) -> _Object:
        """The patched *document*, an object of the type that *schema* describes.

        Raises StatusErrors: 400 for bad directives, 422 for lists of lists, 500 without reason for all the rest, as the
        reference does.
        """
        try:
            return merge_object(document, self.value, schema)
        except StrategicMergeError as error:
            raise error.status_error() from error

    def __str__(self) -> str:
        return format_value(self.value)


def _plain_numbers(value: Any) -> Any:
    """Whole numbers as int, however they are written: here `1.0` fits an integer field."""
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, NumberLiteral):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < 2**63 else number
    return value


def merge_object(live: _Object, patch: _Object, schema: PatchSchema) -> _Object:
    """*patch* merged into *live*. Raises StrategicMergeError."""
    if DIRECTIVE in patch:
        return _follow_directive(patch)
    merged, patch = dict(live), dict(patch)
    if RETAIN_KEYS in patch:
        merged = _retain_keys(merged, patch, patch.pop(RETAIN_KEYS))
    for key in [key for key in patch if key.startswith(SET_ORDER)]:
        _set_element_order(merged, patch, key, schema)
    for key, value in patch.items():
        if key.startswith(DELETE_FROM_LIST):
            _delete_from_list(merged, key, value, schema)
        else:
            _merge_member(merged, key, value, schema)
    return merged


def _follow_directive(patch: _Object) -> _Object:
    directive = patch[DIRECTIVE]
    if directive == REPLACE:
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == DELETE:
        return {}
    raise StrategicMergeError(f"unknown patch type: {format_value(directive)} in map: {format_value(patch)}")


def _retain_keys(live: _Object, patch: Mapping[str, Any], listed: object) -> _Object:
    retained = {key for key in listed if isinstance(key, str)} if isinstance(listed, list) else None
    for key, value in patch.items():
        if value is None or key.startswith((DELETE_FROM_LIST, SET_ORDER)):
            continue
        if retained is not None and key not in retained:
            retained = None
            break
    if retained is None:
        raise StrategicMergeError("invalid patch format of retainKeys", code=400)
    return {key: value for key, value in live.items() if key in retained}


def _list_name(key: str, prefix: str, list_name: str) -> str:
    """The field that a directive like `$setElementOrder/<field>` is about."""
    before, slash, name = key.partition("/")
    if not slash or before != prefix:
        raise StrategicMergeError(f"invalid patch format of {list_name} list", code=400)
    return name


def _set_element_order(live: _Object, patch: _Object, key: str, schema: PatchSchema) -> None:
    """Merge the list that *key* orders, into *live*, and take both out of *patch*."""
    order = patch.pop(key)
    if not isinstance(order, list):
        raise bad_argument("[]interface {}", order)
    name = _list_name(key, SET_ORDER, "setElementOrder")
    live_list, patch_list = live.get(name, []), patch.get(name, [])
    for value in (live_list, patch_list):
        if not isinstance(value, list):
            raise bad_argument("[]interface {}", value)
    found, item_schema = _list_field(schema, name)
    check_set_order(patch_list, order, found.merge_key)
    live_order = live_list
    if name not in live and name not in patch:
        return
    if name not in patch:
        merged = live_list
    elif name not in live:
        merged = remove_directives(patch_list)
    elif _strategy(found) != "merge":
        merged = patch_list
    else:
        merged, appended = _merge_list(live_list, patch_list, item_schema, found.merge_key)
        # Where items were deleted, Go's list has room that the first new ones take; they then count as live.
        live_order = appended[: len(live_list)]
    check_item_kinds(live_list, patch_list)
    live[name] = arrange(merged, patch_order=order, live_order=live_order, merge_key=found.merge_key)
    patch.pop(name, None)


def _delete_from_list(live: _Object, key: str, unwanted: object, schema: PatchSchema) -> None:
    name = _list_name(key, DELETE_FROM_LIST, "primitive") or key
    if unwanted is None:
        live.pop(name, None)
        return
    current = live.get(name)
    if not isinstance(current, list) or not isinstance(unwanted, list):
        return
    found, item_schema = _list_field(schema, name)
    if not current and not unwanted:
        return
    if check_item_kinds(current, unwanted) is dict:
        live[name], _ = _merge_list(current, unwanted, item_schema, found.merge_key)
    else:
        live[name] = [item for item in current if item not in unwanted]


def _merge_member(live: _Object, key: str, value: Any, schema: PatchSchema) -> None:
    if value is None:
        live.pop(key, None)
        return
    current = live.get(key)
    if isinstance(current, dict) and isinstance(value, dict):
        found = _field(schema, key)
        live[key] = value if _strategy(found) == REPLACE else merge_object(current, value, found.schema)
    elif isinstance(current, list) and isinstance(value, list):
        found, item_schema = _list_field(schema, key)
        if _strategy(found) == "merge":
            live[key], _ = _merge_list(current, value, item_schema, found.merge_key)
        else:
            live[key] = value
    elif isinstance(value, dict) and DIRECTIVE in value:
        live.pop(key, None)
    else:
        live[key] = remove_directives(without_nulls(value))


def _merge_list(live: list[Any], patch: list[Any], schema: PatchSchema, merge_key: str) -> tuple[list[Any], list[Any]]:
    """The merged list, arranged, and as it was before that: live items where they were, new ones at the end."""
    if not live and not patch:
        return live, live
    if check_item_kinds(live, patch) is not dict:
        return arrange(merge_scalars(live, patch), patch_order=patch, live_order=live), live
    if not merge_key:
        raise StrategicMergeError(f"cannot merge lists without merge key for {schema.kind}")
    live, patch, replaces = take_special_items(live, patch, merge_key)
    if replaces:
        return arrange(patch, patch_order=[], live_order=patch, merge_key=merge_key), live
    merged = list(live)
    for item in patch:
        if merge_key not in item:
            raise StrategicMergeError.no_merge_key(item, merge_key)
        for index, existing in enumerate(merged):
            if merge_key in existing and identity(existing[merge_key]) == identity(item[merge_key]):
                merged[index] = merge_object(existing, item, schema)
                break
        else:
            merged.append(item)
    return arrange(merged, patch_order=patch, live_order=live, merge_key=merge_key), merged


def _field(schema: PatchSchema, name: str) -> PatchField:
    if schema.kind != "struct":
        text = f"merging an object in json but data type is not struct, instead is: {schema.kind}"
        raise StrategicMergeError(text)
    found = schema.find_field(name)
    if found is None:
        raise StrategicMergeError(f'unable to find api field in struct {schema.name} for the json field "{name}"')
    return found


def _list_field(schema: PatchSchema, name: str) -> tuple[PatchField, PatchSchema]:
    """The field *name* and the schema of its items."""
    found = _field(schema, name)
    item = found.schema.item
    if item is None:
        raise StrategicMergeError(f"expected slice or array type, but got: {schema.kind}")
    if item.kind == "slice":
        raise StrategicMergeError("unexpected slice of slice")
    return found, item


def _strategy(found: PatchField) -> str:
    """The strategy apart from retainKeys, which the directive alone brings about."""
    strategies = [one for one in found.strategy.split(",") if one != "retainKeys"]
    if len(strategies) > 1:
        raise StrategicMergeError(f"unexpected patch strategy: [{found.strategy.replace(',', ' ')}]")
    return strategies[0] if strategies else ""
