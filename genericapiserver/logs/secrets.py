"""The last look at a line before it is written: bearer tokens do not belong into logs, however they got there.

No message of this library holds one. This is for those of programs and libraries around it.
"""

import re
from typing import Final

_TOKENS: Final = re.compile(
    r"(?i)(bearer[ :=]+|bearer\.authorization\.k8s\.io\.|access_token=|[?&;]token=)"
    r"(?!REDACTED|tokens?(?:[\s,;\")\\]|$))[\w.~+/=-]{4,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
_BEGINNINGS: Final = ("bearer", "token=", "eyj")


def without_tokens(line: str) -> str:
    """*line* with REDACTED in place of what stands where bearer tokens stand, and of JSON web tokens."""
    lowered = line.lower()
    for beginning in _BEGINNINGS:
        if beginning in lowered:
            return _TOKENS.sub(lambda match: f"{match[1] or ''}REDACTED", line)
    return line
