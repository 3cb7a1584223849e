"""The library's error texts, said as the reference says them (cel-go), so that clients read the same message."""

import re

_PREFIX = re.compile(r"^[A-Z_]+: ")
_SUFFIX = re.compile(r" \[[A-Z_]+\]$")

_EVALUATION: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r'^Key not found in map : "(.*)"$', r"no such key: \1"),
        (r"^Key not found in map : (.*)$", r"no such key: \1"),
        (r"^no_such_field : (.*)$", r"no such key: \1"),
        (r"^divide by zero$", "division by zero"),
        (r"^modulus by zero$", "modulus by zero"),
        (r"^No matching overloads found.*$", "no such overload"),
        (r'^No value with name ".*\.(.*)" found in Activation$', r"no such key: \1"),
        (r'^No value with name "(.*)" found in Activation$', r"no such attribute: \1"),
        (r"^Index error: index=(-?\d+) size=\d+$", r"index out of bounds: \1"),
        (r"^index out of bounds: .*index = (-?\d+).*$", r"index out of bounds: \1"),
        (r"^integer overflow$", "integer overflow"),
    )
)
OUT_OF_BUDGET = "Iteration budget exceeded"


def bare(text: str) -> str:
    """A status text of the library without its code."""
    return _SUFFIX.sub("", _PREFIX.sub("", text))


def evaluation(text: str) -> str:
    """The reference's words for an error value."""
    found = bare(text)
    for pattern, replacement in _EVALUATION:
        if match := pattern.match(found):
            return match.expand(replacement)
    return found


def compilation(text: str) -> str:
    """The reference's words for issues found while compiling."""
    return f"compilation failed: {bare(text)}"
