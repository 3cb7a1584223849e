"""What webhook configurations must fulfil: pkg/apis/admissionregistration/validation/validation_test.go, in the main."""

from typing import Any

import pytest

from genericapiserver.admission.webhook.conditions import expression_problem
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.admissionregistration_v1 import MutatingWebhookConfiguration, set_configuration_defaults
from genericapiserver.controlplane.admissionregistration import WebhookConfigurationStrategy
from genericapiserver.controlplane.webhook_validation import Strictness, validate_configuration
from genericapiserver.request import RequestContext, RequestInfo

CODEC = CodecFactory(Scheme("test"))
RULE = {"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["v1"], "resources": ["pods"]}


def hook(**fields: Any) -> dict[str, Any]:
    return {
        "name": "webhook.k8s.io",
        "clientConfig": {"url": "https://example.com/hook"},
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }


def configuration(*hooks: dict[str, Any]) -> MutatingWebhookConfiguration:
    document = {"metadata": {"name": "c"}, "webhooks": list(hooks)}
    made = CODEC.from_unstructured(document, MutatingWebhookConfiguration)[0]
    set_configuration_defaults(made)
    return made


def problems(*hooks: dict[str, Any], strictness: Strictness | None = None) -> list[str]:
    found = validate_configuration(
        configuration(*hooks), strictness or Strictness(), check_expression=expression_problem
    )
    return [str(error).removeprefix("webhooks") for error in found]


def with_rule(**fields: Any) -> dict[str, Any]:
    return hook(rules=[{**RULE, **fields}])


def with_service(**fields: Any) -> dict[str, Any]:
    return hook(clientConfig={"service": {"namespace": "ns", "name": "n", "port": 443, **fields}})


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        (hook(), []),
        (hook(name=""), ["[0].name: Required value"]),
        (
            hook(name="k8s.io"),
            [
                '[0].name: Invalid value: "k8s.io": should be a domain with at least three segments separated by dots',
            ],
        ),
        (
            hook(failurePolicy="Maybe"),
            ['[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"'],
        ),
        (
            hook(matchPolicy="Like"),
            ['[0].matchPolicy: Unsupported value: "Like": supported values: "Equivalent", "Exact"'],
        ),
        (
            hook(reinvocationPolicy="Always"),
            ['[0].reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"'],
        ),
        (hook(sideEffects=None), ["[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
        (
            hook(sideEffects="Some"),
            ['[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
        ),
        (
            hook(timeoutSeconds=0),
            ["[0].timeoutSeconds: Invalid value: 0: the timeout value must be between 1 and 30 seconds"],
        ),
        (hook(timeoutSeconds=30), []),
        (
            hook(timeoutSeconds=31),
            ["[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
        ),
        (
            hook(admissionReviewVersions=[]),
            ["[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
        ),
        (
            hook(admissionReviewVersions=["v1", "v1"]),
            ['[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version'],
        ),
        (
            hook(admissionReviewVersions=["v7"]),
            ['[0].admissionReviewVersions: Invalid value: ["v7"]: must include at least one of v1, v1beta1'],
        ),
        (
            hook(objectSelector={"matchExpressions": [{"key": "a", "operator": "Like"}]}),
            ['[0].objectSelector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator'],
        ),
        (hook(clientConfig={}), ["[0].clientConfig: Required value: exactly one of url or service is required"]),
        (
            hook(clientConfig={"url": "https://u:p@h/?q#f"}),
            [
                '[0].clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL',
                '[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
                '[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL',
            ],
        ),
        (
            hook(clientConfig={"url": "https:///x"}),
            ['[0].clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]'],
        ),
        (
            with_service(name="", namespace="", port=0, path="x"),
            [
                "[0].clientConfig.service.name: Required value: service name is required",
                "[0].clientConfig.service.namespace: Required value: service namespace is required",
                "[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, "
                "inclusive",
                "[0].clientConfig.service.path: Invalid value: \"x\": must start with a '/'",
                '[0].clientConfig.service.path: Invalid value: "x": segment[0] may not be empty',
            ],
        ),
        (
            with_service(path="/a//b"),
            ['[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty'],
        ),
        (with_service(path="//"), ['[0].clientConfig.service.path: Invalid value: "//": segment[0] may not be empty']),
        (with_service(path="/a/b/"), []),
        (
            with_rule(operations=[], apiGroups=[], apiVersions=[], resources=[]),
            [
                "[0].rules[0].operations: Required value",
                "[0].rules[0].apiGroups: Required value",
                "[0].rules[0].apiVersions: Required value",
                "[0].rules[0].resources: Required value",
            ],
        ),
        (
            with_rule(operations=["CREATE", "*"]),
            [
                '[0].rules[0].operations: Invalid value: ["CREATE","*"]: if \'*\' is present, must not specify other '
                "operations"
            ],
        ),
        (
            with_rule(operations=["PATCH"]),
            [
                '[0].rules[0].operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", '
                '"DELETE", "UPDATE"'
            ],
        ),
        (
            with_rule(apiGroups=["a", "*"], apiVersions=["", "*"]),
            [
                '[0].rules[0].apiGroups: Invalid value: ["a","*"]: if \'*\' is present, must not specify other API groups',
                '[0].rules[0].apiVersions: Invalid value: ["","*"]: if \'*\' is present, must not specify other API '
                "versions",
                "[0].rules[0].apiVersions[0]: Required value",
            ],
        ),
        (with_rule(resources=["*", "pods/log"]), []),
        (
            with_rule(resources=["*", "pods"]),
            [
                '[0].rules[0].resources: Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources '
                "without subresources"
            ],
        ),
        (
            with_rule(resources=["*/*", "pods"]),
            [
                '[0].rules[0].resources: Invalid value: ["*/*","pods"]: if \'*/*\' is present, must not specify other '
                "resources"
            ],
        ),
        (
            with_rule(resources=["pods/*", "pods/log", "*/scale", "x/scale"]),
            [
                "[0].rules[0].resources[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log",
                "[0].rules[0].resources[3]: Invalid value: \"x/scale\": if '*/scale' is present, must not specify x/scale",
            ],
        ),
        (
            with_rule(scope="Galaxy"),
            ['[0].rules[0].scope: Unsupported value: "Galaxy": supported values: "*", "Cluster", "Namespaced"'],
        ),
        (
            hook(matchConditions=[{"name": "", "expression": " "}]),
            [
                "[0].matchConditions[0].expression: Required value",
                "[0].matchConditions[0].name: Required value",
            ],
        ),
        (
            hook(matchConditions=[{"name": "a", "expression": "true"}, {"name": "a", "expression": "false"}]),
            ['[0].matchConditions[1].name: Duplicate value: "a"'],
        ),
        (
            hook(matchConditions=[{"name": f"a{index}", "expression": "true"} for index in range(65)]),
            ["[0].matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)
def test_one_webhook(webhook: dict[str, Any], expected: list[str]) -> None:
    assert problems(webhook) == expected


def test_expressions_are_compiled() -> None:
    (problem,) = problems(hook(matchConditions=[{"name": "a", "expression": "object.spec +"}]))
    assert problem.startswith('[0].matchConditions[0].expression: Invalid value: "object.spec +": compilation failed: ')
    (problem,) = problems(hook(matchConditions=[{"name": "a", "expression": "1"}]))
    assert problem.endswith("must evaluate to bool but got int")


def test_names_are_used_once() -> None:
    assert problems(hook(), hook()) == ['[1].name: Duplicate value: "webhook.k8s.io"']


@pytest.mark.parametrize(
    "webhooks",
    [
        [hook(sideEffects="Unknown")],
        [hook(admissionReviewVersions=["v7"])],
        [hook(), hook()],
        [hook(objectSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["not a value"]}]})],
        [hook(matchConditions=[{"name": "a", "expression": "not CEL"}])],
    ],
    ids=["side effects", "review versions", "names", "label values", "match conditions"],
)
def test_an_update_may_keep_what_is_there(webhooks: list[dict[str, Any]]) -> None:
    assert problems(*webhooks)
    old = configuration(*webhooks)
    assert problems(*webhooks, strictness=Strictness.for_update(old, old)) == []
    good = configuration(hook())
    assert problems(*webhooks, strictness=Strictness.for_update(old, good))


def test_generations_count_changes_of_webhooks() -> None:
    strategy = WebhookConfigurationStrategy(Scheme("test"))
    context = RequestContext(request_info=RequestInfo(is_resource_request=True))
    old, new = configuration(hook()), configuration(hook())
    strategy.prepare_for_create(context, old)
    new.metadata = ObjectMeta(name="c", labels={"a": "b"})
    strategy.prepare_for_update(context, new, old)
    assert new.metadata.generation == 1
    changed = configuration(hook(timeoutSeconds=3))
    strategy.prepare_for_update(context, changed, old)
    assert changed.metadata.generation == 2
