"""From plain JSON values to API objects, by a function compiled from each type's declaration.

Nothing is coerced. The compiled functions only find out *that* a value does not fit (`Mismatch`) or *that* there are keys
nobody declared (`notes` gets an entry); `problems` then walks the document once more to say what and where, as Go would.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from genericapiserver.apimachinery.compiled import compile_function
from genericapiserver.apimachinery.deepcopy import copy_json
from genericapiserver.apimachinery.describe import FieldDescription, Kind, TypeRef, describe
from genericapiserver.apimachinery.go import TimeParseError
from genericapiserver.apimachinery.int_or_string import IntOrString
from genericapiserver.apimachinery.quantity import Quantity, QuantityError
from genericapiserver.apimachinery.serializer.json import NumberLiteral, decode_base64, without_literals
from genericapiserver.apimachinery.time import ZERO_TIME, parse_micro_time, parse_time

T = TypeVar("T")


class Notes(list[None]):
    """Gets an entry for each object in a document with keys that nobody declared, or that are null.

    `keep` is applied to what stands in RawJSON fields, where the document itself must not be shared.
    """

    __slots__ = ("keep",)
    keep: Callable[[Any], Any] | None

    def __init__(self, keep: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.keep = keep


Decoder: TypeAlias = Callable[[Any, Notes], Any]

INTEGER_RANGES = {"int32": (-(1 << 31), (1 << 31) - 1), "int64": (-(1 << 63), (1 << 63) - 1)}


class Mismatch(Exception):  # noqa: N818 (a signal between two functions, not an error that anybody reports)
    """A value does not fit its field."""


_decoders: dict[type[Any], Decoder] = {}


def decoder_for(cls: type[Any]) -> Decoder:
    """The decoder of an API type, compiled on first use. Raises TypeError when *cls* is none.

    It takes a value and Notes, and returns an object that shares nothing changeable with the value, except what stands
    in RawJSON fields when there is no `Notes.keep`. It raises Mismatch or NeedsLiterals; None gives the empty object.
    """
    return _decoders.get(cls) or _compile(cls)


def new(cls: type[Any]) -> Any:
    """The empty object of an API type: what `{}` decodes to."""
    return decoder_for(cls)({}, Notes())


def _compile(cls: type[Any]) -> Decoder:
    description = describe(cls)
    compiler = _Compiler()
    compiler.namespace |= {"cls": cls, "new_": object.__new__}
    body = [
        "if type(v) is not dict:",
        "    if v is not None: raise Mismatch",
        "    v = {}",
        "obj = new_(cls)",
        "get = v.get",
        "left = len(v)",
    ]
    names = list(description.by_json_name)
    if description.root:
        for name in ("kind", "apiVersion"):
            body += [
                f"x = get({name!r})",
                "if x is not None:",
                "    left -= 1",
                "    if type(x) is not str: raise Mismatch",
            ]
            names.append(name)
    for field in description.fields:
        body += compiler.field(field)
    # Known keys that are null are still counted here; the walk over the document sorts that out.
    body += ["if left: notes.append(None)", "return obj"]
    decoder = compile_function(f"decode_{cls.__name__}", "v, notes", body, compiler.namespace)
    _decoders[cls] = decoder
    return decoder


class _Compiler:
    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {
            "Mismatch": Mismatch,
            "string_": _string,
            "boolean_": _boolean,
            "int32_": _int32,
            "int64_": _int64,
            "number_": _number,
            "bytes_": _bytes,
            "time_": _time,
            "microtime_": _micro_time,
            "quantity_": _quantity,
            "int_or_string_": _int_or_string,
            "raw_": _raw,
        }

    def field(self, field: FieldDescription) -> list[str]:
        target = f"obj.{field.attribute}"
        lines = [
            f"x = get({field.json_name!r})",
            "if x is None:",
            f"    {target} = {self.absent(field)}",
            "else:",
            "    left -= 1",
        ]
        match field.type.kind:
            case Kind.STRING:
                lines += ["    if type(x) is not str: raise Mismatch", f"    {target} = x"]
            case Kind.BOOLEAN:
                lines += ["    if type(x) is not bool: raise Mismatch", f"    {target} = x"]
            case Kind.INTEGER:
                low, high = INTEGER_RANGES[field.type.format]
                lines += [f"    if type(x) is not int or not {low} <= x <= {high}: raise Mismatch", f"    {target} = x"]
            case Kind.TIME | Kind.MICRO_TIME if field.optional:
                lines += [f"    x = {self.expression(field.type, 'x')}", f"    {target} = None if x == ZERO else x"]
                self.namespace["ZERO"] = ZERO_TIME
            case Kind.LIST | Kind.MAP:
                container = "list" if field.type.kind is Kind.LIST else "dict"
                lines += [
                    f"    if type(x) is not {container}: raise Mismatch",
                    f"    {target} = {self.container(field.type, 'x', 0)}",
                ]
            case _:
                lines.append(f"    {target} = {self.expression(field.type, 'x')}")
        return lines

    def absent(self, field: FieldDescription) -> str:
        """The value of a field that is not there."""
        if field.factory is not None:
            return f"{self.name(field.factory)}()"
        if field.has_default:
            return (
                repr(field.default) if type(field.default) in (str, bool, int, type(None)) else self.name(field.default)
            )
        return "None" if field.optional else self.expression(field.type, "None")

    def expression(self, ref: TypeRef, value: str, depth: int = 0) -> str:
        """A call that decodes *value*, null included."""
        match ref.kind:
            case Kind.STRING | Kind.BOOLEAN if value != "None":
                python = "str" if ref.kind is Kind.STRING else "bool"
                return f"{value} if type({value}) is {python} else {ref.kind}_({value}, notes)"
            case Kind.INTEGER:
                return f"{ref.format}_({value}, notes)"
            case Kind.OBJECT:
                return f"{self.object(ref.object_type)}({value}, notes)"
            case Kind.LIST | Kind.MAP:
                # As a function of its own, because one expression cannot check the container.
                body = [
                    f"if type(x) is not {'list' if ref.kind is Kind.LIST else 'dict'}:",
                    "    if x is not None: raise Mismatch",
                    f"    return {'[]' if ref.kind is Kind.LIST else '{}'}",
                    f"return {self.container(ref, 'x', depth)}",
                ]
                name = f"container_{len(self.namespace)}"
                compile_function(name, "x, notes", body, self.namespace)
                return f"{name}({value}, notes)"
        return f"{ref.kind.replace('-', '_')}_({value}, notes)"

    def container(self, ref: TypeRef, value: str, depth: int) -> str:
        item, key = f"item{depth}", f"key{depth}"
        expression = self.expression(ref.item, item, depth + 1)
        if ref.kind is Kind.LIST:
            return f"[{expression} for {item} in {value}]"
        return f"{{{key}: {expression} for {key}, {item} in {value}.items()}}"

    def object(self, cls: type[Any]) -> str:
        # A type may hold itself, so a decoder that is not there yet is looked up when it runs.
        return self.name(_decoders.get(cls) or (lambda v, notes: decoder_for(cls)(v, notes)))

    def name(self, value: Any) -> str:
        name = f"value_{len(self.namespace)}"
        self.namespace[name] = value
        return name


def _string(value: Any, _notes: Notes) -> str:
    if type(value) is str:
        return value
    return _empty(value, "")


def _boolean(value: Any, _notes: Notes) -> bool:
    if type(value) is bool:
        return value
    return _empty(value, False)


def _int32(value: Any, _notes: Notes) -> int:
    if type(value) is int and -(1 << 31) <= value < 1 << 31:
        return value
    return _empty(value, 0)


def _int64(value: Any, _notes: Notes) -> int:
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return value
    return _empty(value, 0)


def _number(value: Any, _notes: Notes) -> float:
    if type(value) is float or type(value) is int or type(value) is NumberLiteral:
        try:
            number = float(value)
        except OverflowError:
            raise Mismatch from None
        # What does not fit has become infinite.
        if number - number != 0:
            raise Mismatch
        return number
    return _empty(value, 0.0)


def _empty(value: Any, empty: T) -> T:
    """*empty* for null; everything else that gets here does not fit."""
    if value is not None:
        raise Mismatch
    return empty


def _bytes(value: Any, _notes: Notes) -> bytes:
    if type(value) is str:
        try:
            return decode_base64(value)
        except ValueError:
            raise Mismatch from None
    if type(value) is list:
        numbers = [0 if item is None else item for item in value]
        if not all(type(number) is int and 0 <= number < 256 for number in numbers):
            raise Mismatch
        return bytes(numbers)
    return _empty(value, b"")


def _time(value: Any, _notes: Notes) -> dt.datetime:
    return _any_time(value, parse_time)


def _micro_time(value: Any, _notes: Notes) -> dt.datetime:
    return _any_time(value, parse_micro_time)


def _any_time(value: Any, parse: Callable[[str], dt.datetime]) -> dt.datetime:
    if type(value) is str:
        try:
            return parse(value)
        except TimeParseError:
            raise Mismatch from None
    return _empty(value, ZERO_TIME)


class NeedsLiterals(Exception):  # noqa: N818 (as above)
    """A quantity is given as a number with a fraction, whose text decides how it is written."""


def _quantity(value: Any, _notes: Notes) -> Quantity:
    if type(value) is float:
        raise NeedsLiterals
    if type(value) is NumberLiteral:
        value = value.text
    elif type(value) is int:
        value = str(value)
    if type(value) is str:
        try:
            return Quantity.parse(value.strip())
        except QuantityError:
            raise Mismatch from None
    return _empty(value, Quantity())


def _int_or_string(value: Any, _notes: Notes) -> IntOrString:
    if type(value) is str or (type(value) is int and -(1 << 31) <= value < 1 << 31):
        return IntOrString(value)
    return _empty(value, IntOrString(0))


def _raw(value: Any, notes: Notes) -> Any:
    return value if notes.keep is None else notes.keep(value)


def detach(value: Any) -> Any:
    """A copy of a plain JSON value without literals, for RawJSON fields of objects that outlive the document."""
    return without_literals(copy_json(value))
