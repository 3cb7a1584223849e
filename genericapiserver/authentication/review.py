"""Asking another API server for a review (TokenReview, SubjectAccessReview): one POST, retried where that can help.

No HTTP library is named here; whoever builds the server hands in a client. Mirrors pkg/util/webhook/webhook.go.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.serializer.documents import JSONDocument, decode_document
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.authentication.metrics import DelegationMetrics

T = TypeVar("T")

_RETRIED_CODES: Final = frozenset({429, 500, 504})


class ReviewClient(Protocol):
    """Posts JSON to the server that reviews."""

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status code and body of the answer; redirects are not followed.

        Raises OSError or TimeoutError when no answer came, with a text for the operator. A ConnectionResetError among
        its causes means that an established connection broke.
        """


class ReviewError(Exception):
    """The review failed: no answer, or not one that says anything. `code` is 0 without an answer."""

    def __init__(self, message: str, code: int = 0, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


@attrs.frozen(kw_only=True)
class RetryBackoff:
    """How often to try and how long to wait between, growing by *factor* each time."""

    initial: float = 0.5
    factor: float = 1.5
    jitter: float = 0.2
    steps: int = 5

    def delays(self, random_number: Callable[[], float] = random.random) -> list[float]:
        """The pauses between the tries, in seconds."""
        pauses, pause = [], self.initial
        for _ in range(self.steps - 1):
            pauses.append(pause * (1 + self.jitter * random_number()))
            pause *= self.factor
        return pauses


class Reviewer:
    """Posts reviews to *path* through *client*, with retries.

    Tried again: a reset connection, the codes 429, 500 and 504, and any answer that says when to come back. The error
    of the last try is the one raised.
    """

    def __init__(
        self,
        client: ReviewClient,
        path: str,
        *,
        retry_backoff: RetryBackoff | None = None,
        metrics: DelegationMetrics | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._path = path
        self._backoff = retry_backoff or RetryBackoff()
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._sleep = sleep

    async def review(self, document: dict[str, Any], review_type: type[T]) -> T:
        """The *document* as it came back, a *review_type*. Raises ReviewError, also for an answer that is none."""
        return _reviewed(await self._ask(encode_review(document)), document, review_type)

    async def _ask(self, body: bytes) -> bytes:
        for delay in self._backoff.delays():
            try:
                return await self._post(body)
            except ReviewError as error:
                if not error.retryable:
                    raise
            await self._sleep(delay)
        return await self._post(body)

    async def _post(self, body: bytes) -> bytes:
        start = self._clock.monotonic()
        code = "<error>"
        try:
            status, answer = await self._client.post(self._path, body)
            code = str(status)
        except (OSError, TimeoutError) as error:
            raise ReviewError(str(error) or type(error).__name__, retryable=_is_reset(error)) from error
        finally:
            if self._metrics is not None:
                self._metrics.observe(code, self._clock.monotonic() - start)
        if not 200 <= status < 300:
            raise _refusal(status, answer)
        return answer


def encode_review(document: dict[str, Any]) -> bytes:
    """Compact JSON as Go's encoder writes it, with its escapes and its newline."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace") + b"\n"


def extra_document(extra: Any) -> dict[str, tuple[str, ...]]:
    """A user's extra map with sorted keys, as maps are written."""
    return {key: tuple(extra[key]) for key in sorted(extra)}


def _is_reset(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionResetError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _refusal(status: int, answer: bytes) -> ReviewError:
    message, retry_after = f"the review was answered with status {status}", 0
    try:
        document = json.loads(answer)
        message = str(document["message"] or message)
        retry_after = int((document.get("details") or {}).get("retryAfterSeconds") or 0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # not a Status: the code has to do
    return ReviewError(message, status, retryable=status in _RETRIED_CODES or retry_after > 0)


def _reviewed(answer: bytes, asked: dict[str, Any], review_type: type[T]) -> T:
    """What *answer* says of the review *asked* for. Without a kind or a version it means the same ones.

    Nothing is read out of an object of another kind or version, nor guessed from a value of the wrong type: that would be
    an identity or a permission that nobody meant to give.
    """
    if not answer:
        raise ReviewError("the review's answer is empty")
    try:
        document = JSONDocument(answer, strict=False)
        _check_kind(document.value, asked)
        return decode_document(review_type, document, strict=False)[0]  # type: ignore[no-any-return]
    except DecodeError as error:
        raise ReviewError(f"the review's answer is not understood: {error}") from error


def _check_kind(value: Any, asked: dict[str, Any]) -> None:
    wanted = asked["kind"], asked["apiVersion"]
    if not isinstance(value, dict):
        raise ReviewError(f"the review's answer is no {wanted[0]}")
    found = value.get("kind") or wanted[0], value.get("apiVersion") or wanted[1]
    if found == ("Status", "v1"):
        raise ReviewError(str(value.get("message") or "the review was answered with a Status that says nothing"))
    if found != wanted:
        raise ReviewError(
            f"the review's answer is of kind {found[0]!s} of {found[1]!s}, not of kind {wanted[0]} of {wanted[1]}"
        )
