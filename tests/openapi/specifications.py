"""OpenAPI v2 documents for tests."""

from collections.abc import Mapping
from typing import Any

import msgspec

from genericapiserver.aio.slices import at_once
from genericapiserver.openapi.specification import Specification, read_specification, write_specification


def specification(
    paths: Mapping[str, Any] | None = None, definitions: Mapping[str, Any] | None = None, **more: Any
) -> Specification:
    """A document with *paths* (a list of names stands for paths that need those definitions)."""
    document: dict[str, Any] = {"swagger": "2.0", **more}
    if paths is not None:
        document["paths"] = {path: needs(*each) if isinstance(each, list) else each for path, each in paths.items()}
    if definitions is not None:
        document["definitions"] = definitions
    return at_once(read_specification(msgspec.json.encode(document)))


def needs(*definitions: str) -> dict[str, Any]:
    """A path whose operation refers to *definitions*."""
    schemas = [{"name": name, "in": "body", "schema": {"$ref": f"#/definitions/{name}"}} for name in definitions]
    return {"get": {"parameters": schemas}}


def written(specification: Specification) -> Any:
    """The document as JSON values."""
    return msgspec.json.decode(write_specification(specification))
