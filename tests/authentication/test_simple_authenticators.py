import logging
from pathlib import Path

import pytest

from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    FunctionTokenAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.anonymous import AnonymousAuthenticator, InsecureSuperuser
from genericapiserver.authentication.audiences import (
    AudienceAgnosticAuthenticator,
    AudienceAgnosticTokenAuthenticator,
    intersect,
)
from genericapiserver.authentication.groups import AuthenticatedGroupAdder
from genericapiserver.authentication.service_account import parse_service_account
from genericapiserver.authentication.static_token import StaticTokenAuthenticator, loopback_user
from genericapiserver.authentication.token_file import TokenFileError, load_token_file
from genericapiserver.authentication.union import UnionAuthenticator


def request(path: str = "/", audiences: tuple[str, ...] = ()) -> AuthenticationRequest:
    return AuthenticationRequest({"type": "http", "path": path, "headers": []}, audiences)


def succeed(name: str, *groups: str) -> FunctionAuthenticator:
    return FunctionAuthenticator(lambda request: AuthenticationResponse(UserInfo(name=name, groups=groups)))


def fail(message: str) -> FunctionAuthenticator:
    def function(request: AuthenticationRequest) -> AuthenticationResponse | None:
        raise AuthenticationError(message)

    return FunctionAuthenticator(function)


NOBODY = FunctionAuthenticator(lambda request: None)


async def name_of(authenticator: UnionAuthenticator) -> str | None:
    response = await authenticator.authenticate_request(request())
    return None if response is None else response.user.name


class TestUnion:
    async def test_the_first_success_wins(self) -> None:
        assert await name_of(UnionAuthenticator(NOBODY, succeed("a"), succeed("b"))) == "a"

    async def test_a_good_credential_beside_a_bad_one_wins(self) -> None:
        assert await name_of(UnionAuthenticator(fail("x"), succeed("a"))) == "a"

    async def test_without_success_all_errors_are_told_once(self) -> None:
        with pytest.raises(AuthenticationError) as caught:
            await name_of(UnionAuthenticator(fail("x"), NOBODY, fail("y"), fail("x")))
        assert str(caught.value) == "[x, y]"

    async def test_without_any_opinion_there_is_none(self) -> None:
        assert await name_of(UnionAuthenticator(NOBODY, NOBODY)) is None

    async def test_fail_on_error_stops_at_the_first(self) -> None:
        with pytest.raises(AuthenticationError, match=r"^x$"):
            await name_of(UnionAuthenticator(fail("x"), succeed("a"), fail_on_error=True))


class TestAnonymous:
    @pytest.mark.parametrize(
        ("paths", "path", "known"),
        [
            (None, "/anything", True),
            (["/healthz"], "/healthz", True),
            (["/healthz"], "/healthz/", False),
            (["/healthz"], "/apis", False),
            ([], "/healthz", False),
        ],
    )
    async def test_conditions(self, paths: list[str] | None, path: str, known: bool) -> None:
        response = await AnonymousAuthenticator(paths).authenticate_request(request(path, ("aud",)))
        assert (response is not None) is known
        if response is not None:
            assert response.user == UserInfo(name="system:anonymous", groups=("system:unauthenticated",))
            assert response.audiences == ("aud",)

    async def test_the_superuser_of_an_insecure_port(self) -> None:
        response = await InsecureSuperuser().authenticate_request(request())
        assert response is not None
        assert response.user.name == "system:unsecured"
        assert response.user.groups == ("system:masters", "system:authenticated")


class TestGroupAdder:
    @pytest.mark.parametrize(
        ("name", "groups", "expected"),
        [
            ("user", ("a",), ("a", "system:authenticated")),
            ("user", (), ("system:authenticated",)),
            ("user", ("system:authenticated",), ("system:authenticated",)),
            ("user", ("system:unauthenticated",), ("system:unauthenticated",)),
            ("system:anonymous", (), ()),
        ],
    )
    async def test_who_gets_the_group(self, name: str, groups: tuple[str, ...], expected: tuple[str, ...]) -> None:
        adder = AuthenticatedGroupAdder(succeed(name, *groups))
        for _ in range(2):
            response = await adder.authenticate_request(request())
            assert response is not None
            assert response.user == UserInfo(name=name, groups=expected)

    async def test_no_opinion_stays_none(self) -> None:
        assert await AuthenticatedGroupAdder(NOBODY).authenticate_request(request()) is None

    async def test_many_different_users_are_kept_apart(self) -> None:
        count = 0

        def next_user(request: AuthenticationRequest) -> AuthenticationResponse:
            nonlocal count
            count += 1
            return AuthenticationResponse(UserInfo(name=f"u{count}"))

        adder = AuthenticatedGroupAdder(FunctionAuthenticator(next_user))
        for number in range(1, 3000):
            response = await adder.authenticate_request(request())
            assert response is not None
            assert response.user.name == f"u{number}"


