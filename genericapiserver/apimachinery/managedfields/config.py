"""Reading the document of an apply request (apiserver pkg/endpoints/handlers/patch.go, applyPatcher)."""

from collections.abc import Mapping
from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.managedfields.elements import JSON
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.yaml import parse_yaml

_NO_KIND = GroupVersionKind("", "", "")


def read_config(patch: bytes | Mapping[str, Any] | None) -> dict[str, JSON]:
    """The object in *patch*, YAML or JSON (or parsed already); an empty document is an empty object.

    Raises BadRequestError with the reference's text.
    """
    value: JSON = patch
    if isinstance(patch, bytes):
        try:
            value = parse_yaml(patch).value
        except DecodeError as error:
            raise BadRequestError(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        found = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        raise BadRequestError(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: "
            f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )
    config: dict[str, JSON] = _whole_numbers(value)
    return config


def _whole_numbers(value: JSON) -> JSON:
    """*value* with floats that are whole as integers: what is `1.0` in a document fits an integer field."""
    if isinstance(value, dict):
        return {name: _whole_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 63:
        return int(value)
    return value


def config_kind(config: Mapping[str, JSON]) -> GroupVersionKind:
    """The kind that a document declares; all of it empty when its apiVersion cannot be read."""
    api_version, kind = config.get("apiVersion"), config.get("kind")
    try:
        return GroupVersionKind.parse(
            api_version if isinstance(api_version, str) else "", kind if isinstance(kind, str) else ""
        )
    except ValueError:
        return _NO_KIND


def declared_managed_fields(config: Mapping[str, JSON]) -> bool:
    """Whether the document has a list of managed fields, which only the server may set; null does not count."""
    metadata = config.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("managedFields"), list)
