"""An OpenAPI v2 document as v3, for servers that have nothing newer. What v2 cannot say stays unsaid.

Source: kube-openapi's pkg/openapiconv. Deviations: references are followed wherever a schema may have them, shared
parameters are taken along, what a document says of all its operations (`consumes`, `produces`) holds for each, and what a
simple parameter may look like is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from genericapiserver.aio.slices import Steps
from genericapiserver.openapi.specification import REFERENCE, Specification

_MOVED: Final = {
    "definitions": "#/components/schemas/",
    "parameters": "#/components/parameters/",
    "responses": "#/components/responses/",
}
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_MAPS: Final = ("properties", "patternProperties", "definitions")
_SINGLE: Final = ("items", "additionalProperties", "additionalItems", "not")
_OF_PARAMETER: Final = ("name", "in", "description", "required", "allowEmptyValue", "schema")
_OF_OPERATION: Final = ("tags", "summary", "description", "externalDocs", "operationId", "deprecated")
_FLOWS: Final = {"accessCode": "authorizationCode", "application": "clientCredentials"}

Object = dict[str, Any]


def convert_to_v3(specification: Specification) -> Steps[Object]:
    """The v3 document, as JSON values. Whatever is malformed is left out."""
    head = {name: msgspec.json.decode(raw) for name, raw in specification.head.items()}
    consumes, produces = _texts(head.get("consumes")), _texts(head.get("produces"))
    document: Object = {"openapi": "3.0.0"}
    document |= {name: head[name] for name in ("info", "externalDocs") if name in head}
    if specification.paths is not None:
        document["paths"] = paths = {}
        for path, part in sorted(specification.paths.items()):
            paths[path] = _path(_object(part.value()), consumes, produces)
            yield
    components: Object = {}
    for section, name in (("definitions", "schemas"), ("parameters", "parameters"), ("responses", "responses")):
        parts = specification.sections.get(section)
        if not parts:
            continue
        components[name] = converted = {}
        for key, part in sorted(parts.items()):
            value = _object(part.value())
            if section == "definitions":
                converted[key] = _schema(value)
            elif section == "parameters":
                converted[key] = _parameter(value)
            else:
                converted[key] = _response(value, produces)
            yield
    if schemes := _object(head.get("securityDefinitions")):
        components["securitySchemes"] = {name: _security(_object(each)) for name, each in schemes.items()}
    document["components"] = components
    return document


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _extensions(value: Mapping[str, Any]) -> Object:
    return {key: each for key, each in value.items() if key.startswith("x-")}


def _reference(reference: str) -> Object:
    section, _, name = reference.removeprefix("#/").partition("/")
    return {REFERENCE: _MOVED.get(section, f"#/{section}/") + name}


def _schema(value: Any) -> Any:
    """A schema; a reference that stands beside other words goes into an `allOf`."""
    if not isinstance(value, dict):
        return value
    made: Object = {}
    for key, each in value.items():
        if key in _MAPS and isinstance(each, dict):
            made[key] = {name: _schema(schema) for name, schema in each.items()}
        elif key in _LISTS and isinstance(each, list):
            made[key] = [_schema(schema) for schema in each]
        elif key in _SINGLE:
            made[key] = [_schema(schema) for schema in each] if isinstance(each, list) else _schema(each)
        elif key != REFERENCE:
            made[key] = each
    reference = value.get(REFERENCE)
    if not isinstance(reference, str):
        return made
    if not made:
        return _reference(reference)
    return {**made, "allOf": [_reference(reference), *made.get("allOf", ())]}


def _path(value: Object, consumes: Sequence[str], produces: Sequence[str]) -> Object:
    made = _extensions(value)
    for method in _METHODS:
        if isinstance(value.get(method), dict):
            made[method] = _operation(value[method], consumes, produces)
    if parameters := _objects(value.get("parameters")):
        made["parameters"] = [_parameter(each) for each in parameters]
    return made


def _operation(value: Object, consumes: Sequence[str], produces: Sequence[str]) -> Object:
    made = {key: value[key] for key in _OF_OPERATION if key in value} | _extensions(value)
    consumes, produces = _texts(value.get("consumes")) or consumes, _texts(value.get("produces")) or produces
    parameters = []
    for each in _objects(value.get("parameters")):
        if each.get("in") == "body" and "schema" in each:
            made["requestBody"] = _body(each, consumes)
        else:
            parameters.append(_parameter(each))
    if parameters:
        made["parameters"] = parameters
    responses = _object(value.get("responses"))
    made["responses"] = {
        code: each if code.startswith("x-") else _response(_object(each), produces) for code, each in responses.items()
    }
    return made


def _body(parameter: Object, consumes: Sequence[str]) -> Object:
    made: Object = {key: parameter[key] for key in ("description", "required") if key in parameter}
    made["content"] = {media_type: {"schema": _schema(parameter["schema"])} for media_type in consumes or ("*/*",)}
    return made


def _response(value: Object, produces: Sequence[str]) -> Object:
    if isinstance(reference := value.get(REFERENCE), str):
        return _reference(reference)
    made = {"description": value.get("description", "")} | _extensions(value)
    if "schema" in value:
        schema = _schema(value["schema"])
        made["content"] = {media_type: {"schema": schema} for media_type in produces or ("*/*",)}
    return made


def _parameter(value: Object) -> Object:
    """A parameter; what v2 says of its value beside its name is its schema in v3."""
    if isinstance(reference := value.get(REFERENCE), str):
        return _reference(reference)
    made = {key: value[key] for key in _OF_PARAMETER if key in value and key != "schema"} | _extensions(value)
    if "schema" in value:
        made["schema"] = _schema(value["schema"])
    else:
        simple = {key: each for key, each in value.items() if key not in made and key != "collectionFormat"}
        made["schema"] = _schema(simple)
    return made


def _security(value: Object) -> Object:
    if value.get("type") == "basic":
        return {"type": "http", "scheme": "basic"} | {key: value[key] for key in ("description",) if key in value}
    made = {key: value[key] for key in ("type", "description", "name", "in") if key in value} | _extensions(value)
    if isinstance(flow := value.get("flow"), str):
        urls = {key: value[key] for key in ("authorizationUrl", "tokenUrl") if key in value}
        made["flows"] = {_FLOWS.get(flow, flow): {**urls, "scopes": _object(value.get("scopes"))}}
    return made
