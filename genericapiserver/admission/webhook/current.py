"""The object of a write while webhooks change it: in the version that the present one wants to see.

Between two webhooks the object stays in the version of the last one; it is converted when the next one wants another, and
back to the hub version at the end, if it was changed. Go: VersionedAttributes of pkg/admission/conversion.go.
"""

from typing import Any

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.versioned import encode_versioned, scheme_of
from genericapiserver.admission.webhook.review import encoded
from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.patch import JSONPatch
from genericapiserver.apimachinery.patch.json_patch import JSONPatchError, apply_operations
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, SchemeError
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.json import encode_with_literals, parse_literals


class CurrentObject:
    """Starts as the object of *attributes*; `finish` writes it back. All errors are InternalErrors."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._hub_type = type(attributes.object)
        self._kind: GroupVersionKind | None = None
        self._dirty = False
        self._bytes: bytes | None = None
        self._old: dict[GroupVersionKind, bytes] = {}
        self.object = attributes.object
        """As it is now, of the hub version or that of the last webhook. None on DELETE."""

    @property
    def _scheme(self) -> Scheme:
        return scheme_of(self._attributes)

    def attributes(self) -> Attributes:
        """The attributes with the object as it is now."""
        if self.object is self._attributes.object:
            return self._attributes
        return attrs.evolve(self._attributes, object=self.object)

    def convert_to(self, kind: GroupVersionKind) -> None:
        """Have the object in the version of *kind*."""
        if self.object is None or kind == self._kind or self._attributes.operation is Operation.CONNECT:
            self._kind = kind
            return
        scheme = self._scheme
        try:
            if self._kind is not None:
                self.object = scheme.convert(self.object, self._hub_type)
            if scheme.recognizes(kind):
                self.object = scheme.convert(self.object, scheme.type_for(kind))
        except SchemeError as error:
            raise InternalError(error) from error
        self._kind, self._bytes = kind, None

    def encoded(self) -> Any:
        """The object as it stands in a review."""
        if self.object is None:
            return None
        if self._bytes is None:
            self._bytes = self._encode(self.object)
        return encoded(self._bytes)

    def old_object(self) -> Any:
        """The old object as it stands in a review, in the version of the object."""
        old, kind = self._attributes.old_object, self._kind
        if old is None or kind is None:
            return None
        if kind not in self._old:
            self._old[kind] = self._encode(old)
        return encoded(self._old[kind])

    def patch(self, patch: JSONPatch) -> bool:
        """Change the object by *patch*; whether that made a difference, defaults apart."""
        try:
            result = apply_operations(parse_literals(self._encode(self.object)), patch.operations)
        except JSONPatchError as error:
            raise InternalError(error) from error
        return self.replace(result)

    def replace(self, document: Any) -> bool:
        """Have *document*, with literals for numbers, as the object; whether that made a difference, defaults apart."""
        assert self._kind is not None
        try:
            decoded = CodecFactory(self._scheme).decode(
                encode_with_literals(document), default_gvk=self._kind, defaults=False
            )
        except DecodeError as error:
            raise InternalError(error) from error
        if type(decoded.object) is not type(self.object):
            raise InternalError(f"the kind of the object was changed from {self._kind} to {decoded.gvk}")
        changed: bool = decoded.object != self.object
        self._scheme.default(decoded.object)
        self.object, self._dirty, self._bytes = decoded.object, True, None
        return changed

    def finish(self) -> None:
        """Give the attributes the object back, if it was changed."""
        if not self._dirty:
            return
        try:
            self._attributes.object = self._scheme.convert(self.object, self._hub_type)
        except SchemeError as error:
            raise InternalError(error) from error

    def _encode(self, obj: Any) -> bytes:
        assert self._kind is not None
        return encode_versioned(self._attributes, obj, self._kind) or b"null"
