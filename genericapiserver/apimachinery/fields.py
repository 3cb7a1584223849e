"""Field selectors: `metadata.name=a,status.phase!=Running` (k8s.io/apimachinery pkg/fields).

Only `=`, `==` and `!=` exist; `\\\\`, `\\,` and `\\=` escape in values. Which fields a kind has is not known here: the
scheme's field label conversion says so, applied with `Selector.transform`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

Fields: TypeAlias = Mapping[str, str]

TransformFunc: TypeAlias = Callable[[str, str], tuple[str, str]]
"""`(field, value) -> (field, value)`; two empty texts drop the requirement."""

_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)
_ESCAPE = re.compile(r"[\\,=]")


class SelectorError(ValueError):
    """A text that is no field selector."""


@attrs.frozen
class Requirement:
    """One condition: *field* has *value*, or has it not."""

    field: str
    value: str
    negated: bool = False

    @property
    def operator(self) -> str:
        return "!=" if self.negated else "="

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{escape_value(self.value)}"


class Selector:
    """A conjunction of requirements in the order of their texts. Immutable and hashable.

    `matches(fields)` is built once, when the selector is made. A field that an object has not counts as empty.
    """

    __slots__ = ("matches", "nothing", "requirements")

    matches: Callable[[Fields], bool]
    """Whether a mapping of fields fulfils every requirement."""
    requirements: tuple[Requirement, ...]
    nothing: bool
    """Whether this selects no object at all, which no list of requirements says."""

    def __init__(self, requirements: Iterable[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = () if nothing else tuple(requirements)
        self.nothing = nothing
        self.matches = (lambda _fields: False) if nothing else _compile(self.requirements)

    @classmethod
    def from_fields(cls, fields: Fields) -> "Selector":
        """The selector of objects that have all of *fields*."""
        return cls(Requirement(field, value) for field, value in fields.items())

    @property
    def empty(self) -> bool:
        """Whether this restricts nothing."""
        return not self.requirements and not self.nothing

    def requires_exact_match(self, field: str) -> str | None:
        """The value that *field* must have, or None when it is not pinned to one."""
        for requirement in self.requirements:
            if requirement.field == field and not requirement.negated:
                return requirement.value
        return None

    def transform(self, function: TransformFunc) -> "Selector":
        """A selector with *function* applied to every requirement; what it raises passes through."""
        if self.nothing:
            return self
        changed = []
        for requirement in self.requirements:
            field, value = function(requirement.field, requirement.value)
            if field or value:
                changed.append(Requirement(field, value, requirement.negated))
        return Selector(changed)

    def adding(self, *requirements: Requirement) -> "Selector":
        """A selector with *requirements* besides its own."""
        return self if self.nothing else Selector((*self.requirements, *requirements))

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return "<fields.Selector of nothing>" if self.nothing else f"<fields.Selector {str(self)!r}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Selector):
            return self.requirements == other.requirements and self.nothing == other.nothing
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))


def parse(text: str) -> Selector:
    """Read a field selector; the empty text selects everything. Raises SelectorError with Go's text."""
    if not text:
        return EVERYTHING
    requirements = []
    for term in sorted(_split_terms(text)):
        if not term:
            continue
        match = _TERM.fullmatch(term)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        if field or value:  # nothing on either side demands nothing, as `transform` has it
            requirements.append(Requirement(field, unescape_value(value), operator == "!="))
    return Selector(requirements)


def escape_value(value: str) -> str:
    """*value* as it stands in a field selector."""
    return _ESCAPE.sub(r"\\\g<0>", value)


def unescape_value(text: str) -> str:
    """The value that *text* stands for. Raises SelectorError for a bare `,` or `=` and for unknown escapes."""
    if not _ESCAPE.search(text):
        return text
    parts = []
    escaped = False
    for character in text:
        if escaped:
            if character not in "\\,=":
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{character}")
            parts.append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            parts.append(character)
    if escaped:
        raise SelectorError("invalid field selector: invalid escape sequence: \\")
    return "".join(parts)


def _split_terms(text: str) -> list[str]:
    """The terms between commas that no backslash escapes; the backslashes stay."""
    terms = []
    start = 0
    escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            terms.append(text[start:position])
            start = position + 1
    terms.append(text[start:])
    return terms


def _compile(requirements: tuple[Requirement, ...]) -> Callable[[Fields], bool]:
    if not requirements:
        return lambda _fields: True
    if len(requirements) == 1:
        field, value = requirements[0].field, requirements[0].value
        if requirements[0].negated:
            return lambda fields: fields.get(field, "") != value
        return lambda fields: fields.get(field, "") == value

    def all_of(fields: Fields) -> bool:
        for one in requirements:  # noqa: SIM110 - all() with a generator costs twice as much
            if (fields.get(one.field, "") == one.value) is one.negated:
                return False
        return True

    return all_of


EVERYTHING = Selector()
"""Selects every object."""

NOTHING = Selector(nothing=True)
"""Selects no object."""
