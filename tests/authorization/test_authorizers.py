from typing import Any

import pytest

from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import (
    AuthorizationAttributes,
    AuthorizationResult,
    Decision,
    FunctionAuthorizer,
)
from genericapiserver.authorization.builtin import (
    AlwaysAllowAuthorizer,
    AlwaysDenyAuthorizer,
    PrivilegedGroupsAuthorizer,
)
from genericapiserver.authorization.delegating import delegating_authorizer
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.authorization.path import PathAuthorizer
from genericapiserver.authorization.union import UnionAuthorizer


def path(value: str) -> AuthorizationAttributes:
    return AuthorizationAttributes(path=value, verb="get", user=UserInfo(name="u"))


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("/", ["/", ""], ["/foo", "//"]),
        ("", ["/", ""], ["/foo"]),
        ("/foo", ["/foo", "foo"], ["/foo/", "//foo", "/fooooo", "/"]),
        ("foo", ["/foo", "foo"], ["/foo/"]),
        ("/foo/", ["/foo/"], ["/foo"]),
        ("/foo/*", ["/foo/", "/foo/bar/bla"], ["/foo", "/fooo"]),
        ("/foo*", ["/foo", "/foooo", "/foo/"], ["/fo"]),
        ("/*", ["/", "", "/foo", "foo/bar", "//"], []),
        ("*", ["/", "", "/foo"], []),
    ],
)
async def test_path_patterns(pattern: str, allowed: list[str], refused: list[str]) -> None:
    authorizer = PathAuthorizer([pattern])
    assert [p for p in allowed + refused if (await authorizer.authorize(path(p))).decision == "Allow"] == allowed
    assert [p for p in refused if (await authorizer.authorize(path(p))).decision != "NoOpinion"] == []


@pytest.mark.parametrize(("pattern", "shown"), [("/foo*bar", "foo*bar"), ("/foo**", "foo**"), ("**", "**")])
def test_a_star_stands_at_the_end(pattern: str, shown: str) -> None:
    with pytest.raises(ValueError) as caught:
        PathAuthorizer([pattern])
    assert str(caught.value) == f'only trailing * allowed in "{shown}"'


async def test_paths_say_nothing_about_resources() -> None:
    attributes = AuthorizationAttributes(is_resource_request=True, path="/foo")
    assert (await PathAuthorizer(["*"]).authorize(attributes)).decision is Decision.NO_OPINION


async def test_always() -> None:
    assert await AlwaysAllowAuthorizer().authorize(path("/")) == AuthorizationResult(Decision.ALLOW)
    denied = AuthorizationResult(Decision.NO_OPINION, "Everything is forbidden.")
    assert await AlwaysDenyAuthorizer().authorize(path("/")) == denied


@pytest.mark.parametrize(
    ("groups", "decision"), [(("a", "system:masters"), Decision.ALLOW), (("a",), Decision.NO_OPINION)]
)
async def test_privileged_groups(groups: tuple[str, ...], decision: Decision) -> None:
    attributes = AuthorizationAttributes(user=UserInfo(groups=groups))
    result = await PrivilegedGroupsAuthorizer(["system:masters"]).authorize(attributes)
    assert result.decision is decision


async def test_privileged_groups_without_a_user() -> None:
    result = await PrivilegedGroupsAuthorizer(["system:masters"]).authorize(AuthorizationAttributes())
    assert (result.decision, result.reason, str(result.error)) == (
        Decision.NO_OPINION,
        "Error",
        "no user on request.",
    )


