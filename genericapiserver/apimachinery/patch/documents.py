"""What the kinds of patches have in common: reading the body, and comparing JSON values as the reference does."""

from typing import Any

from genericapiserver.apimachinery.serializer.json import (
    NumberLiteral,
    Pairs,
    find_duplicate_paths,
    format_float,
    parse_literals,
    parse_pairs,
)

MAX_FINDINGS = 100
"""More faults than this are not reported."""


def parse_document(data: bytes) -> Any:
    """The value of *data*, numbers with fractions or exponents as they are written. Raises JSONSyntaxError."""
    return parse_literals(data)


def parse_with_pairs(data: bytes) -> Any:
    """The value of *data* with its objects as pairs, for those who look for repeated keys. Raises JSONSyntaxError."""
    return parse_pairs(data)


def duplicate_findings(data: bytes) -> list[str]:
    """`duplicate field "<path>"` for each repeated key of *data*, which must be JSON."""
    return unique_findings([f'duplicate field "{path}"' for path in find_duplicate_paths(parse_pairs(data))])


def unique_findings(findings: list[str]) -> list[str]:
    """The first hundred different ones."""
    return list(dict.fromkeys(findings))[:MAX_FINDINGS]


def json_kind(value: object) -> str:
    """The name that Go's decoder has for a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Pairs):
        return "object"
    return "array" if isinstance(value, list) else "object"


def number_text(value: float) -> str:
    """A number as its document writes it, or as the encoder would."""
    if isinstance(value, NumberLiteral):
        return value.text
    return str(value) if isinstance(value, int) else format_float(value)


def out_of_range(value: object) -> str | None:
    """The literal of the first number in *value* that no float64 holds, if there is one."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, NumberLiteral):
            if one in (float("inf"), float("-inf")):
                return one.text
        elif isinstance(one, dict):
            pending.extend(reversed(one.values()))
        elif isinstance(one, list):
            pending.extend(reversed(one))
    return None


def same_json(left: object, right: object) -> bool:
    """Whether two JSON values are the same; numbers are compared as they are written, so 1 is not 1.0."""
    if isinstance(left, dict):
        if not isinstance(right, dict) or left.keys() != right.keys():
            return False
        return all(same_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        return all(same_json(one, other) for one, other in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float):
        return isinstance(right, int | float) and number_text(left) == number_text(right)
    return left == right
