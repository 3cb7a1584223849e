"""Objects to bytes and back: which kind a document is, strictness, defaults, conversion.

The part of apimachinery's pkg/runtime/serializer. A `CodecFactory` serves one scheme. Bodies of requests are never
trusted: their errors carry the reference's texts. Bytes of the storage are: see `storage_codec`.
Encoded items can be joined into lists and wrapped into objects without being encoded again.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.describe import describe
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, SchemeError
from genericapiserver.apimachinery.serializer import json, protobuf, yaml
from genericapiserver.apimachinery.serializer.decoder import detach
from genericapiserver.apimachinery.serializer.documents import (
    JSONDocument,
    YAMLDocument,
    declared_kind,
    decode_document,
    decode_value,
)
from genericapiserver.apimachinery.serializer.encoder import Flavour, encoder_for
from genericapiserver.apimachinery.serializer.errors import DecodeError, UnknownKindError
from genericapiserver.apimachinery.serializer.problems import find_problems
from genericapiserver.apimachinery.serializer.storage_codec import StorageCodec, type_meta

T = TypeVar("T")

JSON_MEDIA_TYPE = "application/json"
YAML_MEDIA_TYPE = "application/yaml"
PROTOBUF_MEDIA_TYPE = "application/vnd.kubernetes.protobuf"


@attrs.frozen(kw_only=True)
class SerializerInfo:
    """One media type that objects can be sent in. `streaming` ones can carry a watch, `pretty` ones can be indented."""

    media_type: str
    streaming: bool
    pretty: bool


@attrs.frozen(kw_only=True)
class Decoded(Generic[T]):
    """A decoded object. `gvk` is what the document declared, gaps filled from the default.

    `strict_errors` are the texts about unknown and duplicate fields, when they were asked for.
    """

    object: T
    gvk: GroupVersionKind
    strict_errors: list[str]


_PROTOBUF = SerializerInfo(media_type=PROTOBUF_MEDIA_TYPE, streaming=False, pretty=False)


@attrs.define(eq=False)
class CodecFactory:
    """The codecs of one scheme. Immutable once the scheme is filled; may be shared by all threads."""

    scheme: Scheme

    supported_media_types: tuple[SerializerInfo, ...] = (
        SerializerInfo(media_type=JSON_MEDIA_TYPE, streaming=True, pretty=True),
        SerializerInfo(media_type=YAML_MEDIA_TYPE, streaming=False, pretty=False),
    )
    """What objects can be read and written in."""
    reads_protobuf: bool = False
    """Bodies may come in protobuf, too: the fields of the scheme's types have the numbers of the reference."""

    refuses_in_protobuf: bool = False
    """Clients that take protobuf alone are told of failures in it, too: that they get nothing else, for one."""

    def with_protobuf(self) -> "CodecFactory":
        """The same codecs, which read protobuf as well."""
        return attrs.evolve(self, reads_protobuf=True)

    @property
    def readable_media_types(self) -> tuple[SerializerInfo, ...]:
        """What bodies may come in."""
        return (*self.supported_media_types, _PROTOBUF) if self.reads_protobuf else self.supported_media_types

    # Reading

    def decode(
        self,
        data: bytes,
        *,
        media_type: str = JSON_MEDIA_TYPE,
        default_gvk: GroupVersionKind | None = None,
        strict: bool = False,
        into: type[Any] | None = None,
        defaults: bool = True,
    ) -> Decoded[Any]:
        """Read one object: the external type that it declares, defaulted. Without *defaults* it stays as it is written.

        *default_gvk* fills what the document does not say. *strict* looks for unknown and duplicate fields too. *into*
        asks for conversion to that type, normally the hub. Raises DecodeError, with `gvk` set when the kind was known.
        """
        if media_type == PROTOBUF_MEDIA_TYPE and self.reads_protobuf:
            return self._decode_protobuf(data, default_gvk, into)
        if media_type not in (JSON_MEDIA_TYPE, YAML_MEDIA_TYPE):
            raise ValueError(f"no serializer for {media_type}")
        document = JSONDocument(data, strict) if media_type == JSON_MEDIA_TYPE else YAMLDocument(data, strict)
        gvk = declared_kind(document, default_gvk)
        try:
            cls = self.scheme.type_for(gvk)
            obj, problems = decode_document(cls, document, strict)
            obj = self._ready(obj, into) if defaults else obj
        except SchemeError as error:
            raised = UnknownKindError(str(error))
            raised.gvk = gvk
            raise raised from error
        except DecodeError as error:
            error.gvk = gvk
            raise
        return Decoded(object=obj, gvk=gvk, strict_errors=problems)

    def _decode_protobuf(
        self, data: bytes, default_gvk: GroupVersionKind | None, into: type[Any] | None
    ) -> Decoded[Any]:
        """Protobuf knows no duplicate fields, and drops unknown ones without a word."""
        gvk, message = protobuf.unwrap(data)
        if default_gvk is not None:
            gvk = default_gvk if not gvk.kind else gvk
        try:
            cls = self.scheme.type_for(gvk)
            obj, _ = self.from_unstructured(protobuf.to_json(cls, message), cls)
            obj = self._ready(obj, into)
        except SchemeError as error:
            raised = UnknownKindError(str(error))
            raised.gvk = gvk
            raise raised from error
        except DecodeError as error:
            error.gvk = gvk
            raise
        return Decoded(object=obj, gvk=gvk, strict_errors=[])

    def _ready(self, obj: Any, into: type[Any] | None) -> Any:
        """*obj* defaulted, as an *into*."""
        self.scheme.default(obj)
        return obj if into is None or type(obj) is into else self.scheme.convert(obj, into)

    def from_unstructured(self, value: Mapping[str, Any], cls: type[T], *, strict: bool = False) -> tuple[T, list[str]]:
        """A *cls* from plain JSON values, which stay untouched, and the texts about unknown fields if *strict*.

        Nothing is defaulted. Raises TypeMismatchError.
        """
        value = value if type(value) is dict else dict(value)

        def literals() -> Any:
            return json.parse_literals(json.encode_json(value))

        obj, noted = decode_value(cls, value, detach, literals, lambda: value)
        return obj, find_problems(cls, value) if strict and noted else []

    # Writing

    def encode(
        self,
        obj: Any,
        gvk: GroupVersionKind,
        *,
        media_type: str = JSON_MEDIA_TYPE,
        pretty: bool = False,
    ) -> bytes:
        """*obj* as *gvk*, converted if it is of another type than that.

        JSON is compact with a newline at the end, or indented without one if *pretty*. Raises SchemeError when there is
        no conversion.
        """
        if media_type == YAML_MEDIA_TYPE:
            return yaml.encode_yaml(self.to_unstructured(obj, gvk))
        data = self._encode(obj, gvk, type_meta(gvk))
        return json.indent_json(data) if pretty else data + b"\n"

    def encode_item(self, obj: Any, gvk: GroupVersionKind) -> bytes:
        """*obj* at the version of *gvk* as it stands in a list: without `kind`, `apiVersion` and newline."""
        return self._encode(obj, gvk, {})

    def encode_list(self, gvk: GroupVersionKind, list_meta: meta.ListMeta, items: Sequence[bytes]) -> bytes:
        """A list of kind *gvk* from items that are encoded already (`encode_item`), compact with a newline."""
        head = _object_head(gvk) + b'"metadata":' + json.encode_json(encoder_for(meta.ListMeta)(list_meta, {}))
        # One join, so that the bytes of a long list are copied once.
        parts = list(items) or [b""]
        parts[0] = head + b',"items":[' + parts[0]
        parts[-1] += b"]}\n"
        return b",".join(parts)

    def wrap_item(self, gvk: GroupVersionKind, item: bytes) -> bytes:
        """The bytes of `encode_item` as an object of its own: with `kind` and `apiVersion`, without newline."""
        head = _object_head(gvk)
        return head + item[1:] if len(item) > 2 else head[:-1] + b"}"

    def to_unstructured(self, obj: Any, gvk: GroupVersionKind) -> dict[str, Any]:
        """*obj* as *gvk* in plain JSON values that may be kept and changed, `kind` and `apiVersion` first."""
        obj = self._as(obj, gvk)
        into = encoder_for(type(obj), Flavour.PLAIN)(obj, type_meta(gvk))
        return _with_item_kinds(obj, gvk, into)

    def storage_codec(self, group_version: GroupVersion, hub_type: type[T]) -> StorageCodec[T]:
        """The codec for objects that are *hub_type* in memory and are stored as *group_version*."""
        return StorageCodec(self.scheme, group_version, hub_type, numbered=self.reads_protobuf)

    def _encode(self, obj: Any, gvk: GroupVersionKind, into: dict[str, Any]) -> bytes:
        obj = self._as(obj, gvk)
        value = encoder_for(type(obj))(obj, into)
        return json.encode_json(_with_item_kinds(obj, gvk, value))

    def _as(self, obj: Any, gvk: GroupVersionKind) -> Any:
        """*obj* as the type that is registered for *gvk*; as it is when there is none."""
        if not self.scheme.recognizes(gvk):
            return obj
        cls = self.scheme.type_for(gvk)
        return obj if type(obj) is cls else self.scheme.convert(obj, cls)


@functools.lru_cache(maxsize=1024)
def _object_head(gvk: GroupVersionKind) -> bytes:
    """How an object of *gvk* starts, up to the comma before its first own field."""
    return json.encode_json(type_meta(gvk))[:-1] + b","


def _with_item_kinds(obj: Any, gvk: GroupVersionKind, value: dict[str, Any]) -> dict[str, Any]:
    """Add kind and apiVersion to the items of a list that wants them there."""
    if value.get("items") and describe(type(obj)).items_carry_kind:
        head = type_meta(attrs.evolve(gvk, kind=gvk.kind.removesuffix("List")))
        value["items"] = [{**head, **item} for item in value["items"]]
    return value
