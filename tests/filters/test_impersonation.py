from collections.abc import Sequence

import pytest

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.filters.impersonation import with_impersonation
from genericapiserver.request import RequestContext, request_context
from tests.filters.test_authorization import Annotations
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, ok, send_error

Headers = Sequence[tuple[str, str]]

ADMIN = ("Impersonate-User", "system:admin")
GROUP = ("Impersonate-Group", "some-group")


def decide(attributes: AuthorizationAttributes) -> AuthorizationResult:
    """The caller's groups are what it may impersonate: a resource, or resource/subresource, or either with /name."""
    assert attributes.user is not None
    allowed = attributes.user.groups
    if "error" in allowed:
        return AuthorizationResult(Decision.ALLOW, "", OSError("secret"))
    if attributes.verb != "impersonate":
        return AuthorizationResult(Decision.NO_OPINION)
    resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
    if not {"all", resource, f"{resource}/{attributes.name}"}.isdisjoint(allowed):
        return AuthorizationResult(Decision.ALLOW)
    return AuthorizationResult(Decision.NO_OPINION, "denied by default")


class Outcome:
    status = 0
    text = ""
    user: UserInfo | None = None
    headers: list[str]
    nosniff = False


async def impersonate(headers: Headers, *groups: str, annotations: Annotations | None = None) -> Outcome:
    outcome = Outcome()
    contexts: list[RequestContext] = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        outcome.headers = [name.decode() for name, _ in scope["headers"]]
        outcome.user = request_context(scope).user
        await ok(scope, receive, send)

    def prepare(context: RequestContext) -> None:
        contexts.append(context)
        context.user = UserInfo(name="alice", groups=groups, extra={"mine": ("x",)})
        context.audit = annotations

    filtered = with_impersonation(handler, FunctionAuthorizer(decide), send_error=send_error)
    response = await ASGIClient(in_context(filtered, prepare=prepare)).request("GET", "/api/v1/pods", headers=headers)
    outcome.status, outcome.text = response.status, response.text
    outcome.nosniff = "x-content-type-options" in response.headers
    outcome.user = contexts[0].user
    return outcome


async def test_without_headers_the_caller_stays() -> None:
    outcome = await impersonate([("Accept", "x")])
    assert outcome.status == 200
    assert outcome.user is not None
    assert outcome.user.name == "alice"


@pytest.mark.parametrize(
    ("headers", "listed"),
    [
        ([("Impersonate-Group", "g")], "{Group  g    }"),
        ([("Impersonate-Extra-foo", "v")], "{UserExtra  v  authentication.k8s.io/v1  foo}"),
        ([("Impersonate-Uid", "u")], "{UID  u  authentication.k8s.io/v1  }"),
        (
            [("Impersonate-Uid", "u"), ("Impersonate-Extra-foo", "v"), ("Impersonate-Group", "g")],
            "{Group  g    } {UserExtra  v  authentication.k8s.io/v1  foo} {UID  u  authentication.k8s.io/v1  }",
        ),
        ([("Impersonate-User", ""), ("Impersonate-User", "b"), ("Impersonate-Group", "g")], "{Group  g    }"),
    ],
)
async def test_parts_without_a_user_are_a_400(headers: Headers, listed: str) -> None:
    outcome = await impersonate(headers, "all")
    assert outcome.status == 400
    assert outcome.text == f"BadRequest: requested [{listed}] without impersonating a user"
    assert outcome.nosniff


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ([("Impersonate-User", "anyone")], ["error"]),
        ([ADMIN, GROUP], ["users"]),
        (
            [ADMIN, GROUP, ("Impersonate-Extra-scopes", "scope-a"), ("Impersonate-Extra-scopes", "scope-b")],
            ["users", "groups", "userextras/scopes/scope-a"],
        ),
        ([("Impersonate-User", "system:serviceaccount:foo:default")], ["users"]),
        ([("Impersonate-User", "tester"), ("Impersonate-Uid", "some-uid")], ["users"]),
        ([("Impersonate-User", "tester"), ("Impersonate-Uid", "some-uid")], ["users", "uids/other"]),
    ],
)
async def test_what_the_caller_may_not_is_a_403(headers: Headers, caller: list[str]) -> None:
    annotations = Annotations()
    outcome = await impersonate(headers, *caller, annotations=annotations)
    assert outcome.status == 403
    assert annotations == {}
    assert "secret" not in outcome.text
    assert outcome.nosniff
    assert outcome.user is not None
    assert outcome.user.name == "alice"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (
            [("Impersonate-User", "anyone")],
            'users "anyone" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster '
            "scope: denied by default",
        ),
        (
            [("Impersonate-User", "system:serviceaccount:ns:sa")],
            'serviceaccounts "sa" is forbidden: User "alice" cannot impersonate resource "serviceaccounts" in API group "" '
            'in the namespace "ns": denied by default',
        ),
    ],
)
async def test_the_refusal_names_what_was_asked(headers: Headers, text: str) -> None:
    assert (await impersonate(headers)).text == f"Forbidden: {text}"


async def test_the_refusal_of_an_extra_names_its_key() -> None:
    outcome = await impersonate([ADMIN, ("Impersonate-Extra-Example.com%2ffoo", "v")], "users")
    assert outcome.text == (
        'Forbidden: userextras.authentication.k8s.io "v" is forbidden: User "alice" cannot impersonate resource '
        '"userextras/example.com/foo" in API group "authentication.k8s.io" at the cluster scope: denied by default'
    )


AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"


