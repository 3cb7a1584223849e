import json
from typing import Any

import pytest

from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.review import Reviewer
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.authorization.webhook import WebhookAuthorizer, subject_access_review_path
from tests.authentication.test_webhook import FakeClient
from tests.support.clock import HandClock

ATTRIBUTES = AuthorizationAttributes(
    user=UserInfo(name="bob", uid="u1", groups=("g", "system:authenticated"), extra={"a": ("v",)}),
    verb="list",
    namespace="dev",
    api_group="g",
    api_version="v1",
    resource="pods",
    name="a",
    is_resource_request=True,
    path="/apis/g/v1/namespaces/dev/pods",
    field_selector="metadata.name=a",
    label_selector="i",
)


def authorizer(client: FakeClient, clock: HandClock | None = None, **options: Any) -> WebhookAuthorizer:
    async def no_sleep(seconds: float) -> None:
        pass

    reviewer = Reviewer(client, subject_access_review_path(timeout=10), sleep=no_sleep)
    return WebhookAuthorizer(reviewer, authorized_ttl=10, unauthorized_ttl=5, clock=clock, **options)


def status(**fields: Any) -> tuple[int, Any]:
    return 201, {"status": fields}


async def test_the_review_on_the_wire() -> None:
    client = FakeClient(status(allowed=True))
    await authorizer(client).authorize(ATTRIBUTES)
    assert client.posts == [
        (
            "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s",
            b'{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":'
            b'{"resourceAttributes":{"namespace":"dev","verb":"list","group":"g","version":"v1","resource":"pods",'
            b'"name":"a","fieldSelector":{"requirements":[{"key":"metadata.name","operator":"In","values":["a"]}]},'
            b'"labelSelector":{"requirements":[{"key":"i","operator":"Exists"}]}},"user":"bob",'
            b'"groups":["g","system:authenticated"],"extra":{"a":["v"]},"uid":"u1"},"status":{"allowed":false}}\n',
        )
    ]


async def test_a_path_on_the_wire() -> None:
    client = FakeClient(status(allowed=True))
    await authorizer(client).authorize(AuthorizationAttributes(user=UserInfo(name="u"), verb="get", path="/version"))
    spec = json.loads(client.posts[0][1])["spec"]
    assert spec == {"nonResourceAttributes": {"path": "/version", "verb": "get"}, "user": "u"}


@pytest.mark.parametrize(
    ("fields", "labels", "expected"),
    [
        ("a!=b,c==d", "", [("a", "NotIn", ["b"]), ("c", "In", ["d"])]),
        ("a", "", None),
        ("", "x in (b,a),y!=c,!z,w", [("w", "Exists", None), ("x", "In", ["a", "b"]), ("y", "NotIn", ["c"]),
                                      ("z", "DoesNotExist", None)]),
        ("", "x>1,y", [("y", "Exists", None)]),
        ("", "x>1", None),
        ("", "!!", None),
    ],
)  # fmt: skip
async def test_selectors(fields: str, labels: str, expected: list[tuple[str, str, list[str] | None]] | None) -> None:
    client = FakeClient(status(allowed=True))
    attributes = AuthorizationAttributes(
        is_resource_request=True, resource="r", field_selector=fields, label_selector=labels
    )
    await authorizer(client).authorize(attributes)
    sent = json.loads(client.posts[0][1])["spec"]["resourceAttributes"]
    selector = sent.get("fieldSelector" if fields else "labelSelector")
    found = selector and [(r["key"], r["operator"], r.get("values")) for r in selector["requirements"]]
    assert found == expected


@pytest.mark.parametrize(
    ("answer", "decision", "error"),
    [
        ({"allowed": True, "reason": "r"}, Decision.ALLOW, None),
        ({"allowed": False, "reason": "r"}, Decision.NO_OPINION, None),
        ({"denied": True, "reason": "r"}, Decision.DENY, None),
        (
            {"denied": True, "allowed": True, "reason": "r"},
            Decision.DENY,
            "webhook subject access review returned both allow and deny response",
        ),
    ],
)
async def test_answers(answer: dict[str, Any], decision: Decision, error: str | None) -> None:
    result = await authorizer(FakeClient(status(**answer))).authorize(ATTRIBUTES)
    assert (result.decision, result.reason) == (decision, "r")
    assert (None if result.error is None else str(result.error)) == error


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"kind": "SubjectAccessReview", "status": {"allowed": "true"}}, "cannot unmarshal string"),
        ({"kind": "SubjectAccessReview", "status": {"allowed": True, "denied": "true"}}, "cannot unmarshal string"),
        ({"kind": "SubjectAccessReview", "status": [{"allowed": True}]}, "cannot unmarshal array"),
        (
            {"kind": "Approval", "apiVersion": "example.com/v1", "status": {"allowed": True}},
            "is of kind Approval of example.com/v1, not of kind SubjectAccessReview of authorization.k8s.io/v1",
        ),
        ({"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1beta1"}, "v1beta1, not of kind"),
        ({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "go away"}, "go away"),
        ([{"status": {"allowed": True}}], "no SubjectAccessReview"),
        (None, "no SubjectAccessReview"),
    ],
)
async def test_what_is_no_review_allows_nothing(answer: Any, complaint: str) -> None:
    result = await authorizer(FakeClient((201, answer))).authorize(ATTRIBUTES)
    assert result.decision is Decision.NO_OPINION
    assert complaint in str(result.error)


@pytest.mark.parametrize(("code", "calls"), [(500, 5), (429, 5), (401, 1), (403, 1), (404, 1)])
async def test_failures_are_no_opinion_with_the_error_and_are_not_kept(code: int, calls: int) -> None:
    client = FakeClient((code, {"message": "m"}))
    webhook = authorizer(client)
    for times in (1, 2):
        result = await webhook.authorize(ATTRIBUTES)
        assert (result.decision, str(result.error)) == (Decision.NO_OPINION, "m")
        assert len(client.posts) == calls * times


async def test_the_decision_on_error_can_be_set() -> None:
    client = FakeClient((403, {"message": "m"}))
    result = await authorizer(client, decision_on_error=Decision.DENY).authorize(ATTRIBUTES)
    assert result.decision is Decision.DENY


@pytest.mark.parametrize(("allowed", "ttl"), [(True, 10.0), (False, 5.0)])
async def test_a_decision_is_kept_for_its_time(allowed: bool, ttl: float) -> None:
    client, clock = FakeClient(status(allowed=allowed)), HandClock()
    webhook = authorizer(client, clock)
    for clock.seconds in (0.0, ttl - 0.1, ttl):
        await webhook.authorize(ATTRIBUTES)
    assert len(client.posts) == 2


@pytest.mark.parametrize(("length", "calls"), [(9_900, 1), (10_000, 2)])
async def test_long_questions_are_not_kept(length: int, calls: int) -> None:
    client = FakeClient(status(allowed=True))
    webhook = authorizer(client)
    for _ in range(2):
        await webhook.authorize(AuthorizationAttributes(path="x" * length))
    assert len(client.posts) == calls


async def test_old_decisions_make_room() -> None:
    client = FakeClient(status(allowed=True))
    webhook = authorizer(client)
    for number in range(8200):
        await webhook.authorize(AuthorizationAttributes(path=f"/{number}"))
    assert len(webhook._cache) == 8192


def test_unknown_versions_are_refused() -> None:
    with pytest.raises(ValueError, match='unsupported webhook authorizer version "v2"'):
        subject_access_review_path("v2")
