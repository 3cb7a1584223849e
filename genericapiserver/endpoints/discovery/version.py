"""The resources of one version, at /apis/{group}/{version} and /api/{version} (pkg/endpoints/discovery/version.go)."""

import base64
import hashlib
from collections.abc import Sequence

from genericapiserver.apimachinery.meta import APIResource, APIResourceList
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.asgi import Handler
from genericapiserver.endpoints.discovery.document import document_handler
from genericapiserver.endpoints.responses import ResponseWriter


def resource_list(group_version: GroupVersion, resources: Sequence[APIResource]) -> APIResourceList:
    """The document of a version: *resources* in the order of their names."""
    return APIResourceList(
        group_version=str(group_version), resources=sorted(resources, key=lambda resource: resource.name)
    )


def version_handler(document: APIResourceList, writer: ResponseWriter) -> Handler:
    """Serves *document*, which is not to change. The one of the core group has no apiVersion."""
    version = "v1" if "/" in document.group_version else ""
    kind = GroupVersionKind("", version, "APIResourceList")
    return document_handler(lambda request: (0, document), kind, writer)


def storage_version_hash(kind: GroupVersionKind) -> str:
    """Tells clients when objects of a resource begin to be stored as another kind (discovery/storageversionhash.go)."""
    digest = hashlib.sha256(f"{kind.group}/{kind.version}/{kind.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()
