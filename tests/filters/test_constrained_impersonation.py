"""Constrained impersonation: which questions are asked, who the request goes on as, what is remembered.

The cases of pkg/endpoints/filters/impersonation/constrained_impersonation_test.go, then those of the texts and limits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.filters.constrained_impersonation import caches, with_constrained_impersonation
from genericapiserver.filters.constrained_impersonation.modes import ImpersonationModes
from genericapiserver.filters.impersonation import RequestedIdentity
from genericapiserver.request import RequestContext, request_context
from tests.filters.test_authorization import Annotations
from tests.support.asgi_client import ASGIClient
from tests.support.clock import HandClock
from tests.support.filters import in_context, ok, send_error

GROUP = "authentication.k8s.io"
NODE_NAME = "authentication.kubernetes.io/node-name"
AUTHENTICATED = "system:authenticated"

POD = ("GET", "/api/v1/namespaces/bar/pods/foo")
OTHER_POD = ("GET", "/api/v1/namespaces/bar1/pods/foo1")
SECRET = ("GET", "/api/v1/namespaces/bar/secrets/foo")
NEW_POD = ("POST", "/api/v1/namespaces/bar/pods")
Headers = Sequence[tuple[str, str]]


def decide(attributes: AuthorizationAttributes) -> AuthorizationResult:
    """The upstream test's authorizer: callers are named after what they may do, and only reading is granted."""
    user = attributes.user
    assert user is not None
    first_group = user.groups[0] if user.groups else ""
    granted = {
        ("sa-impersonater", "impersonate:serviceaccount", "serviceaccounts"),
        ("system:serviceaccount:default:node", "impersonate:arbitrary-node", "nodes"),
        ("node-impersonater", "impersonate:arbitrary-node", "nodes"),
        ("associate-node-impersonater", "impersonate:associated-node", "nodes"),
        ("user-impersonater", "impersonate:user-info", "users"),
        ("group-impersonater", "impersonate:user-info", "groups"),
        ("extra-setter-scopes", "impersonate:user-info", "userextras/pandas.io/scopes"),
    }
    resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
    if {(user.name, attributes.verb, resource), (first_group, attributes.verb, resource)} & granted:
        return AuthorizationResult(Decision.ALLOW)
    if user.name == "legacy-impersonater" and attributes.verb == "impersonate":
        return AuthorizationResult(Decision.ALLOW)
    if attributes.verb.startswith("impersonate-on:") and attributes.verb.endswith((":list", ":get")):
        return AuthorizationResult(Decision.ALLOW)
    return AuthorizationResult(Decision.NO_OPINION, "deny by default")


@attrs.define
class Outcome:
    status: int
    text: str
    user: UserInfo | None
    headers: list[str]
    asked: list[AuthorizationAttributes]
    audit: Mapping[str, str]
    nosniff: bool

    @property
    def questions(self) -> list[str]:
        """`verb group/version/resource[/subresource] [namespace/]name` of every question."""
        return [_question(attributes) for attributes in self.asked]


def _question(attributes: AuthorizationAttributes) -> str:
    if not attributes.is_resource_request:
        return f"{attributes.verb} {attributes.path}"
    parts = (attributes.api_group, attributes.api_version, attributes.resource, attributes.subresource)
    namespace = f"{attributes.namespace}/" if attributes.namespace else ""
    return f"{attributes.verb} {'/'.join(filter(None, parts))} {namespace}{attributes.name}"


