"""The seeds that a server has had decrypted, and the questions for those that are under way.

However many readers want a seed, its service is asked once. A seed is kept for a day after it was last put in, and longer if
nothing else is: what it reads stays the same. A failure is told to everybody for a second, so that a long list or a busy
watch asks for a seed that cannot be had once a second and not once for every object.

Source: k8s.io/apiserver pkg/storage/value/encrypt/envelope/kmsv2/{cache,envelope}.go; the reference asks once for each
reader, and again after each failure.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from genericapiserver.aio import Clock
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.transformer import TransformationPendingError, Transformer

SEED_LIFETIME: Final = 24 * 3600.0
FAILURE_LIFETIME: Final = 1.0

Fetch = Callable[[], Awaitable[Transformer]]
"""Has a seed decrypted. Raises DecryptionError."""


class SeedCache:
    """Transformers by the identity of their wrapped seeds. *sized* is told how many there are whenever that changes."""

    def __init__(self, clock: Clock, *, sized: Callable[[int], None] = lambda size: None) -> None:
        self._clock = clock
        self._sized = sized
        self._seeds: OrderedDict[bytes, tuple[Transformer, float]] = OrderedDict()
        self._failures: dict[bytes, tuple[DecryptionError, float]] = {}
        self._fetching: dict[bytes, asyncio.Task[None]] = {}

    def put(self, identity: bytes, transformer: Transformer) -> None:
        """Keep *transformer* for a day from now."""
        now, before = self._clock.monotonic(), len(self._seeds)
        self._seeds[identity] = transformer, now + SEED_LIFETIME
        self._seeds.move_to_end(identity)
        while self._seeds and next(iter(self._seeds.values()))[1] < now:
            self._seeds.popitem(last=False)
        if len(self._seeds) != before:
            self._sized(len(self._seeds))

    def get(self, identity: bytes, fetch: Fetch) -> Transformer:
        """The transformer. Raises TransformationPendingError when *fetch* has to be asked for it, and what it has raised
        a moment ago."""
        found = self._seeds.get(identity)
        if found is not None:
            return found[0]
        failure = self._failures.get(identity)
        if failure is not None:
            if self._clock.monotonic() < failure[1]:
                raise failure[0].with_traceback(None)
            del self._failures[identity]
        raise TransformationPendingError(lambda: self._fetched(identity, fetch))

    async def _fetched(self, identity: bytes, fetch: Fetch) -> None:
        """Return once the seed is there. A reader that goes does not take the answer with it."""
        if identity in self._seeds:
            return
        task = self._fetching.get(identity)
        if task is None:
            task = self._fetching[identity] = asyncio.create_task(self._fetch(identity, fetch))
            task.add_done_callback(_failure_was_seen)
        await asyncio.shield(task)

    async def _fetch(self, identity: bytes, fetch: Fetch) -> None:
        try:
            self.put(identity, await fetch())
        except DecryptionError as error:
            self._failures[identity] = error, self._clock.monotonic() + FAILURE_LIFETIME
            raise
        finally:
            del self._fetching[identity]

    async def settled(self) -> None:
        """Return when no question is under way."""
        while self._fetching:
            await asyncio.wait(self._fetching.values())


def _failure_was_seen(task: "asyncio.Task[None]") -> None:
    """Everybody who waited was told; if nobody was left, nobody misses it."""
    if not task.cancelled():
        task.exception()
