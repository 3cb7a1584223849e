"""What a person finds in the file of an object.

An object is shown as it is stored, indented, in the order of its names, with metadata.resourceVersion and without
metadata.managedFields, which is bookkeeping of the server and longer than most objects. Numbers of JSON keep their spelling.
What is no object (encrypted values, for one) is wrapped as base64 in short lines.
"""

import base64
import json
from typing import Any

import msgspec
import yaml

from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_paths import JSON
from genericapiserver.storage.files_reading import FileTextError, parse_file

_LINE = 76


class _Revision(msgspec.Struct):
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Shown(msgspec.Struct):
    metadata: _Revision = msgspec.field(default_factory=_Revision)
    resource_version: str = msgspec.field(default="", name="resourceVersion")


_encoder = msgspec.json.Encoder(order="sorted")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_shown = msgspec.json.Decoder(_Shown)


def shown(kv: KeyValue, suffix: str = JSON) -> bytes:
    """The content of the file of *kv* that ends in *suffix*. The same key, value and revision always give the same bytes."""
    text = _as_json(kv)
    if suffix == JSON:
        return text
    try:
        return encode_yaml(json.loads(text))
    except (ValueError, OverflowError, RecursionError, yaml.YAMLError):
        return text  # numbers that no float holds; JSON is YAML


def _as_json(kv: KeyValue) -> bytes:
    try:
        members = _members.decode(kv.value)
        metadata = _members.decode(members["metadata"])
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
        return _wrapped(kv)
    metadata.pop("managedFields", None)
    metadata["resourceVersion"] = msgspec.Raw(b'"%d"' % kv.mod_rev)
    members["metadata"] = msgspec.Raw(_encoder.encode(metadata))
    return msgspec.json.format(_encoder.encode(members), indent=2) + b"\n"


def _wrapped(kv: KeyValue) -> bytes:
    text = base64.b64encode(kv.value).decode()
    wrapped = {
        "data": [text[start : start + _LINE] for start in range(0, len(text), _LINE)],
        "encoding": "base64",
        "key": kv.key.decode(errors="backslashreplace"),
        "resourceVersion": str(kv.mod_rev),
    }
    return msgspec.json.format(_encoder.encode(wrapped), indent=2) + b"\n"


def revision_in(content: bytes, suffix: str = JSON) -> int:
    """The resourceVersion in the content of a file that ends in *suffix*, 0 when there is none."""
    if suffix != JSON:
        return _revision_in_yaml(content)
    try:
        found = _shown.decode(content)
        return int(found.metadata.resource_version or found.resource_version or "0")
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError):
        return 0


def _revision_in_yaml(content: bytes) -> int:
    try:
        value: Any = parse_file(content, "")
    except (FileTextError, RecursionError):
        return 0
    metadata = value.get("metadata") if isinstance(value, dict) else None
    for holder in (metadata, value):
        found = holder.get("resourceVersion") if isinstance(holder, dict) else None
        if isinstance(found, str) and found.isascii() and found.isdigit():
            return int(found)
    return 0
