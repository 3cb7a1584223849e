"""What a refused client is told. Mirrors pkg/endpoints/handlers/responsewriters/errors.go."""

from typing import Final

from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.authorization.interfaces import AuthorizationAttributes

# The text may end up in a browser: what the client sent must not become markup there.
_ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def sanitize(text: str) -> str:
    """`&`, `<` and `>` as HTML entities."""
    return text.translate(_ENTITIES)


def forbidden_message(attributes: AuthorizationAttributes) -> str:
    """Who cannot do what, without the reason."""
    user = quote(attributes.user.name if attributes.user is not None else "")
    if not attributes.is_resource_request:
        return sanitize(f"User {user} cannot {attributes.verb} path {quote(attributes.path)}")
    resource = attributes.resource
    if attributes.subresource:
        resource += "/" + attributes.subresource
    message = (
        f"User {user} cannot {attributes.verb} resource {quote(resource)} in API group {quote(attributes.api_group)}"
    )
    if attributes.namespace:
        return sanitize(f"{message} in the namespace {quote(attributes.namespace)}")
    return sanitize(f"{message} at the cluster scope")


def forbidden_error(attributes: AuthorizationAttributes, reason: str = "") -> ForbiddenError:
    """The 403 for *attributes*; *reason* is the authorizer's, and is shown as it is."""
    message = forbidden_message(attributes)
    if reason:
        message += ": " + reason
    return ForbiddenError(GroupResource(attributes.api_group, attributes.resource), attributes.name, message)
