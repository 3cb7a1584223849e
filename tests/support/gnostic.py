"""Reading OpenAPI documents in protobuf as other programs do: with the library, by gnostic's own definitions.

`tests/openapi/gnostic_v2.txt` and `gnostic_v3.txt` are those definitions, a message a line: `name=number:type`, with `*`
before the type of a list and `?` before that of one of several.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FOLDER = Path(__file__).parents[1] / "openapi"
_LISTS = ("TypeItem", "StringArray", "ItemsItem")
"""Messages that stand for the list in their one field."""


@cache
def _document_class(version: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{version}.proto", package=f"openapi.{version}", syntax="proto3")
    proto = descriptor_pb2.FieldDescriptorProto
    for line in (_FOLDER / f"gnostic_{version}.txt").read_text().splitlines():
        name, *fields = line.split()
        message = file.message_type.add(name=name)
        for text in fields:
            field, _, kind = text.partition(":")
            if kind == "google.protobuf.Any":
                continue  # nobody writes it
            key, _, number = field.partition("=")
            label = proto.LABEL_REPEATED if kind.startswith("*") else proto.LABEL_OPTIONAL
            made = message.field.add(name=key, number=int(number), label=label)
            if kind.startswith("?"):
                if not message.oneof_decl:
                    message.oneof_decl.add(name="oneof")
                made.oneof_index = 0
            kind = kind.strip("*?")
            if kind[0].isupper():
                made.type, made.type_name = proto.TYPE_MESSAGE, f".openapi.{version}.{kind}"
            else:
                made.type = getattr(proto, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"openapi.{version}.Document"))


def parse(version: str, data: bytes) -> Any:
    """The message in *data*, a document of `v2` or `v3`. Raises DecodeError."""
    return _document_class(version).FromString(data)


def serialize(message: Any) -> bytes:
    """The bytes of *message* as every library writes them that does so in the order of numbers."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def plain(message: Any) -> Any:
    """What *message* says as the JSON that it was made of."""
    name = message.DESCRIPTOR.name
    if name == "Any":
        return yaml.safe_load(message.yaml)
    if "oneof" in message.DESCRIPTOR.oneofs_by_name:
        chosen = message.WhichOneof("oneof")
        return {} if chosen is None else _value(getattr(message, chosen))
    value: dict[str, Any] = {}
    for field, found in message.ListFields():
        if not field.is_repeated:
            value[_json_name(field.name)] = _value(found)
        elif field.message_type is not None and field.message_type.name.startswith("Named"):
            value |= {entry.name: _value(entry.value) for entry in found}
        else:
            value[_json_name(field.name)] = [_value(each) for each in found]
    if name not in _LISTS:
        return value
    items: list[Any] = next(iter(value.values()), [])
    return items if name == "StringArray" else items[0] if len(items) == 1 else items


def _value(found: Any) -> Any:
    return plain(found) if hasattr(found, "DESCRIPTOR") else found


def _json_name(field: str) -> str:
    if field == "_ref":
        return "$ref"
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)


def table(version: str) -> dict[str, str]:
    """The definitions in the form of `openapi.protobuf`, without the conditions of those that are one of several."""
    lines = (line.split() for line in (_FOLDER / f"gnostic_{version}.txt").read_text().splitlines())
    return {name: _line(name, fields) for name, *fields in lines if not name.startswith("Named")}


def _line(message: str, fields: list[str]) -> str:
    several = [field.partition(":?")[2] for field in fields if ":?" in field]
    if several:
        return " | ".join(several)
    written = []
    for number, text in enumerate(fields, 1):
        field, _, kind = text.partition(":")
        name, _, numbered = field.partition("=")
        if name in ("vendor_extension", "specification_extension"):
            key, kind = "x-", ""
            number = int(numbered)
        elif kind.startswith("*Named"):
            key, kind = "{}", kind.removeprefix("*Named").replace("String", "string", kind == "*NamedString")
        elif message in _LISTS:
            key = "="
        else:
            key = _json_name(name)
        assert int(numbered) == number, f"the numbers of {message} leave one out"
        written.append(key if kind in ("string", "") and not (kind and key == "{}") else f"{key}:{kind}")
    return " ".join(written)
