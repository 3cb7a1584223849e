import pytest

from genericapiserver.apis.flowcontrol_v1 import (
    SERVICE_ACCOUNT,
    USER,
    FlowSchema,
    NonResourcePolicyRule,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
    UserSubject,
)
from genericapiserver.authentication.user import UserInfo
from genericapiserver.flowcontrol.bootstrap import mandatory_schemas, suggested_schemas
from genericapiserver.flowcontrol.classification import Classifier
from genericapiserver.request.request_info import RequestInfo
from tests.support.flow_control import group, path_rule, resource, resource_rule, schema, user

SA = "system:serviceaccount:a:b"


def matches(one: FlowSchema, name: str, info: RequestInfo, *groups: str) -> bool:
    return Classifier([(one.spec, True)], False).classify(user(name, *groups), info)


def named(name: str) -> Subject:
    return Subject(kind=USER, user=UserSubject(name=name))


def account(namespace: str, name: str) -> Subject:
    return Subject(kind=SERVICE_ACCOUNT, service_account=ServiceAccountSubject(namespace=namespace, name=name))


@pytest.mark.parametrize(
    ("subject", "name", "groups", "expected"),
    [
        (named("alice"), "alice", (), True),
        (named("alice"), "bob", (), False),
        (named("*"), "bob", (), True),
        (group("g"), "bob", ("f", "g"), True),
        (group("g"), "g", ("f",), False),
        (group("*"), "bob", ("f",), True),
        (account("a", "b"), SA, (), True),
        (account("a", "c"), SA, (), False),
        (account("a", "*"), SA, (), True),
        (account("b", "*"), SA, (), False),
        (Subject(kind="Else"), "bob", (), False),
    ],
)
def test_subjects(subject: Subject, name: str, groups: tuple[str, ...], expected: bool) -> None:
    assert matches(schema("s", "l", subjects=[subject]), name, resource(), *groups) is expected


@pytest.mark.parametrize(
    ("rule", "info", "expected"),
    [
        (resource_rule(), resource(namespace=""), True),
        (resource_rule(cluster=False), resource(namespace=""), False),
        (resource_rule(cluster=False), resource(namespace="x"), True),
        (resource_rule(namespaces=["x"]), resource(namespace="x"), True),
        (resource_rule(namespaces=["x"]), resource(namespace="y"), False),
        (resource_rule(namespaces=[]), resource(namespace="y"), False),
        (resource_rule(namespaces=[]), resource(namespace=""), True),
        (resource_rule(resources=["pods"]), resource(), True),
        (resource_rule(resources=["pods"]), resource(subresource="status"), False),
        (resource_rule(resources=["pods/status"]), resource(subresource="status"), True),
        (resource_rule(resources=["*"]), resource(subresource="status"), True),
        (resource_rule(resources=["*", "nodes"]), resource(), False),
        (resource_rule(verbs=["list"]), resource("get"), False),
        (resource_rule(verbs=["*", "list"]), resource("get"), False),
        (resource_rule(groups=["g"]), resource(api_group="g"), True),
        (resource_rule(groups=["g"]), resource(), False),
    ],
)
def test_resource_rules(rule: ResourcePolicyRule, info: RequestInfo, expected: bool) -> None:
    assert matches(schema("s", "l", resources=[rule], paths=[]), "u", info) is expected


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        (path_rule(), "/anything", True),
        (path_rule(verbs=["put"]), "/anything", False),
        (path_rule(urls=["/healthz"]), "/healthz", True),
        (path_rule(urls=["/healthz"]), "/healthz/etcd", True),
        (path_rule(urls=["/healthz"]), "/healthzfoo", False),
        (path_rule(urls=["/healthz*"]), "/healthzfoo", False),
        (path_rule(urls=["/healthz/*"]), "/healthz/etcd", True),
        (path_rule(urls=["/healthz/*"]), "/healthz", False),
        (path_rule(urls=["/"]), "/version", True),
    ],
)
def test_path_rules(rule: NonResourcePolicyRule, path: str, expected: bool) -> None:
    info = RequestInfo(False, path, "get")
    assert matches(schema("s", "l", resources=[], paths=[rule]), "u", info) is expected


def test_a_rule_for_paths_says_nothing_of_resources_and_the_other_way_round() -> None:
    assert not matches(schema("s", "l", resources=[]), "u", resource())
    assert not matches(schema("s", "l", paths=[]), "u", RequestInfo(False, "/version", "get"))


@pytest.mark.parametrize(
    ("name", "groups", "info", "expected"),
    [
        ("admin", ("system:masters", "system:authenticated"), resource(), "exempt"),
        ("alice", ("system:authenticated",), RequestInfo(False, "/readyz/etcd", "get"), "probes"),
        ("alice", ("system:authenticated",), RequestInfo(False, "/version", "get"), "global-default"),
        ("alice", ("system:authenticated",), resource(), "global-default"),
        ("system:anonymous", ("system:unauthenticated",), resource(), "global-default"),
        (
            "system:kube-scheduler",
            ("system:authenticated",),
            resource("update", "leases", api_group="coordination.k8s.io"),
            "system-leader-election",
        ),
        ("system:kube-scheduler", ("system:authenticated",), resource(), "kube-scheduler"),
        ("system:node:a", ("system:nodes",), resource("get", "nodes", namespace=""), "system-node-high"),
        ("system:node:a", ("system:nodes",), resource(), "system-nodes"),
        (
            "system:serviceaccount:kube-system:x",
            ("system:serviceaccounts",),
            resource(),
            "kube-system-service-accounts",
        ),
        (SA, ("system:serviceaccounts",), resource(), "service-accounts"),
        ("nobody", (), resource(), "nothing"),
    ],
)
def test_the_schemas_of_every_server(name: str, groups: tuple[str, ...], info: RequestInfo, expected: str) -> None:
    schemas = sorted([*mandatory_schemas(), *suggested_schemas()], key=lambda one: one.spec.matching_precedence)
    classifier = Classifier([(one.spec, one.metadata.name) for one in schemas], "nothing")
    who = UserInfo(name=name, groups=groups)
    assert classifier.classify(who, info) == expected
    assert classifier.classify(who, info) == expected