class Server:
    """The filter behind the one that makes the context, with an authorizer that keeps the questions."""

    def __init__(self, function: Any = decide) -> None:
        self.clock = HandClock()
        self._caller: UserInfo | None = None
        self._asked: list[AuthorizationAttributes] = []
        self._contexts: list[RequestContext] = []
        self._headers: list[str] = []
        self.latencies: list[float] = []

        def authorize(attributes: AuthorizationAttributes) -> AuthorizationResult:
            self._asked.append(attributes)
            result: AuthorizationResult = function(attributes)
            return result

        self.filtered = with_constrained_impersonation(
            self._handler,
            FunctionAuthorizer(authorize),
            send_error=send_error,
            clock=self.clock,
            observe_latency=self.latencies.append,
        )
        self._client = ASGIClient(in_context(self.filtered, prepare=self._prepare))

    def _prepare(self, context: RequestContext) -> None:
        self._contexts.append(context)
        context.user = self._caller
        context.audit = Annotations()

    async def _handler(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._headers.extend(name.decode() for name, _ in scope["headers"])
        assert request_context(scope) is self._contexts[-1]
        await ok(scope, receive, send)

    async def request(self, request: tuple[str, str], caller: UserInfo | None, headers: Headers) -> Outcome:
        self._caller = caller
        self._asked.clear()
        self._headers.clear()
        method, path = request
        response = await self._client.request(method, path, headers=[*headers, ("Accept", "x")])
        context = self._contexts[-1]
        assert isinstance(context.audit, Annotations)
        return Outcome(
            response.status,
            response.text,
            context.user,
            list(self._headers),
            list(self._asked),
            dict(context.audit),
            "x-content-type-options" in response.headers,
        )


def as_user(name: str, *groups: str, uid: str = "", extra: Mapping[str, Sequence[str]] | None = None) -> Headers:
    return [
        ("Impersonate-User", name),
        *((("Impersonate-Uid", uid),) if uid else ()),
        *(("Impersonate-Group", group) for group in groups),
        *(
            (f"Impersonate-Extra-{key.replace('/', '%2f')}", value)
            for key in extra or {}
            for value in (extra or {})[key]
        ),
    ]


def caller(name: str, *groups: str, **extra: str) -> UserInfo:
    return UserInfo(name=name, groups=groups, extra={key: (value,) for key, value in extra.items()})


def on_node(node: str, name: str = "system:serviceaccount:default:default") -> UserInfo:
    return UserInfo(name=name, groups=("associate-node-impersonater",), extra={NODE_NAME: (node,)})


NODE_1 = as_user("system:node:node1")
SA = as_user("system:serviceaccount:default:default")
SCOPES = {"pandas.io/scopes": ("scope-a", "scope-b", "5", "4", "3", "2", "1")}


@pytest.mark.parametrize(
    ("by", "request_", "headers", "user", "constraint", "questions"),
    [
        pytest.param(
            caller("user-impersonater"),
            POD,
            as_user("anyone"),
            UserInfo(name="anyone", groups=(AUTHENTICATED,)),
            "impersonate:user-info",
            ["impersonate-on:user-info:get v1/pods bar/foo", f"impersonate:user-info {GROUP}/v1/users anyone"],
            id="a user",
        ),
        pytest.param(
            caller("sa-impersonater"),
            POD,
            SA,
            UserInfo(
                name="system:serviceaccount:default:default",
                groups=("system:serviceaccounts", "system:serviceaccounts:default", AUTHENTICATED),
            ),
            "impersonate:serviceaccount",
            [
                "impersonate-on:serviceaccount:get v1/pods bar/foo",
                f"impersonate:serviceaccount {GROUP}/v1/serviceaccounts default/default",
            ],
            id="a service account",
        ),
        pytest.param(
            caller("node-impersonater"),
            POD,
            NODE_1,
            UserInfo(name="system:node:node1", groups=("system:nodes", AUTHENTICATED)),
            "impersonate:arbitrary-node",
            ["impersonate-on:arbitrary-node:get v1/pods bar/foo", f"impersonate:arbitrary-node {GROUP}/v1/nodes node1"],
            id="a node",
        ),
        pytest.param(
            on_node("node1"),
            POD,
            NODE_1,
            UserInfo(name="system:node:node1", groups=("system:nodes", AUTHENTICATED)),
            "impersonate:associated-node",
            ["impersonate-on:associated-node:get v1/pods bar/foo", f"impersonate:associated-node {GROUP}/v1/nodes *"],
            id="the caller's own node",
        ),
        pytest.param(
            caller("user-impersonater", "extra-setter-scopes"),
            POD,
            as_user("system:admin", extra=SCOPES),
            UserInfo(name="system:admin", groups=(AUTHENTICATED,), extra=SCOPES),
            "impersonate:user-info",
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users system:admin",
                f"impersonate:user-info {GROUP}/v1/userextras/* *",
                *(
                    f"impersonate:user-info {GROUP}/v1/userextras/pandas.io/scopes {value}"
                    for value in SCOPES["pandas.io/scopes"]
                ),
            ],
            id="with many extra values, none granted at once",
        ),
        pytest.param(
            caller("user-impersonater", "group-impersonater"),
            POD,
            as_user("u", "a", "b", "c"),
            UserInfo(name="u", groups=("a", "b", "c", AUTHENTICATED)),
            "impersonate:user-info",
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users u",
                *(f"impersonate:user-info {GROUP}/v1/groups {group}" for group in "abc"),
            ],
            id="with three groups, one by one",
        ),
        pytest.param(
            caller("user-impersonater", "group-impersonater"),
            POD,
            as_user("u", "a", "b", "c", "d"),
            UserInfo(name="u", groups=("a", "b", "c", "d", AUTHENTICATED)),
            "impersonate:user-info",
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users u",
                f"impersonate:user-info {GROUP}/v1/groups *",
            ],
            id="with four groups, all at once",
        ),
        pytest.param(
            caller("user-impersonater"),
            ("GET", "/metrics"),
            as_user("u"),
            UserInfo(name="u", groups=(AUTHENTICATED,)),
            "impersonate:user-info",
            ["impersonate-on:user-info:get /metrics", f"impersonate:user-info {GROUP}/v1/users u"],
            id="for a path that is no resource",
        ),
        pytest.param(
            caller("user-impersonater"),
            POD,
            as_user("system:anonymous"),
            UserInfo(name="system:anonymous", groups=("system:unauthenticated",)),
            "impersonate:user-info",
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users system:anonymous",
            ],
            id="nobody",
        ),
        pytest.param(
            caller("user-impersonater"),
            POD,
            as_user("system:node:Not_A_Node"),
            UserInfo(name="system:node:Not_A_Node", groups=(AUTHENTICATED,)),
            "impersonate:user-info",
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users system:node:Not_A_Node",
            ],
            id="a user whose name is almost a node's",
        ),
        pytest.param(
            caller("legacy-impersonater"),
            POD,
            as_user("system:admin"),
            UserInfo(name="system:admin", groups=(AUTHENTICATED,)),
            None,
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users system:admin",
                "impersonate v1/users system:admin",
            ],
            id="by the plain grant",
        ),
        pytest.param(
            caller("legacy-impersonater"),
            NEW_POD,
            as_user("system:serviceaccount:ns:sa", "g", uid="u", extra={"k": ("v",)}),
            UserInfo(name="system:serviceaccount:ns:sa", uid="u", groups=("g", AUTHENTICATED), extra={"k": ("v",)}),
            None,
            [
                "impersonate v1/serviceaccounts ns/sa",
                f"impersonate {GROUP}/v1/uids u",
                "impersonate v1/groups g",
                f"impersonate {GROUP}/v1/userextras/k v",
            ],
            id="a service account with groups, which only the plain grant allows",
        ),
        pytest.param(
            caller("legacy-impersonater"),
            POD,
            as_user("system:node:node1", "g"),
            UserInfo(name="system:node:node1", groups=("g", AUTHENTICATED)),
            None,
            ["impersonate v1/users system:node:node1", "impersonate v1/groups g"],
            id="a node with groups, likewise",
        ),
    ],
)
async def test_who_the_request_goes_on_as(
    by: UserInfo,
    request_: tuple[str, str],
    headers: Headers,
    user: UserInfo,
    constraint: str | None,
    questions: list[str],
) -> None:
    outcome = await Server().request(request_, by, headers)
    assert (outcome.status, outcome.user) == (200, user)
    assert outcome.questions == questions
    assert outcome.headers == ["accept"]
    assert outcome.audit == {"impersonated": user.name} | ({"constraint": constraint} if constraint else {})


