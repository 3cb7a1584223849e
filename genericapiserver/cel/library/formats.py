"""Formats of strings: `format.dns1123Label().validate(s)` (library/format.go).

`validate` and `format.named` yield an optional in the reference. The library cannot take optional values from a function,
so they yield a map that has hasValue(), value() and orValue() and nothing else of an optional.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any

from genericapiserver.apimachinery.validation import names
from genericapiserver.cel.library.declaration import TYPE, VALUE, Function, function, method, opaque
from genericapiserver.cel.library.urls import split
from genericapiserver.cel.types import Type

FORMAT = Type.opaque("kubernetes.NamedFormat")
OPTIONAL = Type.map_of(Type.STRING, Type.DYN)
Opaque = dict[str, Any]
Validate = Callable[[str], Sequence[str]]

_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _prefix(validate: Callable[[str, bool], list[str]], prefix: bool) -> Validate:
    return lambda text: validate(text, prefix)


def _uri(text: str) -> Sequence[str]:
    try:
        split(text)
    except ValueError as error:
        return [str(error).removeprefix("URL parse error during conversion from string: ")]
    return ()


def _bytes(text: str) -> Sequence[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ["invalid base64"]
    return ()


def _uuid(text: str) -> Sequence[str]:
    return () if _UUID.fullmatch(text) else ["does not match the UUID format"]


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _date(text: str) -> Sequence[str]:
    return () if _DATE.fullmatch(text) and _is_date(text) else ["invalid date"]


def _date_time(text: str) -> Sequence[str]:
    clock = text[11:19].split(":")
    valid = _DATE_TIME.fullmatch(text) and _is_date(text[:10]) and clock[0] < "24" and max(clock[1:]) < "60"
    return () if valid else ["invalid datetime"]


FORMATS_BY_NAME: dict[str, Validate] = {
    "dns1123Label": _prefix(names.name_is_dns_label, False),
    "dns1123Subdomain": _prefix(names.name_is_dns_subdomain, False),
    "dns1035Label": _prefix(names.name_is_dns_1035_label, False),
    "qualifiedName": names.qualified_name,
    "dns1123LabelPrefix": _prefix(names.name_is_dns_label, True),
    "dns1123SubdomainPrefix": _prefix(names.name_is_dns_subdomain, True),
    "dns1035LabelPrefix": _prefix(names.name_is_dns_1035_label, True),
    "labelValue": names.label_value,
    "uri": _uri,
    "uuid": _uuid,
    "byte": _bytes,
    "date": _date,
    "datetime": _date_time,
}


def _optional(*value: object) -> Opaque:
    return {TYPE: "optional", VALUE: list(value)}


def _named(name: str) -> Opaque:
    return _optional(opaque(FORMAT, name)) if name in FORMATS_BY_NAME else _optional()


def _validate(format_: Opaque, text: str) -> Opaque:
    problems = list(FORMATS_BY_NAME[format_[VALUE]](text))
    return _optional(problems) if problems else _optional()


def _content(value: Opaque) -> list[object]:
    if value.get(TYPE) != "optional":
        raise ValueError("no such overload")
    found: list[object] = value[VALUE]
    return found


def _value(value: Opaque) -> object:
    content = _content(value)
    if not content:
        raise ValueError("optional.none() dereference")
    return content[0]


def _constant(name: str) -> Function:
    return function(f"format.{name}", ((), FORMAT, lambda: opaque(FORMAT, name)))


FORMATS: tuple[Function, ...] = (
    *map(_constant, FORMATS_BY_NAME),
    function("format.named", ((Type.STRING,), OPTIONAL, _named)),
    method("validate", ((FORMAT, Type.STRING), OPTIONAL, _validate)),
    method("hasValue", ((OPTIONAL,), Type.BOOL, lambda value: bool(_content(value))), extends=True),
    method("value", ((OPTIONAL,), Type.DYN, _value), extends=True),
)
