"""How an API type is declared: an attrs class, from which everything else follows.

    @api_type
    class FlunderSpec:
        \"\"\"FlunderSpec says what a Flunder refers to.\"\"\"

        reference: str = field(default="", doc="A name of another flunder.")
        reference_type: str | None = field(default=None, doc="What the reference names.")

The declaration gives the camelCase JSON codec, strict decoding, deep copies, OpenAPI, merge rules and printed help.
Rules:

- `snake_case` is `camelCase` on the wire; `field(name=...)` sets another name.
- `X | None` is Go's pointer: left out when None, written when empty.
- A default that is empty (`""`, 0, False, `factory=list`) makes a field that is left out when empty. A field without a
  default is always written, and so is a struct.
- Field types: str, bool, int (int64), Int32, Int64, float, bytes, Time, MicroTime, Quantity, IntOrString, list[T],
  dict[str, T], Literal texts, other API types, and RawJSON for any JSON value.
- An absent field gets its default, or the empty value of its type when it has none.
- A module may set MODEL_PACKAGE = "com.example.demo.v1"; its types are then named `com.example.demo.v1.<Class>` in OpenAPI.
"""

import datetime as dt
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, overload

import attrs

from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.describe import camel_case, describe
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
from genericapiserver.apimachinery.value_methods import add_value_methods

if TYPE_CHECKING:
    from genericapiserver.apimachinery.meta.objects import ObjectList

__all__ = [
    "FieldDescription",
    "Int32",
    "Int64",
    "IntOrString",
    "Kind",
    "MicroTime",
    "Quantity",
    "RawJSON",
    "Time",
    "TypeDescription",
    "TypeRef",
    "api_type",
    "camel_case",
    "deep_copy",
    "describe",
    "field",
    "is_api_type",
    "list_of",
]

T = TypeVar("T")

Int32 = Annotated[int, Format("int32")]
Int64 = Annotated[int, Format("int64")]

Time = Annotated[dt.datetime, Format("time")]
"""An aware datetime, written as RFC 3339 in UTC with whole seconds."""

MicroTime = Annotated[dt.datetime, Format("microtime")]
"""An aware datetime, written as RFC 3339 in UTC with six digits behind the second."""

RawJSON = Annotated[Any, Format("raw")]
"""Any JSON value, kept as it is: dict, list, str, int, float, bool, None. A `msgspec.Raw` is written as it stands."""


@overload
def field(
    *,
    default: T,
    doc: str = "",
    name: str | None = None,
    omit_empty: bool | None = None,
    null_when_empty: bool = False,
    list_type: str | None = None,
    list_map_keys: Sequence[str] = (),
    map_type: str | None = None,
    patch_strategy: str | None = None,
    patch_merge_key: str | None = None,
    enum: Sequence[str] = (),
    format: str | None = None,
    number: int = 0,
    inlined: int | tuple[int, ...] = 0,
    required: bool | None = None,
    key_default: str | None = None,
) -> T: ...
@overload
def field(
    *,
    factory: Callable[[], T],
    doc: str = "",
    name: str | None = None,
    omit_empty: bool | None = None,
    null_when_empty: bool = False,
    list_type: str | None = None,
    list_map_keys: Sequence[str] = (),
    map_type: str | None = None,
    patch_strategy: str | None = None,
    patch_merge_key: str | None = None,
    enum: Sequence[str] = (),
    format: str | None = None,
    number: int = 0,
    inlined: int | tuple[int, ...] = 0,
    required: bool | None = None,
    key_default: str | None = None,
) -> T: ...
@overload
def field(
    *,
    doc: str = "",
    name: str | None = None,
    omit_empty: bool | None = None,
    null_when_empty: bool = False,
    list_type: str | None = None,
    list_map_keys: Sequence[str] = (),
    map_type: str | None = None,
    patch_strategy: str | None = None,
    patch_merge_key: str | None = None,
    enum: Sequence[str] = (),
    format: str | None = None,
    number: int = 0,
    inlined: int | tuple[int, ...] = 0,
    required: bool | None = None,
    key_default: str | None = None,
) -> Any: ...
def field(
    *,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    doc: str = "",
    name: str | None = None,
    omit_empty: bool | None = None,
    null_when_empty: bool = False,
    list_type: str | None = None,
    list_map_keys: Sequence[str] = (),
    map_type: str | None = None,
    patch_strategy: str | None = None,
    patch_merge_key: str | None = None,
    enum: Sequence[str] = (),
    format: str | None = None,
    number: int = 0,
    inlined: int | tuple[int, ...] = 0,
    required: bool | None = None,
    key_default: str | None = None,
) -> Any:
    """Declare a field of an API type.

    `doc` is its description in OpenAPI and `kubectl explain`. `name` is its JSON name when that is not the attribute in
    camelCase. `omit_empty` overrides when it is left out; `null_when_empty` writes an empty list as null. `list_type`
    (atomic, set, map), `list_map_keys`, `map_type` (atomic, granular), `patch_strategy` and `patch_merge_key` are the
    merge rules of server-side apply and strategic merge. `enum` and `format` only inform; the strategy validates.
    `number` is the field's number in protobuf, where that is not its place in the declaration; `inlined` the number of the
    message that the field lies in there, where Go embeds a struct, and the numbers from outside inwards where it embeds one
    in another. `required` overrides what OpenAPI says of it.
    `key_default` is what an item of a list has that leaves the field out, as far as telling items apart goes, when the
    field is one of the list's keys.
    """
    options = FieldOptions(
        doc=doc,
        name=name,
        omit_empty=omit_empty,
        null_when_empty=null_when_empty,
        list_type=list_type,
        list_map_keys=tuple(list_map_keys),
        map_type=map_type,
        patch_strategy=patch_strategy,
        patch_merge_key=patch_merge_key,
        enum=tuple(enum),
        format=format,
        number=number,
        inlined=inlined,
        required=required,
        key_default=key_default,
    )
    metadata = {OPTIONS: options}
    if factory is not None:
        if default is not attrs.NOTHING:
            raise TypeError("a field has a default or a factory, not both")
        return attrs.field(factory=factory, metadata=metadata)
    return attrs.field(default=default, metadata=metadata)


