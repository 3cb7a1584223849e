"""What a person finds in the file of an object.

An object is shown as it is stored, indented, in the order of its names, with metadata.resourceVersion and without
metadata.managedFields, which is bookkeeping of the server and longer than most objects. Numbers keep their spelling. What is
no object (encrypted values, for one) is wrapped as base64 in short lines.
"""

import base64

import msgspec

from genericapiserver.storage.engine import KeyValue

_LINE = 76


class _Revision(msgspec.Struct):
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Shown(msgspec.Struct):
    metadata: _Revision = msgspec.field(default_factory=_Revision)
    resource_version: str = msgspec.field(default="", name="resourceVersion")


_encoder = msgspec.json.Encoder(order="sorted")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_shown = msgspec.json.Decoder(_Shown)


def shown(kv: KeyValue) -> bytes:
    """The content of the file of *kv*. The same key, value and revision always give the same bytes."""
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


def revision_in(content: bytes) -> int:
    """The resourceVersion in the content of a file, 0 when there is none."""
    try:
        found = _shown.decode(content)
        return int(found.metadata.resource_version or found.resource_version or "0")
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError):
        return 0
