"""Warnings that a response carries in `Warning: 299` headers (RFC 7234 section 5.5), within a budget.

Mirrors pkg/endpoints/filters/warning.go and the header grammar of apimachinery pkg/util/net/http.go: a header that
kubectl could not parse again is never written.
"""

from typing import Final

MAX_TOTAL_RUNES: Final = 4096
"""All texts together; the first warning beyond it makes every text shrink to MAX_ITEM_RUNES."""

MAX_ITEM_RUNES: Final = 256

_HEADER = b"warning"
_AGENT_FORBIDDEN = frozenset(' \\"')


class WarningRecorder:
    """Collects the warnings of one request as ready response headers.

    A text counts once, whoever raised it. Texts that a header cannot carry are left out silently, since a warning must
    never fail a request.
    """

    __slots__ = ("_item_limit", "_recorded", "_total", "_total_limit", "_truncating", "headers")

    def __init__(self, total_limit: int = MAX_TOTAL_RUNES, item_limit: int = MAX_ITEM_RUNES) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._total_limit = total_limit
        self._item_limit = item_limit
        self._recorded: dict[str, str] | None = None
        self._total = 0
        self._truncating = False

    def add(self, text: str, agent: str = "") -> None:
        """Record *text* once; *agent* names who warns, and the header says `-` without one."""
        if not text or (self._truncating and self._total >= self._total_limit):
            return
        if self._recorded is None:
            self._recorded = {}
        elif text in self._recorded:
            return
        self._recorded[text] = agent
        if not _is_sendable(text, agent):
            return
        if self._truncating or self._total + len(text) <= self._total_limit:
            self._append(text, agent)
        else:
            self._start_again_truncated()

    def clear(self) -> None:
        """Forget everything: the response that the warnings belonged to is not sent."""
        self.headers.clear()
        self._recorded = None
        self._total = 0
        self._truncating = False

    def _append(self, text: str, agent: str) -> None:
        if self._truncating:
            text = text[: self._item_limit]
        self._total += len(text)
        self.headers.append((_HEADER, _encode(text, agent)))

    def _start_again_truncated(self) -> None:
        assert self._recorded is not None
        self._truncating = True
        self._total = 0
        self.headers.clear()
        for text, agent in self._recorded.items():
            if _is_sendable(text, agent):
                self._append(text, agent)


def _is_sendable(text: str, agent: str) -> bool:
    if not text.isprintable() and any(_is_control(character) or _is_surrogate(character) for character in text):
        return False
    return not any(character in _AGENT_FORBIDDEN or _is_control(character) for character in agent)


def _is_control(character: str) -> bool:
    # Go's unicode.IsControl: the category Cc.
    return character < " " or "\x7f" <= character <= "\x9f"


def _is_surrogate(character: str) -> bool:
    # A lone surrogate is how Python holds bytes that were no UTF-8.
    return "\ud800" <= character <= "\udfff"


def _encode(text: str, agent: str) -> bytes:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 {agent or "-"} "{quoted}"'.encode()
