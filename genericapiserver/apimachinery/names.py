"""Names for objects that bring none (k8s.io/apiserver pkg/storage/names)."""

import secrets
from collections.abc import Callable
from typing import TypeAlias

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and none of 0, 1, 3: no words come about, and no two characters look alike."""

SUFFIX_LENGTH = 5
MAX_NAME_LENGTH = 63
MAX_BASE_LENGTH = MAX_NAME_LENGTH - SUFFIX_LENGTH

Choose: TypeAlias = Callable[[str], str]
"""Picks one character of a text; `random.Random(1).choice` in tests."""


def generate_name(base: str, *, choose: Choose = secrets.choice) -> str:
    """*base*, cut to 58 characters, and five random ones: at most 63, whatever the kind would allow.

    Names may collide; the caller creates, and asks again.
    """
    # Go cuts bytes; a base with other than ASCII characters does not pass validation for most kinds.
    if len(base.encode("utf-8", "surrogatepass")) > MAX_BASE_LENGTH:
        base = base.encode("utf-8", "surrogatepass")[:MAX_BASE_LENGTH].decode("utf-8", "replace")
    return base + "".join(choose(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
