"""Bodies before they are objects: parsing, which kind they declare, and the step from values to an object.

Errors are those of the reference, including what a strict reader says about unknown and duplicate fields.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import attrs

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import MissingKindError, MissingVersionError
from genericapiserver.apimachinery.serializer import json, yaml
from genericapiserver.apimachinery.serializer.decoder import Mismatch, NeedsLiterals, Notes, decoder_for
from genericapiserver.apimachinery.serializer.errors import DecodeError, TypeMismatchError, UnknownKindError
from genericapiserver.apimachinery.serializer.problems import find_problems

T = TypeVar("T")


class JSONDocument:
    """A JSON body. Its plain value is parsed at once, the slower forms when somebody needs them."""

    def __init__(self, data: bytes, strict: bool) -> None:
        self.data = data
        self.duplicated = False
        self.problems: list[str] = []
        try:
            if strict:
                self.value, self.duplicated = json.parse_noting_duplicates(data)
            else:
                self.value = json.parse_plain(data)
        except DecodeError as error:
            raise type(error)(f"couldn't get version/kind; json parse error: {error}") from None

    def literals(self) -> Any:
        return json.parse_literals(self.data)

    def pairs(self) -> Any:
        return json.parse_pairs(self.data)


class YAMLDocument:
    """A YAML body, read as the JSON that it stands for. Duplicate keys are its own problems."""

    def __init__(self, data: bytes, strict: bool) -> None:
        self.data = data
        self.duplicated = False
        document = yaml.parse_yaml(data)
        self.value = document.value
        self.problems = [document.duplicate_text] if strict and document.duplicate_text else []

    def literals(self) -> Any:
        return json.parse_literals(json.encode_json(self.value))

    def pairs(self) -> Any:
        # The JSON that Go makes of YAML has its keys sorted, and problems come in that order.
        return json.sort_keys(self.literals())


Document: TypeAlias = JSONDocument | YAMLDocument


def declared_kind(document: Document, default: GroupVersionKind | None) -> GroupVersionKind:
    """The kind that a document says it is, gaps filled from *default*. Raises TypeMismatchError or UnknownKindError."""
    value = {} if document.value is None else document.value
    if type(value) is not dict:
        what = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        raise _no_kind(f"{what} into Go value of type {_GO_TYPE_META}")
    for name in ("apiVersion", "kind"):
        item = value.get(name)
        if item is not None and type(item) is not str:
            what = {list: "array", dict: "object", bool: "bool"}.get(type(item), "number")
            raise _no_kind(f"{what} into Go struct field .{name} of type string")
    kind = value.get("kind") or ""
    api_version = value.get("apiVersion") or ""
    if default is not None and default.kind == kind and default.api_version == api_version:
        return default
    try:
        gvk = GroupVersionKind.parse(api_version, kind)
    except ValueError as error:
        raise UnknownKindError(str(error)) from None
    if default is not None:
        gvk = _fill_gaps(gvk, default)
    if not gvk.kind:
        raise UnknownKindError(str(MissingKindError(json.decode_utf8(document.data))))
    if not gvk.version:
        missing = UnknownKindError(str(MissingVersionError(json.decode_utf8(document.data))))
        missing.gvk = gvk
        raise missing
    return gvk


_GO_TYPE_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)


def _no_kind(text: str) -> TypeMismatchError:
    return TypeMismatchError(f"couldn't get version/kind; json parse error: json: cannot unmarshal {text}")


def _fill_gaps(gvk: GroupVersionKind, default: GroupVersionKind) -> GroupVersionKind:
    kind = gvk.kind or default.kind
    if not gvk.version and not gvk.group:
        return default.group_version.with_kind(kind)
    if not gvk.version and gvk.group == default.group:
        return GroupVersionKind(gvk.group, default.version, kind)
    return attrs.evolve(gvk, kind=kind)


def decode_document(cls: type[Any], document: Document, strict: bool) -> tuple[Any, list[str]]:
    """The object, and what a strict reader has to say. The second look at the document is only taken when needed."""
    obj, noted = decode_value(cls, document.value, None, document.literals, document.pairs)
    if not strict:
        return obj, []
    problems = find_problems(cls, document.pairs()) if noted or document.duplicated else []
    return obj, document.problems + problems


def decode_value(
    cls: type[T],
    value: Any,
    keep: Callable[[Any], Any] | None,
    literals: Callable[[], Any],
    pairs: Callable[[], Any],
) -> tuple[T, bool]:
    """An object, and whether its document may hold unknown fields. Raises TypeMismatchError."""
    decoder, notes = decoder_for(cls), Notes(keep)
    try:
        try:
            return decoder(value, notes), bool(notes)
        except NeedsLiterals:
            notes = Notes(json.without_literals)
            return decoder(literals(), notes), bool(notes)
    except Mismatch:
        find_problems(cls, pairs())
    # Not reached as long as the decoder and the walk agree on what fits.
    raise TypeMismatchError(f"json: cannot unmarshal the document into Go value of type {cls.__name__}")
