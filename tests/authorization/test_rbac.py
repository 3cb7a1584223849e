"""RBAC: who may do what by roles and bindings (plugin/pkg/auth/authorizer/rbac/rbac_test.go, and more)."""

from collections.abc import Callable, Sequence

import pytest

from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.rbac_v1 import (
    GROUP,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.authorization.rbac import RBACAuthorizer
from genericapiserver.authorization.rbac_index import MAX_REMEMBERED_QUESTIONS, RBACIndex, RBACObjects


def rule(verbs: str, groups: str = "*", resources: str = "*", names: str = "", urls: str = "") -> PolicyRule:
    def parts(text: str) -> list[str]:
        return text.split(",") if text else []

    if urls:
        return PolicyRule(verbs=parts(verbs), non_resource_urls=parts(urls))
    return PolicyRule(
        verbs=parts(verbs), api_groups=groups.split(","), resources=parts(resources), resource_names=parts(names)
    )


def subject(text: str) -> Subject:
    """`User:bob`, `Group:g`, `ServiceAccount:namespace:name`."""
    kind, *rest = text.split(":")
    if kind == "ServiceAccount":
        return Subject(kind=kind, namespace=rest[0], name=rest[1])
    return Subject(kind=kind, api_group=GROUP, name=":".join(rest))


def cluster_role(name: str, *rules: PolicyRule) -> ClusterRole:
    return ClusterRole(metadata=ObjectMeta(name=name), rules=list(rules))


def role(namespace: str, name: str, *rules: PolicyRule) -> Role:
    return Role(metadata=ObjectMeta(name=name, namespace=namespace), rules=list(rules))


def cluster_binding(name: str, of: str, *subjects: str, kind: str = "ClusterRole") -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=ObjectMeta(name=name),
        subjects=[subject(text) for text in subjects],
        role_ref=RoleRef(api_group=GROUP, kind=kind, name=of),
    )


def binding(namespace: str, name: str, of: str, *subjects: str, kind: str = "Role") -> RoleBinding:
    return RoleBinding(
        metadata=ObjectMeta(name=name, namespace=namespace),
        subjects=[subject(text) for text in subjects],
        role_ref=RoleRef(api_group=GROUP, kind=kind, name=of),
    )


