"""Objects as typed JSON values, at any version that they are served in (managedfields/internal/versionconverter.go)."""

import functools
from typing import Any

import attrs

from genericapiserver.apimachinery.managedfields.elements import JSON
from genericapiserver.apimachinery.managedfields.schema import MapSchema
from genericapiserver.apimachinery.managedfields.type_schema import schema_for
from genericapiserver.apimachinery.managedfields.typed import TypedValue
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import NotRegisteredError, Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory


class VersionGoneError(Exception):
    """A version that the kind is not, or no longer, served in."""


@attrs.frozen
class _Version:
    gvk: GroupVersionKind
    cls: type[Any]
    schema: MapSchema


class VersionConverter:
    """Knows one kind in all its versions, starting from the one of an endpoint."""

    def __init__(self, *, scheme: Scheme, codec: CodecFactory, gvk: GroupVersionKind, hub_type: type[Any]) -> None:
        self.scheme = scheme
        self.codec = codec
        self.gvk = gvk
        self.hub_type = hub_type
        self.api_version = str(gvk.group_version)
        self._versions: dict[str, _Version | None] = {}
        self.external_type: type[Any] = self._version(self.api_version).cls

    @functools.cached_property
    def empty(self) -> TypedValue:
        """What an object is compared with that did not exist before: the empty one, written out.

        Made when the first object is written: that compiles the kind's encoder, and most kinds wait long for a write.
        """
        return self.typed(self.scheme.new(self.gvk))

    def _version(self, api_version: str) -> _Version:
        try:
            version = self._versions[api_version]
        except KeyError:
            version = self._versions[api_version] = self._look_up(api_version)
        if version is None:
            raise VersionGoneError(f"{self.gvk.kind} is not served in {api_version}")
        return version

    def _look_up(self, api_version: str) -> _Version | None:
        gvk = GroupVersion.parse(api_version).with_kind(self.gvk.kind)
        # Another group's version of that name is another thing, however alike.
        if gvk.group != self.gvk.group or gvk.group_version.is_internal:
            return None
        try:
            cls = self.scheme.type_for(gvk)
        except NotRegisteredError:
            return None
        return _Version(gvk, cls, schema_for(cls))

    def schema(self, api_version: str) -> MapSchema:
        """The shape of the kind at a version. Raises VersionGoneError, or ValueError when *api_version* is none."""
        return self._version(api_version).schema

    def typed(self, obj: Any) -> TypedValue:
        """An object (the hub's or the endpoint's) as the endpoint shows it, without its managed fields.

        Raises SchemeError when it does not convert.
        """
        if obj.metadata.managed_fields:
            obj = attrs.evolve(obj, metadata=attrs.evolve(obj.metadata, managed_fields=None))
        value = self.codec.to_unstructured(obj, self.gvk)
        return TypedValue(value, self._version(self.api_version).schema, self.api_version)

    def config(self, value: JSON) -> TypedValue:
        """What a client applies at the endpoint's version."""
        return TypedValue(value, self._version(self.api_version).schema, self.api_version)

    def external(self, value: TypedValue) -> Any:
        """The object that *value* is. Raises DecodeError when it fits its shape, but not its type."""
        cls = self._version(value.api_version).cls
        return self.codec.from_unstructured(value.value, cls, strict=False)[0]

    def convert(self, value: TypedValue, api_version: str) -> TypedValue:
        """*value* at another version, by way of the hub; what that version cannot say is lost.

        Raises VersionGoneError, SchemeError, DecodeError.
        """
        if api_version == value.api_version:
            return value
        target = self._version(api_version)
        hub = self.scheme.convert(self.external(value), self.hub_type)
        converted = self.codec.to_unstructured(self.scheme.convert(hub, target.cls), target.gvk)
        return TypedValue(converted, target.schema, api_version)
