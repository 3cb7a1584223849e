"""The types of variables and results, printed as the reference prints them (`map(string, list(int))`)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

NO_FIELDS: Mapping[str, "Type"] = MappingProxyType({})


@attrs.frozen
class Type:
    """A CEL type. Primitive types are the constants below; the others come from the class methods.

    An `object` type is a map whose fields are known: a field that is not listed is refused when an expression is compiled,
    and a listed one has its own type. A variable of that type is given as a plain dict.
    """

    name: str
    parameters: tuple["Type", ...] = ()
    fields: Mapping[str, "Type"] = attrs.field(default=NO_FIELDS, eq=False, repr=False)

    BOOL: ClassVar["Type"]
    INT: ClassVar["Type"]
    UINT: ClassVar["Type"]
    DOUBLE: ClassVar["Type"]
    STRING: ClassVar["Type"]
    BYTES: ClassVar["Type"]
    NULL: ClassVar["Type"]
    TIMESTAMP: ClassVar["Type"]
    DURATION: ClassVar["Type"]
    DYN: ClassVar["Type"]
    """Any value; what an expression does with it is checked when it is evaluated."""

    @classmethod
    def list_of(cls, element: "Type") -> "Type":
        return cls("list", (element,))

    @classmethod
    def map_of(cls, key: "Type", value: "Type") -> "Type":
        return cls("map", (key, value))

    @classmethod
    def optional_of(cls, value: "Type") -> "Type":
        return cls("optional_type", (value,))

    @classmethod
    def opaque(cls, name: str) -> "Type":
        """A type that only functions of a library make and take, such as `kubernetes.Quantity`."""
        return cls(name)

    @classmethod
    def object(cls, name: str, fields: Mapping[str, "Type"]) -> "Type":
        return cls(name, (), MappingProxyType(dict(fields)))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name


Type.BOOL = Type("bool")
Type.INT = Type("int")
Type.UINT = Type("uint")
Type.DOUBLE = Type("double")
Type.STRING = Type("string")
Type.BYTES = Type("bytes")
Type.NULL = Type("null_type")
Type.TIMESTAMP = Type("timestamp")
Type.DURATION = Type("duration")
Type.DYN = Type("dyn")
