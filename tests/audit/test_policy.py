"""Which rule decides for a request (filters reference, section 7.4; pkg/audit/policy/checker_test.go)."""

from typing import Any

import pytest

from genericapiserver.apis.audit_v1 import GroupResources, Policy, PolicyRule
from genericapiserver.audit import PolicyRuleEvaluator
from genericapiserver.authentication import UserInfo
from genericapiserver.request import AuditLevel, RequestInfo, RequestInfoFactory

TIM = UserInfo(name="tim@k8s.io", groups=("humans", "developers"))

resolve = RequestInfoFactory().resolve
REQUESTS: dict[str, tuple[RequestInfo, UserInfo | None]] = {
    "namespaced": (resolve("GET", "/api/v1/namespaces/default/pods/busybox"), TIM),
    "cluster": (resolve("GET", "/apis/rbac.authorization.k8s.io/v1beta1/clusterroles/edit"), TIM),
    "nonResource": (resolve("GET", "/logs/kubelet.log"), TIM),
    "subresource": (resolve("GET", "/api/v1/namespaces/default/pods/busybox/log"), TIM),
    "unauthorized": (resolve("GET", "/api/v1/namespaces/default/pods/busybox"), None),
}

RULES: dict[str, PolicyRule] = {
    "default": PolicyRule(level="Metadata"),
    "create": PolicyRule(level="Request", verbs=["create"]),
    "tims": PolicyRule(level="Metadata", users=["tim@k8s.io"]),
    "humans": PolicyRule(level="Metadata", user_groups=["humans"]),
    "serviceAccounts": PolicyRule(level="Request", user_groups=["system:serviceaccounts"]),
    "getPods": PolicyRule(
        level="RequestResponse", verbs=["get"], resources=[GroupResources(group="", resources=["pods"])]
    ),
    "getPodLogs": PolicyRule(
        level="Request", verbs=["get"], resources=[GroupResources(group="", resources=["pods/log"])]
    ),
    "getPodWildcard": PolicyRule(
        level="RequestResponse", verbs=["get"], resources=[GroupResources(group="", resources=["*"])]
    ),
    "getPodResourceWildcard": PolicyRule(
        level="RequestResponse", verbs=["get"], resources=[GroupResources(group="", resources=["*/log"])]
    ),
    "getPodSubResourceWildcard": PolicyRule(
        level="RequestResponse", verbs=["get"], resources=[GroupResources(group="", resources=["pods/*"])]
    ),
    "getClusterRoles": PolicyRule(
        level="RequestResponse",
        verbs=["get"],
        resources=[GroupResources(group="rbac.authorization.k8s.io", resources=["clusterroles"])],
        namespaces=[""],
    ),
    "getLogs": PolicyRule(level="RequestResponse", verbs=["get"], non_resource_urls=["/logs*"]),
    "getMetrics": PolicyRule(level="RequestResponse", verbs=["get"], non_resource_urls=["/metrics"]),
    "clusterRoleEdit": PolicyRule(
        level="Request",
        resources=[
            GroupResources(group="rbac.authorization.k8s.io", resources=["clusterroles"], resource_names=["edit"])
        ],
    ),
    "omit RequestReceived": PolicyRule(level="Request", omit_stages=["RequestReceived"]),
    "only panics": PolicyRule(level="Request", omit_stages=["RequestReceived", "ResponseStarted", "ResponseComplete"]),
    # Beyond the reference's table.
    "default namespace": PolicyRule(level="Request", namespaces=["default"]),
    "whole core group": PolicyRule(level="Request", resources=[GroupResources(group="")]),
    "every path": PolicyRule(level="Request", non_resource_urls=["*"]),
}

NONE, METADATA, REQUEST, RESPONSE = AuditLevel


