"""v2 documents as v3."""

from typing import Any

from genericapiserver.aio.slices import at_once
from genericapiserver.openapi.to_v3 import convert_to_v3
from tests.openapi.specifications import specification


def converted(**document: Any) -> Any:
    return at_once(convert_to_v3(specification(**document)))


def test_a_document_without_paths() -> None:
    info = {"title": "Kubernetes", "version": "unversioned"}
    assert converted(info=info) == {"openapi": "3.0.0", "info": info, "components": {}}


def test_operations_bodies_and_parameters() -> None:
    operation = {
        "operationId": "createFoo",
        "tags": ["foo"],
        "consumes": ["application/json"],
        "parameters": [
            {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Foo"}},
            {"name": "pretty", "in": "query", "type": "string", "uniqueItems": True, "description": "how"},
            {"$ref": "#/parameters/limit"},
        ],
        "responses": {
            "200": {"description": "OK", "schema": {"$ref": "#/definitions/Foo"}},
            "401": {"description": "Unauthorized"},
        },
        "x-kubernetes-action": "post",
    }
    found = converted(
        paths={"/apis/g/v1/foos": {"post": operation}, "x-extension": {}},
        definitions={"Foo": {"type": "object"}},
        parameters={"limit": {"name": "limit", "in": "query", "type": "integer"}},
        produces=["application/yaml"],
    )
    assert found["paths"] == {
        "/apis/g/v1/foos": {
            "post": {
                "operationId": "createFoo",
                "tags": ["foo"],
                "x-kubernetes-action": "post",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Foo"}}},
                },
                "parameters": [
                    {
                        "name": "pretty",
                        "in": "query",
                        "description": "how",
                        "schema": {"type": "string", "uniqueItems": True},
                    },
                    {"$ref": "#/components/parameters/limit"},
                ],
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {"application/yaml": {"schema": {"$ref": "#/components/schemas/Foo"}}},
                    },
                    "401": {"description": "Unauthorized"},
                },
            }
        }
    }
    assert found["components"]["parameters"] == {
        "limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    }


def test_a_reference_beside_other_words_goes_into_all_of() -> None:
    schema = {
        "properties": {
            "spec": {"description": "what is wanted", "$ref": "#/definitions/Spec"},
            "list": {"type": "array", "items": {"$ref": "#/definitions/Spec"}},
            "map": {"additionalProperties": {"$ref": "#/definitions/Spec"}},
            "either": {"anyOf": [{"$ref": "#/definitions/Spec"}, {"type": "string"}]},
        }
    }
    found = converted(paths={}, definitions={"Foo": schema, "Spec": {"type": "object"}})
    moved = {"$ref": "#/components/schemas/Spec"}
    assert found["components"]["schemas"]["Foo"]["properties"] == {
        "spec": {"description": "what is wanted", "allOf": [moved]},
        "list": {"type": "array", "items": moved},
        "map": {"additionalProperties": moved},
        "either": {"anyOf": [moved, {"type": "string"}]},
    }


def test_ways_to_prove_who_one_is() -> None:
    found = converted(
        securityDefinitions={
            "token": {"type": "apiKey", "name": "authorization", "in": "header"},
            "basic": {"type": "basic"},
            "login": {"type": "oauth2", "flow": "accessCode", "tokenUrl": "https://x", "scopes": {"a": "b"}},
        }
    )
    assert found["components"]["securitySchemes"] == {
        "token": {"type": "apiKey", "name": "authorization", "in": "header"},
        "basic": {"type": "http", "scheme": "basic"},
        "login": {"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": "https://x", "scopes": {"a": "b"}}}},
    }


def test_what_is_malformed_is_left_out() -> None:
    found = converted(
        paths={"/a": 1, "/b": {"get": 2, "post": {"parameters": [3], "responses": 4}}}, definitions={"X": 5}
    )
    assert found["paths"] == {"/a": {}, "/b": {"post": {"responses": {}}}}
    assert found["components"] == {"schemas": {"X": {}}}
