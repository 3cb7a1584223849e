"""The objects of a write in the version that somebody wants to see them in, as plain JSON values.

Each version is made once per write, however many policies and webhooks look at it. Go: pkg/admission/conversion.go.
"""

from typing import Any

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, SchemeError
from genericapiserver.apimachinery.serializer.codec import CodecFactory


@attrs.frozen
class VersionedObjects:
    """`object` and `old_object` of a write at one kind; None where the write has none. Not to be changed."""

    kind: GroupVersionKind
    object: dict[str, Any] | None
    old_object: dict[str, Any] | None


class VersionedAttributes:
    """What one walk over policies or validating webhooks shares. Valid as long as nobody changes the objects."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self._made: dict[GroupVersionKind, VersionedObjects] = {}

    def at(self, kind: GroupVersionKind) -> VersionedObjects:
        """The objects as *kind*. Raises InternalError when there is no conversion."""
        made = self._made.get(kind)
        if made is None:
            attributes = self.attributes
            made = self._made[kind] = VersionedObjects(
                kind,
                to_versioned(attributes.scheme, attributes.object, kind),
                to_versioned(attributes.scheme, attributes.old_object, kind),
            )
        return made


def to_versioned(scheme: Scheme | None, obj: Any, kind: GroupVersionKind) -> dict[str, Any] | None:
    """*obj* as *kind*, in values of its own; None stays None. Raises InternalError when there is no conversion."""
    if obj is None:
        return None
    if scheme is None:
        raise InternalError(f"cannot show {type(obj).__name__} as {kind}: the types of this request are not known")
    try:
        return CodecFactory(scheme).to_unstructured(obj, kind)
    except SchemeError as error:
        raise InternalError(error) from error
