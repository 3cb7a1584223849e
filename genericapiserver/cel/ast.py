"""The checked syntax tree of an expression, read from the bytes that the library serializes (cel/expr/checked.proto).

The library offers its tree only as a protobuf message inside an Any. What is needed of it is small and its field numbers are
fixed, so the wire format is read here instead of depending on the protobuf runtime and generated classes.
"""

import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from genericapiserver.apimachinery.wire import Fields, read_fields, read_varint
from genericapiserver.cel.types import Type

T = TypeVar("T")

PRIMITIVES = {1: Type.BOOL, 2: Type.INT, 3: Type.UINT, 4: Type.DOUBLE, 5: Type.STRING, 6: Type.BYTES}
WELL_KNOWN = {1: Type.DYN, 2: Type.TIMESTAMP, 3: Type.DURATION}


@attrs.frozen
class Node:
    """One node. `id` is its key in `Tree.types`."""

    id: int


@attrs.frozen
class Constant(Node):
    value: bool | int | float | str | bytes | None


@attrs.frozen
class Ident(Node):
    name: str


@attrs.frozen
class Select(Node):
    operand: Node
    field: str
    test_only: bool


@attrs.frozen
class Call(Node):
    function: str
    target: Node | None
    arguments: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.arguments if self.target is None else (self.target, *self.arguments)


@attrs.frozen
class ListLiteral(Node):
    elements: tuple[Node, ...]
    optional: frozenset[int]


@attrs.frozen
class Entry:
    key: Node | str
    value: Node
    optional: bool


@attrs.frozen
class Struct(Node):
    """A map literal, or a message literal when it has a name."""

    message: str
    entries: tuple[Entry, ...]


@attrs.frozen
class Comprehension(Node):
    """What the macros all, exists, exists_one, map, filter and cel.bind become."""

    variable: str
    second_variable: str
    range: Node
    accumulator: str
    init: Node
    condition: Node
    step: Node
    result: Node


@attrs.frozen
class Tree:
    root: Node
    types: dict[int, Type]
    references: dict[int, str]
    """The full names of variables by the id of the node that reads them, which may be a selection: `request.kind`."""
    positions: dict[int, int]
    """Where a node begins, in code points of the source."""

    def type_of(self, node: Node) -> Type:
        return self.types.get(node.id, Type.DYN)

    def walk(self) -> Iterator[Node]:
        pending = [self.root]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(children(node))


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.operands
        case ListLiteral():
            return node.elements
        case Struct():
            return tuple(part for entry in node.entries for part in (entry.key, entry.value) if isinstance(part, Node))
        case Comprehension():
            return (node.range, node.init, node.condition, node.step, node.result)
    return ()


def decode_parsed(serialized: bytes) -> Tree:
    """The tree of an expression that was parsed only: without types and references."""
    message = read_fields(blob(read_fields(serialized), 2))
    return Tree(_expression(blob(message, 2)), {}, {}, _positions(blob(message, 3)))


def decode(serialized: bytes) -> Tree:
    """The tree of `Expression.serialize()` of a checked expression."""
    message = read_fields(blob(read_fields(serialized), 2))
    types = dict(_entries(message, 3, _type))
    references = dict(_entries(message, 2, lambda value: text(read_fields(value), 1)))
    named = {key: name for key, name in references.items() if name}
    return Tree(_expression(blob(message, 4)), types, named, _positions(blob(message, 5)))


def _positions(source: bytes) -> dict[int, int]:
    pairs = map(read_fields, blobs(read_fields(source), 4))
    return {number(pair, 1): number(pair, 2) for pair in pairs}


def _entries(message: Fields, field: int, convert: Callable[[bytes], T]) -> Iterator[tuple[int, T]]:
    for entry in blobs(message, field):
        pair = read_fields(entry)
        yield number(pair, 1), convert(blob(pair, 2))


