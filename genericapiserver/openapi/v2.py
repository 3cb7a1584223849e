"""OpenAPI v2 (Swagger): one document for everything.

Source: k8s.io/kube-openapi/pkg/builder. Deviation: parameters that many paths share are written where they are used and
not gathered at the top under hashed names; clients resolve both.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from genericapiserver.apimachinery.routes import RouteDescription, RouteParameter
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.openapi.config import OpenAPIConfig
from genericapiserver.openapi.document import Document
from genericapiserver.openapi.operations import STATUS_TEXTS, Operation, base_operation, build_paths
from genericapiserver.openapi.schemas import SchemaSet, to_v2


def build_v2(
    config: OpenAPIConfig,
    routes: Iterable[RouteDescription],
    kinds_of: Callable[[type[Any]], Iterable[GroupVersionKind]],
    models: Iterable[type[Any]] = (),
) -> Document:
    """The document of *routes*; the schemas of *models* are in it, referred to or not."""
    schemas = SchemaSet(kinds_of, definition_name=config.definition_name)

    def operation(route: RouteDescription, parameters: Sequence[RouteParameter]) -> Operation:
        made = base_operation(route)
        made["consumes"] = list(route.consumes)
        if route.produces:
            made["produces"] = list(route.produces)
        made["schemes"] = ["https"]
        written = [parameter_v2(parameter) for parameter in parameters]
        if route.body is not None:
            schema = to_v2(schemas.reference(route.body))
            body: dict[str, Any] = {"name": "body", "in": "body", "schema": schema}
            if not route.body_optional:
                body["required"] = True
            written.append(body)
        if written:
            made["parameters"] = written
        made["responses"] = {str(code): _response(code, body) for code, body in sorted(route.responses.items())}
        made["responses"]["401"] = {"description": STATUS_TEXTS[401]}
        return made

    def _response(code: int, body: type[Any] | None) -> dict[str, Any]:
        schema = {"type": "string"} if body is None else to_v2(schemas.reference(body))
        return {"description": STATUS_TEXTS.get(code, ""), "schema": schema}

    paths = build_paths(routes, operation, parameter_v2)
    for model in (*config.models(), *models):
        schemas.reference(model)
    content: dict[str, Any] = {"swagger": "2.0", "info": config.info(), "paths": paths}
    content["definitions"] = {name: to_v2(schema) for name, schema in sorted(schemas.schemas.items())}
    if config.security_definitions:
        content["securityDefinitions"] = dict(config.security_definitions)
        content["security"] = config.security()
    return Document.of(content)


def parameter_v2(parameter: RouteParameter) -> dict[str, Any]:
    made: dict[str, Any] = {"uniqueItems": True, "type": parameter.type}
    if parameter.doc:
        made["description"] = parameter.doc
    made |= {"name": parameter.name, "in": parameter.location}
    if parameter.required:
        made["required"] = True
    return made
