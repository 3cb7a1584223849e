"""Configuration files: objects of Kubernetes' configuration kinds, decoded strictly, with errors that name the line."""

from typing import Any

import yaml

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError, strict_decoding_text
from genericapiserver.apimachinery.serializer.lines import second_document, with_line


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
        raise ConfigFileError(strict_decoding_text([with_line(text, data) for text in decoded.strict_errors]))
    _require_one_document(data)
    return decoded.object


def _require_one_document(data: bytes) -> None:
    """The reference reads the first document and passes over others: what they are to protect would not be, unnoticed."""
    try:
        line = second_document(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"yaml: {' '.join(str(error).split())}") from error
    if line:
        raise ConfigFileError(f"it has more than one document, only the first of which would count (line {line})")
