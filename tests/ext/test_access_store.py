"""Access sets from roles and bindings (systems reference, 1.7), and how they are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
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
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.authorization.rbac_index import RBACObjects
from genericapiserver.ext import AccessSet, AccessSetAuthorizer, AccessStore
from genericapiserver.ext.access_set import Grant
from genericapiserver.ext.access_store import CACHED_SETS, SET_LIFETIME
from tests.support.clock import HandClock

JANE = UserInfo(name="jane", groups=("devs", "system:authenticated"))


@attrs.define(eq=False)
class Source:
    """Objects that the test changes."""

    found: RBACObjects = attrs.field(factory=RBACObjects)
    listeners: list[Callable[[], None]] = attrs.field(factory=list)
    asked: int = 0

    def objects(self) -> RBACObjects:
        self.asked += 1
        return self.found

    def add_listener(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def become(self, **objects: Any) -> None:
        self.found = RBACObjects(**objects)
        for listener in self.listeners:
            listener()


def rule(*resources: str, verbs: str = "get", group: str = "", names: Any = ()) -> PolicyRule:
    return PolicyRule(verbs=verbs.split(","), api_groups=[group], resources=list(resources), resource_names=list(names))


def paths(*urls: str, verbs: str = "get") -> PolicyRule:
    return PolicyRule(verbs=verbs.split(","), non_resource_urls=list(urls))


def role(name: str, *rules: PolicyRule, namespace: str, version: str = "1") -> Role:
    return Role(metadata=ObjectMeta(name=name, namespace=namespace, resource_version=version), rules=list(rules))


def cluster_role(name: str, *rules: PolicyRule, version: str = "1") -> ClusterRole:
    return ClusterRole(metadata=ObjectMeta(name=name, resource_version=version), rules=list(rules))


USER = Subject(kind="User", api_group=GROUP, name="jane")


def bound(name: str, *subjects: Subject, namespace: str = "", kind: str = "ClusterRole") -> Any:
    cls: Any = RoleBinding if namespace else ClusterRoleBinding
    return cls(
        metadata=ObjectMeta(name=name, namespace=namespace),
        subjects=list(subjects or (USER,)),
        role_ref=RoleRef(api_group=GROUP, kind=kind, name=name),
    )


def store(**objects: Any) -> AccessStore:
    return AccessStore(Source(RBACObjects(**objects)))


def grants(access: AccessSet, question: str) -> bool:
    """`verb group/resource [namespace[/name]]`, or `verb /path`."""
    verb, what, *where = question.split(" ")
    if what.startswith("/"):
        return access.grants_path(verb, what)
    group, _, resource = what.rpartition("/")
    namespace, _, name = (where or [""])[0].partition("/")
    return access.grants(verb, group, resource, namespace=namespace, name=name)


@pytest.mark.parametrize(
    ("namespace", "rules", "granted", "refused"),
    [
        ("*", [rule("pods")], ["get pods", "get pods ns", "get pods ns/a"], ["list pods", "get nodes", "get x/pods"]),
        ("*", [rule("*")], ["get pods ns"], ["get apps/pods ns"]),
        ("*", [rule("pods", group="*")], ["get pods ns", "get apps/pods"], ["get apps/nodes"]),
        ("*", [rule("pods", verbs="*")], ["get pods", "custom pods ns"], ["get nodes"]),
        ("ns", [rule("pods")], ["get pods ns", "get pods ns/a"], ["get pods", "get pods other/a"]),
        ("ns", [rule("pods", names=["a"])], ["get pods ns/a"], ["get pods ns", "get pods ns/b"]),
        ("*", [rule("pods", names=["a", "b"])], ["get pods ns/a", "get pods /b"], ["get pods", "get pods ns/c"]),
        # a namespace is an object outside of namespaces
        ("ns", [rule("namespaces")], ["get namespaces ns/ns", "get namespaces /ns"], ["get namespaces /other"]),
        ("ns", [rule("namespaces", names=["ns"])], ["get namespaces /ns"], ["get namespaces", "get namespaces /x"]),
        ("ns", [rule("namespaces", names=["x"])], ["get namespaces ns/x"], ["get namespaces /x", "get namespaces /ns"]),
        ("ns", [rule("namespaces", group="apps")], ["get apps/namespaces ns"], ["get apps/namespaces /ns"]),
        # a rule for a subresource alone is one for a resource of that name
        ("*", [rule("pods/log")], [], ["get pods"]),
        ("*", [paths("/healthz")], ["get /healthz"], ["post /healthz", "get /healthz/x", "get /"]),
        ("*", [paths("/openapi/*")], ["get /openapi/", "get /openapi/v3/x"], ["get /openapi", "get /healthz"]),
        ("*", [paths("*", verbs="*")], ["get /", "post /anything"], []),
        ("ns", [paths("/healthz")], [], ["get /healthz"]),
    ],
)
def test_what_rules_grant(namespace: str, rules: list[PolicyRule], granted: list[str], refused: list[str]) -> None:
    access = AccessSet([Grant(namespace=namespace, rules=tuple(rules), grants_paths=namespace == "*")])
    assert [question for question in granted if not grants(access, question)] == []
    assert [question for question in refused if grants(access, question)] == []


@pytest.mark.parametrize(
    ("subject", "user", "applies"),
    [
        (Subject(kind="User", api_group=GROUP, name="jane"), JANE, True),
        (Subject(kind="User", api_group=GROUP, name="joe"), JANE, False),
        (Subject(kind="Group", api_group=GROUP, name="devs"), JANE, True),
        (Subject(kind="Group", api_group=GROUP, name="jane"), JANE, False),
        (Subject(kind="User", api_group="", name="jane"), JANE, False),
        (Subject(kind="User", api_group="example.com", name="jane"), JANE, False),
        (Subject(kind="ServiceAccount", name="sa", namespace="ns"), UserInfo(name="system:serviceaccount:ns:sa"), True),
        (Subject(kind="ServiceAccount", name="sa", namespace="x"), UserInfo(name="system:serviceaccount:ns:sa"), False),
        (Subject(kind="ServiceAccount", name="sa"), UserInfo(name="system:serviceaccount::sa"), False),
        (
            Subject(kind="ServiceAccount", api_group=GROUP, name="sa", namespace="ns"),
            UserInfo(name="system:serviceaccount:ns:sa"),
            False,
        ),
    ],
)
def test_whom_subjects_name(subject: Subject, user: UserInfo, applies: bool) -> None:
    access = store(
        cluster_roles=[cluster_role("r", rule("pods"))], cluster_role_bindings=[bound("r", subject)]
    ).access_for(user)
    assert grants(access, "get pods") is applies


def test_bindings_add_up() -> None:
    access = store(
        roles=[role("own", rule("secrets"), namespace="ns"), role("own", rule("nodes"), namespace="other")],
        cluster_roles=[cluster_role("read", rule("pods"), paths("/healthz")), cluster_role("log", paths("/logs"))],
        cluster_role_bindings=[bound("log", Subject(kind="Group", api_group=GROUP, name="devs"))],
        role_bindings=[bound("own", namespace="ns", kind="Role"), bound("read", namespace="ns")],
    ).access_for(JANE)
    assert grants(access, "get secrets ns")
    assert grants(access, "get pods ns")
    assert grants(access, "get /logs")
    assert not grants(access, "get nodes ns")
    assert not grants(access, "get pods other")
    assert not grants(access, "get /healthz")  # only cluster roles that are bound everywhere grant paths


@pytest.mark.parametrize(
    "binding",
    [
        bound("missing"),
        bound("missing", namespace="ns", kind="Role"),
        bound("r", kind="Role"),
        bound("r", kind="Other"),
        ClusterRoleBinding(subjects=[USER], role_ref=RoleRef(api_group="example.com", kind="ClusterRole", name="r")),
    ],
)
def test_a_role_that_is_not_there_grants_nothing(binding: Any) -> None:
    everywhere = isinstance(binding, ClusterRoleBinding)
    access = store(
        cluster_roles=[cluster_role("r", rule("pods"))],
        **{"cluster_role_bindings" if everywhere else "role_bindings": [binding]},
    ).access_for(JANE)
    assert not grants(access, "get pods ns")


# ---- keeping


def of_role(version: str, *rules: PolicyRule) -> dict[str, Any]:
    return {
        "cluster_roles": [cluster_role("r", *rules, version=version)],
        "cluster_role_bindings": [bound("r")],
    }


def test_users_with_the_same_roles_share_a_set() -> None:
    source = Source()
    source.found = RBACObjects(
        cluster_roles=[cluster_role("r", rule("pods"))],
        cluster_role_bindings=[bound("r", USER, Subject(kind="User", api_group=GROUP, name="joe"))],
    )
    access = AccessStore(source)
    assert access.access_for(JANE) is access.access_for(UserInfo(name="joe"))
    assert access.access_for(JANE) is not access.access_for(UserInfo(name="nobody"))
    assert source.asked == 1


def test_a_change_counts_from_the_next_question_on() -> None:
    source = Source()
    access = AccessStore(source)
    assert not grants(access.access_for(JANE), "get pods")
    source.become(**of_role("1", rule("pods")))
    assert grants(access.access_for(JANE), "get pods")
    source.become(**of_role("2", rule("nodes")))
    assert not grants(access.access_for(JANE), "get pods")
    source.become()
    assert not grants(access.access_for(JANE), "get nodes")


def test_a_set_outlives_changes_that_do_not_concern_it() -> None:
    source = Source(RBACObjects(**of_role("1", rule("pods"))))
    access = AccessStore(source)
    before = access.access_for(JANE)
    source.become(roles=[role("x", rule("nodes"), namespace="ns")], **of_role("1", rule("pods")))
    assert access.access_for(JANE) is before


def test_roles_from_files_have_no_version_and_are_told_apart_all_the_same() -> None:
    source = Source(RBACObjects(**of_role("", rule("pods"))))
    access = AccessStore(source)
    assert grants(access.access_for(JANE), "get pods")
    source.become(**of_role("", rule("nodes")))
    assert not grants(access.access_for(JANE), "get pods")


def test_a_set_is_kept_for_a_day() -> None:
    clock = HandClock()
    source = Source(RBACObjects(**of_role("1", rule("pods"))))
    access = AccessStore(source, clock=clock)
    first = access.access_for(JANE)
    for seconds, same in ((SET_LIFETIME - 1, True), (2, False)):
        clock.seconds += seconds
        source.become(**of_role("1", rule("pods")))
        assert (access.access_for(JANE) is first) is same


def test_fifty_sets_are_kept() -> None:
    source = Source()
    access = AccessStore(source)
    names = [f"u{number}" for number in range(CACHED_SETS + 1)]
    objects = {
        "cluster_roles": [cluster_role(name, rule("pods")) for name in names],
        "cluster_role_bindings": [bound(name, Subject(kind="User", api_group=GROUP, name=name)) for name in names],
    }
    source.become(**objects)
    made = {name: access.access_for(UserInfo(name=name)) for name in names}
    source.become(**objects)
    kept = [name for name in reversed(names) if access.access_for(UserInfo(name=name)) is made[name]]
    assert len(kept) == CACHED_SETS
    assert names[0] not in kept


# ---- the authorizer: TestAuthorization_NonResourceURLs


@attrs.frozen
class Fixed:
    access: AccessSet

    def access_for(self, user: UserInfo) -> AccessSet:
        return self.access


@pytest.mark.parametrize(
    ("verbs", "verb", "path", "decision"),
    [
        ("get", "get", "/healthz", Decision.ALLOW),
        ("get", "post", "/metrics", Decision.DENY),
        ("get", "get", "/other", Decision.DENY),
        ("get,post", "get", "/metrics", Decision.ALLOW),
        ("get,post", "post", "/metrics", Decision.ALLOW),
    ],
)
async def test_paths_that_belong_to_no_resource(verbs: str, verb: str, path: str, decision: Decision) -> None:
    rules = (paths("/metrics", "/healthz", verbs=verbs),)
    authorizer = AccessSetAuthorizer(Fixed(AccessSet([Grant(namespace="*", rules=rules, grants_paths=True)])))
    result = await authorizer.authorize(AuthorizationAttributes(user=JANE, verb=verb, path=path))
    assert result == AuthorizationResult(decision, "", None)


async def test_it_always_decides_and_never_says_why() -> None:
    authorizer = AccessSetAuthorizer(store())
    for user in (JANE, None):
        attributes = AuthorizationAttributes(user=user, verb="get", resource="pods", is_resource_request=True)
        assert await authorizer.authorize(attributes) == AuthorizationResult(Decision.DENY)


async def test_subresources_are_not_told_apart() -> None:
    authorizer = AccessSetAuthorizer(store(**of_role("1", rule("pods", names=["a"]))))
    attributes = AuthorizationAttributes(
        user=JANE, verb="get", resource="pods", subresource="log", name="a", is_resource_request=True
    )
    assert (await authorizer.authorize(attributes)).decision is Decision.ALLOW
