"""JSON patch (RFC 6902) with the habits of the reference's library, evanphx/json-patch v4.

What differs from the RFC, because clients have come to rely on it:
- `replace` of a member that is not there adds it, and `copy` of one copies null.
- Array indices may be negative and count from the end; adding at -1 appends. They may have leading zeros.
- A missing `value` is null, and `test` takes a missing member for null.
- `test` compares numbers as they are written.
- The path "" is good for `replace` and `test` only, and what stands before a path's first slash is ignored.
- A patch that is `null` does nothing.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from genericapiserver.apimachinery.errors import (
    BadRequestError,
    GenericServerResponseError,
    RequestEntityTooLargeError,
)
from genericapiserver.apimachinery.go import NumError, parse_int
from genericapiserver.apimachinery.patch.documents import (
    json_kind,
    out_of_range,
    parse_document,
    parse_with_pairs,
    same_json,
    unique_findings,
)
from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.json import Pairs, find_duplicate_paths

MAX_OPERATIONS = 10_000
MAX_COPY_BYTES = 3 * 1024 * 1024
"""What `copy` operations may add to a document in all: a few of them could otherwise multiply it without end."""

Container: TypeAlias = dict[str, Any] | list[Any]
Operation: TypeAlias = Mapping[str, Any]

_MEMBERS = ("op", "path", "from", "value")
_ESCAPE = re.compile("~[01]")


class JSONPatchError(ValueError):
    """An operation that cannot be carried out, in the library's words. Who sends a patch never sees them (every failure is
    the same 422 to him), but whose object a webhook patches does."""


class JSONPatch:
    """A list of operations, read from a body. `findings` are its unknown and repeated fields, if they were asked for."""

    def __init__(self, operations: Sequence[Operation], findings: list[str] | None = None) -> None:
        self.operations = operations
        self.findings = findings or []

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = False) -> "JSONPatch":
        """Read a patch; *strict* also checks the members of operations and collects findings.

        Raises BadRequestError, and RequestEntityTooLargeError for more than 10000 operations.
        """
        prefix = "error decoding patch: " if strict else ""
        try:
            document = parse_document(data)
            _check(document, strict)
        except (JSONSyntaxError, JSONPatchError) as error:
            raise BadRequestError(f"{prefix}{error}") from None
        operations = [operation or {} for operation in document or []]
        if len(operations) > MAX_OPERATIONS:
            raise RequestEntityTooLargeError(
                f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
            )
        return cls(operations, _findings(data) if strict else None)

    def apply(self, document: Container, *, max_copy_bytes: int = MAX_COPY_BYTES) -> Container:
        """The patched *document*; objects that the patch walked into have their keys sorted.

        Raises GenericServerResponseError (422) when one operation fails. A `max_copy_bytes` of 0 is no limit.
        """
        try:
            return apply_operations(document, self.operations, max_copy_bytes=max_copy_bytes)
        except JSONPatchError as error:
            raise GenericServerResponseError(422, str(error)) from error


def apply_operations(
    document: Container, operations: Sequence[Operation], *, max_copy_bytes: int = MAX_COPY_BYTES
) -> Container:
    """The document after all *operations*. Raises JSONPatchError at the first that fails."""
    patched = _Patched(document, max_copy_bytes)
    for operation in operations:
        name = operation.get("op")
        carry_out = _OPERATIONS.get(name) if isinstance(name, str) else None
        if carry_out is None:
            raise JSONPatchError(f"Unexpected kind: {name if isinstance(name, str) else 'unknown'}")
        carry_out(patched, operation)
    return patched.finish()


MISSING = "missing value"


class MissingPathError(JSONPatchError):
    """The containers that a path leads through are not there. Each operation has its own words for that."""


def _check(document: object, strict: bool) -> None:
    """Raise JSONPatchError for a document that Go would not decode into operations."""
    patch_type, operation_type = ("jsonpatch.Patch", "jsonpatch.Operation")
    if strict:
        patch_type, operation_type = ("[]handlers.jsonPatchOp", "handlers.jsonPatchOp")
    if document is None:
        return
    if not isinstance(document, list):
        raise JSONPatchError(f"json: cannot unmarshal {json_kind(document)} into Go value of type {patch_type}")
    for operation in document:
        if operation is None:
            continue
        if not isinstance(operation, dict):
            kind = json_kind(operation)
            raise JSONPatchError(f"json: cannot unmarshal {kind} into Go value of type {operation_type}")
        if strict:
            _check_members(operation)


def _check_members(operation: Operation) -> None:
    for name, value in operation.items():
        if name in ("op", "path", "from") and not isinstance(value, str | None):
            kind = json_kind(value)
            raise JSONPatchError(
                f"json: cannot unmarshal {kind} into Go struct field jsonPatchOp.{name} of type string"
            )
        if name == "value":
            literal = out_of_range(value)
            if literal is not None:
                raise JSONPatchError(
                    f"json: cannot unmarshal number {literal} into Go struct field jsonPatchOp.value of type float64"
                )


def _findings(data: bytes) -> list[str]:
    """Unknown and repeated members in the order of the document."""
    findings = []
    for index, operation in enumerate(parse_with_pairs(data) or []):
        seen: set[str] = set()
        for name, value in operation if isinstance(operation, Pairs) else []:
            path = f"[{index}].{name}"
            if name not in _MEMBERS:
                findings.append(f'json patch unknown field "{path}"')
                continue
            if name in seen:
                findings.append(f'json patch duplicate field "{path}"')
            seen.add(name)
            for inner in find_duplicate_paths(value):
                dot = "" if inner.startswith("[") else "."
                findings.append(f'json patch duplicate field "{path}{dot}{inner}"')
    return unique_findings(findings)


class _Patched:
    """A document that is copied where the patch walks: what is not on a path is shared with the original."""

    def __init__(self, document: Container, max_copy_bytes: int) -> None:
        self.max_copy_bytes = max_copy_bytes
        self.copied_bytes = 0
        # Containers that were copied already; held, so that no other object can take their place in memory.
        self._own: dict[int, Container] = {}
        self.root = self._copy_container(document)

    def finish(self) -> Container:
        """The document, with sorted keys wherever the patch went."""
        for container in self._own.values():
            if isinstance(container, dict):
                items = sorted(container.items())
                container.clear()
                container.update(items)
        return self.root

    def replace_root(self, value: object) -> None:
        if not isinstance(value, dict | list):
            raise JSONPatchError("replace operation value must be object or array")
        self.root = self._copy_container(value)

    def find(self, path: str) -> tuple[Container, str]:
        """The container that *path* ends in and the last key. Raises JSONPatchError when there is no such container."""
        first, *keys = path.split("/")
        if not keys:
            raise MissingPathError(first)
        container = self.root
        for key in keys[:-1]:
            container = self._walk_into(container, _unescape(key), path)
        return container, _unescape(keys[-1])

    def _walk_into(self, container: Container, key: str, path: str) -> Container:
        child = _get(container, key)
        if not isinstance(child, dict | list):
            raise MissingPathError(path)
        if id(child) in self._own:
            return child
        copied = self._copy_container(child)
        if isinstance(container, dict):
            container[key] = copied
        else:
            container[_index(container, key)] = copied
        return copied

    def _copy_container(self, container: Container) -> Container:
        copied: Container = dict(container) if isinstance(container, dict) else list(container)
        self._own[id(copied)] = copied
        return copied

    def copy_value(self, value: object) -> object:
        """A copy that later operations may change apart from the original. Raises JSONPatchError when it is too much."""
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        escapes = 5 * sum(text.count(character) for character in "<>&")
        self.copied_bytes += len(text.encode("utf-8", "surrogatepass")) + escapes
        if 0 < self.max_copy_bytes < self.copied_bytes:
            raise JSONPatchError(
                "unable to complete the copy, the accumulated size increase of copy is "
                f"{self.copied_bytes}, exceeding the limit {self.max_copy_bytes}"
            )
        return _deep_copy(value)


def _deep_copy(value: object) -> object:
    if isinstance(value, dict):
        return {key: _deep_copy(item) for key, item in value.items()}
    return [_deep_copy(item) for item in value] if isinstance(value, list) else value


def _unescape(key: str) -> str:
    return _ESCAPE.sub(lambda found: "~" if found[0] == "~0" else "/", key) if "~" in key else key


def _index(items: list[Any], key: str, *, end: int | None = None) -> int:
    """The place that *key* names; negative ones count from the end. Raises JSONPatchError when it lies outside."""
    end = len(items) if end is None else end
    try:
        index = parse_int(key, function="Atoi")
    except NumError as error:
        raise JSONPatchError(str(error)) from None
    if not -end <= index < end:
        raise JSONPatchError(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + end if index < 0 else index


def _get(container: Container, key: str) -> Any:
    """The value at *key*; None for a member that is not there. Raises JSONPatchError for an index outside."""
    return container.get(key) if isinstance(container, dict) else container[_index(container, key)]


def _put(container: Container, key: str, value: object) -> None:
    """Add *value*: a member is set, an item inserted."""
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        container.insert(_index(container, key, end=len(container) + 1), value)


def _take_away(container: Container, key: str) -> None:
    if isinstance(container, list):
        del container[_index(container, key)]
    elif key in container:
        del container[key]
    else:
        raise JSONPatchError(f"Unable to remove nonexistent key: {key}: {MISSING}")


def _pointer(operation: Operation, member: str) -> str:
    path = operation.get(member)
    if not isinstance(path, str):
        comma = "," if member == "from" else ""
        raise JSONPatchError(
            f"{operation.get('op')} operation failed to decode {member}: "
            f"operation{comma} missing {member} field: {MISSING}"
        )
    return path


def _find(patched: _Patched, path: str, missing: str) -> tuple[Container, str]:
    """As `_Patched.find`; *missing* is how the operation says that there is no such container."""
    try:
        return patched.find(path)
    except MissingPathError as error:
        raise JSONPatchError(f"{missing.format(path=path)}: {MISSING}") from error


@contextlib.contextmanager
def _doing(what: str) -> Iterator[None]:
    """Put *what* in front of the text of an error."""
    try:
        yield
    except JSONPatchError as error:
        raise JSONPatchError(f"{what}: {error}") from error


def _add(patched: _Patched, operation: Operation) -> None:
    path = _pointer(operation, "path")
    container, key = _find(patched, path, 'add operation does not apply: doc is missing path: "{path}"')
    with _doing(f"error in add for path: '{path}'"):
        _put(container, key, operation.get("value"))


def _remove(patched: _Patched, operation: Operation) -> None:
    path = _pointer(operation, "path")
    container, key = _find(patched, path, 'remove operation does not apply: doc is missing path: "{path}"')
    with _doing(f"error in remove for path: '{path}'"):
        _take_away(container, key)


def _replace(patched: _Patched, operation: Operation) -> None:
    path = _pointer(operation, "path")
    if path == "":
        patched.replace_root(operation.get("value"))
        return
    container, key = _find(patched, path, "replace operation does not apply: doc is missing path: {path}")
    if isinstance(container, dict):
        container[key] = operation.get("value")
        return
    try:
        index = _index(container, key)
    except JSONPatchError as error:
        raise JSONPatchError(f"replace operation does not apply: doc is missing key: {path}: {MISSING}") from error
    container[index] = operation.get("value")


def _move(patched: _Patched, operation: Operation) -> None:
    source = _pointer(operation, "from")
    container, key = _find(patched, source, "move operation does not apply: doc is missing from path: {path}")
    with _doing(f"error in move for path: '{key}'"):
        value = _get(container, key)
        _take_away(container, key)
    path = _pointer(operation, "path")
    container, key = _find(patched, path, "move operation does not apply: doc is missing destination path: {path}")
    with _doing(f"error in move for path: '{path}'"):
        _put(container, key, value)


def _copy(patched: _Patched, operation: Operation) -> None:
    source = _pointer(operation, "from")
    container, key = _find(patched, source, "copy operation does not apply: doc is missing from path: {path}")
    with _doing(f"error in copy for from: '{source}'"):
        value = _get(container, key)
    path = _pointer(operation, "path")
    container, key = _find(patched, path, "copy operation does not apply: doc is missing destination path: {path}")
    copied = patched.copy_value(value)
    with _doing("error while adding value during copy"):
        _put(container, key, copied)


def _test(patched: _Patched, operation: Operation) -> None:
    path = _pointer(operation, "path")
    if path == "":
        value: object = patched.root
    else:
        container, key = _find(patched, path, "test operation does not apply: is missing path: {path}")
        with _doing(f"error in test for path: '{path}'"):
            value = _get(container, key)
    if not same_json(value, operation.get("value")):
        raise JSONPatchError(f"testing value {path} failed: test failed")


_OPERATIONS: Mapping[str, Callable[[_Patched, Operation], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
