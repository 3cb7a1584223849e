"""The order in which a server that decides itself asks, and what a good credential beside a bad one is worth."""

from typing import Any

import pytest

from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.builtin import builtin_authenticator
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.union import UnionTokenAuthenticator
from tests.support.clock import HandClock


class Tokens:
    """Knows one token; `bad` is one it finds fault with."""

    def __init__(self, known: str, name: str) -> None:
        self.known, self.name, self.asked = known, name, 0

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        self.asked += 1
        if token == "bad":
            raise AuthenticationError(f"{self.name}: bad token")
        if token != self.known:
            return None
        return AuthenticationResponse(UserInfo(name=self.name), audit_annotations=(("key", "value"),))


def request(**headers: str) -> AuthenticationRequest:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return AuthenticationRequest({"type": "http", "path": "/api", "headers": pairs})


def named(name: str | None) -> FunctionAuthenticator:
    return FunctionAuthenticator(lambda _: AuthenticationResponse(UserInfo(name=name)) if name else None)


async def who(authenticator: object, **headers: str) -> str | None:
    assert authenticator is not None
    response = await authenticator.authenticate_request(request(**headers))  # type: ignore[attr-defined]
    return None if response is None else response.user.name


async def test_the_order() -> None:
    tokens = [Tokens("t", "first"), Tokens("t", "second"), Tokens("u", "third")]
    everybody: dict[str, Any] = {"front_proxy": named("proxy"), "certificates": named("certificate"), "tokens": tokens}
    assert await who(builtin_authenticator(**everybody), authorization="Bearer t") == "proxy"
    everybody["front_proxy"] = named(None)
    assert await who(builtin_authenticator(**everybody), authorization="Bearer t") == "certificate"
    everybody["certificates"] = named(None)
    assert await who(builtin_authenticator(**everybody), authorization="Bearer t") == "first"
    assert await who(builtin_authenticator(**everybody), authorization="Bearer u") == "third"


async def test_who_is_known_is_authenticated_and_who_is_not_is_anonymous_or_refused() -> None:
    authenticator = builtin_authenticator(tokens=[Tokens("t", "me")], anonymous=AnonymousAuthenticator())
    assert authenticator is not None
    response = await authenticator.authenticate_request(request(authorization="Bearer t"))
    assert response is not None
    assert response.user.groups == ("system:authenticated",)
    assert response.audit_annotations == (("key", "value"),)
    assert await who(authenticator) == "system:anonymous"
    with pytest.raises(AuthenticationError, match="invalid bearer token"):
        await who(authenticator, authorization="Bearer other")
    with pytest.raises(AuthenticationError, match="me: bad token"):
        await who(authenticator, authorization="Bearer bad")


async def test_a_good_credential_beside_a_bad_one_is_good() -> None:
    authenticator = builtin_authenticator(certificates=named("certificate"), tokens=[Tokens("t", "token")])
    assert await who(authenticator, authorization="Bearer bad") == "certificate"


async def test_websockets_bring_tokens_too() -> None:
    authenticator = builtin_authenticator(tokens=[Tokens("token", "me")])
    protocols = "base64url.bearer.authorization.k8s.io.dG9rZW4,dummy"
    headers = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-protocol": protocols}
    assert await who(authenticator, **headers) == "me"


async def test_nothing_configured_is_nobody() -> None:
    assert builtin_authenticator() is None
    anonymous = AnonymousAuthenticator()
    assert builtin_authenticator(anonymous=anonymous) is anonymous


async def test_what_was_found_is_remembered_and_what_was_not_is_not() -> None:
    clock, tokens = HandClock(), Tokens("t", "me")
    authenticator = builtin_authenticator(tokens=[tokens], clock=clock)
    for _ in range(3):
        assert await who(authenticator, authorization="Bearer t") == "me"
    assert tokens.asked == 1
    clock.seconds = 10
    await who(authenticator, authorization="Bearer t")
    assert tokens.asked == 2
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await who(authenticator, authorization="Bearer bad")
    assert tokens.asked == 5


async def test_failures_and_errors_may_be_remembered() -> None:
    clock, tokens = HandClock(), Tokens("t", "me")
    cached = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=2, cache_errors=True, clock=clock)
    for _ in range(3):
        assert await cached.authenticate_token("other") is None
        with pytest.raises(AuthenticationError, match=r"^me: bad token$"):
            await cached.authenticate_token("bad")
    assert tokens.asked == 2
    clock.seconds = 2
    assert await cached.authenticate_token("other") is None
    with pytest.raises(AuthenticationError):
        await cached.authenticate_token("bad")
    assert tokens.asked == 4


async def test_errors_of_several_are_told_together() -> None:
    union = UnionTokenAuthenticator(Tokens("t", "a"), Tokens("t", "b"))
    with pytest.raises(AuthenticationError, match=r"^\[a: bad token, b: bad token\]$"):
        await union.authenticate_token("bad")
    assert await UnionTokenAuthenticator(Tokens("t", "a")).authenticate_token("x") is None


async def test_a_fault_lets_nobody_in_and_is_logged_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def authenticate_token(
            self, token: str, audiences: tuple[str, ...] = ()
        ) -> AuthenticationResponse | None:
            raise KeyError("a mistake")

    cached = CachedTokenAuthenticator(Broken(), success_ttl=10, failure_ttl=0)
    with pytest.raises(AuthenticationError, match=r"^authentication failed unexpectedly$"):
        await cached.authenticate_token("a-secret-token")
    assert "a mistake" in caplog.text
    assert "a-secret-token" not in caplog.text
