"""Remembering what a token authenticator said, for a short time.

Mirrors pkg/authentication/token/cache: the key is a keyed hash over the token and the audiences in their order, success
and failure have times of their own, and requests that miss together share one lookup.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from typing import Final

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.authentication.interfaces import (
    AuthenticationError,
    AuthenticationResponse,
    TokenAuthenticator,
)
from genericapiserver.authentication.metrics import TokenCacheMetrics

logger = logging.getLogger(__name__)

MAX_ENTRIES: Final = 32 * 1024
LOOKUP_TIMEOUT: Final = 30.0
"""Seconds for one lookup, whoever waits for it."""


@attrs.frozen
class _Failure:
    """An error that is raised anew each time: one that is raised again and again keeps every place it passed."""

    text: str


class CachedTokenAuthenticator:
    """Answers from memory for *success_ttl* or *failure_ttl* seconds; zero does not remember that kind.

    An error of the lookup is remembered like a failure with *cache_errors*, and never without. A lookup goes on when the
    request that began it is cancelled, since others may be waiting for the same answer.
    """

    def __init__(
        self,
        authenticator: TokenAuthenticator,
        *,
        success_ttl: float,
        failure_ttl: float,
        cache_errors: bool = False,
        clock: Clock | None = None,
        metrics: TokenCacheMetrics | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._ttl = (failure_ttl, success_ttl)
        self._error_ttl = failure_ttl if cache_errors else 0.0
        self._clock = clock or SystemClock()
        self._metrics = metrics
        self._key = secrets.token_bytes(32)
        self._answers: dict[bytes, tuple[float, AuthenticationResponse | _Failure | None]] = {}
        self._lookups: dict[bytes, asyncio.Task[AuthenticationResponse | None]] = {}

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        key = self._digest(token, audiences)
        start = self._clock.monotonic()
        answer = self._answers.get(key)
        if answer is not None and start < answer[0]:
            if self._metrics is not None:
                self._metrics.hit(self._clock.monotonic() - start)
            if isinstance(answer[1], _Failure):
                raise AuthenticationError(answer[1].text)
            return answer[1]
        try:
            return await self._wait_for_lookup(key, token, audiences)
        finally:
            if self._metrics is not None:
                self._metrics.miss(self._clock.monotonic() - start)

    async def _wait_for_lookup(
        self, key: bytes, token: str, audiences: tuple[str, ...]
    ) -> AuthenticationResponse | None:
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = asyncio.get_running_loop().create_task(self._look_up(key, token, audiences), name="token lookup")
            self._lookups[key] = lookup
            lookup.add_done_callback(lambda task: self._forget_lookup(key, task))
        elif self._metrics is not None:
            with self._metrics.blocked():
                return await asyncio.shield(lookup)
        return await asyncio.shield(lookup)

    async def _look_up(self, key: bytes, token: str, audiences: tuple[str, ...]) -> AuthenticationResponse | None:
        try:
            if self._metrics is not None:
                with self._metrics.fetching():
                    response = await self._ask(token, audiences)
            else:
                response = await self._ask(token, audiences)
        except AuthenticationError as error:
            if self._error_ttl > 0:
                self._remember(key, self._clock.monotonic() + self._error_ttl, _Failure(str(error)))
            raise
        ttl = self._ttl[response is not None]
        if ttl > 0:
            self._remember(key, self._clock.monotonic() + ttl, response)
        return response

    async def _ask(self, token: str, audiences: tuple[str, ...]) -> AuthenticationResponse | None:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                return await self._authenticator.authenticate_token(token, audiences)
        except TimeoutError:
            raise AuthenticationError("context deadline exceeded") from None
        except AuthenticationError:
            raise
        except Exception as error:  # a fault of ours: whoever waits for this lookup gets an error, and nobody gets in
            logger.exception("authentication of a token failed unexpectedly")
            raise AuthenticationError("authentication failed unexpectedly") from error

    def _remember(self, key: bytes, expires: float, response: AuthenticationResponse | _Failure | None) -> None:
        if len(self._answers) >= MAX_ENTRIES:
            self._drop_old()
        self._answers.pop(key, None)
        self._answers[key] = (expires, response)

    def _drop_old(self) -> None:
        now = self._clock.monotonic()
        self._answers = {key: answer for key, answer in self._answers.items() if now < answer[0]}
        while len(self._answers) >= MAX_ENTRIES:
            del self._answers[next(iter(self._answers))]

    def _forget_lookup(self, key: bytes, task: asyncio.Task[AuthenticationResponse | None]) -> None:
        self._lookups.pop(key, None)
        if not task.cancelled():
            # Read here too: nobody may be waiting any more, and asyncio complains of errors that nobody read.
            task.exception()

    def _digest(self, token: str, audiences: tuple[str, ...]) -> bytes:
        hasher = hmac.new(self._key, digestmod=hashlib.sha256)
        for text in (token, None, *audiences):
            if text is None:
                hasher.update(len(audiences).to_bytes(8, "big"))
            else:
                data = text.encode("utf-8", "surrogateescape")
                hasher.update(len(data).to_bytes(8, "big") + data)
        return hasher.digest()
