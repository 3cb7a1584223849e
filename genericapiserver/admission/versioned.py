"""The objects of a write in the version that somebody wants to see them in, as plain JSON values.

Each version is made once per write, however many policies and webhooks look at it. Go: pkg/admission/conversion.go.
"""

from typing import Any

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.operation import Operation
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
        self._encoded: dict[GroupVersionKind, tuple[bytes | None, bytes | None]] = {}

    def at(self, kind: GroupVersionKind) -> VersionedObjects:
        """The objects as *kind*. Raises InternalError when there is no conversion."""
        made = self._made.get(kind)
        if made is None:
            attributes = self.attributes
            made = self._made[kind] = VersionedObjects(
                kind,
                to_versioned(attributes, attributes.object, kind),
                to_versioned(attributes, attributes.old_object, kind),
            )
        return made

    def encoded_at(self, kind: GroupVersionKind) -> tuple[bytes | None, bytes | None]:
        """The JSON of the object and of the old object as *kind*. Raises InternalError when there is no conversion."""
        made = self._encoded.get(kind)
        if made is None:
            attributes = self.attributes
            made = self._encoded[kind] = (
                encode_versioned(attributes, attributes.object, kind),
                encode_versioned(attributes, attributes.old_object, kind),
            )
        return made


def to_versioned(attributes: Attributes, obj: Any, kind: GroupVersionKind) -> dict[str, Any] | None:
    """*obj* as *kind*, in values of its own; None stays None. Raises InternalError when there is no conversion."""
    if obj is None:
        return None
    try:
        return CodecFactory(scheme_of(attributes)).to_unstructured(obj, shown_kind(attributes, obj, kind))
    except SchemeError as error:
        raise InternalError(error) from error


def encode_versioned(attributes: Attributes, obj: Any, kind: GroupVersionKind) -> bytes | None:
    """The JSON of *obj* as *kind*, without a newline; None for None. Raises InternalError as `to_versioned`."""
    if obj is None:
        return None
    try:
        return CodecFactory(scheme_of(attributes)).encode(obj, shown_kind(attributes, obj, kind)).rstrip(b"\n")
    except SchemeError as error:
        raise InternalError(error) from error


def shown_kind(attributes: Attributes, obj: Any, kind: GroupVersionKind) -> GroupVersionKind:
    """The kind to write into *obj*: *kind*, but what stands for the object of a connect are its options."""
    if attributes.operation is not Operation.CONNECT:
        return kind
    return kind.group_version.with_kind(type(obj).__name__)


def scheme_of(attributes: Attributes) -> Scheme:
    """Raises InternalError when nobody said which types the objects have."""
    if attributes.scheme is None:
        raise InternalError("the types of this request are not known, so that its objects cannot be shown")
    return attributes.scheme
