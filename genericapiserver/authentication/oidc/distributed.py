"""Groups that a token only points to (OpenID Connect Core, section 5.6.2): fetched as a second token, and verified.

    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://...", "access_token": "..."}}

The second token may be another issuer's, whose keys are then discovered. The address comes from a token that its issuer
has signed: whoever trusts the issuer trusts it to name an address, over HTTPS.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from genericapiserver.apimachinery.go import quote
from genericapiserver.authentication.jose import MalformedTokenError, parse_compact
from genericapiserver.authentication.oidc.issuer import Fetcher
from genericapiserver.authentication.oidc.verifier import TokenVerifier, VerificationError, canonical_issuer
from genericapiserver.client.fetch import FetchError

MAX_ISSUERS: Final = 16
"""How many issuers of second tokens are remembered."""


class DistributedClaimError(Exception):
    """The claim cannot be had; the message says why."""


class DistributedClaim:
    """Resolves one *claim*; *verifier_for* makes the verifier of an issuer that was not met before."""

    def __init__(self, claim: str, fetcher: Fetcher, verifier_for: Callable[[str], TokenVerifier]) -> None:
        self._claim = claim
        self._fetcher = fetcher
        self._verifier_for = verifier_for
        self._verifiers: dict[str, TokenVerifier] = {}

    async def expand(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """*claims* with the claim in them, if they only point to it. Raises DistributedClaimError."""
        source = self._source(claims)
        if source is None:
            return claims
        return {**claims, self._claim: await self._resolve(source)}

    def _source(self, claims: Mapping[str, Any]) -> Mapping[str, Any] | None:
        names = claims.get("_claim_names")
        if self._claim in claims or names is None:
            return None
        if "_claim_sources" not in claims:
            raise DistributedClaimError("oidc: no claim sources")
        name = names.get(self._claim)  # the verifier has seen to it that both are objects
        if name is None:
            return None
        source: Mapping[str, Any] | None = claims["_claim_sources"].get(name)
        if source is None:
            raise DistributedClaimError(f"id token _claim_names contained a source {name} missing in _claims_sources")
        endpoint, token = source.get("endpoint"), source.get("access_token")
        if not all(value is None or isinstance(value, str) for value in (endpoint, token)):
            raise DistributedClaimError(
                "oidc: could not parse claim sources: endpoint and access_token must be strings"
            )
        return source if endpoint else None  # without one, it may be an aggregated claim, which is not known here

    async def _resolve(self, source: Mapping[str, Any]) -> object:
        endpoint, access_token = source["endpoint"], source.get("access_token")
        headers = {"authorization": f"Bearer {access_token}"} if access_token else None
        try:
            text = (await self._fetcher.get(endpoint, headers=headers)).decode("ascii")
            issuer = canonical_issuer(parse_compact(text).issuer)
        except (FetchError, UnicodeError) as error:
            reason = error if isinstance(error, FetchError) else "could not decode distributed claim response"
            raise DistributedClaimError(f"while getting distributed claim {quote(self._claim)}: {reason}") from None
        except MalformedTokenError as error:
            raise DistributedClaimError(
                f"getting untrusted issuer from endpoint {endpoint} failed for claim {quote(self._claim)}: {error}"
            ) from None
        verifier = await self._verifier(issuer)
        try:
            found = await verifier.verify_text(text)
        except VerificationError as error:
            raise DistributedClaimError(f"verify distributed claim token: {error}") from None
        if self._claim not in found:
            raise DistributedClaimError(
                f"jwt returned by distributed claim endpoint {quote(endpoint)} did not contain claim: {self._claim}"
            )
        return found[self._claim]

    async def _verifier(self, issuer: str) -> TokenVerifier:
        verifier = self._verifiers.get(issuer)
        if verifier is None:
            if len(self._verifiers) >= MAX_ISSUERS:
                raise DistributedClaimError(f"more than {MAX_ISSUERS} issuers of distributed claims")
            verifier = self._verifiers[issuer] = self._verifier_for(issuer)
        await verifier.issuer.discover_now_and_then()
        if not verifier.issuer.is_initialized:
            raise DistributedClaimError(
                f"verifying untrusted issuer {issuer} failed: verifier not initialized for issuer: {quote(issuer)}"
            )
        return verifier

    async def aclose(self) -> None:
        for verifier in self._verifiers.values():
            await verifier.issuer.aclose()
