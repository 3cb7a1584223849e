"""The shape of an API type, read once from its declaration.

`describe(cls)` is what the codecs, OpenAPI, managed fields, strategic merge and tables read; none of them looks at
annotations itself. Descriptions are made on first use, when every name in the annotations can be resolved, and kept.
"""

import datetime as dt
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import attrs

from genericapiserver.apimachinery.int_or_string import IntOrString
from genericapiserver.apimachinery.quantity import Quantity
from genericapiserver.apimachinery.shapes import (
    OPTIONS,
    FieldDescription,
    FieldOptions,
    Format,
    Kind,
    TypeDescription,
    TypeOptions,
    TypeRef,
    is_api_type,
    model_name_of,
)

__all__ = ["FieldDescription", "Kind", "TypeDescription", "TypeRef", "camel_case", "describe", "is_api_type"]

# attrs types Factory as a function, while it is a class.
_Factory: Any = attrs.Factory


_descriptions: dict[type[Any], TypeDescription] = {}


def describe(cls: type[Any]) -> TypeDescription:
    """The description of an API type. Raises TypeError when *cls* is none or a field has a type that JSON has not."""
    description = _descriptions.get(cls)
    if description is None:
        description = _descriptions[cls] = _describe(cls)
    return description


def _describe(cls: type[Any]) -> TypeDescription:
    if not is_api_type(cls):
        raise TypeError(f"{cls!r} is not declared with @api_type")
    options: TypeOptions = cls.__dict__["__api_type__"]
    names: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if is_api_type(base):
            names |= base.__dict__["__api_type__"].names | {base.__name__: base}
    hints = typing.get_type_hints(cls, localns=names, include_extras=True)
    arguments = _type_arguments(cls)
    fields = tuple(
        _describe_field(cls, attribute, hints[attribute.name], arguments, place)
        for place, attribute in enumerate(attrs.fields(cls), start=1)
    )
    return TypeDescription(
        cls=cls,
        name=cls.__name__,
        doc=inspect.cleandoc(cls.__doc__ or ""),
        model_name=model_name_of(cls),
        root=options.root,
        items_carry_kind=options.items_carry_kind,
        map_type=options.map_type,
        fields=fields,
        by_json_name={field.json_name: field for field in fields},
        by_attribute={field.attribute: field for field in fields},
    )


def _type_arguments(cls: type[Any]) -> dict[Any, Any]:
    """What the type variables of generic bases stand for in *cls*."""
    arguments: dict[Any, Any] = {}
    for base in cls.__mro__:
        for alias in base.__dict__.get("__orig_bases__", ()):
            parameters = getattr(typing.get_origin(alias), "__parameters__", ())
            for parameter, argument in zip(parameters, typing.get_args(alias), strict=False):
                arguments.setdefault(parameter, arguments.get(argument, argument))
    return arguments


def _describe_field(
    cls: type[Any], attribute: "attrs.Attribute[Any]", hint: Any, arguments: Mapping[Any, Any], place: int
) -> FieldDescription:
    options: FieldOptions = attribute.metadata.get(OPTIONS) or FieldOptions()
    hint, optional = _split_optional(hint)
    try:
        ref = _resolve(hint, options.format, arguments)
    except TypeError as error:
        raise TypeError(f"{cls.__qualname__}.{attribute.name}: {error}") from None
    default: Any = attribute.default
    factory: Callable[[], Any] | None = None
    has_default = default is not attrs.NOTHING
    if isinstance(default, _Factory):
        factory, default = default.factory, None
    return FieldDescription(
        attribute=attribute.name,
        json_name=options.name or camel_case(attribute.name),
        type=ref,
        doc=options.doc,
        optional=optional,
        has_default=has_default,
        omit_empty=_omits_empty(ref, optional, default, factory) if options.omit_empty is None else options.omit_empty,
        null_when_empty=options.null_when_empty,
        list_type=options.list_type,
        list_map_keys=options.list_map_keys,
        map_type=options.map_type,
        patch_strategy=options.patch_strategy,
        patch_merge_key=options.patch_merge_key,
        enum=options.enum or ref.enum,
        format=ref.format,
        number=options.number or place,
        inlined=_path(options.inlined),
        key_default=options.key_default,
        said_required=options.required,
        default=default if has_default else None,
        factory=factory,
    )


def _path(inlined: int | tuple[int, ...]) -> tuple[int, ...]:
    """Of the numbers of embedded structs, which one number says, too."""
    if isinstance(inlined, tuple):
        return inlined
    return (inlined,) if inlined else ()


