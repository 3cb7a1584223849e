"""What a read of the watch cache waits for before it may answer: the news of other processes, and revisions of the future.

On one process the cache knows of a write before its writer does, so nothing is waited for; where several share the engine,
a read of what is newest first hears of what the others have told anybody.

Source: k8s.io/apiserver pkg/storage/cacher/watch_cache.go (waitUntilFreshAndBlock).
"""

import asyncio
from typing import Any

from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.api_errors import too_large
from genericapiserver.storage.engine import EngineError


class CacheFreshness:
    """The waits of one cache, whose keys start with *root*; *timeout* seconds for a revision of the future."""

    def __init__(self, access: ObjectAccess[Any], root: str, *, timeout: float) -> None:
        self._access = access
        self._engine = access.engine
        self._metrics = access.metrics
        self._root = root
        self._timeout = timeout

    async def catch_up(self) -> None:
        """Hear of everything that other processes have told anybody."""
        try:
            await self._engine.catch_up()
        except EngineError as error:
            raise self._access.translated(error, self._root) from error

    async def reached(self, revision: int) -> None:
        """Wait until *revision* is known. Raises TooLargeResourceVersionError when that takes too long."""
        if revision <= self._engine.current_rev():
            if revision:
                self._metrics.waited(0.0)
            return
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout):
                await self._engine.reached(revision)
        except TimeoutError as error:
            raise too_large(revision, self._engine.current_rev(), retry_after_seconds=1) from error
        except EngineError as error:
            raise self._access.translated(error, self._root) from error
        finally:
            self._metrics.waited(asyncio.get_running_loop().time() - begun)
