"""Classes of protobuf messages, made from tables when a module is loaded: no generated code is kept.

A table has a line for each message, `name=number:type` for each field. A type is one of protobuf's scalar ones, another
message of the table, either with `*` before it for a repeated field, or `map` for a map of strings to bytes. Fields that
nobody here reads or writes may be left out, which the wire format allows; an enumeration is an `int32`.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_MAP: Final = "map"


def message_classes(package: str, messages: Mapping[str, str]) -> dict[str, Any]:
    """The classes of *messages* by name, in a pool of their own: other packages may bring the same definitions."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file(package, messages).SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def _file(package: str, messages: Mapping[str, str]) -> descriptor_pb2.FileDescriptorProto:
    name = f"{package.replace('.', '/')}.proto"
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    proto = descriptor_pb2.FieldDescriptorProto
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            field, _, kind = text.partition(":")
            field, _, number = field.partition("=")
            repeated = kind.startswith("*") or kind == _MAP
            label = proto.LABEL_REPEATED if repeated else proto.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            made = message.field.add(name=field, number=int(number), label=label)
            if kind == _MAP:
                made.type, made.type_name = proto.TYPE_MESSAGE, f".{package}.{name}.{_add_entry(message, field)}"
            elif kind in messages:
                made.type, made.type_name = proto.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                made.type = getattr(proto, f"TYPE_{kind.upper()}")
    return file


def _add_entry(message: descriptor_pb2.DescriptorProto, field: str) -> str:
    """Add the message that an entry of the map *field* is; its name."""
    proto = descriptor_pb2.FieldDescriptorProto
    name = f"{field.title().replace('_', '')}Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=proto.LABEL_OPTIONAL, type=proto.TYPE_STRING)
    entry.field.add(name="value", number=2, label=proto.LABEL_OPTIONAL, type=proto.TYPE_BYTES)
    return name
