"""find and findAll (library/regex.go), on RE2: no pattern takes more than linear time."""

from functools import lru_cache
from typing import Any

from genericapiserver.cel.errors import MissingLibraryError
from genericapiserver.cel.library.declaration import Function, method
from genericapiserver.cel.types import Type

MAX_MEMORY = 1 << 20


@lru_cache(maxsize=256)
def pattern(source: str) -> Any:
    """The compiled pattern; ValueError when it is none, or one that needs much memory (`((a{99}){99}){99}`)."""
    try:
        import re2
    except ImportError as error:
        raise MissingLibraryError(
            "regular expressions in CEL need google-re2, which is not installed: pip install genericapiserver[cel]"
        ) from error
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"Illegal regex: {text}") from None


def find(text: str, source: str) -> str:
    match = pattern(source).search(text)
    return match.group() if match else ""


def find_all(text: str, source: str, limit: int = -1) -> list[str]:
    found: list[str] = []
    if limit == 0:
        return found
    for match in pattern(source).finditer(text):
        found.append(match.group())
        if len(found) == limit:
            break
    return found


STRINGS = Type.list_of(Type.STRING)

REGEX: tuple[Function, ...] = (
    method("find", ((Type.STRING, Type.STRING), Type.STRING, find)),
    method(
        "findAll",
        ((Type.STRING, Type.STRING), STRINGS, find_all),
        ((Type.STRING, Type.STRING, Type.INT), STRINGS, find_all),
    ),
)