class Source:
    """Objects that a test changes."""

    def __init__(self, objects: RBACObjects) -> None:
        self.now = objects
        self.listeners: list[Callable[[], None]] = []

    def objects(self) -> RBACObjects:
        return self.now

    def add_listener(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def become(self, objects: RBACObjects) -> None:
        self.now = objects
        for listener in self.listeners:
            listener()


def user(name: str, *groups: str) -> UserInfo:
    return UserInfo(name=name, groups=groups)


def ask(
    verb: str,
    resource: str,
    *,
    by: UserInfo,
    group: str = "g",
    namespace: str = "n",
    name: str = "",
) -> AuthorizationAttributes:
    """*resource* is `pods`, `pods/log`, or a path that begins with a slash."""
    if resource.startswith("/"):
        return AuthorizationAttributes(user=by, verb=verb, path=resource)
    plural, _, subresource = resource.partition("/")
    return AuthorizationAttributes(
        user=by,
        verb=verb,
        api_group=group,
        resource=plural,
        subresource=subresource,
        namespace=namespace,
        name=name,
        is_resource_request=True,
    )


def decide(objects: RBACObjects, attributes: AuthorizationAttributes) -> AuthorizationResult:
    return RBACIndex(objects).authorize(attributes)


BOB = user("bob", "staff")


@pytest.mark.parametrize(
    ("rules", "verb", "resource", "extra", "allowed"),
    [
        ([rule("get", "g", "pods")], "get", "pods", {}, True),
        ([rule("get", "g", "pods")], "list", "pods", {}, False),
        ([rule("*", "g", "pods")], "watch", "pods", {}, True),
        ([rule("get", "h", "pods")], "get", "pods", {}, False),
        ([rule("get", "*", "pods")], "get", "pods", {"group": ""}, True),
        ([rule("get", "", "pods")], "get", "pods", {"group": ""}, True),
        ([rule("get", "", "pods")], "get", "pods", {"group": "g"}, False),
        ([rule("get", "g", "pods")], "get", "pods/log", {}, False),
        ([rule("get", "g", "pods/log")], "get", "pods/log", {}, True),
        ([rule("get", "g", "pods/log")], "get", "pods", {}, False),
        ([rule("get", "g", "*")], "get", "pods/log", {}, True),
        ([rule("get", "g", "*/log")], "get", "pods/log", {}, True),
        ([rule("get", "g", "*/log")], "get", "log", {}, False),
        ([rule("get", "g", "*/log")], "get", "pods/catalog", {}, False),
        ([rule("get", "g", "pods/*")], "get", "pods/log", {}, False),
        ([rule("get", "g", "pods/*")], "get", "pods", {}, False),
        ([rule("get", "g", "pods", "a,b")], "get", "pods", {"name": "a"}, True),
        ([rule("get", "g", "pods", "a,b")], "get", "pods", {"name": "c"}, False),
        ([rule("list", "g", "pods", "a")], "list", "pods", {}, False),
        ([rule("list", "g", "pods", "a")], "list", "pods", {"name": "a"}, True),
        ([rule("create", "g", "pods", "a")], "create", "pods", {}, False),
        ([rule("get", "g", "pods", "a"), rule("get", "g", "pods")], "get", "pods", {"name": "z"}, True),
        ([rule("get", urls="/healthz")], "get", "/healthz", {}, True),
        ([rule("get", urls="/healthz")], "get", "/healthz/etcd", {}, False),
        ([rule("get", urls="/healthz")], "get", "/healthz/", {}, False),
        ([rule("get", urls="/healthz*")], "get", "/healthzfoo", {}, True),
        ([rule("get", urls="/metrics/*")], "get", "/metrics/slis", {}, True),
        ([rule("get", urls="/metrics/*")], "get", "/metrics", {}, False),
        ([rule("get", urls="*")], "get", "/anything", {}, True),
        ([rule("post", urls="*")], "get", "/anything", {}, False),
        ([rule("*", urls="/apis/*/x")], "get", "/apis/a/x", {}, False),
        ([rule("get", urls="/apis")], "get", "//apis", {}, False),
        ([rule("*", "*", "*")], "get", "/healthz", {}, False),
        ([rule("*", urls="*")], "get", "pods", {}, False),
    ],
)
def test_when_a_rule_applies(
    rules: Sequence[PolicyRule], verb: str, resource: str, extra: dict[str, str], allowed: bool
) -> None:
    objects = RBACObjects(
        cluster_roles=[cluster_role("r", *rules)], cluster_role_bindings=[cluster_binding("b", "r", "User:bob")]
    )
    result = decide(objects, ask(verb, resource, by=BOB, **extra))
    assert result.decision is (Decision.ALLOW if allowed else Decision.NO_OPINION)
    assert result.error is None


EVERYTHING = rule("*")


@pytest.mark.parametrize(
    ("who", "by", "allowed"),
    [
        ("User:bob", BOB, True),
        ("User:staff", BOB, False),
        ("Group:staff", BOB, True),
        ("Group:bob", BOB, False),
        ("User:*", BOB, False),
        ("Group:*", BOB, False),
        ("ServiceAccount:n:robot", user("system:serviceaccount:n:robot"), True),
        ("ServiceAccount:m:robot", user("system:serviceaccount:n:robot"), False),
        ("ServiceAccount::robot", user("system:serviceaccount::robot"), False),
        ("Robot:bob", BOB, False),
    ],
)
def test_whom_a_subject_means(who: str, by: UserInfo, allowed: bool) -> None:
    objects = RBACObjects(
        cluster_roles=[cluster_role("r", EVERYTHING)], cluster_role_bindings=[cluster_binding("b", "r", who)]
    )
    decision = decide(objects, ask("get", "pods", by=by)).decision
    assert (decision is Decision.ALLOW) is allowed


def test_a_role_binding_counts_in_its_namespace_only() -> None:
    objects = RBACObjects(
        roles=[role("n", "r", rule("get", "g", "pods"), rule("get", urls="*"))],
        role_bindings=[binding("n", "b", "r", "User:bob")],
    )
    assert decide(objects, ask("get", "pods", by=BOB)).decision is Decision.ALLOW
    for namespace in ("m", ""):
        assert decide(objects, ask("get", "pods", by=BOB, namespace=namespace)).decision is Decision.NO_OPINION
    assert decide(objects, ask("get", "/version", by=BOB)).decision is Decision.NO_OPINION


def test_a_service_account_without_namespace_is_one_of_the_role_binding() -> None:
    objects = RBACObjects(
        roles=[role("n", "r", EVERYTHING)], role_bindings=[binding("n", "b", "r", "ServiceAccount::robot")]
    )
    result = decide(objects, ask("get", "pods", by=user("system:serviceaccount:n:robot")))
    assert result.reason == 'RBAC: allowed by RoleBinding "b/n" of Role "r" to ServiceAccount "robot/n"'


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (
            RBACObjects(
                cluster_roles=[cluster_role("r", EVERYTHING)],
                cluster_role_bindings=[cluster_binding("b", "r", "Group:staff")],
            ),
            'ClusterRoleBinding "b" of ClusterRole "r" to Group "staff"',
        ),
        (
            RBACObjects(
                cluster_roles=[cluster_role("r", EVERYTHING)],
                role_bindings=[binding("n", "b", "r", "User:bob", kind="ClusterRole")],
            ),
            'RoleBinding "b/n" of ClusterRole "r" to User "bob"',
        ),
        (
            RBACObjects(
                cluster_roles=[cluster_role("r", EVERYTHING)],
                cluster_role_bindings=[cluster_binding("b", "r", "Group:x", "Group:staff", "User:bob")],
            ),
            'ClusterRoleBinding "b" of ClusterRole "r" to Group "staff"',
        ),
        (
            RBACObjects(
                cluster_roles=[cluster_role("r", EVERYTHING)],
                roles=[role("n", "r", EVERYTHING)],
                cluster_role_bindings=[cluster_binding("z", "r", "User:bob"), cluster_binding("y", "r", "User:bob")],
                role_bindings=[binding("n", "a", "r", "User:bob")],
            ),
            'ClusterRoleBinding "y" of ClusterRole "r" to User "bob"',
        ),
    ],
)
def test_the_reason_names_the_first_binding_and_its_first_subject(objects: RBACObjects, reason: str) -> None:
    assert decide(objects, ask("get", "pods", by=BOB)).reason == f"RBAC: allowed by {reason}"


