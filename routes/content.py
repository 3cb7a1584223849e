"""Serving bytes that have an entity tag and an age: conditions and ranges, as Go's net/http.ServeContent answers them.

Source: RFC 9110, sections 13 and 14. Deviation: of several ranges in one request none is served; the answer is the whole.
"""

import datetime as dt
import re
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from genericapiserver.asgi import RawHeaders, Scope, Send, header_value, send_plain_error, send_response

_RANGE: Final = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)
_ETAG: Final = re.compile(r'\s*(?:W/)?("[^"]*")\s*(?:,|$)')


class _UnsatisfiableError(Exception):
    """The range lies behind the end."""


async def send_content(
    scope: Scope,
    send: Send,
    body: bytes,
    content_type: bytes,
    headers: RawHeaders,
    *,
    etag: bytes,
    modified: dt.datetime,
    encoding: tuple[bytes, bytes] | None = None,
) -> None:
    """Answer a request for *body*: 200, 206, 304, 412 or 416.

    *etag* comes with its quotes. *encoding* is the name and the bytes of an encoding that the client takes; it is for
    the whole only.
    """
    modified = modified.replace(microsecond=0)
    refused = _refused_by_condition(scope, etag, modified)
    if refused:
        await send({"type": "http.response.start", "status": refused, "headers": [(b"etag", etag), *headers]})
        await send({"type": "http.response.body", "body": b""})
        return
    headers = [
        (b"accept-ranges", b"bytes"),
        (b"etag", etag),
        (b"last-modified", format_datetime(modified, usegmt=True).encode()),
        *headers,
    ]
    try:
        part = _requested_range(scope, len(body), etag, modified)
    except _UnsatisfiableError:
        unsatisfied = (b"content-range", b"bytes */%d" % len(body))
        await send_plain_error(send, 416, "invalid range: failed to overlap", [unsatisfied])
        return
    status = 200
    if part is not None:
        start, end = part
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, len(body))))
        status, body = 206, body[start:end]
    elif encoding is not None:
        headers.append((b"content-encoding", encoding[0]))
        body = encoding[1]
    await send_response(send, status, body, content_type, headers)


def _refused_by_condition(scope: Scope, etag: bytes, modified: dt.datetime) -> int:
    """304 or 412 when a condition of the request says so, else 0."""
    tag = etag.decode()
    reading = scope["method"] in ("GET", "HEAD")
    if_match = header_value(scope, b"if-match")
    if if_match is not None:
        if not _names(if_match, tag, strong=True):
            return 412
    elif (limit := _date(header_value(scope, b"if-unmodified-since"))) is not None and modified > limit:
        return 412
    if_none_match = header_value(scope, b"if-none-match")
    if if_none_match is not None:
        if _names(if_none_match, tag):
            return 304 if reading else 412
    elif reading and (since := _date(header_value(scope, b"if-modified-since"))) is not None and modified <= since:
        return 304
    return 0


def _names(header: str, tag: str, *, strong: bool = False) -> bool:
    """Whether the list of entity tags in *header* has *tag*; what follows a fault in the list is not read."""
    if header.strip() == "*":
        return True
    position = 0
    while found := _ETAG.match(header, position):
        if found[1] == tag and not (strong and found[0].lstrip().startswith("W/")):
            return True
        position = found.end()
    return False


def _requested_range(scope: Scope, size: int, etag: bytes, modified: dt.datetime) -> tuple[int, int] | None:
    """Start and end of the part that is asked for, None for the whole."""
    asked = header_value(scope, b"range")
    if not asked or scope["method"] not in ("GET", "HEAD"):
        return None
    condition = header_value(scope, b"if-range")
    if condition and condition != etag.decode() and _date(condition) != modified:
        return None
    found = _RANGE.fullmatch(asked)
    if found is None:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        return max(0, size - int(last)), size
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise _UnsatisfiableError
    return start, min(int(last) + 1, size) if last else size


def _date(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
