"""Label selectors: `a=b,c in (d,e),!f` (k8s.io/apimachinery pkg/labels).

    selector := [ req ("," req)* ]
    req := KEY | "!" KEY | KEY op VALUE | KEY ("in" | "notin") "(" VALUE? ("," VALUE?)* ")"
    op := "=" | "==" | "!=" | ">" | "<"

`in` and `notin` are ordinary words where a key or a value is expected. The error texts are the reference's, oddities
included: a missing comma here, a `<nil>` path there.
"""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import NumError, parse_int, quote
from genericapiserver.apimachinery.validation.names import label_value, qualified_name

Labels: TypeAlias = Mapping[str, str]
_Matcher: TypeAlias = Callable[[Labels], bool]


class SelectorError(ValueError):
    """A text or a list of requirements that is no label selector."""


class Operator(enum.StrEnum):
    """How a requirement relates its key to its values; the value is what error texts print."""

    IN = "in"
    NOT_IN = "notin"
    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = "gt"
    LESS_THAN = "lt"


_BINARY_OPERATORS = (
    Operator.IN,
    Operator.NOT_IN,
    Operator.EQUALS,
    Operator.DOUBLE_EQUALS,
    Operator.NOT_EQUALS,
    Operator.GREATER_THAN,
    Operator.LESS_THAN,
)
_ALL_OPERATORS = (*_BINARY_OPERATORS, Operator.EXISTS, Operator.DOES_NOT_EXIST)
_SETS = (Operator.IN, Operator.NOT_IN)
_EXACT = (Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.NOT_EQUALS)
_ORDER = (Operator.GREATER_THAN, Operator.LESS_THAN)


