"""The document at /api: the versions of the group without a name (pkg/endpoints/discovery/legacy.go)."""

from collections.abc import Hashable
from typing import Any

from genericapiserver.apimachinery.meta import APIVersions
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.asgi import Handler
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.discovery.addresses import Addresses, client_address, told
from genericapiserver.endpoints.discovery.document import document_handler
from genericapiserver.endpoints.responses import ResponseWriter

API_VERSIONS_KIND = GroupVersionKind("", "", "APIVersions")


def legacy_handler(addresses: Addresses, writer: ResponseWriter) -> Handler:
    """Serves /api. It always says `v1`, the only version there has ever been."""

    def source(request: APIRequest) -> tuple[Hashable, Any]:
        client = client_address(request.scope) if addresses.depend_on_client else ""
        found = addresses.for_client(client)
        versions = APIVersions(versions=["v1"], server_address_by_client_cidrs=list(found))
        return told(found), versions

    return document_handler(source, API_VERSIONS_KIND, writer)
