"""Objects in the storage: what is written, and what other API servers may have written there.

Bytes are JSON: `kind`, `apiVersion`, then the fields in the order of declaration, as Go's encoder writes them, with a
newline at the end. What is read may also be protobuf, in which kube-apiserver keeps its own kinds, or YAML: the reference
recognizes all three whatever it is told to write (pkg/server/storage/storage_codec.go). Who changes such an object writes
JSON in its place.

Protobuf says nothing about the names of fields. So it is read where their numbers are known, of Kubernetes' own kinds and of
schemes whose codecs read bodies in protobuf; elsewhere it is an error that says whose it is. Nothing is guessed.
"""

from typing import Any, Final, Generic, TypeVar

import msgspec

from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, SchemeError
from genericapiserver.apimachinery.serializer import json, protobuf
from genericapiserver.apimachinery.serializer.decoder import detach
from genericapiserver.apimachinery.serializer.documents import (
    YAMLDocument,
    declared_kind,
    decode_document,
    decode_value,
)
from genericapiserver.apimachinery.serializer.encoder import encoder_for
from genericapiserver.apimachinery.serializer.errors import DecodeError, UnknownKindError
from genericapiserver.apimachinery.shapes import model_name_of

T = TypeVar("T")

NUMBERED: Final = ("io.k8s.api.", "io.k8s.kube-aggregator.")
"""Packages whose types have their numbers in protobuf here, which tests hold against Kubernetes'."""


def type_meta(gvk: GroupVersionKind) -> dict[str, Any]:
    """How an object of *gvk* begins."""
    value = {"kind": gvk.kind, "apiVersion": gvk.api_version}
    return value if gvk.version else {"kind": gvk.kind}


class StorageCodec(Generic[T]):
    """Bytes in the storage: the storage version with `kind` and `apiVersion`, without resourceVersion and selfLink.

    Equal objects give equal bytes, with a newline at the end. With *numbered* every type of *scheme* is read in protobuf.
    """

    def __init__(
        self, scheme: Scheme, group_version: GroupVersion, hub_type: type[T], *, numbered: bool = False
    ) -> None:
        self.scheme = scheme
        self.hub_type = hub_type
        self.kind = scheme.kind_for(hub_type, group_version)
        self._numbered = numbered
        self._type = scheme.type_for(self.kind)
        self._encoder = encoder_for(self._type)
        self._types: dict[tuple[str, str], type[Any]] = {}

    def encode(self, obj: T) -> bytes:
        """The bytes of *obj*. Raises SchemeError when the storage version cannot hold it."""
        stored = obj if type(obj) is self._type else self.scheme.convert(obj, self._type)
        value = self._encoder(stored, type_meta(self.kind))
        metadata = value.get("metadata")
        if metadata is not None:
            metadata.pop("resourceVersion", None)
            metadata.pop("selfLink", None)
        return json.encode_json(value) + b"\n"

    def decode(self, data: bytes) -> T:
        """The object in *data*, at whatever registered version it was stored, defaulted. Raises DecodeError."""
        if not data.startswith(b"{"):
            return self._decode_other(data)
        try:
            value = msgspec.json.decode(data)
            key = (value["apiVersion"], value["kind"])
            known = self._types.get(key)
        except KeyError as error:
            raise DecodeError(f"stored bytes are no object: {error} is missing") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError) as error:
            raise DecodeError(f"stored bytes are no object: {error}") from error
        try:
            cls = known or self._type_of(*key)
            stored, _ = decode_value(
                cls, value, None, lambda: json.parse_literals(data), lambda: json.parse_pairs(data)
            )
            return self._ready(stored)
        except SchemeError as error:
            raise UnknownKindError(str(error)) from error

    def _decode_other(self, data: bytes) -> T:
        """What is not compact JSON."""
        try:
            return self._ready(self._from_protobuf(data) if data.startswith(protobuf.PREFIX) else self._from_yaml(data))
        except SchemeError as error:
            raise UnknownKindError(str(error)) from error

    def _from_yaml(self, data: bytes) -> Any:
        """An object in YAML, which JSON with blanks in front is, too."""
        try:
            document = YAMLDocument(data, strict=False)
            gvk = declared_kind(document, None)
        except (DecodeError, SchemeError) as error:
            raise DecodeError(f"stored bytes are no object: {error}") from error
        stored, _ = decode_document(self.scheme.type_for(gvk), document, strict=False)
        return stored

    def _from_protobuf(self, data: bytes) -> Any:
        gvk, message = protobuf.unwrap(data)
        cls = self.scheme.type_for(gvk)
        if not (self._numbered or model_name_of(cls).startswith(NUMBERED)):
            raise DecodeError(
                f"it is protobuf of apiVersion {gvk.api_version}, kind {gvk.kind}, whose field numbers are not known here. "
                "Let the server that wrote it write JSON (--storage-media-type=application/json) and every object once "
                "more; it is left as it is"
            )
        value = protobuf.to_json(cls, message)
        stored, _ = decode_value(
            cls, value, detach, lambda: json.parse_literals(json.encode_json(value)), lambda: value
        )
        return stored

    def _ready(self, stored: Any) -> T:
        """*stored* defaulted, as it is in memory."""
        self.scheme.default(stored)
        hub: T = stored if type(stored) is self.hub_type else self.scheme.convert(stored, self.hub_type)
        return hub

    def _type_of(self, api_version: str, kind: str) -> type[Any]:
        try:
            cls = self.scheme.type_for(GroupVersionKind.parse(api_version, kind))
        except (ValueError, AttributeError) as error:
            raise UnknownKindError(str(error)) from error
        self._types[api_version, kind] = cls
        return cls
