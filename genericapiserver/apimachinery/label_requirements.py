"""One requirement of a label selector, checked as the reference checks it and compiled into a function."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import NumError, parse_int
from genericapiserver.apimachinery.validation.names import label_value, qualified_name

Labels: TypeAlias = Mapping[str, str]

Matcher: TypeAlias = Callable[[Labels], bool]


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


BINARY_OPERATORS = (
    Operator.IN,
    Operator.NOT_IN,
    Operator.EQUALS,
    Operator.DOUBLE_EQUALS,
    Operator.NOT_EQUALS,
    Operator.GREATER_THAN,
    Operator.LESS_THAN,
)
SET_OPERATORS = (Operator.IN, Operator.NOT_IN)
EXACT_OPERATORS = (Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.NOT_EQUALS)
_ORDER_OPERATORS = (Operator.GREATER_THAN, Operator.LESS_THAN)


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
        if self.operator in SET_OPERATORS and count == 0:
            problem = "for 'in', 'notin' operators, values set can't be empty"
        elif self.operator in EXACT_OPERATORS and count != 1:
            problem = "exact-match compatibility requires one single value"
        elif self.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and count:
            problem = "values set must be empty for exists and does not exist"
        elif self.operator in _ORDER_OPERATORS and count != 1:
            problem = "for 'Gt', 'Lt' operators, exactly one value is required"
        if problem:
            errors.append(field.invalid(values_path, list(self.values), problem))
        if self.operator in _ORDER_OPERATORS:
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
        return compile_requirement(self)(labels)

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


def _child(path: Path | None, name: str) -> Path:
    return Path(name) if path is None else path.child(name)


def _to_int64(text: str) -> int | None:
    try:
        return parse_int(text)
    except NumError:
        return None


def never(_labels: Labels) -> bool:
    """Matches nothing."""
    return False


def compile_requirement(requirement: Requirement) -> Matcher:
    """The function that says whether labels fulfil *requirement*; for one value it is one lookup."""
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


def _compile_order(requirement: Requirement) -> Matcher:
    key = requirement.key
    bound = _to_int64(requirement.values[0]) if len(requirement.values) == 1 else None
    if bound is None:
        return never
    sign = 1 if requirement.operator is Operator.GREATER_THAN else -1

    def beyond(labels: Labels) -> bool:
        text = labels.get(key)
        value = None if text is None else _to_int64(text)
        return value is not None and sign * value > sign * bound

    return beyond
