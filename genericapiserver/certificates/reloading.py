"""Keeping what came from files current while a server runs (Go .../dynamiccertificates/dynamic_*_content.go).

A pair is two files, and somebody who replaces them writes one after the other: between the two they do not fit, which is
logged and served by the old pair until the second has come. Deviation: what cannot be used is not tried again until a
file changes, where the reference tries with growing pauses; the same content stays as broken as it is.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)


@runtime_checkable
class FileContent(Protocol):
    """Content that was read from `files`; none when it came from somewhere else."""

    @property
    def name(self) -> str: ...

    files: tuple[Path, ...]

    def reload(self) -> bool:
        """Read the files again; true if the content differs. Raises OSError or ValueError and keeps the old content."""


async def keep_current(contents: Sequence[FileContent], *, look_interval: float = LOOK_INTERVAL) -> None:
    """Reload those of *contents* whose files change, until cancelled; what is broken is logged and not taken."""
    problems: dict[str, str] = {}
    async for _ in file_changes(*(file for content in contents for file in content.files), look_interval=look_interval):
        for content in contents:
            await _reload(content, problems)


async def _reload(content: FileContent, problems: dict[str, str]) -> None:
    try:
        # In a thread: a file may lie on a disk that does not answer, and requests go on meanwhile.
        changed = await asyncio.to_thread(content.reload)
    except (OSError, ValueError) as error:
        if problems.get(content.name) != str(error):
            problems[content.name] = str(error)
            logger.error(kv("Changed content is not loaded, the old stays in use", name=content.name, err=error))
        return
    problems.pop(content.name, None)
    if changed:
        logger.info(kv("Loaded new content", name=content.name))
