import pytest

from genericapiserver.authentication import AuthenticationRequest, UserInfo
from genericapiserver.authentication.request_header import RequestHeaderAuthenticator, RequestHeaderConfig

CONFIG = RequestHeaderConfig(
    username_headers=("X-Remote-User", " X-Other-User "),
    uid_headers=("X-Remote-Uid",),
    group_headers=("X-Remote-Group", "X-Other-Group"),
    extra_header_prefixes=("X-Remote-Extra-", "X-Alt-Extra-"),
)


async def user_of(*headers: tuple[str, str]) -> tuple[UserInfo | None, list[str]]:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    request = AuthenticationRequest({"type": "http", "path": "/", "headers": pairs})
    response = await RequestHeaderAuthenticator(lambda: CONFIG).authenticate_request(request)
    left = [name.decode() for name, _ in request.scope["headers"]]
    return (None if response is None else response.user), left


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([], None),
        ([("X-Remote-User", "")], None),
        ([("X-Remote-User", ""), ("X-Remote-User", "second")], None),
        ([("X-Remote-User", "a"), ("X-Remote-User", "b")], "a"),
        ([("X-Other-User", "o"), ("X-Remote-User", "r")], "r"),
        ([("X-Remote-User", ""), ("X-Other-User", "o")], "o"),
        ([("X-Remote-Group", "g")], None),
    ],
)
async def test_the_name_is_the_first_value_of_the_first_header_that_has_one(
    headers: list[tuple[str, str]], name: str | None
) -> None:
    user, _ = await user_of(*headers)
    assert (None if user is None else user.name) == name


async def test_groups_are_all_values_of_all_headers_in_configured_order() -> None:
    user, left = await user_of(
        ("X-Other-Group", "o"),
        ("X-Remote-User", "u"),
        ("X-Remote-Uid", "id"),
        ("X-Remote-Group", "a,b"),
        ("X-Remote-Group", ""),
        ("X-Remote-Group", "a,b"),
        ("Accept", "x"),
    )
    assert user == UserInfo(name="u", uid="id", groups=("a,b", "a,b", "o"))
    assert left == ["accept"]


async def test_extra_is_merged_whatever_the_case_and_the_prefix() -> None:
    user, left = await user_of(
        ("X-Remote-User", "u"),
        ("X-Remote-Extra-Scopes", "a"),
        ("X-Remote-Extra-scopes", "b"),
        ("X-Alt-Extra-Scopes", "f"),
        ("X-Remote-Extra-", "empty"),
        ("X-Remote-Extra-Example.com%2Fpercent%2Dencoded", "p"),
        ("X-Remote-Extra-example.com%2fpercent%2520encoded", "q"),
        ("X-Remote-Extra-almost%zzpercent%xxencoded", "r"),
    )
    assert user is not None
    assert dict(user.extra) == {
        "scopes": ("a", "b", "f"),
        "": ("empty",),
        "example.com/percent-encoded": ("p",),
        "example.com/percent%20encoded": ("q",),
        "almost%zzpercent%xxencoded": ("r",),
    }
    assert left == []


async def test_without_a_user_the_headers_stay() -> None:
    _, left = await user_of(("X-Remote-Group", "g"))
    assert left == ["x-remote-group"]


def test_blank_header_names_are_refused() -> None:
    with pytest.raises(ValueError, match='empty header " "'):
        RequestHeaderConfig(username_headers=("X-Remote-User", " "))
