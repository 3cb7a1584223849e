"""Metadata the system owns, and which namespace an object belongs to. Go: pkg/registry/rest/meta.go."""

import datetime as dt
import uuid

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource

_NAMESPACES = GroupResource("", "namespaces")


def wipe_object_meta_system_fields(metadata: ObjectMeta) -> None:
    """Forget what a client has no say in; done to the body of a create."""
    metadata.creation_timestamp = None
    metadata.uid = ""
    metadata.deletion_timestamp = None
    metadata.deletion_grace_period_seconds = None
    metadata.self_link = ""


def fill_object_meta_system_fields(metadata: ObjectMeta, now: dt.datetime, *, keep: bool = False) -> None:
    """Give a new object its creation time, in whole seconds as it will be stored, and its uid.

    With *keep* those that it brings stay.
    """
    if not keep or metadata.creation_timestamp is None:
        metadata.creation_timestamp = now.replace(microsecond=0)
    if not keep or not metadata.uid:
        metadata.uid = str(uuid.uuid4())


def expected_namespace_for_resource(request_namespace: str, resource: GroupResource) -> str:
    """The namespace an object sent to *resource* must have: none for a Namespace, though its path names one."""
    return "" if resource == _NAMESPACES else request_namespace


def ensure_object_namespace_matches_request_namespace(request_namespace: str, metadata: ObjectMeta) -> None:
    """Bring the object's namespace in line with the request's, "" for a cluster-scoped resource.

    An object without one gets the request's; one that cannot have any loses it. Raises BadRequestError when both are
    set and differ.
    """
    if metadata.namespace == request_namespace:
        return
    if metadata.namespace and request_namespace:
        raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
    metadata.namespace = request_namespace
