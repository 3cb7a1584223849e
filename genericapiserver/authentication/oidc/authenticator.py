"""The tokens of one issuer, from text to user."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.apiserver_config_v1_authentication import JWTAuthenticator
from genericapiserver.authentication.interfaces import AuthenticationError, AuthenticationResponse
from genericapiserver.authentication.jose import MalformedTokenError, UnverifiedToken, check_algorithms, parse_compact
from genericapiserver.authentication.oidc.claims import ClaimMapper
from genericapiserver.authentication.oidc.distributed import DistributedClaim, DistributedClaimError
from genericapiserver.authentication.oidc.expressions import ClaimExpressions
from genericapiserver.authentication.oidc.issuer import (
    REFRESH_INTERVAL,
    RETRY_INTERVAL,
    Fetcher,
    IssuerError,
    RemoteIssuer,
)
from genericapiserver.authentication.oidc.metrics import JWTMetrics
from genericapiserver.authentication.oidc.verifier import TokenVerifier, VerificationError, canonical_issuer

logger = logging.getLogger(__name__)

DEFAULT_ALGORITHMS: Final = ("RS256",)


class IssuerTokenAuthenticator:
    """Knows the tokens that *config* speaks of; those of other issuers are left to others.

    It works once `run`, which goes on for ever, has found the issuer. Raises ValueError for an algorithm that is none or
    that is not allowed here.
    """

    def __init__(
        self,
        config: JWTAuthenticator,
        expressions: ClaimExpressions,
        fetcher: Fetcher,
        *,
        algorithms: Collection[str] = DEFAULT_ALGORITHMS,
        clock: Clock | None = None,
        metrics: JWTMetrics | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        check_algorithms(algorithms)
        self._clock = clock or SystemClock()
        self._algorithms = tuple(algorithms)
        self._audiences: Sequence[str] = config.issuer.audiences
        self._fetcher = fetcher
        self._sleep = sleep
        self._metrics = metrics.for_issuer(config.issuer.url) if metrics is not None else None
        self._issuer = RemoteIssuer(
            config.issuer.url,
            fetcher,
            discovery_url=config.issuer.discovery_url or "",
            clock=self._clock,
            metrics=self._metrics,
        )
        self._verifier = self._verifier_of(self._issuer)
        self._mapper = ClaimMapper(config, expressions)
        claim = config.claim_mappings.groups.claim
        self._distributed = DistributedClaim(claim, fetcher, self._verifier_of_other) if claim else None
        self._problem = f"oidc: authenticator for issuer {quote(self.url)} is not initialized"

    @property
    def url(self) -> str:
        """What the issuer's tokens say in `iss`."""
        return self._issuer.url

    @property
    def problem(self) -> str:
        """Why it does not work yet, "" when it does."""
        if not self._problem:
            return ""
        return f"oidc: authenticator for issuer {quote(self.url)} is not healthy: {self._problem}"

    async def run(self) -> None:
        """Find the issuer, trying every 10 seconds, and then keep its keys fresh, until cancelled."""
        try:
            while True:
                await self._sleep(await self._look_after())
        finally:
            await self._issuer.aclose()
            if self._distributed is not None:
                await self._distributed.aclose()

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        try:
            unverified = parse_compact(token)
        except MalformedTokenError:
            return None
        return await self.authenticate(unverified)

    async def authenticate(self, token: UnverifiedToken) -> AuthenticationResponse | None:
        """The user of a token that was parsed already; None for another issuer's. Raises AuthenticationError."""
        if canonical_issuer(token.issuer) != self.url:
            return None
        start = self._clock.monotonic()
        result = "failure"
        try:
            response = await self._authenticate(token)
            result = "success"
        finally:
            if self._metrics is not None:
                self._metrics.latency(result, self._clock.monotonic() - start)
        return response

    def forget_metrics(self) -> None:
        """Drop what was counted: the issuer is gone from the configuration."""
        if self._metrics is not None:
            self._metrics.forget()

    async def _authenticate(self, token: UnverifiedToken) -> AuthenticationResponse:
        if not self._issuer.is_initialized:
            raise AuthenticationError("oidc: authenticator not initialized")
        try:
            claims: Mapping[str, Any] = await self._verifier.verify(token)
        except VerificationError as error:
            raise AuthenticationError(f"oidc: verify token: {error}") from None
        if self._distributed is not None:
            try:
                claims = await self._distributed.expand(claims)
            except DistributedClaimError as error:
                raise AuthenticationError(f"oidc: could not expand distributed claims: {error}") from None
        return AuthenticationResponse(self._mapper.user(claims))

    async def _look_after(self) -> float:
        """Find the issuer if that has not worked yet, and fetch its keys; the seconds until it is to be done again."""
        if not self._issuer.is_initialized:
            try:
                await self._issuer.discover()
            except IssuerError as error:
                self._problem = str(error)
                logger.error("oidc authenticator: initializing plugin: %s", error)
                return RETRY_INTERVAL
        self._problem = ""
        try:
            await self._issuer.refresh()
        except IssuerError as error:
            logger.warning("oidc authenticator: the keys of issuer %s: %s", quote(self.url), error)
        return REFRESH_INTERVAL

    def _verifier_of(self, issuer: RemoteIssuer) -> TokenVerifier:
        return TokenVerifier(issuer, audiences=self._audiences, algorithms=self._algorithms, clock=self._clock)

    def _verifier_of_other(self, url: str) -> TokenVerifier:
        if url == self.url:
            return self._verifier
        return self._verifier_of(RemoteIssuer(url, self._fetcher, clock=self._clock))