@pytest.mark.parametrize(
    ("request_name", "rules", "level"),
    [
        ("namespaced", "default", METADATA),
        ("namespaced", "create", NONE),
        ("namespaced", "tims", METADATA),
        ("namespaced", "humans", METADATA),
        ("namespaced", "serviceAccounts", NONE),
        ("namespaced", "getPods", RESPONSE),
        ("namespaced", "getClusterRoles", NONE),
        ("namespaced", "getLogs", NONE),
        ("namespaced", "getMetrics", NONE),
        ("namespaced", "getMetrics, serviceAccounts, default", METADATA),
        ("namespaced", "getMetrics, getPods, default", RESPONSE),
        ("namespaced", "getPodLogs, getPods", RESPONSE),
        ("namespaced", "omit RequestReceived, getPods", REQUEST),
        ("namespaced", "getPodSubResourceWildcard", RESPONSE),
        ("namespaced", "getPodResourceWildcard", NONE),
        ("cluster", "default", METADATA),
        ("cluster", "create", NONE),
        ("cluster", "tims", METADATA),
        ("cluster", "humans", METADATA),
        ("cluster", "serviceAccounts", NONE),
        ("cluster", "getPods", NONE),
        ("cluster", "getClusterRoles", RESPONSE),
        ("cluster", "clusterRoleEdit, getClusterRoles", REQUEST),
        ("cluster", "getLogs", NONE),
        ("cluster", "getMetrics, serviceAccounts, default", METADATA),
        ("cluster", "only panics, default", REQUEST),
        ("nonResource", "default", METADATA),
        ("nonResource", "create", NONE),
        ("nonResource", "tims", METADATA),
        ("nonResource", "humans", METADATA),
        ("nonResource", "serviceAccounts", NONE),
        ("nonResource", "getPods", NONE),
        ("nonResource", "getClusterRoles", NONE),
        ("nonResource", "getLogs", RESPONSE),
        ("nonResource", "getMetrics", NONE),
        ("nonResource", "getMetrics, getClusterRoles, humans, getLogs, serviceAccounts", METADATA),
        ("subresource", "default", METADATA),
        ("subresource", "getPodLogs, getPods", REQUEST),
        ("subresource", "getPods", NONE),
        ("subresource", "getPodWildcard", RESPONSE),
        ("subresource", "getPodResourceWildcard", RESPONSE),
        ("subresource", "getPodSubResourceWildcard", RESPONSE),
        ("unauthorized", "tims", NONE),
        ("unauthorized", "humans", NONE),
        ("unauthorized", "getPods", RESPONSE),
        ("unauthorized", "", NONE),
        ("namespaced", "default namespace", REQUEST),
        ("cluster", "default namespace", NONE),
        ("nonResource", "default namespace", NONE),
        ("subresource", "whole core group", REQUEST),
        ("cluster", "whole core group", NONE),
        ("nonResource", "every path", REQUEST),
        ("namespaced", "every path", NONE),
    ],
)
def test_the_first_rule_that_fits_decides(request_name: str, rules: str, level: AuditLevel) -> None:
    names = rules.split(", ") if rules else []
    evaluator = PolicyRuleEvaluator(Policy(rules=[RULES[name] for name in names]))
    assert evaluator.evaluate(*REQUESTS[request_name]).level is level


@pytest.mark.parametrize(
    ("policy_stages", "rule_stages", "omitted"),
    [
        ([], [], set()),
        (["Panic"], [], {"Panic"}),
        ([], ["Panic"], {"Panic"}),
        (["Panic", "RequestReceived"], ["Panic", "ResponseStarted"], {"Panic", "RequestReceived", "ResponseStarted"}),
    ],
)
def test_stages_are_omitted_that_the_policy_or_the_rule_omits(
    policy_stages: list[str], rule_stages: list[str], omitted: set[str]
) -> None:
    policy = Policy(omit_stages=policy_stages, rules=[PolicyRule(level="Request", omit_stages=rule_stages)])
    assert PolicyRuleEvaluator(policy).evaluate(*REQUESTS["cluster"]).omit_stages == omitted


@pytest.mark.parametrize(
    ("of_policy", "of_rule", "omitted"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_the_rule_decides_on_managed_fields_if_it_says_anything(
    of_policy: bool, of_rule: bool | None, omitted: bool
) -> None:
    rule = PolicyRule(level="Request", omit_managed_fields=of_rule)
    evaluator = PolicyRuleEvaluator(Policy(omit_managed_fields=of_policy, rules=[rule]))
    assert evaluator.evaluate(*REQUESTS["cluster"]).omit_managed_fields is omitted


def test_without_a_rule_the_policy_s_own_settings_hold() -> None:
    config = PolicyRuleEvaluator(Policy(omit_managed_fields=True, omit_stages=["Panic"])).evaluate(*REQUESTS["cluster"])
    assert (config.level, config.omit_managed_fields, config.omit_stages) == (NONE, True, frozenset({"Panic"}))


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/api/v1/namespaces/default/secrets", METADATA),
        ("/api/v1/namespaces/default/secrets/a", METADATA),
        ("/api/v1/namespaces/default/serviceaccounts/a/token", METADATA),
        ("/apis/authentication.k8s.io/v1/tokenreviews", METADATA),
        ("/api/v1/namespaces/default/serviceaccounts/a", RESPONSE),
        ("/apis/example.com/v1/secrets", RESPONSE),
    ],
)
def test_bodies_that_are_credentials_are_never_recorded(path: str, level: AuditLevel) -> None:
    evaluator = PolicyRuleEvaluator(Policy(rules=[PolicyRule(level="RequestResponse")]))
    config = evaluator.evaluate(resolve("POST", path), TIM)
    assert (config.level, config.level_text) == (level, level.text)
    everything: Any = PolicyRuleEvaluator(Policy(rules=[PolicyRule(level="RequestResponse")]), sensitive=frozenset())
    assert everything.evaluate(resolve("POST", path), TIM).level is RESPONSE
