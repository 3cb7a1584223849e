"""Keeping what came from files current while a server runs (Go .../dynamiccertificates/dynamic_*_content.go).

Files are read again as soon as one of them changes, and once a minute whatever the system tells of changes. A pair is
two files, and somebody who replaces them writes one after the other: between the two they do not fit, which is logged
and served by the old pair until the second has come. What cannot be used is tried again with growing pauses, because a
disk or a mount that does not answer recovers without a change of the file.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

REFRESH_INTERVAL: Final = 60.0
"""Seconds between two readings of a file that nobody says has changed (the reference's FileRefreshDuration)."""

FIRST_RETRY: Final = 0.005
"""Seconds until content that cannot be used is read again, doubled with each failure up to REFRESH_INTERVAL."""


@runtime_checkable
class FileContent(Protocol):
    """Content that was read from `files`; none when it came from somewhere else."""

    @property
    def name(self) -> str: ...

    files: tuple[Path, ...]

    def reload(self) -> bool:
        """Read the files again; true if the content differs. Raises OSError or ValueError and keeps the old content."""


async def keep_current(
    contents: Sequence[FileContent],
    *,
    look_interval: float = LOOK_INTERVAL,
    refresh_interval: float = REFRESH_INTERVAL,
) -> None:
    """Reload those of *contents* whose files change, until cancelled; what is broken is logged and not taken."""
    changed = [asyncio.Event() for _ in contents]
    files = [file for content in contents for file in content.files]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(files, changed, look_interval, refresh_interval))
        for content, event in zip(contents, changed, strict=True):
            # A task for each: a file on a disk that does not answer must not keep the others from being read.
            tasks.create_task(_follow(content, event, refresh_interval))


async def _watch(
    files: Sequence[Path], changed: Sequence[asyncio.Event], look_interval: float, refresh_interval: float
) -> None:
    while True:
        try:
            async for _ in file_changes(*files, look_interval=look_interval):
                for event in changed:
                    event.set()
        except Exception:
            # Without the watch the readings at intervals go on, and it is set up again after one of them.
            logger.exception(kv("Changes of certificate files are not noticed at once", readEvery=refresh_interval))
            await asyncio.sleep(refresh_interval)


async def _follow(content: FileContent, changed: asyncio.Event, refresh_interval: float) -> None:
    reported, retry = "", FIRST_RETRY
    pause = refresh_interval
    while True:
        try:
            async with asyncio.timeout(pause):
                await changed.wait()
        except TimeoutError:
            pass
        changed.clear()
        problem = await _reload(content)
        if problem and problem != reported:
            logger.error(
                kv(
                    "Changed content is not loaded, the old stays in use",
                    name=content.name,
                    err=problem,
                    readEvery=refresh_interval,
                )
            )
        elif reported and not problem:
            logger.info(kv("Changed content can be used again", name=content.name))
        reported = problem
        pause = min(retry, refresh_interval) if problem else refresh_interval
        retry = 2 * pause if problem else FIRST_RETRY


async def _reload(content: FileContent) -> str:
    """What is wrong with the source of *content*; nothing, and what it holds is in use."""
    try:
        # In a thread: a file may lie on a disk that does not answer, and requests go on meanwhile.
        changed = await asyncio.to_thread(content.reload)
    except Exception as error:  # noqa: BLE001  whatever it is, the other certificates must be followed on
        return str(error) or type(error).__name__
    if changed:
        logger.info(kv("Loaded new content", name=content.name))
    return ""