@pytest.mark.parametrize(
    ("by", "request_", "headers", "message", "questions"),
    [
        pytest.param(
            caller("tester"),
            POD,
            as_user("anyone"),
            f'users.{GROUP} "anyone" is forbidden: User "tester" cannot impersonate:user-info resource "users" in API '
            f'group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users anyone",
                "impersonate v1/users anyone",
            ],
            id="a user",
        ),
        pytest.param(
            caller("user-impersonater"),
            NEW_POD,
            as_user("anyone"),
            'pods is forbidden: User "user-impersonater" cannot impersonate-on:user-info:create resource "pods" in API '
            'group "" in the namespace "bar": deny by default',
            ["impersonate-on:user-info:create v1/pods bar/", "impersonate v1/users anyone"],
            id="a user, for another verb",
        ),
        pytest.param(
            caller("sa-impersonater"),
            NEW_POD,
            SA,
            'pods is forbidden: User "sa-impersonater" cannot impersonate-on:serviceaccount:create resource "pods" in '
            'API group "" in the namespace "bar": deny by default',
            ["impersonate-on:serviceaccount:create v1/pods bar/", "impersonate v1/serviceaccounts default/default"],
            id="a service account, for another verb",
        ),
        pytest.param(
            caller("sa-impersonater"),
            POD,
            NODE_1,
            f'nodes.{GROUP} "node1" is forbidden: User "sa-impersonater" cannot impersonate:arbitrary-node resource '
            f'"nodes" in API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:arbitrary-node:get v1/pods bar/foo",
                f"impersonate:arbitrary-node {GROUP}/v1/nodes node1",
                "impersonate v1/users system:node:node1",
            ],
            id="a node",
        ),
        pytest.param(
            attrs.evolve(on_node("node1"), name="user-impersonater"),
            POD,
            NODE_1,
            f'nodes.{GROUP} "node1" is forbidden: User "user-impersonater" cannot impersonate:arbitrary-node resource '
            f'"nodes" in API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:arbitrary-node:get v1/pods bar/foo",
                f"impersonate:arbitrary-node {GROUP}/v1/nodes node1",
                "impersonate v1/users system:node:node1",
            ],
            id="the own node of one that is no service account",
        ),
        pytest.param(
            attrs.evolve(on_node("node1"), groups=("x",)),
            POD,
            NODE_1,
            f'nodes.{GROUP} "*" is forbidden: User "system:serviceaccount:default:default" cannot '
            f'impersonate:associated-node resource "nodes" in API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:associated-node:get v1/pods bar/foo",
                f"impersonate:associated-node {GROUP}/v1/nodes *",
                "impersonate-on:arbitrary-node:get v1/pods bar/foo",
                f"impersonate:arbitrary-node {GROUP}/v1/nodes node1",
                "impersonate v1/users system:node:node1",
            ],
            id="the own node without a grant: the first mode's refusal",
        ),
        pytest.param(
            caller("user-impersonater", "group-impersonater"),
            POD,
            as_user("system:admin", "extra-setter-scopes", extra={"pandas.io/scopes": ("scope-a", "scope-b")}),
            f'userextras.{GROUP} "scope-a" is forbidden: User "user-impersonater" cannot impersonate:user-info resource '
            f'"userextras/pandas.io/scopes" in API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users system:admin",
                f"impersonate:user-info {GROUP}/v1/groups extra-setter-scopes",
                f"impersonate:user-info {GROUP}/v1/userextras/pandas.io/scopes scope-a",
                "impersonate v1/users system:admin",
            ],
            id="extra",
        ),
        pytest.param(
            caller("user-impersonater"),
            POD,
            as_user("u", uid="id"),
            f'uids.{GROUP} "id" is forbidden: User "user-impersonater" cannot impersonate:user-info resource "uids" in '
            f'API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users u",
                f"impersonate:user-info {GROUP}/v1/uids id",
                "impersonate v1/users u",
            ],
            id="a UID",
        ),
        pytest.param(
            caller("user-impersonater"),
            POD,
            as_user("u", "a", "b", "c", "d"),
            f'groups.{GROUP} "a" is forbidden: User "user-impersonater" cannot impersonate:user-info resource "groups" '
            f'in API group "{GROUP}" at the cluster scope: deny by default',
            [
                "impersonate-on:user-info:get v1/pods bar/foo",
                f"impersonate:user-info {GROUP}/v1/users u",
                f"impersonate:user-info {GROUP}/v1/groups *",
                f"impersonate:user-info {GROUP}/v1/groups a",
                "impersonate v1/users u",
            ],
            id="many groups, by the first and not by the wildcard",
        ),
        pytest.param(
            caller("tester"),
            ("POST", "/reload"),
            as_user("u"),
            'forbidden: User "tester" cannot impersonate-on:user-info:post path "/reload": deny by default',
            ["impersonate-on:user-info:post /reload", "impersonate v1/users u"],
            id="a path that is no resource",
        ),
    ],
)
async def test_what_no_mode_allows_is_a_403_with_the_first_refusal(
    by: UserInfo, request_: tuple[str, str], headers: Headers, message: str, questions: list[str]
) -> None:
    server = Server()
    outcome = await server.request(request_, by, headers)
    assert (outcome.status, outcome.text) == (403, f"Forbidden: {message}")
    assert outcome.questions == questions
    assert outcome.user is by
    assert outcome.audit == {}
    assert outcome.nosniff
    assert not server.latencies, "only what is handed on counts"
    assert (await server.request(request_, by, headers)).questions == questions, "refusals are not remembered"


