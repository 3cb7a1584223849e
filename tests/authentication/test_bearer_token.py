import pytest

from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    UserInfo,
)
from genericapiserver.authentication.bearer_token import (
    EXTRA_SPACE_WARNING,
    BearerTokenAuthenticator,
    WebSocketTokenAuthenticator,
)

ALICE = AuthenticationResponse(UserInfo(name="alice"))


class Tokens:
    """Knows `token`; fails for `error`; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        self.asked.append(token)
        if token == "error":
            raise AuthenticationError("the backend is gone")
        return ALICE if token == "token" else None


def request(*headers: tuple[str, str]) -> AuthenticationRequest:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return AuthenticationRequest({"type": "http", "path": "/", "headers": pairs})


@pytest.mark.parametrize(
    "value", [None, "", "Basic 123", "Bearer", "Bearer ", "bear token", "Bearer: token", "a\ttoken"]
)
async def test_what_is_no_bearer_token_is_no_opinion(value: str | None) -> None:
    tokens = Tokens()
    asked = request() if value is None else request(("authorization", value))
    assert await BearerTokenAuthenticator(tokens).authenticate_request(asked) is None
    assert tokens.asked == []


@pytest.mark.parametrize(
    "value",
    [
        "Bearer token",
        "bearer token",
        "BEARER token",
        "Bearer token a",
        "Bearer token a b c",
        "Bearer token   a",
        " Bearer token ",
    ],
)
async def test_the_second_word_is_the_token(value: str) -> None:
    tokens = Tokens()
    asked = request(("authorization", value), ("accept", "x"))
    assert await BearerTokenAuthenticator(tokens).authenticate_request(asked) is ALICE
    assert tokens.asked == ["token"]
    assert asked.scope["headers"] == [(b"accept", b"x")]


async def test_two_spaces_are_no_opinion_and_a_warning() -> None:
    warnings: list[str] = []
    asked = request(("authorization", "Bearer  token"))
    asked.add_warning = warnings.append
    assert await BearerTokenAuthenticator(Tokens()).authenticate_request(asked) is None
    assert warnings == [EXTRA_SPACE_WARNING]


async def test_only_the_first_header_counts() -> None:
    tokens = Tokens()
    asked = request(("authorization", "Basic 1"), ("authorization", "Bearer token"))
    assert await BearerTokenAuthenticator(tokens).authenticate_request(asked) is None


@pytest.mark.parametrize(("token", "message"), [("wrong", "invalid bearer token"), ("error", "the backend is gone")])
async def test_a_bad_token_is_an_error_and_stays_in_the_request(token: str, message: str) -> None:
    asked = request(("authorization", f"Bearer {token}"))
    with pytest.raises(AuthenticationError, match=message):
        await BearerTokenAuthenticator(Tokens()).authenticate_request(asked)
    assert asked.scope["headers"] == [(b"authorization", f"Bearer {token}".encode())]


UPGRADE = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]
PREFIX = "base64url.bearer.authorization.k8s.io."


def websocket(*protocols: str) -> AuthenticationRequest:
    return request(*UPGRADE, *(("sec-websocket-protocol", line) for line in protocols))


@pytest.mark.parametrize(
    ("lines", "rest"),
    [
        ([f"{PREFIX}dG9rZW4,dummy"], "dummy"),
        ([f"{PREFIX}dG9rZW4", "dummy, dummy2"], "dummy,dummy2"),
        ([f"dummy,{PREFIX}dG9rZW4"], "dummy"),
    ],
)
async def test_a_websocket_token_is_taken_out_of_the_protocols(lines: list[str], rest: str) -> None:
    tokens = Tokens()
    asked = websocket(*lines)
    assert await WebSocketTokenAuthenticator(tokens).authenticate_request(asked) is ALICE
    assert tokens.asked == ["token"]
    assert asked.headers(b"sec-websocket-protocol") == [rest]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"{PREFIX}dG9rZW4"], "missing additional subprotocol"),
        ([f"{PREFIX}dG9rZW4,{PREFIX}dG9rZW4,dummy"], "multiple base64.bearer.authorization tokens specified"),
        ([f"{PREFIX}dG9rZW4=,dummy"], "invalid base64.bearer.authorization token encoding"),
        ([f"{PREFIX}dG9r!W4,dummy"], "invalid base64.bearer.authorization token encoding"),
        ([f"{PREFIX}d,dummy"], "invalid base64.bearer.authorization token encoding"),
        ([f"{PREFIX}_w,dummy"], "invalid base64.bearer.authorization token$"),
        ([f"{PREFIX}d3Jvbmc,dummy"], "invalid bearer token"),
    ],
)
async def test_bad_websocket_tokens_are_errors(lines: list[str], message: str) -> None:
    with pytest.raises(AuthenticationError, match=message):
        await WebSocketTokenAuthenticator(Tokens()).authenticate_request(websocket(*lines))


async def test_no_websocket_token_is_no_opinion() -> None:
    authenticator = WebSocketTokenAuthenticator(Tokens())
    assert await authenticator.authenticate_request(websocket()) is None
    assert await authenticator.authenticate_request(websocket("dummy")) is None
    assert await authenticator.authenticate_request(websocket(PREFIX)) is None
    plain = request(("sec-websocket-protocol", f"{PREFIX}dG9rZW4,dummy"))
    assert await authenticator.authenticate_request(plain) is None


async def test_the_subprotocols_of_an_asgi_websocket_lose_the_token() -> None:
    asked = AuthenticationRequest(
        {
            "type": "websocket",
            "headers": [(b"sec-websocket-protocol", f"{PREFIX}dG9rZW4,dummy".encode())],
            "subprotocols": [f"{PREFIX}dG9rZW4", "dummy"],
        }
    )
    assert await WebSocketTokenAuthenticator(Tokens()).authenticate_request(asked) is ALICE
    assert asked.scope["subprotocols"] == ["dummy"]
