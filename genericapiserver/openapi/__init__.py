"""OpenAPI documents, v2 and v3, from declarations of types and plain descriptions of routes.

Here: schemas, operations, documents, their hashes, protobuf of them. Not here: serving them (routes), and what the routes
do (endpoints); nothing here imports either. May import rows 0 to 2.
"""

from genericapiserver.openapi.config import OpenAPIConfig, default_openapi_config
from genericapiserver.openapi.document import Document, Representations
from genericapiserver.openapi.gnostic import V2, V3
from genericapiserver.openapi.protobuf import ProtobufFormat
from genericapiserver.openapi.v2 import build_v2
from genericapiserver.openapi.v3 import build_v3

__all__ = [
    "V2",
    "V3",
    "Document",
    "OpenAPIConfig",
    "ProtobufFormat",
    "Representations",
    "build_v2",
    "build_v3",
    "default_openapi_config",
]
