"""Names and namespaces: those of the URL against those of the object."""

from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.metadata import (
    ensure_object_namespace_matches_request_namespace,
    expected_namespace_for_resource,
)

NAMESPACES = GroupResource("", "namespaces")


def required_name(request: APIRequest) -> str:
    """The name in the URL. Raises BadRequestError when a path such as `foos//status` leaves it empty."""
    name = request.context.request_info.name
    if not name:
        raise BadRequestError("name must be provided")
    return name


def request_namespace(request: APIRequest, scope: RequestScope) -> str:
    """The namespace of the URL, "" at a cluster-scoped endpoint."""
    return request.context.request_info.namespace if scope.namespace_scoped else ""


def admission_namespace(scope: RequestScope, namespace: str, name: str) -> str:
    """The namespace that admission is told: for a Namespace, and what lies below it, its own name."""
    return name if not namespace and scope.resource.group_resource == NAMESPACES else namespace


def ensure_namespace(scope: RequestScope, namespace: str, obj: Any) -> None:
    """Make the namespace of *obj* that of the request: fill an empty one, clear one at a cluster-scoped endpoint.

    Raises BadRequestError for another one. Objects without metadata are left alone.
    """
    metadata = getattr(obj, "metadata", None)
    if isinstance(metadata, ObjectMeta):
        expected = expected_namespace_for_resource(namespace, scope.resource.group_resource)
        ensure_object_namespace_matches_request_namespace(expected, metadata)


def check_name(obj: Any, name: str, namespace: str) -> None:
    """Raise BadRequestError unless *obj* is called as the URL says."""
    metadata = getattr(obj, "metadata", None)
    object_name = getattr(metadata, "name", "")
    if not object_name:
        raise BadRequestError(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if object_name != name:
        raise BadRequestError(f"the name of the object ({object_name}) does not match the name on the URL ({name})")
    object_namespace = getattr(metadata, "namespace", "")
    if namespace and object_namespace and object_namespace != namespace:
        raise BadRequestError(
            f"the namespace of the object ({object_namespace}) does not match the namespace on the request ({namespace})"
        )