EVERYTHING = FunctionAuthorizer(lambda attributes: AuthorizationResult(Decision.ALLOW)).function


def all_but_plain(attributes: AuthorizationAttributes) -> AuthorizationResult:
    return AuthorizationResult(Decision.DENY if attributes.verb == "impersonate" else Decision.ALLOW)


@pytest.mark.parametrize(
    ("headers", "resource", "reason"),
    [
        (as_user("u", ""), f"groups.{GROUP}", "impersonating the empty string group is not allowed"),
        (
            as_user("u", "g", "system:masters"),
            f'groups.{GROUP} "system:masters"',
            "impersonating the system:masters group is not allowed",
        ),
        (
            as_user("u", extra={"": ("v",)}),
            f"userextras.{GROUP}",
            "impersonating the empty string key in extra is not allowed",
        ),
        (
            as_user("u", extra={"scopes": ("v",)}),
            f"userextras.{GROUP}",
            'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a '
            'domain-prefixed path (such as "acme.io/foo")',
        ),
        (
            as_user("u", extra={"a.io/%22": ("v",)}),
            f"userextras.{GROUP}",
            'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "\\"": Invalid path (regex '
            "used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        ),
        (
            as_user("u", extra={"a.io/%41": ("v",)}),
            f"userextras.{GROUP}",
            'impersonating a non-lowercase key in extra is not allowed: "a.io/A"',
        ),
        (
            as_user("u", extra={"a.io/k": ("v", "")}),
            f"userextras.{GROUP}",
            "impersonating the empty string value in extra is not allowed",
        ),
    ],
)
async def test_what_a_constrained_mode_never_allows(headers: Headers, resource: str, reason: str) -> None:
    outcome = await Server(all_but_plain).request(POD, caller("tester"), headers)
    assert outcome.status == 403
    assert outcome.text.startswith(f'Forbidden: {resource} is forbidden: User "tester" cannot impersonate:user-info ')
    assert outcome.text.endswith(f' in API group "{GROUP}" at the cluster scope: {reason}')
    allowed = await Server(EVERYTHING).request(POD, caller("tester"), headers)
    assert (allowed.status, allowed.audit) == (200, {"impersonated": "u"}), "the plain mode never looked at it"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        (
            [("Impersonate-Group", "g")],
            'Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)',
        ),
        ([("Impersonate-Uid", "u")], 'Name:"", UID:"u", Groups:[]string(nil), Extra:map[string][]string(nil)'),
        (
            [("Impersonate-Extra-Foo", 'v"'), ("Impersonate-Extra-bar", "w"), ("Impersonate-User", "")],
            'Name:"", UID:"", Groups:[]string(nil), '
            'Extra:map[string][]string{"bar":[]string{"w"}, "foo":[]string{"v\\""}}',
        ),
    ],
)
async def test_parts_without_a_user_are_a_400(headers: Headers, shown: str) -> None:
    outcome = await Server(EVERYTHING).request(POD, caller("tester"), headers)
    text = f"BadRequest: requested &user.DefaultInfo{{{shown}}} without impersonating a user name"
    assert (outcome.status, outcome.text) == (400, text)
    assert outcome.nosniff
    assert outcome.questions == []


