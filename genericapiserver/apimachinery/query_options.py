"""Options out of query strings (k8s.io/apimachinery pkg/runtime/conversion.go, pkg/apis/meta/v1/conversion.go).

Unknown keys are ignored and a repeated scalar has its first value. A bool is false for `0` and for `false` in any case,
and true for everything else, the empty value included. Integers are strict, and so are times.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.go import NumError, parse_int, parse_uint
from genericapiserver.apimachinery.meta import (
    RESOURCE_VERSION_MATCH_NOT_OLDER_THAN,
    CreateOptions,
    DeleteOptions,
    GetOptions,
    PatchOptions,
    Preconditions,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta import ListOptions as VersionedListOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.time import ZERO_TIME, parse_time
from genericapiserver.apimachinery.types import FieldDescription, Kind, TypeRef, describe
from genericapiserver.asgi import QueryValues

T = TypeVar("T")
_Converter: TypeAlias = Callable[[list[str]], Any]


def decode_options(cls: type[T], query: QueryValues) -> T:
    """Options of any API type whose fields are scalars or lists of texts. Raises BadRequestError.

    Fields of other types keep their defaults.
    """
    if not query:
        return cls()
    found = {}
    for name, attribute, convert in _converters(cls):
        values = query.get(name)
        if values:
            try:
                found[attribute] = convert(values)
            except ValueError as error:
                raise BadRequestError(str(error)) from None
    return cls(**found)


def decode_get_options(query: QueryValues) -> GetOptions:
    """Options of a GET. Raises BadRequestError, also for `export`."""
    if "export" in query and _to_bool(query["export"]):
        raise BadRequestError("the export parameter, deprecated since v1.14, is no longer supported")
    return decode_options(GetOptions, query)


def decode_list_options(query: QueryValues) -> ListOptions:
    """Options of a list or watch, selectors parsed, without defaults and not validated. Raises BadRequestError."""
    if not query:
        return ListOptions()
    sent = decode_options(VersionedListOptions, query)
    try:
        label_selector = labels.parse(sent.label_selector)
        field_selector = fields.parse(sent.field_selector)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    return ListOptions(
        label_selector=label_selector,
        field_selector=field_selector,
        watch=sent.watch,
        allow_watch_bookmarks=sent.allow_watch_bookmarks,
        resource_version=sent.resource_version,
        resource_version_match=sent.resource_version_match,
        timeout_seconds=sent.timeout_seconds,
        limit=sent.limit,
        continue_token=sent.continue_token,
        send_initial_events=sent.send_initial_events,
    )


def set_list_options_defaults(options: ListOptions, *, watch_list: bool = True) -> None:
    """Let a watch from "" or "0" begin with what exists, as a watch without the feature does anyway.

    To be called before validation: the defaults count as sent.
    """
    if not watch_list or not options.watch:
        return
    said = options.send_initial_events is not None or options.resource_version_match
    if not said and options.resource_version in ("", "0"):
        options.send_initial_events = True
        options.resource_version_match = RESOURCE_VERSION_MATCH_NOT_OLDER_THAN


def decode_create_options(query: QueryValues) -> CreateOptions:
    """Options of a POST. Raises BadRequestError."""
    return decode_options(CreateOptions, query)


def decode_update_options(query: QueryValues) -> UpdateOptions:
    """Options of a PUT. Raises BadRequestError."""
    return decode_options(UpdateOptions, query)


def decode_patch_options(query: QueryValues) -> PatchOptions:
    """Options of a PATCH. Raises BadRequestError."""
    return decode_options(PatchOptions, query)


def decode_delete_options(query: QueryValues) -> DeleteOptions:
    """Options of a DELETE without a body: `uid` and `resourceVersion` are preconditions. Raises BadRequestError."""
    options = decode_options(DeleteOptions, query)
    uid = _first(query, "uid")
    resource_version = _first(query, "resourceVersion")
    if uid or resource_version:
        options.preconditions = Preconditions(uid=uid or None, resource_version=resource_version or None)
    return options


def decode_table_options(query: QueryValues) -> TableOptions:
    """Options of a request for a Table. Raises BadRequestError."""
    return decode_options(TableOptions, query)


def _first(query: QueryValues, name: str) -> str:
    values = query.get(name)
    return values[0] if values else ""


_cache: dict[type[Any], Sequence[tuple[str, str, _Converter]]] = {}


def _converters(cls: type[Any]) -> Sequence[tuple[str, str, _Converter]]:
    """JSON name, attribute and converter of each field that a query can set, in the order of declaration."""
    known = _cache.get(cls)
    if known is None:
        found = []
        for one in describe(cls).fields:
            convert = _converter(one)
            if convert is not None:
                found.append((one.json_name, one.attribute, convert))
        known = _cache[cls] = found
    return known


def _converter(described: FieldDescription) -> _Converter | None:
    ref = described.type
    match ref.kind:
        case Kind.STRING:
            return _to_str
        case Kind.BOOLEAN:
            return _to_bool
        case Kind.INTEGER:
            return _to_int
        case Kind.TIME:
            return _to_time
        case Kind.LIST:
            return _list_converter(ref.item)
    return None


def _list_converter(item: TypeRef) -> _Converter | None:
    if item.kind is Kind.STRING:
        return list
    return _to_ports if item.kind is Kind.INTEGER else None


def _to_str(values: list[str]) -> str:
    return values[0]


def _to_bool(values: list[str]) -> bool:
    return values[0] != "0" and values[0].lower() != "false"


def _to_int(values: list[str]) -> int:
    return parse_int(values[0])


def _to_ports(values: list[str]) -> list[int]:
    """Numbers of 16 bits, as separate values or joined by commas: what port forwarding asks for."""
    try:
        return [parse_uint(text, bits=16) for value in values for text in value.split(",")]
    except NumError as error:
        raise ValueError(f"cannot convert to []int32: {error}") from None


def _to_time(values: list[str]) -> Any:
    if values[0] in ("", "null"):
        return None
    moment = parse_time(values[0])
    return None if moment == ZERO_TIME else moment