def says(decision: Decision, reason: str = "", error: str = "") -> FunctionAuthorizer:
    result = AuthorizationResult(decision, reason, RuntimeError(error) if error else None)
    return FunctionAuthorizer(lambda attributes: result)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], ("NoOpinion", "", None)),
        ([says(Decision.NO_OPINION), says(Decision.NO_OPINION)], ("NoOpinion", "", None)),
        ([says(Decision.NO_OPINION, "a"), says(Decision.ALLOW, "b"), says(Decision.DENY)], ("Allow", "b", None)),
        ([says(Decision.NO_OPINION, "a", "x"), says(Decision.DENY, "b", "y")], ("Deny", "b", "y")),
        ([says(Decision.NO_OPINION, "a"), says(Decision.NO_OPINION, "b")], ("NoOpinion", "a\nb", None)),
        ([says(Decision.NO_OPINION, "a", "x"), says(Decision.NO_OPINION, "", "y")], ("NoOpinion", "a", "[x, y]")),
        ([says(Decision.NO_OPINION, "a", "x"), says(Decision.NO_OPINION)], ("NoOpinion", "a", "x")),
    ],
)
async def test_union(members: list[FunctionAuthorizer], expected: tuple[str, str, str | None]) -> None:
    result = await UnionAuthorizer(*members).authorize(path("/"))
    assert (result.decision, result.reason, None if result.error is None else str(result.error)) == expected


@pytest.mark.parametrize(
    ("groups", "where", "decision"),
    [
        (("system:masters",), "/anything", Decision.ALLOW),
        ((), "/healthz", Decision.ALLOW),
        ((), "/readyz", Decision.ALLOW),
        ((), "/healthz/ping", Decision.NO_OPINION),
        ((), "/apis", Decision.NO_OPINION),
    ],
)
async def test_without_another_server_only_groups_and_paths_are_allowed(
    groups: tuple[str, ...], where: str, decision: Decision
) -> None:
    attributes = AuthorizationAttributes(user=UserInfo(name="u", groups=groups), path=where, verb="get")
    assert (await delegating_authorizer().authorize(attributes)).decision is decision


@pytest.mark.parametrize(
    ("attributes", "reason", "message", "details"),
    [
        (
            {"verb": "list", "resource": "pods", "namespace": "default", "user": "system:anonymous"},
            "",
            'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace '
            '"default"',
            {"kind": "pods"},
        ),
        (
            {
                "verb": "update",
                "api_group": "apps",
                "resource": "deployments",
                "subresource": "scale",
                "name": "web",
                "namespace": "prod",
                "user": "bob",
            },
            "no binding",
            'deployments.apps "web" is forbidden: User "bob" cannot update resource "deployments/scale" in API group '
            '"apps" in the namespace "prod": no binding',
            {"name": "web", "group": "apps", "kind": "deployments"},
        ),
        (
            {"verb": "list", "resource": "nodes", "user": "bob"},
            "",
            'nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope',
            {"kind": "nodes"},
        ),
        (
            {"verb": "", "resource": "pods", "user": "bob"},
            "<b>",
            'pods is forbidden: User "bob" cannot  resource "pods" in API group "" at the cluster scope: <b>',
            {"kind": "pods"},
        ),
        (
            {"verb": "get", "resource": "flunders", "api_group": "g", "name": "<b>&", "user": '<u>&"q"'},
            "",
            'flunders.g "<b>&" is forbidden: User "&lt;u&gt;&amp;\\"q\\"" cannot get resource "flunders" in API group '
            '"g" at the cluster scope',
            {"name": "<b>&", "group": "g", "kind": "flunders"},
        ),
        (
            {"verb": "get", "path": "/<script>", "user": "NAME"},
            "",
            'forbidden: User "NAME" cannot get path "/&lt;script&gt;"',
            {},
        ),
        ({"verb": "get", "path": "/x", "user": None}, "", 'forbidden: User "" cannot get path "/x"', {}),
    ],
)
def test_forbidden_texts(attributes: dict[str, Any], reason: str, message: str, details: dict[str, str]) -> None:
    name = attributes.pop("user")
    user = None if name is None else UserInfo(name=name)
    error = forbidden_error(
        AuthorizationAttributes(user=user, is_resource_request="resource" in attributes, **attributes), reason
    )
    status = error.status()
    assert (status.code, status.reason, status.message) == (403, "Forbidden", message)
    assert status.details is not None
    for field in ("name", "group", "kind"):
        assert getattr(status.details, field) == details.get(field, "")