@pytest.mark.parametrize("headers", [[], [("Impersonate-User", "")], [("Impersonate-Odd", "x")]])
async def test_without_a_user_to_be_the_caller_stays(headers: Headers) -> None:
    server = Server()
    outcome = await server.request(POD, caller("tester"), headers)
    assert (outcome.status, outcome.user, outcome.questions) == (200, caller("tester"), [])
    assert len(server.latencies) == 1


async def test_nobody_cannot_impersonate() -> None:
    outcome = await Server().request(POD, None, as_user("u"))
    text = f'Internal Server Error: "{POD[1]}": no User found in the context\n'
    assert (outcome.status, outcome.text) == (500, text)


@pytest.mark.parametrize(
    ("result", "status", "ending"),
    [
        (AuthorizationResult(Decision.ALLOW, "", OSError("broken")), 200, "ok"),
        (AuthorizationResult(Decision.NO_OPINION, "", OSError("broken")), 403, "cluster scope: broken"),
        (AuthorizationResult(Decision.DENY, "why", OSError("broken")), 403, "cluster scope: broken: why"),
        (AuthorizationResult(Decision.DENY), 403, "cluster scope"),
        (
            AuthorizationResult(
                Decision.DENY, "why", ForbiddenError(GroupResource("g", "things"), "a", "not this one")
            ),
            403,
            'Forbidden: things.g "a" is forbidden: not this one',
        ),
    ],
)
async def test_errors_of_the_authorizer(result: AuthorizationResult, status: int, ending: str) -> None:
    outcome = await Server(lambda attributes: result).request(("GET", "/api/v1/nodes"), caller("a"), as_user("u"))
    assert outcome.status == status
    assert outcome.text.endswith(ending)


