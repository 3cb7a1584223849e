"""All issuers of a configuration, as one authenticator that is replaced as a whole when the configuration changes."""

import asyncio
import ssl
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from genericapiserver.aio import Clock
from genericapiserver.apis.apiserver_config_v1_authentication import AuthenticationConfiguration
from genericapiserver.authentication.interfaces import AuthenticationResponse
from genericapiserver.authentication.jose import MalformedTokenError, parse_compact
from genericapiserver.authentication.oidc.authenticator import IssuerTokenAuthenticator
from genericapiserver.authentication.oidc.expressions import ClaimExpressions
from genericapiserver.authentication.oidc.issuer import Fetcher
from genericapiserver.authentication.oidc.metrics import JWTMetrics
from genericapiserver.authentication.oidc.verifier import canonical_issuer
from genericapiserver.client.fetch import DocumentFetcher


class ClosableFetcher(Fetcher, Protocol):
    async def aclose(self) -> None: ...


class IssuerSet:
    """The issuers of one configuration. `run` keeps their keys fresh; without that no token is accepted."""

    def __init__(self, authenticators: Sequence[IssuerTokenAuthenticator], fetchers: Sequence[ClosableFetcher]) -> None:
        self._by_url = {authenticator.url: authenticator for authenticator in authenticators}
        self._fetchers = fetchers

    @classmethod
    def from_configuration(
        cls,
        config: AuthenticationConfiguration,
        expressions: Sequence[ClaimExpressions],
        *,
        algorithms: Collection[str],
        clock: Clock | None = None,
        metrics: JWTMetrics | None = None,
        make_fetcher: Callable[[bytes], ClosableFetcher] = DocumentFetcher,
    ) -> "IssuerSet":
        """The issuers of a valid *config*; each is asked over a connection that trusts its own authorities.

        Raises ValueError for authorities that TLS cannot use, or for an algorithm that is not allowed.
        """
        authenticators: list[IssuerTokenAuthenticator] = []
        fetchers: list[ClosableFetcher] = []
        for authenticator, compiled in zip(config.jwt, expressions, strict=True):
            try:
                fetcher = make_fetcher(authenticator.issuer.certificate_authority.encode())
            except ssl.SSLError as error:
                raise ValueError(f"{authenticator.issuer.url}: certificateAuthority: {error}") from error
            fetchers.append(fetcher)
            authenticators.append(
                IssuerTokenAuthenticator(
                    authenticator, compiled, fetcher, algorithms=algorithms, clock=clock, metrics=metrics
                )
            )
        return cls(authenticators, fetchers)

    @property
    def urls(self) -> frozenset[str]:
        return frozenset(self._by_url)

    @property
    def problems(self) -> list[str]:
        """Why issuers do not work yet; empty when all do."""
        return [problem for each in self._by_url.values() if (problem := each.problem)]

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        if not self._by_url:
            return None
        try:
            unverified = parse_compact(token)  # once for all of them
        except MalformedTokenError:
            return None
        authenticator = self._by_url.get(canonical_issuer(unverified.issuer))
        return None if authenticator is None else await authenticator.authenticate(unverified)

    def forget_metrics(self, urls: Collection[str]) -> None:
        """Drop what was counted for *urls*."""
        for url in urls:
            self._by_url[url].forget_metrics()

    async def run(self) -> None:
        """Look for the issuers, and after their keys, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for url, authenticator in self._by_url.items():
                    tasks.create_task(authenticator.run(), name=f"issuer {url}")
                await asyncio.Event().wait()
        finally:
            for fetcher in self._fetchers:
                await fetcher.aclose()