def _omits_empty(ref: TypeRef, optional: bool, default: object, factory: Callable[[], Any] | None) -> bool:
    if optional:
        return True
    match ref.kind:
        case Kind.LIST | Kind.MAP:
            return factory in (list, dict)
        case Kind.RAW:
            return default is None and factory is None
        case Kind.STRING | Kind.BOOLEAN | Kind.INTEGER | Kind.NUMBER | Kind.BYTES:
            # A default that is not the empty value must be told apart from it, so both are written.
            return default is not attrs.NOTHING and not default and factory is None
    return False


_SIMPLE: Mapping[Any, TypeRef] = {
    str: TypeRef(Kind.STRING),
    bool: TypeRef(Kind.BOOLEAN),
    int: TypeRef(Kind.INTEGER, "int64"),
    float: TypeRef(Kind.NUMBER, "double"),
    bytes: TypeRef(Kind.BYTES, "byte"),
    dt.datetime: TypeRef(Kind.TIME, "date-time"),
    Quantity: TypeRef(Kind.QUANTITY),
    IntOrString: TypeRef(Kind.INT_OR_STRING, "int-or-string"),
    Any: TypeRef(Kind.RAW),
    object: TypeRef(Kind.RAW),
}

_FORMATTED: Mapping[str, TypeRef] = {
    "int32": TypeRef(Kind.INTEGER, "int32"),
    "int64": TypeRef(Kind.INTEGER, "int64"),
    "time": TypeRef(Kind.TIME, "date-time"),
    "microtime": TypeRef(Kind.MICRO_TIME, "date-time"),
    "raw": TypeRef(Kind.RAW),
}


def _resolve(hint: Any, format: str | None, arguments: Mapping[Any, Any]) -> TypeRef:
    if isinstance(hint, TypeVar):
        hint = arguments.get(hint, Any)
    while hasattr(hint, "__supertype__"):  # a NewType
        hint = hint.__supertype__
    origin = typing.get_origin(hint)
    if origin is Annotated:
        base, *marks = typing.get_args(hint)
        for mark in marks:
            if isinstance(mark, Format):
                return _with_format(_FORMATTED[mark.name], format)
        return _resolve(base, format, arguments)
    if origin is Literal and all(isinstance(value, str) for value in typing.get_args(hint)):
        return TypeRef(Kind.STRING, format or "", enum=typing.get_args(hint))
    if origin is list:
        return TypeRef(Kind.LIST, element=_resolve(_required(typing.get_args(hint)[0]), format, arguments))
    if origin is dict and typing.get_args(hint)[0] is str:
        return TypeRef(Kind.MAP, element=_resolve(_required(typing.get_args(hint)[1]), format, arguments))
    if is_api_type(hint):
        return TypeRef(Kind.OBJECT, cls=hint)
    simple = _SIMPLE.get(hint) if getattr(hint, "__hash__", None) else None
    if simple is None:
        raise TypeError(f"{hint!r} cannot be a field of an API type")
    return _with_format(simple, format)


def _with_format(ref: TypeRef, format: str | None) -> TypeRef:
    if format is None or format == ref.format:
        return ref
    if ref.kind is Kind.INTEGER and format not in ("int32", "int64"):
        raise TypeError(f"an int has the format int32 or int64, not {format}")
    return attrs.evolve(ref, format=format)


def _required(hint: Any) -> Any:
    inner, optional = _split_optional(hint)
    if optional:
        raise TypeError("items of lists and maps cannot be None")
    return inner


def _split_optional(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not types.NoneType]
        if len(members) == 1:
            return members[0], True
    return hint, False


# Words that Kubernetes writes in capitals when they do not come first: `pod_ip` is `podIP`, `uid` stays `uid`.
_CAPITALS: Mapping[str, str] = {
    **{word: word.upper() for word in ("cidr", "dns", "id", "ip", "tls", "uid", "uri", "url", "uuid")},
    **{f"{word}s": f"{word.upper()}s" for word in ("cidr", "id", "ip", "uid", "uri", "url")},
}


def camel_case(attribute: str) -> str:
    """The JSON name of a Python attribute: `deletion_grace_period_seconds` is `deletionGracePeriodSeconds`.

    A trailing underscore, as of `from_`, is dropped. `field(name=...)` overrides what comes out of this.
    """
    first, *rest = attribute.strip("_").split("_")
    return first + "".join(_CAPITALS.get(word) or word[:1].upper() + word[1:] for word in rest)