def test_a_missing_role_is_told_of_when_no_other_allows() -> None:
    broken = [cluster_binding("a", "gone", "User:bob"), cluster_binding("b", "gone", "Group:staff")]
    objects = RBACObjects(cluster_role_bindings=broken)
    result = decide(objects, ask("get", "pods", by=BOB))
    assert result.decision is Decision.NO_OPINION
    assert result.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    assert result.error is None

    several = RBACObjects(
        cluster_role_bindings=[*broken, cluster_binding("c", "r", "User:bob", kind="Odd")],
        role_bindings=[binding("n", "d", "missing", "User:bob")],
    )
    assert decide(several, ask("get", "pods", by=BOB)).reason == (
        'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, unsupported role reference kind: "Odd", '
        'role.rbac.authorization.k8s.io "missing" not found]'
    )

    mended = RBACObjects(
        cluster_roles=[cluster_role("r", EVERYTHING)],
        cluster_role_bindings=[*broken, cluster_binding("z", "r", "User:bob")],
    )
    assert decide(mended, ask("get", "pods", by=BOB)).decision is Decision.ALLOW
    assert decide(objects, ask("get", "pods", by=user("eve"))).reason == ""


def test_nobody_is_allowed_nothing() -> None:
    result = RBACIndex(RBACObjects()).authorize(AuthorizationAttributes(verb="get", path="/"))
    assert result.decision is Decision.NO_OPINION
    assert result.error is not None


async def test_changes_count_at_the_next_question() -> None:
    first = RBACObjects(
        cluster_roles=[cluster_role("r", rule("get", "g", "pods"))],
        cluster_role_bindings=[cluster_binding("b", "r", "User:bob")],
    )
    source, other = Source(first), Source(RBACObjects())
    authorizer = RBACAuthorizer(source, other)
    question, later = ask("get", "pods", by=BOB), ask("delete", "pods", by=BOB)
    assert (await authorizer.authorize(question)).decision is Decision.ALLOW
    assert (await authorizer.authorize(later)).decision is Decision.NO_OPINION
    other.become(
        RBACObjects(
            cluster_roles=[cluster_role("s", rule("delete", "g", "pods"))],
            cluster_role_bindings=[cluster_binding("c", "s", "User:bob")],
        )
    )
    assert (await authorizer.authorize(later)).decision is Decision.ALLOW
    source.become(RBACObjects())
    assert (await authorizer.authorize(question)).decision is Decision.NO_OPINION
    assert (await authorizer.authorize(later)).decision is Decision.ALLOW


async def test_the_rules_of_a_user_are_those_of_all_bindings() -> None:
    objects = RBACObjects(
        cluster_roles=[cluster_role("r", rule("get", "g", "pods", "a"), rule("get", urls="/x"))],
        roles=[role("n", "s", rule("list", "g", "pods"))],
        cluster_role_bindings=[cluster_binding("b", "r", "Group:staff"), cluster_binding("c", "gone", "User:bob")],
        role_bindings=[binding("n", "d", "s", "User:bob")],
    )
    rules = await RBACAuthorizer(Source(objects)).rules_for(BOB, "n")
    assert [(one.verbs, one.resources, one.resource_names) for one in rules.resource_rules] == [
        (("get",), ("pods",), ("a",)),
        (("list",), ("pods",), ()),
    ]
    assert [one.non_resource_urls for one in rules.non_resource_rules] == [("/x",)]
    assert not rules.incomplete
    assert str(rules.error) == 'clusterrole.rbac.authorization.k8s.io "gone" not found'


def test_questions_without_end_do_not_fill_the_memory() -> None:
    objects = RBACObjects(
        cluster_roles=[cluster_role("r", rule("get", "g", "pods"))],
        cluster_role_bindings=[cluster_binding("b", "r", "User:bob")],
    )
    index = RBACIndex(objects)
    for number in range(2 * MAX_REMEMBERED_QUESTIONS + 3):
        index.authorize(ask("get", f"r{number}", by=BOB, namespace=f"n{number}"))
    (rules,) = index._users.values()
    assert len(rules.questions) <= MAX_REMEMBERED_QUESTIONS
    assert index.authorize(ask("get", "pods", by=BOB)).decision is Decision.ALLOW
