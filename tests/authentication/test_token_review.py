import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationResponse, RequestAuthenticator, UserInfo
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.builtin import builtin_authenticator
from genericapiserver.authentication.token_review import AudienceMismatchError, TokenReviewResult, review_token

USER = UserInfo(name="me", groups=["system:authenticated"])


class Tokens:
    def __init__(self, audiences: tuple[str, ...] = ()) -> None:
        self.audiences = audiences

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        if token == "bad":
            raise AuthenticationError("expired")
        return AuthenticationResponse(USER, self.audiences) if token == "good" else None


def authenticator(*audiences: str) -> RequestAuthenticator:
    made = builtin_authenticator(tokens=[Tokens(audiences)], anonymous=AnonymousAuthenticator())
    assert made is not None
    return made


async def test_a_good_token() -> None:
    result = await review_token(authenticator("api"), "good", ("x", "api"))
    assert result == TokenReviewResult(authenticated=True, user=USER, audiences=("api",))
    assert (await review_token(authenticator(), "good")).authenticated


@pytest.mark.parametrize(
    ("token", "error"),
    [("other", "invalid bearer token"), ("bad", "expired"), ("", "invalid bearer token")],
)
async def test_a_bad_token(token: str, error: str) -> None:
    assert await review_token(authenticator(), token) == TokenReviewResult(error=error)


@pytest.mark.parametrize(
    "token", [" good", "good ", "good x", "go\nod", "good\r\nX-Remote-User: root", "\tgood", "\x00", "x" * 10_000_000]
)
async def test_what_no_header_can_carry_is_nobody(token: str) -> None:
    """A token with a space in front would be no token at all in a header, and so anonymous."""
    assert await review_token(authenticator(), token) == TokenReviewResult(error="invalid bearer token")


async def test_letters_that_are_not_ascii_are_no_fault() -> None:
    for token in ("é", "\udc80"):
        assert not (await review_token(authenticator(), token)).authenticated


async def test_who_is_anonymous_has_shown_no_token() -> None:
    assert await review_token(AnonymousAuthenticator(), "good") == TokenReviewResult()


async def test_other_audiences_than_those_asked_for_are_a_fault_of_the_server() -> None:
    with pytest.raises(AudienceMismatchError, match=r"^error validating audiences$"):
        await review_token(authenticator("other"), "good", ("api",))
