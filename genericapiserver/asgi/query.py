"""Query strings as Go's net/url reads them: `&` separates, `+` is a blank, a pair with a bad escape or a `;` is dropped."""

import re
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

QueryValues: TypeAlias = dict[str, list[str]]
"""Every value of every key, in the order sent."""

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_query(query: bytes) -> QueryValues:
    """Parse the raw query string; a key without `=` has the value "". Never raises."""
    values: QueryValues = {}
    if not query:
        return values
    for pair in query.split(b"&"):
        if not pair or b";" in pair or _BAD_ESCAPE.search(pair):
            continue
        key, _, value = pair.partition(b"=")
        values.setdefault(_unescape(key), []).append(_unescape(value))
    return values


def _unescape(text: bytes) -> str:
    if b"%" in text or b"+" in text:
        text = unquote_to_bytes(text.replace(b"+", b" "))
    return text.decode("utf-8", "replace")