async def test_an_authorizer_that_raises_allows_nothing() -> None:
    def fail(attributes: AuthorizationAttributes) -> AuthorizationResult:
        raise OSError("broken")

    outcome = await Server(fail).request(POD, caller("a"), as_user("u"))
    assert outcome.status == 403
    assert outcome.text.endswith(": broken")


async def test_an_own_node_is_remembered_for_all_nodes_and_answered_with_the_right_one() -> None:
    server = Server()
    node_2 = as_user("system:node:node2")

    def user(node: str) -> UserInfo:
        return UserInfo(name=f"system:node:{node}", groups=("system:nodes", AUTHENTICATED))

    first = await server.request(SECRET, on_node("node1"), NODE_1)
    assert (first.user, len(first.questions)) == (user("node1"), 2)
    for attributes in first.asked:
        assert attributes.user == attrs.evolve(
            on_node("node1"), extra={"authentication.kubernetes.io/associated-node-keys": (NODE_NAME,)}
        )
    second = await server.request(SECRET, on_node("node2"), node_2)
    assert (second.user, second.questions) == (user("node2"), [])
    assert second.audit["constraint"] == "impersonate:associated-node"
    foreign = await server.request(SECRET, on_node("node2"), NODE_1)
    assert foreign.status == 403
    assert foreign.questions == [
        "impersonate-on:arbitrary-node:get v1/secrets bar/foo",
        f"impersonate:arbitrary-node {GROUP}/v1/nodes node1",
        "impersonate v1/users system:node:node1",
    ]
    assert [attributes.user for attributes in foreign.asked] == [on_node("node2")] * 3
    pod = await server.request(POD, on_node("node2"), node_2)
    assert (pod.user, pod.questions) == (user("node2"), ["impersonate-on:associated-node:get v1/pods bar/foo"])
    again = await server.request(POD, on_node("node1"), NODE_1)
    assert (again.user, again.questions) == (user("node1"), [])


async def test_more_than_one_node_name_is_none() -> None:
    confused = attrs.evolve(on_node("node1"), extra={NODE_NAME: ("node1", "node2")})
    outcome = await Server().request(POD, confused, NODE_1)
    assert outcome.questions[0] == "impersonate-on:arbitrary-node:get v1/pods bar/foo"


async def test_the_identity_is_remembered_for_every_request_and_the_request_for_itself() -> None:
    server, by = Server(), caller("user-impersonater")
    on = "impersonate-on:user-info:get v1/pods "
    assert len((await server.request(POD, by, as_user("bob"))).questions) == 2
    assert (await server.request(POD, by, as_user("bob"))).questions == []
    assert (await server.request(OTHER_POD, by, as_user("bob"))).questions == [f"{on}bar1/foo1"]
    assert (await server.request(OTHER_POD, by, as_user("eve"))).questions == [
        f"{on}bar1/foo1",
        f"impersonate:user-info {GROUP}/v1/users eve",
    ]
    other = attrs.evolve(by, groups=("g",))
    assert len((await server.request(POD, other, as_user("bob"))).questions) == 2, "a caller with other groups"
    server.clock.seconds = 9.9
    assert (await server.request(POD, by, as_user("bob"))).questions == []
    server.clock.seconds = 10.0
    assert len((await server.request(POD, by, as_user("bob"))).questions) == 2