def _expression(data: bytes) -> Node:
    message = read_fields(data)
    id_ = number(message, 2)
    for field, convert in _KINDS.items():
        if field in message:
            return convert(id_, read_fields(blob(message, field)))
    raise ValueError(f"an expression node of an unknown kind: fields {sorted(message)}")


def _constant(id_: int, message: Fields) -> Node:
    for field, convert in _CONSTANTS.items():
        if field in message:
            return Constant(id_, convert(message[field][-1]))
    return Constant(id_, None)


def _select(id_: int, message: Fields) -> Node:
    return Select(id_, _expression(blob(message, 1)), text(message, 2), bool(number(message, 3)))


def _call(id_: int, message: Fields) -> Node:
    target = _expression(blob(message, 1)) if 1 in message else None
    return Call(id_, text(message, 2), target, tuple(map(_expression, blobs(message, 3))))


def _list(id_: int, message: Fields) -> Node:
    return ListLiteral(id_, tuple(map(_expression, blobs(message, 1))), frozenset(_packed(message, 2)))


def _struct(id_: int, message: Fields) -> Node:
    return Struct(id_, text(message, 1), tuple(map(_entry, blobs(message, 2))))


def _entry(data: bytes) -> Entry:
    message = read_fields(data)
    key = _expression(blob(message, 3)) if 3 in message else text(message, 2)
    return Entry(key, _expression(blob(message, 4)), bool(number(message, 5)))


def _comprehension(id_: int, message: Fields) -> Node:
    part = {field: _expression(blob(message, field)) for field in (2, 4, 5, 6, 7)}
    return Comprehension(
        id_, text(message, 1), text(message, 8), part[2], text(message, 3), part[4], part[5], part[6], part[7]
    )


_KINDS: dict[int, Callable[[int, Fields], Node]] = {
    3: _constant,
    4: lambda id_, message: Ident(id_, text(message, 1)),
    5: _select,
    6: _call,
    7: _list,
    8: _struct,
    9: _comprehension,
}


def _signed(value: int | bytes) -> int:
    assert isinstance(value, int)
    return value - (1 << 64) if value >= 1 << 63 else value


def _bytes(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _double(value: int | bytes) -> float:
    found: float = struct.unpack("<d", _bytes(value))[0]
    return found


_CONSTANTS: dict[int, Callable[[int | bytes], bool | int | float | str | bytes | None]] = {
    1: lambda _: None,
    2: bool,
    3: _signed,
    4: lambda value: value,
    5: _double,
    6: lambda value: _bytes(value).decode(),
    7: _bytes,
}


def _type(data: bytes) -> Type:
    message = read_fields(data)
    if 3 in message:
        return PRIMITIVES.get(number(message, 3), Type.DYN)
    if 5 in message:
        return WELL_KNOWN.get(number(message, 5), Type.DYN)
    if 6 in message:
        return Type.list_of(_type(blob(read_fields(blob(message, 6)), 1)))
    if 7 in message:
        pair = read_fields(blob(message, 7))
        return Type.map_of(_type(blob(pair, 1)), _type(blob(pair, 2)))
    if 9 in message:
        return Type(text(message, 9))
    if 11 in message:
        return Type("type", (_type(blob(message, 11)),))
    if 14 in message:
        abstract = read_fields(blob(message, 14))
        return Type(text(abstract, 1), tuple(map(_type, blobs(abstract, 2))))
    return Type.NULL if 2 in message else Type.DYN


def _packed(message: Fields, field: int) -> Iterator[int]:
    for value in message.get(field, ()):
        if isinstance(value, int):
            yield value
            continue
        at = 0
        while at < len(value):
            item, at = read_varint(value, at)
            yield item


def number(message: Fields, field: int) -> int:
    values = message.get(field)
    return _signed(values[-1]) if values else 0


def blob(message: Fields, field: int) -> bytes:
    values = message.get(field)
    return _bytes(values[-1]) if values else b""


def blobs(message: Fields, field: int) -> Iterator[bytes]:
    return map(_bytes, message.get(field, ()))


def text(message: Fields, field: int) -> str:
    return blob(message, field).decode()
