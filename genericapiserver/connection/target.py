"""The request target, read once: path, raw path and query string."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_FORBIDDEN = re.compile(rb"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")
_SHORT = 1024
_ABSOLUTE = re.compile(rb"(?i:https?)://[^/?#]*")


class BadTargetError(ValueError):
    """The target is none that a server can answer: a control character, a broken escape, no leading slash."""


class Target(NamedTuple):
    path: str
    raw_path: bytes
    query_string: bytes


def parse_target(raw: bytes) -> Target:
    """Split and decode origin-form, absolute-form or `*` (RFC 9112 section 3.2). Raises BadTargetError.

    A path that is not UTF-8 after decoding gets U+FFFD for the bad bytes: everything behind (authorization, names of
    stored objects) reads this one decoded text, so two readings of one path cannot differ.

    Short targets are remembered. Long ones are not: a target may have a megabyte, and comes from anybody.
    """
    return _parse_short(raw) if len(raw) <= _SHORT else _parse(raw)


def _parse(raw: bytes) -> Target:
    raw_path, _, query = raw.partition(b"?")
    if not raw_path.startswith(b"/") and raw != b"*":
        match = _ABSOLUTE.match(raw_path)
        if match is None:
            raise BadTargetError("the request target has no path")
        raw_path = raw_path[match.end() :] or b"/"
    if _FORBIDDEN.search(raw_path) or _FORBIDDEN_IN_QUERY.search(query):
        raise BadTargetError("the request target has a control character or a broken escape")
    path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    return Target(path.decode("utf-8", "replace"), raw_path, query)


_parse_short = lru_cache(maxsize=4096)(_parse)
_FORBIDDEN_IN_QUERY = re.compile(rb"[\x00-\x20\x7f]")
