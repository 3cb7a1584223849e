"""The review groups of a server that stands alone: asked over HTTPS, and as kubectl asks."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import free_port
from tests.support.standalone import Standalone, standalone

pytestmark = pytest.mark.e2e

AUTHENTICATION = "/apis/authentication.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
ADMIN_GROUPS = ["system:masters", "system:authenticated"]
GET_PODS = {"verb": "get", "resource": "pods"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("reviews")
    with standalone(folder / "data", free_port(), "--storage-backend=memory") as server:
        yield server


@pytest.fixture(scope="module")
def admin(running: Standalone) -> HTTPSClient:
    return running.admin


@pytest.fixture(scope="module")
def kubectl(running: Standalone) -> Kubectl:
    return running.kubectl


def review(kind: str, spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    group = "authentication" if kind in ("TokenReview", "SelfSubjectReview") else "authorization"
    return {"kind": kind, "apiVersion": f"{group}.k8s.io/v1", "spec": spec, **fields}


def ask(admin: HTTPSClient, kind: str, spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    root = AUTHENTICATION if kind in ("TokenReview", "SelfSubjectReview") else AUTHORIZATION
    answer = admin.request("POST", f"{root}/{kind.lower()}s", review(kind, spec, **fields))
    assert answer.status == 201, answer.body
    document: dict[str, Any] = answer.json()
    return document


def test_every_review_can_only_be_created(admin: HTTPSClient) -> None:
    for root in (AUTHENTICATION, AUTHORIZATION):
        for resource in admin.get(root).json()["resources"]:
            assert resource["verbs"] == ["create"], resource
            assert resource["singularName"] == resource["kind"].lower()
            assert resource["namespaced"] is (resource["name"] == "localsubjectaccessreviews")
            place = "namespaces/a/" if resource["namespaced"] else ""
            assert admin.get(f"{root}/{place}{resource['name']}").status == 405


def test_a_decision_comes_in_the_status_of_what_was_sent(admin: HTTPSClient) -> None:
    spec = {"resourceAttributes": GET_PODS, "user": "bob", "groups": ["system:masters"]}
    document = ask(admin, "SubjectAccessReview", spec)
    assert list(document) == ["kind", "apiVersion", "metadata", "spec", "status"]
    assert document["spec"] == spec
    assert document["status"] == {"allowed": True}
    assert ask(admin, "SubjectAccessReview", spec | {"groups": []})["status"] == {"allowed": False}


def test_everybody_may_ask_about_themselves(admin: HTTPSClient) -> None:
    document = ask(admin, "SelfSubjectAccessReview", {"nonResourceAttributes": {"path": "/x", "verb": "get"}})
    assert document["status"] == {"allowed": True}


def test_a_local_review_asks_about_its_own_namespace(admin: HTTPSClient) -> None:
    path = f"{AUTHORIZATION}/namespaces/a/localsubjectaccessreviews"
    spec: dict[str, Any] = {"resourceAttributes": GET_PODS | {"namespace": "a"}, "user": "bob"}
    document = admin.request("POST", path, review("LocalSubjectAccessReview", spec)).json()
    assert document["status"] == {"allowed": False}
    assert document["metadata"]["namespace"] == "a"
    spec["resourceAttributes"]["namespace"] = "b"
    refused = admin.request("POST", path, review("LocalSubjectAccessReview", spec))
    assert refused.status == 422
    assert refused.json()["message"].endswith(
        'spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace'
    )


NO_ACCESS = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
IN_NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'"


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"user": "a"}, "spec.resourceAttributes", f'Invalid value: "null": {NO_ACCESS}'),
        (
            {"user": "a", "resourceAttributes": GET_PODS, "nonResourceAttributes": {"path": "/x"}},
            "spec.nonResourceAttributes",
            'Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes',
        ),
        (
            {"resourceAttributes": GET_PODS},
            "spec.user",
            'Invalid value: "": at least one of user or group must be specified',
        ),
        (
            {"user": "a", "resourceAttributes": {"fieldSelector": {"rawSelector": "foo", "requirements": [{}]}}},
            "spec.resourceAttributes.fieldSelector.rawSelector",
            'Invalid value: "foo": may not specified at the same time as requirements',
        ),
        (
            {"user": "a", "resourceAttributes": {"fieldSelector": {}}},
            "spec.resourceAttributes.fieldSelector.requirements",
            "Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is "
            "required",
        ),
        (
            {"user": "a", "resourceAttributes": {"fieldSelector": {"requirements": [{"operator": "In"}]}}},
            "spec.resourceAttributes.fieldSelector.requirements[0].key",
            "Required value: must be specified",
        ),
        (
            {"user": "a", "resourceAttributes": {"labelSelector": {"requirements": [{"key": "a", "operator": "In"}]}}},
            "spec.resourceAttributes.labelSelector.requirements[0].values",
            f"Required value: {IN_NEEDS_VALUES}",
        ),
        (
            {
                "user": "a",
                "resourceAttributes": {
                    "fieldSelector": {"requirements": [{"key": "a", "operator": "Exists", "values": ["b"]}]}
                },
            },
            "spec.resourceAttributes.fieldSelector.requirements[0].values",
            "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
    ],
)
def test_reviews_that_ask_nothing_clear_are_refused(
    admin: HTTPSClient, spec: dict[str, Any], field: str, message: str
) -> None:
    refused = admin.request("POST", f"{AUTHORIZATION}/subjectaccessreviews", review("SubjectAccessReview", spec))
    assert refused.status == 422, refused.body
    document = refused.json()
    assert document["message"].startswith('.authorization.k8s.io "" is invalid: ')
    causes = {cause["field"]: cause["message"] for cause in document["details"]["causes"]}
    assert causes[field] == message


def test_a_review_has_no_name(admin: HTTPSClient) -> None:
    spec = {"resourceAttributes": GET_PODS, "user": "a"}
    body = review("SubjectAccessReview", spec, metadata={"name": "x"})
    refused = admin.request("POST", f"{AUTHORIZATION}/subjectaccessreviews", body)
    assert refused.status == 422
    (cause,) = refused.json()["details"]["causes"]
    assert cause["field"] == "metadata"
    assert cause["message"].endswith("must be empty")


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"fieldSelector": {"rawSelector": "a=b"}}, None),
        ({"fieldSelector": {"rawSelector": "a"}}, "spec.resourceAttributes.fieldSelector ignored due to parse error"),
        (
            {
                "labelSelector": {
                    "requirements": [
                        {"key": "a", "operator": "Exists"},
                        {"key": "b", "operator": "Near", "values": ["c"]},
                    ]
                }
            },
            "spec.resourceAttributes.labelSelector partially ignored due to parse error",
        ),
        (
            {
                "fieldSelector": {"requirements": [{"key": "a", "operator": "In", "values": ["b", "c"]}]},
                "labelSelector": {"rawSelector": "a in"},
            },
            "spec.resourceAttributes.fieldSelector ignored due to parse error; "
            "spec.resourceAttributes.labelSelector ignored due to parse error",
        ),
    ],
)
def test_selectors_that_cannot_be_understood_are_ignored_and_told_of(
    admin: HTTPSClient, attributes: dict[str, Any], error: str | None
) -> None:
    spec = {"resourceAttributes": GET_PODS | attributes, "user": "a"}
    assert ask(admin, "SubjectAccessReview", spec)["status"].get("evaluationError") == error


def test_the_rules_of_the_administrator(admin: HTTPSClient) -> None:
    status = ask(admin, "SelfSubjectRulesReview", {"namespace": "a"})["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in status["resourceRules"]
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in status["nonResourceRules"]
    assert status["incomplete"] is False
    refused = admin.request(
        "POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", review("SelfSubjectRulesReview", {"namespace": ""})
    )
    assert (refused.status, refused.json()["message"]) == (400, "no namespace on request")


def test_who_one_is(admin: HTTPSClient) -> None:
    document = ask(admin, "SelfSubjectReview", {})
    info = document["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("admin", ADMIN_GROUPS)
    assert info["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    assert document["metadata"]["creationTimestamp"]


def test_a_token_that_nobody_gave_out_is_that_of_nobody(admin: HTTPSClient) -> None:
    status = ask(admin, "TokenReview", {"token": "x"})["status"]
    assert "authenticated" not in status
    assert status["user"] == {}
    for odd in ("x y", "x\ny", " x"):
        assert ask(admin, "TokenReview", {"token": odd})["status"] == {"user": {}, "error": "invalid bearer token"}
    refused = admin.request("POST", f"{AUTHENTICATION}/tokenreviews", review("TokenReview", {}))
    assert refused.status == 400
    assert refused.json()["message"] == "token is required for TokenReview in authentication"


@needs_kubectl
def test_kubectl_auth_whoami(kubectl: Kubectl) -> None:
    lines = dict(line.split(maxsplit=1) for line in kubectl("auth", "whoami").splitlines()[:3])
    assert lines["Username"].strip() == "admin"
    assert lines["Groups"].strip() == "[system:masters system:authenticated]"


@needs_kubectl
def test_kubectl_auth_can_i(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "flunders") == "yes\n"
    assert kubectl("auth", "can-i", "get", "/metrics") == "yes\n"
    assert "*.*" in kubectl("auth", "can-i", "--list")
