"""What the parsers of requests forgive and a server behind an authenticating proxy must not.

A proxy that reads a request differently from the server behind it can be made to pass on headers that it would have
removed, such as the name of a user (CVE-2019-16276 and its kin). So what two parsers may read in two ways is refused:
folded header lines, lines that end without a CR, control characters in values.
"""

from collections.abc import Iterable
from typing import Final

_END: Final = b"\r\n\r\n"
_CONTROLS: Final = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
"""All but the tab (Go httpguts.ValidHeaderFieldValue)."""


def has_controls(values: Iterable[bytes]) -> bool:
    """Whether a header value holds what no value may hold."""
    joined = b"".join(values)
    return len(joined.translate(None, _CONTROLS)) != len(joined)


class HeadScanner:
    """Looks at the bytes of one HTTP/1.1 request head after the other, in whatever pieces they come."""

    __slots__ = ("_ended", "_tail", "lines")

    def __init__(self) -> None:
        self.lines = 0
        """Of the head that is looked at, so far."""
        self._tail = b""
        self._ended = False

    def start(self, data: bytes = b"") -> bool:
        """Begin the next head, of which *data* is there already; like `scan`."""
        self.lines = 0
        self._tail = b""
        self._ended = False
        return self.scan(data)

    def scan(self, data: bytes) -> bool:
        """Take more bytes; false once the head has a folded line, or one without a CR. What follows it is not looked at."""
        if self._ended:
            return True
        tail = self._tail
        text = tail + data
        end = text.find(_END)
        if end >= 0:
            self._ended = True
            text = text[: end + len(_END)]
        self._tail = text[-3:]
        # Searches for fixed bytes: a pattern that says the same takes twenty times as long. What came before has been
        # judged, but for what its last byte may begin.
        start = max(0, len(tail) - 1)
        lines = text.count(b"\n", len(tail))
        self.lines += lines
        if lines != text.count(b"\r\n", start):
            return False
        return text.find(b"\n ", start) < 0 and text.find(b"\n\t", start) < 0
