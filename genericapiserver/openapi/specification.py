"""An OpenAPI v2 document taken apart: each path and each definition as the JSON it came in, with what it refers to.

Documents of other servers are large (4 MB for a Kubernetes) and little of them is ever looked at. Here they stay bytes: a
document is cut into its parts, each part is read once to learn its references, and what is put together again is copied.
Work is in steps that the caller may spread over time (aio.slices).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import msgspec

from genericapiserver.aio.slices import Steps

SECTIONS: Final = ("definitions", "responses", "parameters")
"""What paths refer to, each before those that refer to it."""
REFERENCE: Final = "$ref"

_SPLIT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_NULL: Final = b"null"


class SpecificationError(ValueError):
    """A document is none; the message says why."""


@attrs.frozen(eq=False)
class Part:
    """One path, or one thing that paths refer to: its JSON, and its references (`#/definitions/Name`)."""

    json: bytes
    references: frozenset[str]

    def value(self) -> Any:
        return msgspec.json.decode(self.json)


@attrs.frozen(eq=False, kw_only=True)
class Specification:
    """A document. Shared, never changed.

    `head` is all that is neither a path nor referred to; `paths` is None where the document has none.
    """

    head: Mapping[str, msgspec.Raw] = attrs.field(factory=dict)
    paths: Mapping[str, Part] | None = None
    sections: Mapping[str, Mapping[str, Part]] = attrs.field(factory=dict)

    def find(self, reference: str) -> Part | None:
        """What *reference* names, None for what the document does not have."""
        section, _, name = reference.removeprefix("#/").partition("/")
        return self.sections.get(section, {}).get(name)

    def used_by(self, paths: Iterable[str]) -> set[str]:
        """All references that can be reached from *paths*."""
        found: set[str] = set()
        ahead: list[str] = []
        for path in paths:
            if self.paths is not None:
                ahead += self.paths[path].references
        while ahead:
            reference = ahead.pop()
            if reference not in found:
                found.add(reference)
                if (part := self.find(reference)) is not None:
                    ahead += part.references
        return found


def read_specification(body: bytes) -> Steps[Specification]:
    """The document in *body*. Raises SpecificationError."""
    head = _split(body, "the document")
    try:
        body.decode()  # the parts are copied as they are: nothing that is no text must get through
    except UnicodeDecodeError as error:
        raise SpecificationError(f"the document is not UTF-8: {error}") from error
    yield
    parts: dict[str, dict[str, Part] | None] = {}
    for name in ("paths", *SECTIONS):
        raw = head.pop(name, None)
        if raw is None or bytes(raw) == _RAW_NULL:
            parts[name] = None
            continue
        parts[name] = found = {}
        for key, each in _split(bytes(raw), name).items():
            if name == "paths" and not key.startswith("/"):
                continue  # an extension
            found[key] = _part(bytes(each), f"{name}[{key!r}]")
            yield
    return Specification(
        head={name: raw.copy() for name, raw in head.items()},
        paths=parts.pop("paths"),
        sections={name: found for name, found in parts.items() if found},
    )


def _split(body: bytes, what: str) -> dict[str, msgspec.Raw]:
    try:
        return _SPLIT.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SpecificationError(f"{what}: {error}") from error


def _part(body: bytes, what: str) -> Part:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpecificationError(f"{what}: {error}") from error
    return Part(body, frozenset(references_in(value)))


def references_in(value: Any) -> set[str]:
    """Every reference in a JSON value, however deep."""
    found: set[str] = set()
    ahead = [value]
    while ahead:
        each = ahead.pop()
        if isinstance(each, dict):
            if isinstance(reference := each.get(REFERENCE), str):
                found.add(reference)
            ahead += each.values()
        elif isinstance(each, list):
            ahead += each
    return found


def replace_references(value: Any, names: Mapping[str, str]) -> Any:
    """*value* with the references in *names* replaced; shares with *value* what has none."""
    if isinstance(value, list):
        return [replace_references(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: replace_references(each, names) for key, each in value.items()}
    if isinstance(reference := made.get(REFERENCE), str):
        made[REFERENCE] = names.get(reference, reference)
    return made


def only_below(specification: Specification, prefix: str) -> Specification:
    """The paths that begin with *prefix*, and what they need (FilterSpecByPaths in kube-openapi's pkg/aggregator).

    What no path needed before stays: somebody had a reason to write it down. A document without paths stays as it is.
    """
    if specification.paths is None:
        return specification
    return keep_paths(specification, [path for path in specification.paths if path.startswith(prefix)])


def keep_paths(specification: Specification, paths: Iterable[str]) -> Specification:
    """The document with these paths alone, and what they need."""
    if specification.paths is None:
        return specification
    kept = {path: specification.paths[path] for path in paths}
    used, before = specification.used_by(kept), specification.used_by(specification.paths)
    sections = {
        section: {
            name: part
            for name, part in parts.items()
            if (reference := f"#/{section}/{name}") in used or reference not in before
        }
        for section, parts in specification.sections.items()
    }
    return attrs.evolve(specification, paths=kept, sections=sections)


def write_specification(specification: Specification) -> bytes:
    """The document as JSON, paths and names sorted."""
    written: dict[str, Any] = dict(specification.head)
    if specification.paths is not None:
        written["paths"] = _raw(specification.paths)
    written |= {section: _raw(parts) for section, parts in specification.sections.items() if parts}
    return msgspec.json.encode(written)


def _raw(parts: Mapping[str, Part]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(part.json) for name, part in sorted(parts.items())}
