"""Conditions under which a webhook is asked (pkg/authorization/cel/matcher_test.go, and more)."""

import json
from typing import Any

import pytest

from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.review import Reviewer
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.authorization.match_conditions import (
    MatchConditionError,
    MatchConditions,
    compile_condition,
    new_environment,
)
from genericapiserver.authorization.metrics import WebhookMetrics
from genericapiserver.authorization.webhook import WebhookAuthorizer, subject_access_review_path
from genericapiserver.metrics import MetricsRegistry
from tests.authentication.test_webhook import FakeClient

pytest.importorskip("cel_expr_python")

LIST_PODS = AuthorizationAttributes(
    user=UserInfo(name="bob", groups=("g",), extra={"scopes": ("a",)}),
    verb="list",
    namespace="dev",
    resource="pods",
    is_resource_request=True,
    field_selector="metadata.name=a",
    label_selector="app",
)
GET_VERSION = AuthorizationAttributes(user=UserInfo(name="bob"), verb="get", path="/version")


def webhook(
    *expressions: str, registry: MetricsRegistry | None = None, answer: tuple[int, Any] | None = None, **options: Any
) -> tuple[WebhookAuthorizer, FakeClient]:
    client = FakeClient(answer or (201, {"status": {"allowed": True}}))
    metrics = WebhookMetrics(registry or MetricsRegistry())
    conditions = None
    if expressions:
        environment = new_environment()
        conditions = MatchConditions(
            tuple(compile_condition(environment, expression) for expression in expressions), "hook", metrics
        )
    reviewer = Reviewer(client, subject_access_review_path())
    made = WebhookAuthorizer(
        reviewer,
        authorized_ttl=0,
        unauthorized_ttl=0,
        name="hook",
        match_conditions=conditions,
        metrics=metrics,
        **options,
    )
    return made, client


@pytest.mark.parametrize(
    ("expression", "attributes", "asked"),
    [
        ("request.user == 'bob'", LIST_PODS, True),
        ("request.user == 'eve'", LIST_PODS, False),
        ("'g' in request.groups", LIST_PODS, True),
        ("request.uid == ''", LIST_PODS, True),
        ("request.extra['scopes'] == ['a']", LIST_PODS, True),
        ("has(request.resourceAttributes)", LIST_PODS, True),
        ("has(request.resourceAttributes)", GET_VERSION, False),
        ("has(request.nonResourceAttributes) && request.nonResourceAttributes.path == '/version'", GET_VERSION, True),
        ("request.resourceAttributes.namespace == 'dev'", LIST_PODS, True),
        ("request.resourceAttributes.name == '' && request.resourceAttributes.group == ''", LIST_PODS, True),
        ("request.resourceAttributes.verb in ['list', 'watch']", LIST_PODS, True),
        ("request.resourceAttributes.fieldSelector.requirements[0].values == ['a']", LIST_PODS, True),
        ("request.resourceAttributes.labelSelector.requirements[0].operator == 'Exists'", LIST_PODS, True),
        ("request.resourceAttributes.labelSelector.requirements[0].values.size() == 0", LIST_PODS, True),
    ],
)
async def test_a_webhook_is_asked_when_its_condition_is_true(
    expression: str, attributes: AuthorizationAttributes, asked: bool
) -> None:
    authorizer, client = webhook(expression)
    result = await authorizer.authorize(attributes)
    assert bool(client.posts) is asked
    assert result.decision is (Decision.ALLOW if asked else Decision.NO_OPINION)


FAILS = "request.resourceAttributes.namespace == 'dev'"


@pytest.mark.parametrize("policy", [Decision.DENY, Decision.NO_OPINION])
async def test_one_false_condition_counts_more_than_one_that_fails(policy: Decision) -> None:
    authorizer, client = webhook(FAILS, "request.user == 'eve'", decision_on_error=policy)
    result = await authorizer.authorize(GET_VERSION)
    assert (result.decision, result.error, client.posts) == (Decision.NO_OPINION, None, [])


@pytest.mark.parametrize("policy", [Decision.DENY, Decision.NO_OPINION])
async def test_a_condition_that_fails_is_up_to_the_failure_policy(policy: Decision) -> None:
    registry = MetricsRegistry()
    authorizer, client = webhook("request.user == 'bob'", FAILS, registry=registry, decision_on_error=policy)
    result = await authorizer.authorize(GET_VERSION)
    assert (result.decision, client.posts) == (policy, [])
    assert str(result.error).startswith(f"cel evaluation error: expression '{FAILS}' resulted in error: ")
    assert value(registry, "apiserver_authorization_match_condition_evaluation_errors_total", type="Webhook") == 1
    assert value(registry, "apiserver_authorization_match_condition_exclusions_total", type="Webhook") == 0


async def test_what_a_condition_keeps_away_is_counted() -> None:
    registry = MetricsRegistry()
    authorizer, _ = webhook("request.user == 'eve'", registry=registry)
    await authorizer.authorize(LIST_PODS)
    assert value(registry, "apiserver_authorization_match_condition_exclusions_total", name="hook") == 1
    assert value(registry, "apiserver_authorization_match_condition_evaluation_seconds_count", name="hook") == 1
    assert value(registry, "apiserver_authorization_webhook_evaluations_total", name="hook") == 0


@pytest.mark.parametrize(
    ("answer", "result", "fails_open"),
    [
        ((201, {"status": {"allowed": True}}), "success", 0),
        ((403, {"message": "no"}), "error", 1),
        ((0, None), "timeout", 1),
    ],
)
async def test_questions_are_counted_by_their_result(answer: tuple[int, Any], result: str, fails_open: int) -> None:
    registry = MetricsRegistry()
    authorizer, client = webhook(registry=registry, answer=answer)
    if result == "timeout":
        client.answers = [TimeoutError("too late")]
    await authorizer.authorize(LIST_PODS)
    labels = {"name": "hook", "result": result}
    assert value(registry, "apiserver_authorization_webhook_evaluations_total", **labels) == 1
    assert value(registry, "apiserver_authorization_webhook_duration_seconds_count", **labels) == 1
    assert value(registry, "apiserver_authorization_webhook_evaluations_fail_open_total", **labels) == fails_open


async def test_the_older_version_calls_groups_differently_and_conditions_do_not() -> None:
    authorizer, client = webhook("request.groups == ['g']", version="v1beta1")
    await authorizer.authorize(LIST_PODS)
    sent = json.loads(client.posts[0][1])
    assert sent["apiVersion"] == "authorization.k8s.io/v1beta1"
    assert sent["spec"]["group"] == ["g"]
    assert "groups" not in sent["spec"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [("1", "must evaluate to bool"), ("request.name == 'a'", "compilation failed"), ("true &&", "compilation failed")],
)
def test_what_is_no_condition_is_refused(expression: str, text: str) -> None:
    with pytest.raises(MatchConditionError, match=text):
        compile_condition(new_environment(), expression)


def value(registry: MetricsRegistry, metric: str, /, **labels: str) -> float:
    samples = [sample for family in registry.collectors.collect() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == metric and labels.items() <= sample.labels.items())
