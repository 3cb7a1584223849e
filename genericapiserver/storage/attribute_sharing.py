"""Equal attributes of many objects, kept once.

What selectors look at stays in memory for every object that a selector has looked at, because to decode a hundred thousand
objects again for each list would take seconds. Most objects of a resource have the labels of many others, and the values of
their fields are few, so mappings and texts that are equal are made the same; only names are not.
"""

from collections.abc import Mapping
from typing import Final

SHARED: Final = 10_000
"""Texts, and sets of labels, that are remembered for those who come; they begin anew then."""
LONGEST: Final = 64
"""Longer texts are nobody else's."""
_OWN: Final = "metadata.name"


class AttributeSharing:
    """Remembers attributes of the objects of one store. What it returns must not be changed."""

    __slots__ = ("_labels", "_texts")

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    def labels(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """A mapping equal to *labels*."""
        known = self._labels
        items = tuple(labels.items())
        found = known.get(items)
        if found is None:
            if len(known) >= SHARED:
                known.clear()
            found = known[items] = {self._text(key): self._text(value) for key, value in items}
        return found

    def fields(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """A mapping equal to *fields*."""
        return {name: value if name == _OWN else self._text(value) for name, value in fields.items()}

    def _text(self, text: str) -> str:
        if type(text) is not str or len(text) > LONGEST:  # what a program's own function gives may be no text
            return text
        if len(self._texts) >= SHARED:
            self._texts.clear()
        return self._texts.setdefault(text, text)
