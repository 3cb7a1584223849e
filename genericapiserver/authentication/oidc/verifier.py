"""What has to be true of a token of an issuer before its claims are believed (github.com/coreos/go-oidc, verify.go).

What costs nothing comes first, the signature last, since an unknown key may mean a fetch. The texts are go-oidc's, with
the `oidc: ` they begin with.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.go import quote
from genericapiserver.authentication.audiences import quoted
from genericapiserver.authentication.jose import MalformedTokenError, UnverifiedToken, is_signed_by, parse_compact
from genericapiserver.authentication.oidc.issuer import IssuerError, IssuerKey, RemoteIssuer

GOOGLE: Final = "https://accounts.google.com"
GOOGLE_WITHOUT_SCHEME: Final = "accounts.google.com"
"""What Google's tokens may say instead (OpenID Connect Core, 15.6.2)."""

NOT_BEFORE_LEEWAY: Final = 60.0
"""Seconds. The expiry has none."""

_ZERO_TIME: Final = "0001-01-01 00:00:00 +0000 UTC"


class VerificationError(Exception):
    """The token is not to be believed; the message says why and has nothing secret of it."""


def canonical_issuer(issuer: str) -> str:
    """*issuer*, or the URL that one of them leaves out."""
    return GOOGLE if issuer == GOOGLE_WITHOUT_SCHEME else issuer


class TokenVerifier:
    """Verifies the tokens of *issuer* for one of *audiences*, signed with one of *algorithms*."""

    def __init__(
        self, issuer: RemoteIssuer, *, audiences: Sequence[str], algorithms: Collection[str], clock: Clock
    ) -> None:
        self.issuer = issuer
        self._audiences = tuple(audiences)
        self._algorithms = tuple(algorithms)
        self._clock = clock

    async def verify(self, token: UnverifiedToken) -> Mapping[str, Any]:
        """The claims of *token*. Raises VerificationError."""
        claims = token.claims
        check_claim_sources(claims)
        if canonical_issuer(token.issuer) != self.issuer.url:
            raise VerificationError(
                "oidc: id token issued by a different provider, "
                f"expected {quote(self.issuer.url)} got {quote(token.issuer)}"
            )
        audiences = self._audience(claims)
        if len(self._audiences) == 1 and self._audiences[0] not in audiences:
            raise VerificationError(f"oidc: expected audience {quote(self._audiences[0])} got {quoted(audiences)}")
        self._check_times(claims)
        if token.algorithm not in self._algorithms:
            raise VerificationError(
                "oidc: id token signed with unsupported algorithm, "
                f"expected {quoted(self._algorithms)} got {quote(token.algorithm)}"
            )
        await self._check_signature(token)
        if set(self._audiences).isdisjoint(audiences):
            raise VerificationError(
                f"oidc: expected audience in {quoted(sorted(self._audiences))} got {quoted(audiences)}"
            )
        return claims

    async def verify_text(self, text: str) -> Mapping[str, Any]:
        """The claims of the token in *text*. Raises VerificationError."""
        try:
            token = parse_compact(text)
        except MalformedTokenError as error:
            raise VerificationError(f"oidc: malformed jwt: {error}") from None
        return await self.verify(token)

    def _audience(self, claims: Mapping[str, Any]) -> Sequence[str]:
        value = claims.get("aud")
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise VerificationError("oidc: failed to unmarshal claims: aud is neither a string nor a list of strings")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        seconds = now.timestamp()
        expiry, not_before = _time(claims, "exp"), _time(claims, "nbf")
        if expiry is None or expiry < seconds:
            raise VerificationError(f"oidc: token is expired (Token Expiry: {_shown(expiry)})")
        if not_before is not None and seconds + NOT_BEFORE_LEEWAY < not_before:
            raise VerificationError(
                f"oidc: current time {_shown(seconds)} before the nbf (not before) time: {_shown(not_before)}"
            )

    async def _check_signature(self, token: UnverifiedToken) -> None:
        if self._fits(token, self.issuer.keys(token.key_id)):
            return
        try:
            fetched = await self.issuer.keys_anew()
        except IssuerError as error:
            raise VerificationError(f"failed to verify signature: {error}") from error
        if fetched and self._fits(token, self.issuer.keys(token.key_id)):
            return
        raise VerificationError("failed to verify signature: failed to verify id token signature")

    def _fits(self, token: UnverifiedToken, keys: Sequence[IssuerKey]) -> bool:
        return any(
            is_signed_by(token, found.key, self._algorithms)
            for found in keys
            if found.algorithm in ("", token.algorithm)
        )


def check_claim_sources(claims: Mapping[str, Any]) -> None:
    """Raise VerificationError when `_claim_names` points to a source that is not there."""
    names, sources = claims.get("_claim_names"), claims.get("_claim_sources")
    if not isinstance(names, dict):
        if names is None:
            return
        raise VerificationError("oidc: failed to unmarshal claims: _claim_names is not an object")
    for source in names.values():
        if not isinstance(source, str) or not source:
            raise VerificationError("oidc: failed to obtain source from claim name")
        if not isinstance(sources, dict) or not isinstance(sources.get(source), dict):
            raise VerificationError("oidc: source does not exist")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise VerificationError(f"oidc: failed to unmarshal claims: {name} is not a time in seconds")
    try:
        return float(value)
    except OverflowError:
        raise VerificationError(f"oidc: failed to unmarshal claims: {name} is not a time in seconds") from None


def _shown(seconds: float | None) -> str:
    """A time as Go prints it, in UTC."""
    if seconds is None:
        return _ZERO_TIME
    try:
        return f"{dt.datetime.fromtimestamp(int(seconds), dt.UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s after 1970"
