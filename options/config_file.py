"""Configuration files: objects of Kubernetes' configuration kinds, decoded strictly, with errors that name the line."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError, strict_decoding_text

_STEP = re.compile(r"\[(?P<subscript>[^\]]*)\]|(?P<name>[^.\[\]]+)")
_UNKNOWN = re.compile(r'"(?P<field>[^"]+)"$')


class ConfigFileError(ValueError):
    """The content is no object of the wanted kind; the message says what is wrong, and in which line if that is known."""


def decode_config(data: bytes, scheme: Scheme, into: type[Any] | None = None) -> Any:
    """The object that *data*, YAML or JSON, declares, defaulted, and converted to *into* if that is given.

    Unknown fields and fields that are there twice are errors. Raises ConfigFileError.
    """
    if not data.strip():
        raise ConfigFileError("empty config data")
    try:
        decoded = CodecFactory(scheme).decode(data, media_type=YAML_MEDIA_TYPE, strict=True, into=into)
    except DecodeError as error:
        raise ConfigFileError(str(error)) from error
    if decoded.strict_errors:
        raise ConfigFileError(strict_decoding_text([_with_line(text, data) for text in decoded.strict_errors]))
    return decoded.object


def describe_errors(errors: Iterable[FieldError], data: bytes) -> list[str]:
    """Each of *errors*, found in the object of *data*, as text with its line: `jwt[0].issuer.url: ... (line 7)`."""
    texts = [f"{error}{_suffix(line_of(error.field, data))}" for error in errors]
    return list(dict.fromkeys(texts))


def line_of(field: str, data: bytes) -> int | None:
    """The line of *data* in which *field* stands, or of what it is missing from; None when nothing of it is there."""
    try:
        node = yaml.compose(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    line: int | None = None
    for step in _STEP.finditer(field):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, step: re.Match[str]) -> tuple[int, Any] | None:
    """The line and node of one step into *node*."""
    name = step["name"] if step["subscript"] is None else step["subscript"]
    if isinstance(node, yaml.SequenceNode):
        if not name.isdecimal() or int(name) >= len(node.value):
            return None
        item = node.value[int(name)]
        return item.start_mark.line + 1, item
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    return None


def _with_line(text: str, data: bytes) -> str:
    match = _UNKNOWN.search(text)
    return text if match is None else text + _suffix(line_of(match["field"], data))


def _suffix(line: int | None) -> str:
    return "" if line is None else f" (line {line})"
