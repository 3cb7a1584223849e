"""Several OpenAPI v2 documents as one: the first to have a path keeps it, and what clashes gets another name.

Two definitions of one name clash when they differ in more than the kinds they are used for. The later one is renamed to
`Name_v2`, or the next number that is free, and all that refers to it follows.

Source: kube-openapi's pkg/aggregator. Deviations: a definition that is the same in both documents but refers to one that
clashes is renamed, too, where the reference leaves it pointing into the other document; definitions that refer to each
other get the same number; responses are merged like definitions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from genericapiserver.aio.slices import Steps
from genericapiserver.openapi.cycles import in_order_of_need
from genericapiserver.openapi.specification import (
    SECTIONS,
    Part,
    Specification,
    keep_paths,
    references_in,
    replace_references,
)

KINDS: Final = "x-kubernetes-group-version-kind"

Renames: TypeAlias = dict[str, str]
"""From references of a document to those of the merged one; those that stay are not in it."""


def merge_specifications(specifications: Iterable[Specification]) -> Steps[Specification]:
    """One document of all; what is neither path nor referred to is the first one's."""
    head: Mapping[str, msgspec.Raw] | None = None
    paths: dict[str, Part] = {}
    sections: dict[str, dict[str, Part]] = {section: {} for section in SECTIONS}
    has_paths = False
    for each in specifications:
        head = each.head if head is None else head
        if each.paths is None:
            continue  # nothing of it can be used
        has_paths = True
        new = [path for path in each.paths if path not in paths]
        if not new and each.paths:
            continue
        source = each if len(new) == len(each.paths) else keep_paths(each, new)
        renames: Renames = {}
        for section in SECTIONS:
            yield from _add_section(sections[section], source, section, renames)
        for path in new:
            paths[path] = _renamed(each.paths[path], renames)
            yield
    return Specification(head=head or {}, paths=paths if has_paths else None, sections=sections)


def _add_section(known: dict[str, Part], source: Specification, section: str, renames: Renames) -> Steps[None]:
    """Put a section of *source* into *known*; what it is called there is added to *renames*."""
    parts = source.sections.get(section, {})
    before = dict(renames)
    clashes = False
    for name, part in parts.items():
        if (there := known.get(name)) is not None and not _same(there, _renamed(part, before)):
            clashes = True
            break
        yield
    if clashes:
        for together in in_order_of_need(_needs(parts, section)):
            _name(together, known, parts, section, renames)
            yield
    for name, part in parts.items():
        renamed = _renamed(part, renames)
        final = renames.get(f"#/{section}/{name}", f"#/{section}/{name}").removeprefix(f"#/{section}/")
        there = known.get(final)
        known[final] = renamed if there is None else _with_kinds_of(there, renamed)
        yield


def _needs(parts: Mapping[str, Part], section: str) -> dict[str, list[str]]:
    """Which of *parts* each refers to."""
    prefix = f"#/{section}/"
    return {
        name: sorted(
            needed
            for reference in part.references
            if reference.startswith(prefix) and (needed := reference.removeprefix(prefix)) in parts
        )
        for name, part in parts.items()
    }


def _name(
    together: Sequence[str], known: Mapping[str, Part], parts: Mapping[str, Part], section: str, renames: Renames
) -> None:
    """Find names for parts that refer to each other: their own, or the next number at which each is free or the same."""
    number = 1
    while True:
        suffix = "" if number == 1 else f"_v{number}"
        own = {f"#/{section}/{name}": f"#/{section}/{name}{suffix}" for name in together} if suffix else {}
        candidates = {**renames, **own}
        if all(_fits(f"{name}{suffix}", name, known, parts, candidates) for name in together):
            renames.update(own)
            return
        number += 1


def _fits(
    final: str, name: str, known: Mapping[str, Part], parts: Mapping[str, Part], renames: Mapping[str, str]
) -> bool:
    if (there := known.get(final)) is not None:
        return _same(there, _renamed(parts[name], renames))
    return final == name or final not in parts


def _renamed(part: Part, renames: Mapping[str, str]) -> Part:
    if part.references.isdisjoint(renames):
        return part
    value = replace_references(part.value(), renames)
    return Part(msgspec.json.encode(value), frozenset(references_in(value)))


def _same(one: Part, other: Part) -> bool:
    """Whether the two differ in no more than the kinds they are used for."""
    return one.json == other.json or _without_kinds(one.value()) == _without_kinds(other.value())


def _without_kinds(value: Any) -> Any:
    return {key: each for key, each in value.items() if key != KINDS} if isinstance(value, dict) else value


def _with_kinds_of(there: Part, added: Part) -> Part:
    """*there*, used for the kinds of both. Lists that are malformed are left as they are: nobody else is to suffer."""
    if there.json == added.json:
        return there
    value, other = there.value(), added.value()
    if not isinstance(value, dict) or not isinstance(other, dict) or KINDS not in other:
        return there
    kinds: list[Any] = []
    for each in (value.get(KINDS, []), other[KINDS]):
        if not isinstance(each, list) or not all(isinstance(kind, dict) for kind in each):
            return there
        kinds += [kind for kind in each if kind not in kinds]
    if len(kinds) == len(value.get(KINDS, [])):
        return there
    value[KINDS] = sorted(kinds, key=_kind_key)
    return Part(msgspec.json.encode(value), there.references)


def _kind_key(kind: Mapping[str, Any]) -> str:
    return f"{kind.get('group', '')}/{kind.get('version', '')}.{kind.get('kind', '')}"