@attrs.frozen
class Requirement:
    """One condition on one key. `Requirement.create` checks; the class call does not."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    @classmethod
    def create(
        cls, key: str, operator: Operator, values: Iterable[str] = (), *, path: Path | None = None
    ) -> "Requirement":
        """A requirement whose key, number of values and values are as they must be. Raises SelectorError."""
        requirement = cls(key, operator, tuple(values))
        errors = requirement._errors(path)
        if errors:
            raise SelectorError(field.aggregate(errors))
        return requirement

    def _errors(self, path: Path | None) -> list[FieldError]:
        errors: list[FieldError] = []
        count = len(self.values)
        values_path = _child(path, "values")
        key_messages = qualified_name(self.key)
        if key_messages:
            errors.append(field.invalid(_child(path, "key"), self.key, "; ".join(key_messages)))
        problem = ""
        if self.operator in _SETS and count == 0:
            problem = "for 'in', 'notin' operators, values set can't be empty"
        elif self.operator in _EXACT and count != 1:
            problem = "exact-match compatibility requires one single value"
        elif self.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and count:
            problem = "values set must be empty for exists and does not exist"
        elif self.operator in _ORDER and count != 1:
            problem = "for 'Gt', 'Lt' operators, exactly one value is required"
        if problem:
            errors.append(field.invalid(values_path, list(self.values), problem))
        if self.operator in _ORDER:
            detail = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors += [
                field.invalid(values_path.index(index), value, detail)
                for index, value in enumerate(self.values)
                if _to_int64(value) is None
            ]
        for index, value in enumerate(self.values):
            messages = label_value(value)
            if messages:
                errors.append(field.invalid(values_path.index(index).key(self.key), value, "; ".join(messages)))
        return errors

    def matches(self, labels: Labels) -> bool:
        """Whether *labels* fulfil this; an absent key fulfils `!=` and `notin`, and nothing else that has a value."""
        return _compile(self)(labels)

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
            case Operator.GREATER_THAN:
                return f"{self.key}>{','.join(self.values)}"
            case Operator.LESS_THAN:
                return f"{self.key}<{','.join(self.values)}"
        return f"{self.key}{self.operator}{','.join(self.values)}"


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
        self.matches = _never if nothing else _compile_all(self.requirements)

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
    return Selector(_Parser(text, path).parse())


# Clients come back with the same few selectors; long ones are not worth the memory.
_MAX_REMEMBERED_LENGTH = 256


@functools.lru_cache(maxsize=512)
def _parse_short(text: str) -> Selector:
    return Selector(_Parser(text, None).parse())


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


def _child(path: Path | None, name: str) -> Path:
    return Path(name) if path is None else path.child(name)


def _key_of(requirement: Requirement) -> str:
    return requirement.key


def _to_int64(text: str) -> int | None:
    try:
        return parse_int(text)
    except NumError:
        return None


def _always(_labels: Labels) -> bool:
    return True


def _never(_labels: Labels) -> bool:
    return False


def _compile_all(requirements: Sequence[Requirement]) -> _Matcher:
    if not requirements:
        return _always
    # The cheapest tests first; their order changes no answer.
    matchers = [_compile(one) for one in sorted(requirements, key=lambda one: one.operator not in _EXACT)]
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


def _compile(requirement: Requirement) -> _Matcher:
    key = requirement.key
    operator = requirement.operator
    if operator in (Operator.IN, Operator.EQUALS, Operator.DOUBLE_EQUALS):
        if len(requirement.values) == 1:
            value = requirement.values[0]
            return lambda labels: labels.get(key) == value
        values = frozenset(requirement.values)
        return lambda labels: labels.get(key) in values
    if operator in (Operator.NOT_IN, Operator.NOT_EQUALS):
        unwanted = frozenset(requirement.values)
        return lambda labels: labels.get(key) not in unwanted
    if operator is Operator.EXISTS:
        return lambda labels: key in labels
    if operator is Operator.DOES_NOT_EXIST:
        return lambda labels: key not in labels
    return _compile_order(requirement)


def _compile_order(requirement: Requirement) -> _Matcher:
    key = requirement.key
    bound = _to_int64(requirement.values[0]) if len(requirement.values) == 1 else None
    if bound is None:
        return _never
    sign = 1 if requirement.operator is Operator.GREATER_THAN else -1

    def beyond(labels: Labels) -> bool:
        text = labels.get(key)
        value = None if text is None else _to_int64(text)
        return value is not None and sign * value > sign * bound

    return beyond


class _Token(enum.Enum):
    END = enum.auto()
    IDENTIFIER = enum.auto()
    COMMA = ","
    OPEN = "("
    CLOSE = ")"
    NOT = "!"
    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    GREATER_THAN = ">"
    LESS_THAN = "<"
    IN = "in"
    NOT_IN = "notin"


_SYMBOLS = {token.value: token for token in _Token if isinstance(token.value, str) and not token.value.isalpha()}
_WORDS = {"in": _Token.IN, "notin": _Token.NOT_IN}
_OPERATOR_TOKENS = {
    _Token.IN: Operator.IN,
    _Token.NOT_IN: Operator.NOT_IN,
    _Token.EQUALS: Operator.EQUALS,
    _Token.DOUBLE_EQUALS: Operator.DOUBLE_EQUALS,
    _Token.NOT_EQUALS: Operator.NOT_EQUALS,
    _Token.GREATER_THAN: Operator.GREATER_THAN,
    _Token.LESS_THAN: Operator.LESS_THAN,
}
_BLANKS = " \t\r\n"
_SPECIAL = "=!(),><"


def _tokens(text: str) -> list[tuple[_Token, str]]:
    """The tokens of *text*. A NUL ends a token, and where a token would begin it ends the whole text, as in Go."""
    tokens: list[tuple[_Token, str]] = []
    position, length = 0, len(text)
    while position < length:
        character = text[position]
        if character in _BLANKS:
            position += 1
        elif character == "\0":
            break
        elif character in _SPECIAL:
            symbol = text[position : position + 2]
            if symbol not in _SYMBOLS:
                symbol = character
            tokens.append((_SYMBOLS[symbol], symbol))
            position += len(symbol)
            if text[position : position + 1] == "\0":
                position += 1
        else:
            start = position
            while position < length and text[position] not in _BLANKS + _SPECIAL + "\0":
                position += 1
            word = text[start:position]
            tokens.append((_WORDS.get(word, _Token.IDENTIFIER), word))
            if position < length and text[position] == "\0":
                position += 1
    tokens.append((_Token.END, ""))
    return tokens


class _Parser:
    """Recursive descent over the tokens; every refusal is a SelectorError."""

    def __init__(self, text: str, path: Path | None) -> None:
        self.tokens = _tokens(text)
        self.position = 0
        self.path = path

    def peek(self, *, operators: bool = False) -> tuple[_Token, str]:
        """The next token; `in` and `notin` are words unless *operators* are wanted."""
        token, literal = self.tokens[self.position]
        if not operators and token in (_Token.IN, _Token.NOT_IN):
            token = _Token.IDENTIFIER
        return token, literal

    def take(self, *, operators: bool = False) -> tuple[_Token, str]:
        taken = self.peek(operators=operators)
        if self.position < len(self.tokens) - 1:
            self.position += 1
        return taken

    def parse(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        token, literal = self.peek()
        if token is _Token.END:
            return requirements
        if token not in (_Token.IDENTIFIER, _Token.NOT):
            raise SelectorError(f"found '{literal}', expected: !, identifier, or 'end of string'")
        while True:
            try:
                requirements.append(self.requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token, literal = self.take()
            if token is _Token.END:
                return requirements
            if token is not _Token.COMMA:
                raise SelectorError(f"found '{literal}', expected: ',' or 'end of string'")
            token, literal = self.peek()
            if token not in (_Token.IDENTIFIER, _Token.NOT):
                raise SelectorError(f"found '{literal}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        token, literal = self.take()
        negated = token is _Token.NOT
        if negated:
            token, literal = self.take()
        if token is not _Token.IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        key = literal
        messages = qualified_name(key)
        if messages:
            raise SelectorError(str(field.invalid(self.path, key, "; ".join(messages))))
        if negated:
            # `!a=b` stops here, and the caller finds a `=` where the requirement should end.
            return Requirement.create(key, Operator.DOES_NOT_EXIST, path=self.path)
        if self.peek()[0] in (_Token.END, _Token.COMMA):
            return Requirement.create(key, Operator.EXISTS, path=self.path)
        token, literal = self.take(operators=True)
        operator = _OPERATOR_TOKENS.get(token)
        if operator is None:
            raise SelectorError(f"found '{literal}', expected: {', '.join(_BINARY_OPERATORS)}")
        values = self.value_set() if operator in _SETS else {self.exact_value()}
        return Requirement.create(key, operator, sorted(values), path=self.path)

    def exact_value(self) -> str:
        if self.peek()[0] in (_Token.END, _Token.COMMA):
            return ""
        token, literal = self.take()
        if token is not _Token.IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        return literal

    def value_set(self) -> set[str]:
        token, literal = self.take()
        if token is not _Token.OPEN:
            raise SelectorError(f"found '{literal}' expected: '('")
        token, literal = self.peek()
        if token is _Token.CLOSE:
            self.take()
            return {""}
        if token not in (_Token.IDENTIFIER, _Token.COMMA):
            raise SelectorError(f"found '{literal}', expected: ',', ')' or identifier")
        values = self.values()
        self.take()  # the closing parenthesis, which values() has seen
        return values

    def values(self) -> set[str]:
        """Words and commas up to a `)`; an empty place between two of them is the empty value."""
        values: set[str] = set()
        while True:
            token, literal = self.take()
            following, following_literal = self.peek()
            if token is _Token.IDENTIFIER:
                values.add(literal)
                if following is _Token.CLOSE:
                    return values
                if following is not _Token.COMMA:
                    raise SelectorError(f"found '{following_literal}', expected: ',' or ')'")
            elif token is _Token.COMMA:
                if not values or following is _Token.COMMA:
                    values.add("")
                if following is _Token.CLOSE:
                    values.add("")
                    return values
            else:
                raise SelectorError(f"found '{literal}', expected: ',', or identifier")


EVERYTHING = Selector()
"""Selects every object."""

NOTHING = Selector(nothing=True)
"""Selects no object."""