@pytest.mark.parametrize(
    ("headers", "caller", "user"),
    [
        (
            [ADMIN, GROUP],
            ["users", "groups"],
            UserInfo(name="system:admin", groups=("some-group", AUTHENTICATED)),
        ),
        (
            [ADMIN, ("Impersonate-Extra-Scopes", "a"), ("impersonate-extra-scopes", "b")],
            ["users", "userextras/scopes"],
            UserInfo(name="system:admin", groups=(AUTHENTICATED,), extra={"scopes": ("a", "b")}),
        ),
        (
            [ADMIN, ("Impersonate-Extra-example.com%2fescaped%e1%9b%84scopes", "a")],
            ["all"],
            UserInfo(name="system:admin", groups=(AUTHENTICATED,), extra={"example.com/escaped\u16c4scopes": ("a",)}),
        ),
        (
            [ADMIN, ("Impersonate-Extra-almost%zzpercent%xxencoded", "a")],
            ["all"],
            UserInfo(name="system:admin", groups=(AUTHENTICATED,), extra={"almost%zzpercent%xxencoded": ("a",)}),
        ),
        (
            [ADMIN, ("Impersonate-Extra-Lower%41%4a", "a")],
            ["userextras/lowerAJ", "users"],
            UserInfo(name="system:admin", groups=(AUTHENTICATED,), extra={"lowerAJ": ("a",)}),
        ),
        (
            [ADMIN, GROUP, ("Impersonate-Extra-k", "v"), ("Impersonate-Uid", "some-uid")],
            ["users", "groups", "userextras/k/v", "uids"],
            UserInfo(name="system:admin", uid="some-uid", groups=("some-group", AUTHENTICATED), extra={"k": ("v",)}),
        ),
        (
            [("Impersonate-User", "system:serviceaccount:Foo:default")],
            ["users"],
            UserInfo(name="system:serviceaccount:Foo:default", groups=(AUTHENTICATED,)),
        ),
        (
            [("Impersonate-User", "system:serviceaccount:foo:default")],
            ["serviceaccounts"],
            UserInfo(
                name="system:serviceaccount:foo:default",
                groups=("system:serviceaccounts", "system:serviceaccounts:foo", AUTHENTICATED),
            ),
        ),
        (
            [("Impersonate-User", "system:serviceaccount:foo:default"), GROUP],
            ["all"],
            UserInfo(name="system:serviceaccount:foo:default", groups=("some-group", AUTHENTICATED)),
        ),
        (
            [("Impersonate-User", "system:anonymous")],
            ["all"],
            UserInfo(name="system:anonymous", groups=(UNAUTHENTICATED,)),
        ),
        (
            [("Impersonate-User", "system:anonymous"), ("Impersonate-Group", UNAUTHENTICATED)],
            ["all"],
            UserInfo(name="system:anonymous", groups=(UNAUTHENTICATED,)),
        ),
        (
            [("Impersonate-User", "unknown"), ("Impersonate-Group", UNAUTHENTICATED)],
            ["all"],
            UserInfo(name="unknown", groups=(UNAUTHENTICATED,)),
        ),
        (
            [("Impersonate-User", "u"), GROUP, ("Impersonate-Group", AUTHENTICATED)],
            ["all"],
            UserInfo(name="u", groups=("some-group", AUTHENTICATED)),
        ),
        (
            [("Impersonate-User", "tester"), ("Impersonate-Uid", "some-uid")],
            ["users", "uids/some-uid"],
            UserInfo(name="tester", uid="some-uid", groups=(AUTHENTICATED,)),
        ),
        (
            [("Impersonate-User", "u"), ("Impersonate-Group", "a,b")],
            ["all"],
            UserInfo(name="u", groups=("a,b", AUTHENTICATED)),
        ),
    ],
)
async def test_who_the_request_goes_on_as(headers: Headers, caller: list[str], user: UserInfo) -> None:
    annotations = Annotations()
    outcome = await impersonate([*headers, ("Accept", "x"), ("Impersonate-Odd", "y")], *caller, annotations=annotations)
    assert outcome.status == 200
    assert outcome.user == user
    assert outcome.headers == ["accept", "impersonate-odd"]
    assert annotations == {"impersonated": user.name}


async def test_nobody_cannot_impersonate() -> None:
    filtered = with_impersonation(ok, FunctionAuthorizer(decide), send_error=send_error)
    response = await ASGIClient(in_context(filtered)).get("/x", impersonate_user="u")
    assert (response.status, response.text) == (500, 'Internal Server Error: "/x": no user found for request\n')


async def test_what_is_checked_and_in_which_order() -> None:
    asked: list[tuple[str, ...]] = []

    def function(attributes: AuthorizationAttributes) -> AuthorizationResult:
        assert (attributes.verb, attributes.is_resource_request) == ("impersonate", True)
        asked.append(
            (
                attributes.api_group,
                attributes.api_version,
                attributes.namespace,
                attributes.resource,
                attributes.subresource,
                attributes.name,
            )
        )
        return AuthorizationResult(Decision.ALLOW)

    def prepare(context: RequestContext) -> None:
        context.user = UserInfo(name="alice")

    filtered = with_impersonation(ok, FunctionAuthorizer(function), send_error=send_error)
    headers = [
        ("impersonate-uid", "id"),
        ("impersonate-extra-k", "v"),
        ("impersonate-group", "g"),
        ("impersonate-user", "system:serviceaccount:ns:sa"),
    ]
    await ASGIClient(in_context(filtered, prepare=prepare)).request("GET", "/", headers=headers)
    assert asked == [
        ("", "", "ns", "serviceaccounts", "", "sa"),
        ("", "", "", "groups", "", "g"),
        ("authentication.k8s.io", "v1", "", "userextras", "k", "v"),
        ("authentication.k8s.io", "v1", "", "uids", "", "id"),
    ]
