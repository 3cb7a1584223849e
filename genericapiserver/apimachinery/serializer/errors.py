"""What can be wrong with the bytes of an object. The texts are the reference's and reach the client.

DecodeError
├── JSONSyntaxError       the text is no JSON
├── YAMLSyntaxError       the text is no YAML, or YAML that has no JSON form
├── TypeMismatchError     a value does not fit its field
└── UnknownKindError      kind or version are missing, unknown, or cannot be converted
"""

from collections.abc import Sequence

from genericapiserver.apimachinery.schema import GroupVersionKind


class DecodeError(ValueError):
    """Bytes that are no object. `gvk` is the declared or assumed kind, when it was known before the error."""

    gvk: GroupVersionKind | None = None


class JSONSyntaxError(DecodeError):
    """Text that is no JSON; says it as Go's encoding/json does."""


class YAMLSyntaxError(DecodeError):
    """Text that is no YAML, or YAML that JSON cannot hold; says it as go-yaml does."""


class TypeMismatchError(DecodeError):
    """A value that does not fit the field it is meant for."""


class UnknownKindError(DecodeError):
    """An object whose kind or version is missing, not registered, or cannot be converted to what is wanted."""


def strict_decoding_text(errors: Sequence[str]) -> str:
    """The text for unknown and duplicate fields where they are refused."""
    return "strict decoding error: " + ", ".join(errors)