class TestAudiences:
    def test_the_order_is_that_of_the_wanted_ones(self) -> None:
        assert intersect(("c", "a", "b"), ("a", "b", "c", "d")) == ("c", "a", "b")

    @pytest.mark.parametrize(
        ("wanted", "expected"), [((), ()), (("a", "x"), ("a",)), (("x",), None)], ids=["none", "some", "other"]
    )
    async def test_implicit_audiences(self, wanted: tuple[str, ...], expected: tuple[str, ...] | None) -> None:
        inner = succeed("u")
        response = await AudienceAgnosticAuthenticator(inner, ("a", "b")).authenticate_request(request("/", wanted))
        assert (None if response is None else response.audiences) == expected
        tokens = FunctionTokenAuthenticator(lambda token: AuthenticationResponse(UserInfo(name=token)))
        response = await AudienceAgnosticTokenAuthenticator(tokens, ("a", "b")).authenticate_token("t", wanted)
        assert (None if response is None else response.audiences) == expected

    async def test_an_authenticator_that_knows_audiences_must_not_be_wrapped(self) -> None:
        inner = FunctionAuthenticator(lambda request: AuthenticationResponse(UserInfo(), ("x",)))
        with pytest.raises(AuthenticationError, match="audience agnostic authenticator wrapped"):
            await AudienceAgnosticAuthenticator(inner, ("a",)).authenticate_request(request("/", ("a",)))


class TestTokenFile:
    async def users(self, tmp_path: Path, text: str) -> StaticTokenAuthenticator:
        path = tmp_path / "tokens.csv"
        path.write_text(text)
        return load_token_file(path)

    @pytest.mark.parametrize(
        ("token", "user"),
        [
            ("t1", UserInfo(name="u1", uid="1")),
            ("t2", UserInfo(name="u2", uid="2", groups=("a", " b"))),
            ("t3", UserInfo(name="u3", uid="3", groups=("a",))),
            ("t4", UserInfo(name="later", uid="4")),
            ("", None),
            ("other", None),
        ],
    )
    async def test_tokens(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, token: str, user: UserInfo | None
    ) -> None:
        text = 't1,u1,1\nt2,u2,2,"a, b"\nt3,u3,3,a,ignored,too\n,nobody,0\nt4,first,4\nt4,later,4,""\n'
        with caplog.at_level(logging.WARNING):
            tokens = await self.users(tmp_path, text)
        assert "empty token has been found in token file" in caplog.text
        assert "duplicate token has been found in token file" in caplog.text
        response = await tokens.authenticate_token(token)
        assert (None if response is None else response.user) == user

    async def test_a_short_line_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(TokenFileError) as caught:
            await self.users(tmp_path, "token,user\n")
        assert str(caught.value) == (
            f"token file '{tmp_path}/tokens.csv' must have at least 3 columns (token, user name, user uid), found 2 (line 1)"
        )

    async def test_a_quote_that_is_not_closed_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(TokenFileError, match=r"not valid CSV: unexpected end of data \(line 2\)"):
            await self.users(tmp_path, 'secret,user,1,"group\nother,root,2\n')


def test_the_loopback_user_is_privileged() -> None:
    user = loopback_user("some-uid")
    assert user == UserInfo(name="system:apiserver", uid="some-uid", groups=("system:authenticated", "system:masters"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("system:serviceaccount:ns:name", ("ns", "name")),
        ("system:serviceaccount:ns:na.me", ("ns", "na.me")),
        ("system:serviceaccount:ns", None),
        ("system:serviceaccount:ns:a:b", None),
        ("system:serviceaccount::name", None),
        ("system:serviceaccount:n.s:name", None),
        ("system:serviceaccount:ns:NAME", None),
        ("user", None),
    ],
)
def test_service_account_names(name: str, expected: tuple[str, str] | None) -> None:
    assert parse_service_account(name) == expected