@overload
def api_type(cls: type[T], /) -> type[T]: ...
@overload
def api_type(
    *,
    model_name: str | None = None,
    root: bool = False,
    items_carry_kind: bool = False,
    map_type: str | None = None,
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def api_type(
    cls: type[T] | None = None,
    /,
    *,
    model_name: str | None = None,
    root: bool = False,
    items_carry_kind: bool = False,
    map_type: str | None = None,
) -> type[T] | Callable[[type[T]], type[T]]:
    """Declare an API type: a slotted attrs class with keyword-only arguments, equality by value, and a description.

    `model_name` sets the OpenAPI name. `root` says that values carry `kind` and `apiVersion` wherever they stand;
    subclasses of `meta.Object` and lists do so anyway. `items_carry_kind` is for lists that write them on each item too.
    `map_type="atomic"` lets server-side apply replace values of this type as a whole.
    Raises TypeError for a default that all values would share, such as a list.
    """
    # The names of an enclosing function are needed to resolve annotations of classes declared inside it.
    frame = sys._getframe(1)
    names = dict(frame.f_locals) if frame.f_locals is not frame.f_globals else {}

    def declare(cls: type[T]) -> type[T]:
        inherited = [base.__dict__["__api_type__"] for base in cls.__mro__[1:] if is_api_type(base)]
        local = names if "<locals>" in cls.__qualname__ else {}
        add_value_methods(cls)
        declared: Any = attrs.define(kw_only=True, slots=True, auto_attribs=True, eq=False, repr=False)(cls)
        for attribute in attrs.fields(declared):
            if isinstance(attribute.default, list | dict) or is_api_type(type(attribute.default)):
                raise TypeError(
                    f"{cls.__qualname__}.{attribute.name}: use factory=, or every value shares this default"
                )
        declared.__api_type__ = TypeOptions(
            model_name=model_name,
            root=root or any(options.root for options in inherited),
            items_carry_kind=items_carry_kind or any(options.items_carry_kind for options in inherited),
            map_type=map_type,
            names=local,
        )
        _remember_list(declared)
        result: type[T] = declared
        return result

    return declare if cls is None else declare(cls)


_lists: dict[type[Any], type[Any]] = {}


def _remember_list(cls: type[Any]) -> None:
    """Note a list class that was declared by hand, `class FlunderList(ObjectList[Flunder])`, for `list_of`."""
    for alias in cls.__dict__.get("__orig_bases__", ()):
        for item in get_args(alias):
            if is_api_type(item) and is_api_type(get_origin(alias)) and cls.__name__ == f"{item.__name__}List":
                _lists[item] = cls


def list_of(cls: type[T]) -> "type[ObjectList[T]]":
    """The `<Kind>List` class of an API type: `metadata: ListMeta` and `items`. Made once per class."""
    made = _lists.get(cls)
    if made is None:
        from genericapiserver.apimachinery.meta.objects import ObjectList

        namespace = {
            "__doc__": f"{cls.__name__}List is a list of {cls.__name__} objects.",
            "__module__": cls.__module__,
            "__qualname__": f"{cls.__qualname__}List",
            "__annotations__": {"items": list[cls]},  # type: ignore[valid-type]
            "items": field(factory=list, omit_empty=False),
        }
        model_name = f"{model_name_of(cls)}List"
        made = _lists[cls] = api_type(model_name=model_name)(type(f"{cls.__name__}List", (ObjectList,), namespace))
    return made
