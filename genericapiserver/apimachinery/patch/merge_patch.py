"""JSON merge patch (RFC 7386): what the patch has replaces, null removes, lists are replaced whole.

One habit of the reference beyond the RFC: nulls are also pruned inside the items of lists that come with the patch, except
where such a list takes the place of an object.
"""

from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.patch.documents import (
    duplicate_findings,
    json_kind,
    out_of_range,
    parse_document,
    same_json,
)
from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError

_NO_PATCH = "Invalid JSON Patch"


class MergePatch:
    """A merge patch, read from a body. `findings` are its repeated fields, if they were asked for."""

    def __init__(self, value: Any, findings: list[str] | None = None) -> None:
        self.value = value
        self.findings = findings or []

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = False) -> "MergePatch":
        """Read a patch; *strict* wants an object of numbers that exist, and collects findings. Raises BadRequestError."""
        try:
            value = parse_document(data)
        except JSONSyntaxError as error:
            raise BadRequestError(f"error decoding patch: {error}" if strict else _NO_PATCH) from None
        if strict:
            _check(value)
        if not isinstance(value, dict | list):
            raise BadRequestError(_NO_PATCH)
        return cls(value, duplicate_findings(data) if strict else None)

    def apply(self, document: dict[str, Any]) -> Any:
        """The patched *document*; objects that the patch walked into have their keys sorted.

        A patch that is a list replaces the document, which then is no object any more.
        """
        return merge(document, self.value) if isinstance(self.value, dict) else _prune(self.value)


def _check(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        kind = json_kind(value)
        raise BadRequestError(
            f"error decoding patch: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    literal = out_of_range(value)
    if literal is not None:
        raise BadRequestError(
            f"error decoding patch: json: cannot unmarshal number {literal} into Go value of type float64"
        )


def merge(document: Any, patch: Any) -> Any:
    """The result of RFC 7386 for any two JSON values; neither is changed."""
    if not isinstance(document, dict):
        return _prune(patch)
    if not isinstance(patch, dict):
        return patch
    merged = {}
    for key in sorted(document.keys() | patch.keys()):
        if key not in patch:
            merged[key] = document[key]
        elif patch[key] is not None:
            # A null in the document is a value like any other, and no object.
            merged[key] = merge(document.get(key), patch[key])
    return merged


def _prune(value: Any) -> Any:
    """*value* without members that are null; null items stay."""
    if isinstance(value, dict):
        return {key: _prune(value[key]) for key in sorted(value) if value[key] is not None}
    return [_prune(item) for item in value] if isinstance(value, list) else value


def create_merge_patch(original: dict[str, Any], modified: dict[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that makes *modified* of *original*.

    Members that are null in *modified* cannot be expressed: the patch removes them.
    """
    patch: dict[str, Any] = {key: None for key in original if key not in modified}
    for key, value in modified.items():
        if key not in original:
            patch[key] = value
            continue
        before = original[key]
        if isinstance(before, dict) and isinstance(value, dict):
            inner = create_merge_patch(before, value)
            if inner:
                patch[key] = inner
        elif not same_json(before, value):
            patch[key] = value
    return patch
