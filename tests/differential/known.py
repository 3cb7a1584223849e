"""Differences that are known: which, where, and why. A run names what is not here, and what is here and no longer occurs."""

from __future__ import annotations

import re
from typing import Final

import attrs


@attrs.frozen
class Known:
    """A difference with its reason; *request* and *line* are regular expressions that are searched for."""

    name: str
    reason: str
    family: str
    """The family of scenarios that shows it; it is gone when all of them have been run and none did."""
    request: str
    line: str

    def covers(self, scenario: str, request: str, line: str) -> bool:
        """Whether it explains *line* in the answers to *request*, whichever the family."""
        return bool(
            re.search(self.request, f"{scenario}: {request}", re.DOTALL) and re.search(self.line, line, re.DOTALL)
        )


KNOWN: Final[tuple[Known, ...]] = ()
