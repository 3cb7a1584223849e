"""How plugins refuse. Go: pkg/admission/errors.go."""

from genericapiserver.admission.attributes import Attributes
from genericapiserver.apimachinery.errors import ForbiddenError, NotFoundError, StatusError


def new_forbidden(attributes: Attributes, error: str | Exception) -> StatusError:
    """A 403 about the object of *attributes*: `<resource>.<group> "<name>" is forbidden: <error>`.

    An error that is forbidden already comes back as it is, so that plugins may wrap each other.
    """
    if isinstance(error, StatusError) and error.reason == ForbiddenError.reason:
        return error
    return ForbiddenError(attributes.resource.group_resource, _name(attributes), str(error))


def new_not_found(attributes: Attributes) -> StatusError:
    """A 404 about the object of *attributes*."""
    return NotFoundError(attributes.resource.group_resource, _name(attributes))


def _name(attributes: Attributes) -> str:
    """The object's name as well as it can be known: a generated one does not exist yet while plugins mutate."""
    if attributes.name:
        return attributes.name
    if attributes.object is None:
        return "Unknown"
    metadata = getattr(attributes.object, "metadata", None)
    if metadata is None or not hasattr(metadata, "generate_name"):
        return "Unknown/errorGettingName"  # no object can have a name with a slash
    return metadata.name or metadata.generate_name or "Unknown"
