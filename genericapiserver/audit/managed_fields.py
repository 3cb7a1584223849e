"""Bodies without `metadata.managedFields`, which are most of a body and tell an auditor little.

Source: pkg/audit/request.go of k8s.io/apiserver (copyWithoutManagedFields). That one copies objects; here the JSON is
already a copy, of whatever kind of document: an object, a list, or a table with objects in its rows.
"""

from typing import Any

from genericapiserver.apimachinery.serializer.json import encode_json, parse_plain


def without_managed_fields(data: bytes) -> bytes:
    """The JSON document *data* without managedFields of the object, of its items, and of the objects in its rows."""
    if b'"managedFields"' not in data:
        return data
    document = parse_plain(data)
    _strip(document)
    if isinstance(document, dict):
        for item in _list(document, "items"):
            _strip(item)
        for row in _list(document, "rows"):
            if isinstance(row, dict):
                _strip(row.get("object"))
    return encode_json(document)


def _strip(value: Any) -> None:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []
