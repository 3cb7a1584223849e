"""Noticing that files have changed: written over, replaced by a rename, or behind a link that now leads elsewhere.

What is watched are folders, since a watch on a file ends with the file: the folder of every link on the way to a file,
and of the file itself. That is what sees a Kubernetes Secret change, where `tls.crt` is a link to `..data/tls.crt` and
`..data` a link that is swapped, and a file that is not there yet. Beside the notices of the operating system a look at
the files' metadata goes on at a slow pace, for file systems that tell nothing (NFS, some container mounts).
"""

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

LOOK_INTERVAL: Final = 5.0
"""Seconds between two looks at the metadata of the files."""

_STEP_MS, _DEBOUNCE_MS = 50, 200
_MAX_LINKS: Final = 40
"""As many links as the kernel follows for one path."""

Folders = Mapping[str, frozenset[str]]
"""A folder, and the names in it that matter."""


async def file_changes(
    *paths: Path | str, look_interval: float = LOOK_INTERVAL, notices: bool = True
) -> AsyncGenerator[None, None]:
    """Yield whenever the content of one of *paths* may be another one; the caller reads and compares.

    The first time comes as soon as the watch stands: what changed between the caller's own first reading and that
    moment is not missed. Files and folders need not exist. *look_interval* is the longest time in seconds that a change
    stays unnoticed where the operating system tells nothing; without *notices* it is not asked at all. Cancel the task,
    or close the generator (`contextlib.aclosing`), to stop watching.
    """
    files = [os.path.abspath(path) for path in paths]  # noqa: ASYNC240  no look at the disk
    while True:
        folders = _folders(files)
        seen: object = None
        async with contextlib.aclosing(_looks(folders, look_interval, notices)) as looks:
            async for noticed in looks:
                if (now := _fingerprints(files)) != seen or noticed:
                    seen = now
                    yield None
                if _folders(files) != folders:
                    break  # the way to the files is another one now; the first look of the new watch reads again


async def _looks(folders: Folders, interval: float, notices: bool) -> AsyncGenerator[bool, None]:
    """False once the watch stands and then every *interval*; true when one of the names in *folders* was touched."""
    if notices:
        try:
            async with contextlib.aclosing(_notices(folders, interval)) as noticed:
                async for look in noticed:
                    yield look
        except OSError as error:  # too many watches, a folder that is gone or may not be read
            logger.debug("files are looked at every %.1f s, the system does not tell of changes: %s", interval, error)
    while True:
        yield False
        await asyncio.sleep(interval)
        if notices:
            return  # the caller tries again with the folders of that moment


async def _notices(folders: Folders, interval: float) -> AsyncGenerator[bool, None]:
    """Like `_looks`, from what the operating system tells. Raises OSError when it does not."""
    from watchfiles import awatch  # here: a server that watches no file need not load it

    changes = awatch(
        *folders,
        watch_filter=lambda _, path: os.path.basename(path) in folders.get(os.path.dirname(path), ()),
        step=_STEP_MS,
        debounce=_DEBOUNCE_MS,
        rust_timeout=max(1, int(interval * 1000)),
        yield_on_timeout=True,
        recursive=False,
    )
    waiting = asyncio.ensure_future(anext(changes))
    try:
        await asyncio.sleep(0)  # the first turn of its task sets the watch up
        yield False
        while True:
            yield bool(await waiting)
            waiting = asyncio.ensure_future(anext(changes))
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, StopAsyncIteration):
            await waiting
        await changes.aclose()


def _folders(files: Sequence[str]) -> Folders:
    """Where to look for changes of what *files* mean: the folder and name of each link on the way, and of the end."""
    folders: dict[str, set[str]] = {}
    for file in files:
        for folder, name in _way(file):
            folders.setdefault(folder, set()).add(name)
    return {folder: frozenset(names) for folder, names in folders.items()}


def _way(file: str) -> list[tuple[str, str]]:
    way: list[tuple[str, str]] = []
    folder, rest = os.sep, [part for part in file.split(os.sep) if part]
    while rest and len(way) < _MAX_LINKS:
        name = rest.pop(0)
        if name == os.pardir:
            folder = os.path.dirname(folder)
            continue
        path = os.path.join(folder, name)
        try:
            is_link = stat.S_ISLNK(os.lstat(path).st_mode)
            target = os.readlink(path) if is_link else ""
        except OSError:
            return [*way, (folder, name)]  # the rest may appear with this
        if is_link:
            way.append((folder, name))
            rest = [part for part in target.split(os.sep) if part not in ("", os.curdir)] + rest
            if target.startswith(os.sep):
                folder = os.sep
        elif rest:
            folder = path
        else:
            way.append((folder, name))
    return way


def _fingerprints(files: Sequence[str]) -> list[tuple[int, ...] | None]:
    prints: list[tuple[int, ...] | None] = []
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            prints.append(None)
        else:
            prints.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    return prints
