"""OpenAPI v3: a document for each root of served paths, with just the schemas it refers to.

Source: k8s.io/kube-openapi/pkg/builder3.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.routes import RouteDescription, RouteParameter
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.openapi.config import OpenAPIConfig
from genericapiserver.openapi.document import Document
from genericapiserver.openapi.operations import STATUS_TEXTS, Operation, base_operation, build_paths
from genericapiserver.openapi.schemas import SchemaSet


def build_v3(
    config: OpenAPIConfig,
    routes: Iterable[RouteDescription],
    kinds_of: Callable[[type[Any]], Iterable[GroupVersionKind]],
    models: Iterable[type[Any]] = (),
) -> Document:
    """The document of *routes*; the schemas of *models* are in it, referred to or not."""
    schemas = SchemaSet(kinds_of, definition_name=config.definition_name)

    def operation(route: RouteDescription, parameters: Sequence[RouteParameter]) -> Operation:
        made = base_operation(route)
        if parameters:
            made["parameters"] = [parameter_v3(parameter) for parameter in parameters]
        if route.body is not None:
            schema = schemas.reference(route.body)
            made["requestBody"] = {"content": {media_type: {"schema": schema} for media_type in route.consumes}}
            if not route.body_optional:
                made["requestBody"]["required"] = True
        made["responses"] = {
            str(code): _response(STATUS_TEXTS.get(code, ""), body, route)
            for code, body in sorted(route.responses.items())
        }
        made["responses"]["401"] = {"description": STATUS_TEXTS[401]}
        # The reference says nothing of errors; a client made from this document should know what they look like.
        made["responses"]["default"] = _response("Error", Status, route)
        return made

    def _response(description: str, body: type[Any] | None, route: RouteDescription) -> dict[str, Any]:
        response: dict[str, Any] = {"description": description}
        schema = {"type": "string"} if body is None else schemas.reference(body)
        response["content"] = {media_type: {"schema": schema} for media_type in route.produces}
        return response

    paths = build_paths(routes, operation, parameter_v3)
    for model in models:
        schemas.reference(model)
    content: dict[str, Any] = {"openapi": "3.0.0", "info": config.info(), "paths": paths}
    components: dict[str, Any] = {}
    if schemas.schemas:
        components["schemas"] = dict(sorted(schemas.schemas.items()))
    if config.security_definitions:
        components["securitySchemes"] = dict(config.security_definitions)
        content["security"] = config.security()
    if components:
        content["components"] = components
    return Document.of(content)


def parameter_v3(parameter: RouteParameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type, "uniqueItems": True}
    made: dict[str, Any] = {"name": parameter.name, "in": parameter.location}
    if parameter.doc:
        made["description"] = parameter.doc
    if parameter.required:
        made["required"] = True
    made["schema"] = schema
    return made
