"""The vocabulary in which API types are described: kinds, types, fields.

`describe.describe` fills it in from declarations.
"""

import enum
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

OPTIONS: Final = "genericapiserver.field"
"""Where `field()` leaves its FieldOptions in the metadata of an attrs attribute."""


class Kind(enum.StrEnum):
    """What a value looks like in JSON, as far as the tools that read declarations have to know."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    BYTES = "bytes"
    TIME = "time"
    MICRO_TIME = "microtime"
    QUANTITY = "quantity"
    INT_OR_STRING = "int-or-string"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"
    RAW = "raw"


@attrs.frozen
class Format:
    """Marks what an annotation alone cannot tell apart: `Annotated[int, Format("int32")]`."""

    name: str


@attrs.frozen
class TypeRef:
    """The type of a field, a list item or a map value. `cls` is the class of an OBJECT, `element` what LIST and MAP hold."""

    kind: Kind
    format: str = ""
    element: "TypeRef | None" = None
    cls: type[Any] | None = None
    enum: tuple[str, ...] = ()

    @property
    def item(self) -> "TypeRef":
        """What a LIST or MAP holds. Raises TypeError for other kinds."""
        if self.element is None:
            raise TypeError(f"{self.kind} holds no elements")
        return self.element

    @property
    def object_type(self) -> type[Any]:
        """The class of an OBJECT. Raises TypeError for other kinds."""
        if self.cls is None:
            raise TypeError(f"{self.kind} is no object")
        return self.cls

    @property
    def go_name(self) -> str:
        """The type as Go's decoder names it in its errors."""
        match self.kind:
            case Kind.LIST:
                return f"[]{self.item.go_name}"
            case Kind.MAP:
                return f"map[string]{self.item.go_name}"
            case Kind.OBJECT:
                return go_name_of(self.object_type)
            case Kind.INTEGER:
                return self.format
        return _GO_NAMES[self.kind]


_STRUCTS: Final = (Kind.OBJECT, Kind.QUANTITY, Kind.INT_OR_STRING)
"""What Go writes even when it is empty, `omitempty` or not."""

_GO_NAMES: Mapping[Kind, str] = {
    Kind.STRING: "string",
    Kind.BOOLEAN: "bool",
    Kind.NUMBER: "float64",
    Kind.BYTES: "[]uint8",
    Kind.TIME: "v1.Time",
    Kind.MICRO_TIME: "v1.MicroTime",
    Kind.QUANTITY: "resource.Quantity",
    Kind.INT_OR_STRING: "intstr.IntOrString",
    Kind.RAW: "interface {}",
}


@attrs.frozen(kw_only=True)
class FieldOptions:
    """What `field()` was told beyond the default."""

    doc: str = ""
    name: str | None = None
    omit_empty: bool | None = None
    null_when_empty: bool = False
    list_type: str | None = None
    list_map_keys: tuple[str, ...] = ()
    map_type: str | None = None
    patch_strategy: str | None = None
    patch_merge_key: str | None = None
    enum: tuple[str, ...] = ()
    format: str | None = None
    number: int = 0
    inlined: int | tuple[int, ...] = 0
    required: bool | None = None
    key_default: str | None = None


@attrs.frozen(kw_only=True)
class FieldDescription:
    """One field: its two names, its type, and everything that the declaration says about it."""

    attribute: str
    json_name: str
    type: TypeRef
    doc: str
    optional: bool
    """Declared as `X | None`, which is Go's pointer: absent and empty are different things."""
    has_default: bool
    omit_empty: bool
    null_when_empty: bool
    """An empty list is written as `null`, as Go writes a nil slice."""
    list_type: str | None
    list_map_keys: tuple[str, ...]
    map_type: str | None
    patch_strategy: str | None
    patch_merge_key: str | None
    enum: tuple[str, ...]
    format: str
    number: int
    """The field's number in protobuf."""
    inlined: tuple[int, ...] = ()
    """The numbers in protobuf, from outside inwards, of the messages that the field lies in where Go embeds structs."""
    key_default: str | None = None
    """What the field counts as, where it is a key of a list and an item leaves it out."""
    said_required: bool | None = None
    """What the declaration says of `required`, if anything."""
    default: Any = None
    """The declared default when it is a plain value, else None."""
    factory: Callable[[], Any] | None = None

    @property
    def required(self) -> bool:
        """Always written, so OpenAPI lists it as required; structs with a default are written, but not required."""
        if self.said_required is not None:
            return self.said_required
        by_value = self.type.kind in _STRUCTS and self.has_default and not self.optional
        return not self.omit_empty and not by_value


@attrs.frozen(kw_only=True, eq=False)
class TypeDescription:
    """One API type with its fields in the order they are written in."""

    cls: type[Any]
    name: str
    doc: str
    model_name: str
    """The name in OpenAPI documents, `com.example.demo.v1.Widget`."""
    root: bool
    """Carries `kind` and `apiVersion` wherever it stands (Go embeds TypeMeta)."""
    items_carry_kind: bool
    map_type: str | None
    """`atomic` when values of this type are replaced as a whole by server-side apply."""
    fields: tuple[FieldDescription, ...]
    by_json_name: Mapping[str, FieldDescription]
    by_attribute: Mapping[str, FieldDescription]

    @property
    def go_name(self) -> str:
        """Go's short name, package and type: `v1.ObjectMeta`."""
        return _short_name(self.model_name)


@attrs.frozen(kw_only=True)
class TypeOptions:
    """What `api_type()` was told, kept on the class as `__api_type__`."""

    model_name: str | None
    root: bool
    items_carry_kind: bool
    map_type: str | None
    names: Mapping[str, Any]
    """Names of the function that the class was declared in, to resolve its annotations with."""


def is_api_type(cls: object) -> bool:
    """Whether *cls* is a class declared with `api_type`."""
    return isinstance(cls, type) and "__api_type__" in cls.__dict__


def model_name_of(cls: type[Any]) -> str:
    """The OpenAPI name of an API type, without resolving the annotations of its fields."""
    options: TypeOptions = cls.__dict__["__api_type__"]
    if options.model_name:
        return options.model_name
    module = sys.modules.get(cls.__module__)
    package = getattr(module, "MODEL_PACKAGE", None) or cls.__module__
    return f"{package}.{cls.__name__}"


def go_name_of(cls: type[Any]) -> str:
    """Go's short name of an API type, package and type: `v1.ObjectMeta`."""
    return _short_name(model_name_of(cls))


def _short_name(model_name: str) -> str:
    package, _, name = model_name.rpartition(".")
    # A module named like Go's file is no package of its own.
    return f"{package.removesuffix('.types').rpartition('.')[2]}.{name}" if package else name
