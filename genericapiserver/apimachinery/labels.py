"""Label selectors: `a=b,c in (d,e),!f` (k8s.io/apimachinery pkg/labels).

Their grammar is in `label_parser`, what a single requirement means in `label_requirements`.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.label_parser import parse_requirements
from genericapiserver.apimachinery.label_requirements import (
    EXACT_OPERATORS,
    Labels,
    Matcher,
    Operator,
    Requirement,
    SelectorError,
    compile_requirement,
    never,
)

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "LabelSelector",
    "LabelSelectorRequirement",
    "Labels",
    "Operator",
    "Requirement",
    "Selector",
    "SelectorError",
    "from_label_selector",
    "parse",
]


class Selector:
    """A conjunction of requirements, sorted by key. Immutable and hashable.

    `matches(labels)` is built once, when the selector is made: one equality is one dictionary lookup.
    """

    __slots__ = ("matches", "nothing", "requirements")

    matches: Callable[[Labels], bool]
    """Whether a mapping of labels fulfils every requirement."""
    requirements: tuple[Requirement, ...]
    nothing: bool
    """Whether this selects no object at all, which no list of requirements says."""

    def __init__(self, requirements: Iterable[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = () if nothing else tuple(sorted(requirements, key=_key_of))
        self.nothing = nothing
        self.matches = never if nothing else _compile_all(self.requirements)

    @classmethod
    def from_labels(cls, labels: Labels) -> "Selector":
        """The selector of objects that carry all of *labels*. Nothing is checked."""
        return cls(Requirement(key, Operator.EQUALS, (value,)) for key, value in labels.items())

    @property
    def empty(self) -> bool:
        """Whether this restricts nothing."""
        return not self.requirements and not self.nothing

    def requires_exact_match(self, key: str) -> str | None:
        """The one value that label *key* must have, or None. Only the first requirement on the key counts."""
        for requirement in self.requirements:
            if requirement.key == key:
                one_value = requirement.operator in (Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.IN)
                return requirement.values[0] if one_value and len(requirement.values) == 1 else None
        return None

    def adding(self, *requirements: Requirement) -> "Selector":
        """A selector with *requirements* besides its own."""
        return self if self.nothing else Selector((*self.requirements, *requirements))

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return "<labels.Selector of nothing>" if self.nothing else f"<labels.Selector {str(self)!r}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Selector):
            return self.requirements == other.requirements and self.nothing == other.nothing
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))


def parse(text: str, *, path: Path | None = None) -> Selector:
    """Read a label selector; the empty text selects everything. Raises SelectorError with Go's text."""
    if not text:
        return EVERYTHING
    if path is None and len(text) <= _MAX_REMEMBERED_LENGTH:
        return _parse_short(text)
    return Selector(parse_requirements(text, path=path))


# Clients come back with the same few selectors; long ones are not worth the memory.
_MAX_REMEMBERED_LENGTH = 256


@functools.lru_cache(maxsize=512)
def _parse_short(text: str) -> Selector:
    return Selector(parse_requirements(text))


class LabelSelectorRequirement(Protocol):
    """What a requirement of a metav1.LabelSelector has."""

    @property
    def key(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def values(self) -> Sequence[str]: ...


class LabelSelector(Protocol):
    """What a metav1.LabelSelector has."""

    @property
    def match_labels(self) -> Mapping[str, str]: ...
    @property
    def match_expressions(self) -> Sequence[LabelSelectorRequirement]: ...


_OPERATOR_NAMES = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}


def from_label_selector(selector: LabelSelector | None) -> Selector:
    """The Selector of a metav1.LabelSelector: None selects nothing, an empty one everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    requirements = [
        Requirement.create(key, Operator.EQUALS, (value,)) for key, value in sorted(selector.match_labels.items())
    ]
    for expression in selector.match_expressions:
        operator = _OPERATOR_NAMES.get(expression.operator)
        if operator is None:
            raise SelectorError(f"{quote(expression.operator)} is not a valid label selector operator")
        requirements.append(Requirement.create(expression.key, operator, expression.values))
    return Selector(requirements)


def _key_of(requirement: Requirement) -> str:
    return requirement.key


def _always(_labels: Labels) -> bool:
    return True


def _compile_all(requirements: Sequence[Requirement]) -> Matcher:
    if not requirements:
        return _always
    # The cheapest tests first; their order changes no answer.
    matchers = [
        compile_requirement(one) for one in sorted(requirements, key=lambda one: one.operator not in EXACT_OPERATORS)
    ]
    if len(matchers) == 1:
        return matchers[0]
    if len(matchers) == 2:
        first, second = matchers
        return lambda labels: first(labels) and second(labels)

    def all_of(labels: Labels) -> bool:
        for matcher in matchers:  # noqa: SIM110 - all() with a generator costs twice as much
            if not matcher(labels):
                return False
        return True

    return all_of


EVERYTHING = Selector()
"""Selects every object."""

NOTHING = Selector(nothing=True)
"""Selects no object."""