async def test_selectors_make_another_request() -> None:
    server, by = Server(), caller("user-impersonater")
    for path in ("/api/v1/pods", "/api/v1/pods?labelSelector=a", "/api/v1/pods?fieldSelector=metadata.name%3Da"):
        await server.request(("GET", "/api/v1/pods"), by, as_user("bob"))
        outcome = await server.request(("GET", path), by, as_user("bob"))
        assert len(outcome.questions) == ("?" in path)


async def test_the_plain_grant_is_remembered_by_nobody_but_tried_first() -> None:
    server, by = Server(), caller("legacy-impersonater")
    assert len((await server.request(POD, by, as_user("bob"))).questions) == 3
    for _ in range(2):
        assert (await server.request(POD, by, as_user("bob"))).questions == ["impersonate v1/users bob"]


async def test_when_the_last_mode_refuses_the_others_are_tried_and_its_refusal_is_shown() -> None:
    server = Server()
    by = caller("node-impersonater")
    assert (await server.request(POD, by, NODE_1)).status == 200
    # The last mode does not apply: nothing is asked twice, and the refusal is that of the first mode that does.
    outcome = await server.request(POD, by, as_user("bob"))
    assert outcome.questions[0] == "impersonate-on:user-info:get v1/pods bar/foo"
    outcome = await server.request(NEW_POD, by, NODE_1)
    assert outcome.questions == [
        "impersonate-on:arbitrary-node:create v1/pods bar/",
        "impersonate v1/users system:node:node1",
    ]
    assert "impersonate-on:arbitrary-node:create" in outcome.text


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MAX_ENTRIES", 3)
    clock = HandClock()
    cache, modes = caches.SuccessCache(clock), caches.LastModes()
    keys = [("", bytes([number])) for number in range(5)]
    for number, key in enumerate(keys):
        cache.set(key, UserInfo(name=str(number)))
        modes.set(str(number), number)
        assert modes.get("0") == 0, "what is used stays"
    assert [user.name for key in keys if (user := cache.get(key))] == ["2", "3", "4"]
    assert [modes.get(str(number)) for number in range(5)] == [0, None, None, 3, 4]
    clock.seconds = 10.0
    cache.set(keys[0], UserInfo())
    assert (len(cache), len(modes)) == (1, 3), "what is too old goes when something comes"


def test_no_two_questions_have_the_same_key() -> None:
    attributes = AuthorizationAttributes(verb="get", resource="pods")
    wanted = [
        RequestedIdentity(user="a"),
        RequestedIdentity(user="a", uid="b"),
        RequestedIdentity(user="a", groups=["b"]),
        RequestedIdentity(user="a", groups=["b", "c"]),
        RequestedIdentity(user="a", groups=["b,c"]),
        RequestedIdentity(user="a", extra={"b": ["c"]}),
        RequestedIdentity(user="a", extra={"b": ["c", ""]}),
        RequestedIdentity(user='a"', extra={"b": ["c\udcff"]}),
    ]
    callers = [UserInfo(name="x"), UserInfo(name="x", groups=("g",)), UserInfo(name="x", extra={"k": ("v",)})]
    questions = [attributes, attrs.evolve(attributes, name="n"), attrs.evolve(attributes, path="n")]
    keys = {caches.request_key(one, by, question) for one in wanted for by in callers for question in questions}
    keys |= {caches.identity_key(one, by) for one in wanted for by in callers}
    assert len(keys) == len(wanted) * len(callers) * (len(questions) + 1)


def test_the_modes_stand_in_the_order_of_the_reference() -> None:
    modes = ImpersonationModes(FunctionAuthorizer(decide), clock=HandClock()).modes
    assert [mode.constraint for mode in modes] == [
        "impersonate:associated-node",
        "impersonate:arbitrary-node",
        "impersonate:serviceaccount",
        "impersonate:user-info",
        "",
    ]


def test_without_an_authorizer_there_is_nothing_to_ask() -> None:
    assert with_constrained_impersonation(ok, None, send_error=send_error) is ok
