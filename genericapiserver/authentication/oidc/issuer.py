"""An issuer: where it says its keys are, and the keys.

Keys are fetched when discovery has worked, again when no key fits a token (an issuer has changed its keys), and every
few minutes, so that a key the issuer has withdrawn stops to count. Anybody can send a token that fits no key, so what
tokens may cause is limited: some fetches at once, then one a second. Whoever spends them all thereby keeps the keys fresh:
a token with a new key waits a second at most to be known.

A deviation: go-oidc fetches for every token that fits no key, and never without one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.go import quote
from genericapiserver.authentication.jose import PublicKey, algorithms_of
from genericapiserver.authentication.oidc.metrics import JWKSMetrics
from genericapiserver.client.fetch import FetchError

logger = logging.getLogger(__name__)

WELL_KNOWN_PATH: Final = "/.well-known/openid-configuration"
RETRY_INTERVAL: Final = 10.0
"""Seconds between two attempts at discovery."""

REFRESH_INTERVAL: Final = 300.0
"""Seconds after which the keys are fetched again although nobody asked."""

_BURST: Final = 20
_SECONDS_PER_FETCH: Final = 1.0
_MAX_KEYS: Final = 256


class IssuerError(Exception):
    """The issuer does not answer, or not as an issuer would; the message says why."""


class Fetcher(Protocol):
    """Gets documents (client.fetch.DocumentFetcher)."""

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Raises FetchError."""


@attrs.frozen
class IssuerKey:
    """A key of the set. `algorithm` is the only one that it may be used with, "" for any that fits."""

    key_id: str
    algorithm: str
    key: PublicKey


class FetchBudget:
    """How often strangers may cause a fetch: a few times at once, then once in *seconds*."""

    def __init__(self, clock: Clock, *, burst: int = _BURST, seconds: float = _SECONDS_PER_FETCH) -> None:
        self._clock = clock
        self._burst = burst
        self._seconds = seconds
        self._left = float(burst)
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) / self._seconds)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class RemoteIssuer:
    """The issuer at *url*; its description is fetched from *discovery_url* if that is given."""

    def __init__(
        self,
        url: str,
        fetcher: Fetcher,
        *,
        discovery_url: str = "",
        clock: Clock | None = None,
        metrics: JWKSMetrics | None = None,
    ) -> None:
        self.url = url
        self._discovery_url = discovery_url or url.removesuffix("/") + WELL_KNOWN_PATH
        self._fetcher = fetcher
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._budget = FetchBudget(self._clock)
        self._jwks_url = ""
        self._keys: tuple[IssuerKey, ...] = ()
        self._fetch: asyncio.Task[None] | None = None
        self._last_attempt: float | None = None

    @property
    def is_initialized(self) -> bool:
        return bool(self._jwks_url)

    async def discover(self) -> None:
        """Learn where the keys are. Raises IssuerError."""
        self._last_attempt = self._clock.monotonic()
        try:
            document = _json_object(await self._fetcher.get(self._discovery_url))
        except FetchError as error:
            raise IssuerError(str(error)) from error
        except ValueError as error:
            raise IssuerError(f"oidc: failed to decode provider discovery object: {error}") from error
        if document.get("issuer") != self.url:
            raise IssuerError(
                "oidc: issuer did not match the issuer returned by provider, "
                f"expected {quote(self.url)} got {quote(str(document.get('issuer', '')))}"
            )
        jwks_url = document.get("jwks_uri")
        if not isinstance(jwks_url, str) or not jwks_url:
            raise IssuerError("provider did not return JWKS URL")
        self._jwks_url = jwks_url

    async def discover_now_and_then(self) -> None:
        """Discover if that has not worked yet and was not tried just now; what goes wrong is only logged."""
        recent = self._last_attempt is not None and self._clock.monotonic() - self._last_attempt < RETRY_INTERVAL
        if self.is_initialized or recent:
            return
        try:
            await self.discover()
        except IssuerError as error:
            logger.error("oidc authenticator: async token verifier for issuer: %s: %s", quote(self.url), error)

    def keys(self, key_id: str) -> Sequence[IssuerKey]:
        """The keys at hand called *key_id*; all for a token that names none."""
        return [key for key in self._keys if key.key_id == key_id] if key_id else self._keys

    async def keys_anew(self) -> bool:
        """Fetch the key set because a token does not fit what is there; false when that happens too often.

        Requests that want this at once share one fetch. Raises IssuerError.
        """
        if not self._is_fetching() and not self._budget.take():
            return False
        await self.refresh()
        return True

    async def refresh(self) -> None:
        """Fetch the key set; the keys at hand stay when that fails. Raises IssuerError."""
        if self._fetch is None or self._fetch.done():
            # A task of its own: the request that began it may go away while others wait for the same.
            self._fetch = asyncio.get_running_loop().create_task(self._fetch_keys(), name=f"keys of {self.url}")
            self._fetch.add_done_callback(self._fetched)
        fetch = self._fetch
        try:
            await asyncio.shield(fetch)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if fetch.cancelled() and not (current is not None and current.cancelling()):
                # `aclose`, not whoever waits here, was asked to end it.
                raise IssuerError(f"issuer {quote(self.url)} is gone from the configuration") from None
            raise

    async def aclose(self) -> None:
        """Stop a fetch that is under way."""
        if self._fetch is not None and not self._fetch.done():
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    def _is_fetching(self) -> bool:
        return self._fetch is not None and not self._fetch.done()

    @staticmethod
    def _fetched(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # nobody may be waiting any more, and asyncio complains of errors that nobody read

    async def _fetch_keys(self) -> None:
        try:
            data = await self._fetcher.get(self._jwks_url)
            keys = parse_key_set(data)
        except (FetchError, ValueError) as error:
            if self._metrics is not None:
                self._metrics.failed()
            raise IssuerError(f"fetching keys oidc: get keys failed: {error}") from error
        self._keys = keys
        if self._metrics is not None:
            self._metrics.fetched(data)


def parse_key_set(data: bytes) -> tuple[IssuerKey, ...]:
    """The keys of a JSON Web Key Set (RFC 7517) that tokens can be checked with.

    Passed over: keys for encryption, symmetric ones, kinds that are not known, and ones too short to be of any use.
    Raises ValueError for what is no key set.
    """
    found = _json_object(data).get("keys")
    if not isinstance(found, list) or len(found) > _MAX_KEYS:
        raise ValueError(f"the document has no list called keys, or one of more than {_MAX_KEYS}")
    return tuple(key for item in found if isinstance(item, dict) and (key := _parse_key(item)) is not None)


def _parse_key(document: dict[str, Any]) -> IssuerKey | None:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm
    from jwt.exceptions import PyJWTError

    if document.get("use") not in (None, "", "sig"):
        return None
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk}
    reader = readers.get(str(document.get("kty")))
    if reader is None:
        return None
    try:
        key = reader(document)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        logger.warning("a key of an issuer cannot be used: %s", type(error).__name__)
        return None
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        key = key.public_key()
    if not algorithms_of(key):
        return None
    return IssuerKey(str(document.get("kid") or ""), str(document.get("alg") or ""), key)


def _json_object(data: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value
