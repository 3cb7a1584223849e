"""OpenAPI documents, v2 and v3, from declarations of types and plain descriptions of routes.

Here: schemas, operations, documents, their hashes. Not here: serving them (routes), and what the routes do (endpoints);
nothing here imports either. May import rows 0 to 2.
"""

from genericapiserver.openapi.config import OpenAPIConfig, default_openapi_config
from genericapiserver.openapi.document import Document, EncodedDocument
from genericapiserver.openapi.v2 import build_v2
from genericapiserver.openapi.v3 import build_v3

__all__ = ["Document", "EncodedDocument", "OpenAPIConfig", "build_v2", "build_v3", "default_openapi_config"]
