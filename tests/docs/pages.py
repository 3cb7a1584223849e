"""The pages of documentation as lists of fenced blocks. What their marks mean is said in docs/testing.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
from markdown_it import MarkdownIt

from tests.support.server_process import CHECKOUT

MARKS = frozenset({"run", "no-run", "no-check"})
SHELL = frozenset({"console", "sh"})
_FILE_COMMENT = re.compile(r"(?:#|//) ([\w.-]+\.[a-z]+)")


class BadMarkError(ValueError):
    """A block is marked with something that means nothing."""


@attrs.frozen
class Block:
    """One fenced block: *line* is that of its fence, *file* the name under which its text is kept for later blocks."""

    page: str
    line: int
    language: str
    marks: frozenset[str]
    file: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_shell(self) -> bool:
        return self.language in SHELL

    @property
    def is_run(self) -> bool:
        return "run" in self.marks


def page_names() -> list[str]:
    """Every page of the project, as paths from its root."""
    return sorted(["README.md", *(str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "docs").rglob("*.md"))])


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """The fenced blocks of *page* in their order. Raises BadMarkError."""
    source = (CHECKOUT / page).read_text("utf-8") if text is None else text
    return list(_blocks(page, source))


def _blocks(page: str, source: str) -> Iterator[Block]:
    for token in MarkdownIt("commonmark").parse(source):
        if token.type != "fence" or token.map is None:
            continue
        language, *words = token.info.split() or [""]
        line = token.map[0] + 1
        files = [word.removeprefix("file=") for word in words if word.startswith("file=")]
        marks = frozenset(word for word in words if not word.startswith("file="))
        if unknown := sorted(marks - MARKS):
            raise BadMarkError(
                f"{page}:{line}: a block has the marks run, no-run, no-check and file=NAME, not {unknown}"
            )
        if len(files) > 1 or any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise BadMarkError(f"{page}:{line}: a block is one file below the page's folder, not {files}")
        commented = _FILE_COMMENT.fullmatch(token.content.partition("\n")[0].strip())
        file = files[0] if files else commented[1] if commented else ""
        yield Block(page, line, language, marks, file, token.content)
