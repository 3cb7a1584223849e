"""Which object a key and its value are, without a scheme: `<prefix>/[<group>/]<resource>/[<namespace>/]<name>`.

The value says what of this is there: an object names its group, its namespace and itself.
"""

import json
from typing import Any

import attrs

from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.protobuf import PREFIX as _PROTOBUF
from genericapiserver.apimachinery.serializer.protobuf import unwrap
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import StoreReader, pages

_ENCRYPTED = b"k8s:enc:"


@attrs.frozen
class StoredName:
    """Who an object is."""

    group: str
    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{resource} {self.namespace}/{self.name}" if self.namespace else f"{resource} {self.name}"

    def is_of(self, resource: str) -> bool:
        """Whether *resource* (`flunders`, `flunders.wardle.example.com`) means its resource."""
        return resource in (self.resource, f"{self.resource}.{self.group}")


def is_opaque(value: bytes) -> bool:
    """Whether *value* is whole as far as anybody can see who has no keys and no schema: encrypted, or protobuf."""
    return value.startswith((_PROTOBUF, _ENCRYPTED))


def unreadable(value: bytes) -> str:
    """Why *value* is no JSON object; empty when it is one."""
    if value.startswith(_PROTOBUF):
        return f"it is protobuf{_declared(value)}, which other API servers write; only JSON can be read here"
    if value.startswith(_ENCRYPTED):
        return "it is encrypted; this command has no keys"
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    return "" if isinstance(found, dict) else "it is JSON, but no object"


def _declared(value: bytes) -> str:
    """Of which kind a message is, as far as its envelope says."""
    try:
        gvk, _ = unwrap(value)
    except DecodeError:
        return ""
    return f" of {gvk.api_version} {gvk.kind}" if gvk.kind else ""


def decoded(value: bytes, where: str) -> dict[str, Any]:
    """The object in *value*. Raises ToolError, whose text begins with *where*."""
    problem = unreadable(value)
    if problem:
        raise ToolError(f"{where}: {problem}")
    found: dict[str, Any] = json.loads(value)
    return found


def space(prefix: str) -> tuple[bytes, bytes]:
    """Where the keys below *prefix* begin and end."""
    keys = KeySpace(prefix, "/any").prefix.encode()
    return keys, keys[:-1] + b"0"


def name_of(key: bytes, value: bytes, prefix: str) -> StoredName:
    """Who the object *value* under *key* is; where its value does not say, the length of the key has to."""
    start, _ = space(prefix)
    parts = key.removeprefix(start).decode(errors="backslashreplace").split("/")
    metadata: dict[str, Any] = {}
    group = ""
    if not unreadable(value):
        obj = json.loads(value)
        metadata = obj.get("metadata") if isinstance(obj.get("metadata"), dict) else {}
        version = obj.get("apiVersion")
        group = version.partition("/")[0] if isinstance(version, str) and "/" in version else ""
    name = parts.pop()
    namespace = ""
    if (parts and metadata.get("namespace") == parts[-1] and len(parts) > 1) or (not metadata and len(parts) > 2):
        namespace = parts.pop()
    resource = parts.pop() if parts else ""
    return StoredName(group or (parts[-1] if parts else ""), resource, namespace, name)


async def find_key(reader: StoreReader, prefix: str, what: list[str], *, rev: int) -> bytes:
    """The key that *what* means: a key, or a resource and `[namespace/]name`. Raises ToolError when there is none, or two.

    An object that does not exist at *rev* is looked for in all that history still has.
    """
    if len(what) == 1 and what[0].startswith("/"):
        return what[0].encode()
    if len(what) != 2:
        raise ToolError("name an object: RESOURCE [NAMESPACE/]NAME, such as flunders default/one, or its whole key")
    resource, name = what
    end = f"/{name}".encode()
    found = {}
    start, stop = space(prefix)
    async for page in pages(reader, start, stop, rev=rev):
        for kv in page:
            if kv.key.endswith(end) and (named := name_of(kv.key, kv.value, prefix)).is_of(resource):
                found[kv.key] = named
    if not found:
        found = await _once_there(reader, prefix, resource, end)
    exact = {key: named for key, named in found.items() if name in (named.name, f"{named.namespace}/{named.name}")}
    if not exact:
        raise ToolError(
            f"there is no {resource} {name} at revision {rev}, nor in the history that is kept (from revision "
            f"{reader.floor_rev()} on). `genericapiserver storage list` shows what there is"
        )
    if len(exact) > 1:
        raise ToolError(
            f"{resource} {name} may be one of: {', '.join(sorted(key.decode() for key in exact))}. Name one of these keys"
        )
    return next(iter(exact))


async def _once_there(reader: StoreReader, prefix: str, resource: str, end: bytes) -> dict[bytes, StoredName]:
    found = {}
    start, stop = space(prefix)
    for rev in (reader.floor_rev(), reader.current_rev()):
        async for page in pages(reader, start, stop, rev=rev):
            for kv in page:
                if kv.key.endswith(end) and (named := name_of(kv.key, kv.value, prefix)).is_of(resource):
                    found[kv.key] = named
    after, current = reader.floor_rev(), reader.current_rev()
    while after < current and not found:
        batch = await reader.history(start, stop, after_rev=after, upto=current)
        for event in batch.events:
            value = event.value or event.prev_value or b""
            if event.key.endswith(end) and (named := name_of(event.key, value, prefix)).is_of(resource):
                found[event.key] = named
        if batch.rev <= after:
            break
        after = batch.rev
    return found
