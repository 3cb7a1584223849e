"""The index of roles and bindings against the plain way of asking one binding after the other."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

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
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.authorization.rbac_index import RBACIndex, RBACObjects
from genericapiserver.authorization.rbac_rules import uncovered
from tests.properties.widgets import QUICK

NAMES = st.sampled_from(["a", "b"])
NAMESPACES = st.sampled_from(["", "n", "m"])


def some(*texts: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(texts), max_size=2)


RULES = st.builds(
    PolicyRule,
    verbs=some("get", "list", "*"),
    api_groups=some("", "g", "*"),
    resources=some("pods", "pods/log", "*/log", "pods/*", "*"),
    resource_names=some("x", "y"),
    non_resource_urls=some("/a", "/a*", "/a/*", "*"),
)
SUBJECTS = st.builds(
    Subject,
    kind=st.sampled_from(["User", "Group", "ServiceAccount", "Robot"]),
    name=st.sampled_from(["u", "system:serviceaccount:n:u"]),
    namespace=NAMESPACES,
)


def metadata(*, namespaced: bool) -> st.SearchStrategy[ObjectMeta]:
    return st.builds(ObjectMeta, name=NAMES, namespace=st.sampled_from(["n", "m"]) if namespaced else st.just(""))


def refs(*kinds: str) -> st.SearchStrategy[RoleRef]:
    return st.builds(
        RoleRef, api_group=st.just(GROUP), kind=st.sampled_from(kinds), name=st.sampled_from(["a", "b", "gone"])
    )


def unique(strategy: st.SearchStrategy[ObjectMeta], cls: type[Any], **fields: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(
        st.builds(cls, metadata=strategy, **fields),
        max_size=3,
        unique_by=lambda obj: (obj.metadata.namespace, obj.metadata.name),
    )


OBJECTS = st.builds(
    RBACObjects,
    roles=unique(metadata(namespaced=True), Role, rules=st.lists(RULES, max_size=2)),
    cluster_roles=unique(metadata(namespaced=False), ClusterRole, rules=st.lists(RULES, max_size=2)),
    role_bindings=unique(
        metadata(namespaced=True),
        RoleBinding,
        subjects=st.lists(SUBJECTS, max_size=2),
        role_ref=refs("Role", "ClusterRole"),
    ),
    cluster_role_bindings=unique(
        metadata(namespaced=False),
        ClusterRoleBinding,
        subjects=st.lists(SUBJECTS, max_size=2),
        role_ref=refs("ClusterRole"),
    ),
)
USERS = st.builds(
    UserInfo, name=st.sampled_from(["u", "v", "system:serviceaccount:n:u"]), groups=some("u", "w").map(tuple)
)
RESOURCE_QUESTIONS = st.builds(
    AuthorizationAttributes,
    user=USERS,
    verb=st.sampled_from(["get", "list"]),
    api_group=st.sampled_from(["", "g"]),
    resource=st.sampled_from(["pods", "nodes"]),
    subresource=st.sampled_from(["", "log"]),
    namespace=NAMESPACES,
    name=st.sampled_from(["", "x"]),
    is_resource_request=st.just(True),
)
URL_QUESTIONS = st.builds(
    AuthorizationAttributes, user=USERS, verb=st.just("get"), path=st.sampled_from(["/a", "/a/b", "/ab", "/"])
)
QUESTIONS = st.one_of(RESOURCE_QUESTIONS, URL_QUESTIONS)


def plainly(objects: RBACObjects, asked: AuthorizationAttributes) -> bool:
    """Whether any rule of any binding that names the user allows it."""
    bindings: list[Any] = list(objects.cluster_role_bindings)
    if asked.namespace:
        bindings += [one for one in objects.role_bindings if one.metadata.namespace == asked.namespace]
    for binding in bindings:
        namespace = binding.metadata.namespace
        if not any(means(subject, asked.user or UserInfo(), namespace) for subject in binding.subjects):
            continue
        ref = binding.role_ref
        roles: Sequence[Any] = objects.cluster_roles if ref.kind == "ClusterRole" else objects.roles
        for role in roles:
            where = "" if ref.kind == "ClusterRole" else namespace
            if (role.metadata.name, role.metadata.namespace) != (ref.name, where):
                continue
            if any(applies(rule, asked) for rule in role.rules):
                return True
    return False


def means(subject: Subject, user: UserInfo, namespace: str) -> bool:
    if subject.kind == "User":
        return user.name == subject.name
    if subject.kind == "Group":
        return subject.name in user.groups
    home = subject.namespace or namespace
    return (
        subject.kind == "ServiceAccount" and bool(home) and user.name == f"system:serviceaccount:{home}:{subject.name}"
    )


def applies(rule: PolicyRule, asked: AuthorizationAttributes) -> bool:
    if not {asked.verb, "*"} & set(rule.verbs):
        return False
    if not asked.is_resource_request:
        return any(
            url == asked.path or (url.endswith("*") and asked.path.startswith(url[:-1]))
            for url in rule.non_resource_urls
        )
    resources = {"*", asked.resource}
    if asked.subresource:
        resources = {"*", f"{asked.resource}/{asked.subresource}", f"*/{asked.subresource}"}
    return (
        bool({asked.api_group, "*"} & set(rule.api_groups))
        and bool(resources & set(rule.resources))
        and (not rule.resource_names or asked.name in rule.resource_names)
    )


@QUICK
@given(OBJECTS, st.lists(QUESTIONS, min_size=1, max_size=4))
def test_the_index_decides_as_the_plain_way_does(
    objects: RBACObjects, questions: list[AuthorizationAttributes]
) -> None:
    index = RBACIndex(objects)
    for asked in [*questions, *questions]:
        allowed = index.authorize(asked).decision is Decision.ALLOW
        assert allowed is plainly(objects, asked)


@QUICK
@given(st.lists(RULES, max_size=3), st.lists(RULES, max_size=2), QUESTIONS)
def test_rules_that_cover_others_allow_all_that_these_allow(
    owned: list[PolicyRule], wanted: list[PolicyRule], asked: AuthorizationAttributes
) -> None:
    if not uncovered(owned, wanted) and any(applies(rule, asked) for rule in wanted):
        assert any(applies(rule, asked) for rule in owned)
