"""ValidatingAdmissionPolicy: decisions, messages, actions, parameters, annotations."""

import json
from typing import Any

import pytest

from genericapiserver.admission import Operation
from genericapiserver.admission.policy import ValidatingPolicies
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.metrics import MetricsRegistry
from tests.support.policies import PARAM_KIND, Allows, Params, binding, policy, validating
from tests.support.webhooks import audit_annotations, new_gadget, samples, write

FALSE: list[dict[str, Any]] = [{"expression": "object.spec.color == 'red'"}]


async def refusal(plugin: ValidatingPolicies, **more: Any) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await plugin.validate(write(**more))
    return caught.value


async def message(plugin: ValidatingPolicies, **more: Any) -> str:
    error = await refusal(plugin, **more)
    return error.message.removeprefix('gadgets.demo.example.com "a" is forbidden: ')


def said(text: str) -> str:
    return f"ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {text}"


async def test_true_admits_and_without_a_binding_nothing_counts() -> None:
    await validating(policy(validations=[{"expression": "object.spec.color == 'green'"}]), binding()).validate(write())
    plugin = validating(policy(validations=FALSE))
    await plugin.validate(write())
    assert plugin.is_idle()
    await validating(policy(validations=FALSE), binding(policy="other")).validate(write())


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, 422),
        ("Invalid", 422),
        ("Forbidden", 403),
        ("Unauthorized", 401),
        ("RequestEntityTooLarge", 413),
    ],
)
async def test_reasons_and_codes(reason: str | None, code: int) -> None:
    validation = FALSE[0] | ({"reason": reason} if reason else {})
    error = await refusal(validating(policy(validations=[validation]), binding()))
    text = said("failed expression: object.spec.color == 'red'")
    assert (error.code, error.reason) == (code, reason or "Invalid")
    assert error.message == f'gadgets.demo.example.com "a" is forbidden: {text}'
    assert error.details is not None
    assert [cause.message for cause in error.details.causes] == [text]
    assert (error.details.name, error.details.kind) == ("a", "gadgets")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"message": " not red "}, "not red"),
        ({"messageExpression": "'is ' + object.spec.color"}, "is green"),
        ({"messageExpression": "'is ' + object.spec.color", "message": "not red"}, "is green"),
        ({"messageExpression": "'a\\nb'", "message": "not red"}, "not red"),
        ({"messageExpression": "'  '", "message": "not red"}, "not red"),
        ({"messageExpression": "object.nothing + ''", "message": "not red"}, "not red"),
        ({"messageExpression": "'%s'.format([object.metadata.labels])", "message": "m"}, "m"),
        ({"messageExpression": "['x'].map(x, 'x'.replace('x', '" + "y" * 6000 + "'))[0]", "message": "m"}, "m"),
        ({"messageExpression": "authorizer.path('/').check('get').reason()", "message": "m"}, "m"),
        ({}, "failed expression: object.spec.color == 'red'"),
    ],
)
async def test_what_is_said(fields: dict[str, str], text: str) -> None:
    assert await message(validating(policy(validations=[FALSE[0] | fields]), binding())) == said(text)


RESULTED = "resulted in error: composited variable"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("object.nothing == 1", "expression 'object.nothing == 1' resulted in error: no such key: nothing"),
        ("object.nothing +", "compilation error: compilation failed: ERROR: <input>:1:17: Syntax error: mismatched"),
        ("variables.bad", f"expression 'variables.bad' {RESULTED} \"bad\" fails to evaluate: division by zero"),
        ("variables.worse == 1", f"expression 'variables.worse == 1' {RESULTED} \"worse\" fails to compile: comp"),
    ],
)
async def test_failures_refuse_unless_they_are_ignored(expression: str, text: str) -> None:
    spec: dict[str, Any] = {
        "variables": [{"name": "bad", "expression": "1 / 0 == 1"}, {"name": "worse", "expression": "missing"}],
        "validations": [{"expression": expression}],
    }
    assert (await message(validating(policy(**spec), binding()))).startswith(said(text))
    registry = MetricsRegistry()
    await validating(policy(**spec, failurePolicy="Ignore"), binding(), registry=registry).validate(write())
    ((labels, count),) = samples(registry, "apiserver_validating_admission_policy_check_total").items()
    assert (min(labels), count) == ("allow", 1)


async def test_the_first_denial_is_returned_and_all_are_counted() -> None:
    registry = MetricsRegistry()
    validations = [FALSE[0] | {"message": "one"}, {"expression": "true"}, FALSE[0] | {"message": "two"}]
    plugin = validating(policy(validations=validations), binding(), registry=registry)
    assert await message(plugin) == said("one")
    found = samples(registry, "apiserver_validating_admission_policy_check_total")
    assert [sorted(labels) for labels in found] == [["b", "deny", "no_error", "p"]]
    assert list(found.values()) == [2]


async def test_warnings_and_audit_do_not_refuse() -> None:
    plugin = validating(
        policy(validations=[{"expression": "true"}, FALSE[0] | {"message": "not red"}]),
        binding(validationActions=["Warn", "Audit"]),
    )
    attributes = write()
    await plugin.validate(attributes)
    assert attributes.context.warnings is not None
    assert list(attributes.context.warnings._recorded or ()) == [
        "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': not red"
    ]
    value = audit_annotations(attributes)["validation.policy.admission.k8s.io/validation_failure"]
    assert json.loads(value) == [
        {
            "message": "not red",
            "policy": "p",
            "binding": "b",
            "expressionIndex": 1,
            "validationActions": ["Warn", "Audit"],
        }
    ]


async def test_only_the_first_failure_is_recorded() -> None:
    plugin = validating(
        policy(validations=[FALSE[0] | {"message": "one"}, FALSE[0] | {"message": "two"}]),
        binding(validationActions=["Audit"]),
    )
    attributes = write()
    await plugin.validate(attributes)
    (value,) = audit_annotations(attributes).values()
    assert json.loads(value)[0]["message"] == "one"


@pytest.mark.parametrize(
    "expression",
    [
        "object.metadata.name == 'a' && oldObject == null",
        "request.operation == 'CREATE' && request.kind.kind == 'Gadget' && request.resource.resource == 'gadgets'",
        "request.userInfo.username == 'alice' && request.userInfo.extra['scopes'] == ['all'] && !request.dryRun",
        "has(request.namespace) && request.namespace == 'ns'",
        "namespaceObject.metadata.labels.team == 'blue' && namespaceObject.metadata.name == 'ns'",
        "variables.twice == 'greengreen' && variables.size > 0",
        "false || variables.color == 'green' || 1 / 0 == 1",
        "true || variables.bad == 1",
        "quantity('1Gi').isGreaterThan(quantity('1Mi'))",
        "object.apiVersion == 'demo.example.com/v1' && object.kind == 'Gadget'",
    ],
)
async def test_what_expressions_see(expression: str) -> None:
    variables = [
        {"name": "color", "expression": "object.spec.color"},
        {"name": "twice", "expression": "string(variables.color) + string(variables.color)"},
        {"name": "size", "expression": "variables.twice.size()"},
        {"name": "bad", "expression": "1 / 0"},
    ]
    await validating(policy(variables=variables, validations=[{"expression": expression}]), binding()).validate(write())


async def test_updates_and_deletes() -> None:
    plugin = validating(policy(validations=[{"expression": "oldObject.spec.color == 'blue'"}]), binding())
    await plugin.validate(write(Operation.UPDATE))
    await plugin.validate(write(Operation.DELETE))
    plugin = validating(policy(validations=[{"expression": "object == null"}]), binding())
    await plugin.validate(write(Operation.DELETE))


async def test_an_authorizer_is_asked_once_for_each_check() -> None:
    authorizer = Allows("create")
    check = "authorizer.group('g').resource('r').check('create')"
    validations = [{"expression": f"{check}.allowed()"}, {"expression": f"{check}.reason() == 'because'"}]
    await validating(policy(validations=validations), binding(), authorizer=authorizer).validate(write())
    (asked,) = authorizer.asked
    assert (asked.verb, asked.api_group, asked.resource, asked.is_resource_request) == ("create", "g", "r", True)
    assert asked.user is not None
    assert asked.user.name == "alice"
    denied = [{"expression": "authorizer.requestResource.check('delete').allowed()"}]
    await refusal(validating(policy(validations=denied), binding(), authorizer=authorizer))
    assert (authorizer.asked[-1].resource, authorizer.asked[-1].name) == ("gadgets", "a")


@pytest.mark.parametrize(
    ("conditions", "evaluated"),
    [
        (["true", "object.spec.color == 'green'"], True),
        (["true", "false"], False),
        (["object.nothing == 1", "false"], False),
    ],
)
async def test_match_conditions(conditions: list[str], evaluated: bool) -> None:
    named = [{"name": f"c{index}", "expression": each} for index, each in enumerate(conditions)]
    plugin = validating(policy(matchConditions=named, validations=FALSE), binding())
    if evaluated:
        await refusal(plugin)
    else:
        await plugin.validate(write())


async def test_a_match_condition_that_fails() -> None:
    spec: dict[str, Any] = {
        "matchConditions": [{"name": "c", "expression": "object.nothing == 1"}],
        "validations": FALSE,
    }
    text = "expression 'object.nothing == 1' resulted in error: no such key: nothing"
    assert await message(validating(policy(**spec), binding())) == said(text)
    await validating(policy(**spec, failurePolicy="Ignore"), binding()).validate(write())


LIMITED: dict[str, Any] = {
    "paramKind": PARAM_KIND,
    "validations": [
        {"expression": "object.spec.size < params.size", "messageExpression": "string(params.metadata.name)"}
    ],
}


def limit(name: str, size: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", **metadata}, "size": size}


@pytest.mark.parametrize(
    ("ref", "refused"),
    [
        ({"name": "big", "parameterNotFoundAction": "Deny"}, None),
        ({"name": "small", "parameterNotFoundAction": "Deny"}, "small"),
        ({"selector": {}, "parameterNotFoundAction": "Deny"}, "small"),
        ({"selector": {"matchLabels": {"a": "b"}}, "parameterNotFoundAction": "Deny"}, None),
        ({"name": "none", "parameterNotFoundAction": "Allow"}, None),
        ({"name": "other", "namespace": "elsewhere", "parameterNotFoundAction": "Deny"}, "other"),
        (
            {"name": "none", "parameterNotFoundAction": "Deny"},
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
        ),
    ],
)
async def test_parameters(ref: dict[str, Any], refused: str | None) -> None:
    params = Params(limit("big", 10, labels={"a": "b"}), limit("small", 1), limit("other", 0, namespace="elsewhere"))
    plugin = validating(policy(**LIMITED), binding(paramRef=ref), params=params)
    if refused is None:
        await plugin.validate(write())
    else:
        assert await message(plugin) == said(refused)


async def test_a_policy_with_parameters_and_a_binding_without() -> None:
    spec: dict[str, Any] = {"paramKind": PARAM_KIND, "validations": [{"expression": "params == null"}]}
    await validating(policy(**spec), binding()).validate(write())


@pytest.mark.parametrize(
    ("namespaced", "ref", "more", "text"),
    [
        (
            False,
            {"name": "a", "namespace": "ns"},
            {},
            "failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`",
        ),
        (
            True,
            {"name": "a"},
            {"namespace": ""},
            "failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped "
            "resources",
        ),
    ],
)
async def test_parameters_in_the_wrong_place(
    namespaced: bool, ref: dict[str, Any], more: dict[str, Any], text: str
) -> None:
    plugin = validating(policy(**LIMITED), binding(paramRef=ref), params=Params(namespaced=namespaced))
    assert await message(plugin, **more) == said(text)
    ignoring = validating(
        policy(**LIMITED, failurePolicy="Ignore"), binding(paramRef=ref), params=Params(namespaced=namespaced)
    )
    await ignoring.validate(write(**more))


async def test_an_unknown_kind_of_parameters_is_a_fault_of_the_policy() -> None:
    spec: dict[str, Any] = LIMITED | {"paramKind": {"apiVersion": "v1", "kind": "Nothing"}}
    text = "failed to configure policy: failed to find resource referenced by paramKind: 'v1, Kind=Nothing'"
    plugin = validating(policy(**spec), binding(paramRef={"name": "a"}))
    assert await message(plugin) == f"ValidatingAdmissionPolicy 'p' denied request: {text}"


async def test_parameters_that_do_not_come_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genericapiserver.admission.policy.params.SYNC_TIMEOUT", 0.01)
    plugin = validating(policy(**LIMITED), binding(paramRef={"name": "a"}), params=Params(synced=False))
    assert "not yet synced to use for admission" in await message(plugin)


@pytest.mark.parametrize(
    ("resources", "refused"),
    [
        ({"resourceRules": []}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "blue"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "red"}}}, False),
        ({"objectSelector": {"matchLabels": {"a": "b"}}}, False),
        (
            {
                "excludeResourceRules": [
                    {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["gadgets"]}
                ]
            },
            False,
        ),
        (
            {
                "resourceRules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": ["*"],
                        "apiVersions": ["*"],
                        "resources": ["gadgets"],
                        "resourceNames": ["b"],
                    }
                ]
            },
            False,
        ),
    ],
)
async def test_bindings_narrow_their_policy(resources: dict[str, Any], refused: bool) -> None:
    plugin = validating(policy(validations=FALSE), binding(matchResources=resources))
    if refused:
        await refusal(plugin)
    else:
        await plugin.validate(write())


async def test_audit_annotations() -> None:
    spec: dict[str, Any] = {
        "paramKind": PARAM_KIND,
        "auditAnnotations": [
            {"key": "limit", "valueExpression": "' ' + string(params.size) + ' '"},
            {"key": "color", "valueExpression": "string(object.spec.color)"},
            {"key": "nothing", "valueExpression": "null"},
            {"key": "empty", "valueExpression": "'  '"},
            {"key": "long", "valueExpression": "'" + "x" * 4000 + "' + '" + "x" * 8000 + "'"},
        ],
    }
    params = Params(limit("a", 1), limit("b", 2))
    plugin = validating(
        policy(**spec),
        binding("one", paramRef={"name": "a"}),
        binding("two", paramRef={"name": "b"}),
        params=params,
    )
    attributes = write()
    await plugin.validate(attributes)
    found = audit_annotations(attributes)
    assert len(found.pop("p/long")) == 10 * 1024
    assert found == {"p/limit": "1, 2", "p/color": "green"}


async def test_an_audit_annotation_that_fails_refuses() -> None:
    spec: dict[str, Any] = {"auditAnnotations": [{"key": "a", "valueExpression": "object.nothing + ''"}]}
    assert await message(validating(policy(**spec), binding())) == said(
        "expression 'object.nothing + ''' resulted in error: no such key: nothing"
    )
    await validating(policy(**spec, failurePolicy="Ignore"), binding()).validate(write())


async def test_the_budget_is_shared_by_the_expressions_of_a_binding() -> None:
    dear = "object.metadata.labels.all(a, object.metadata.labels.all(b, a + b != ''))"
    labels = {f"l{number}": "x" for number in range(95)}
    plugin = validating(policy(validations=[{"expression": dear}] * 200), binding())
    text = await message(plugin, object=new_gadget(**labels))
    assert text == said("validation failed due to running out of cost budget, no further validation rules will be run")


async def test_policies_and_bindings_are_exempt() -> None:
    from genericapiserver.apis.admissionregistration_v1 import GROUP_VERSION

    plugin = validating(policy(validations=[{"expression": "false"}]), binding())
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"):
        await plugin.validate(write(kind=GROUP_VERSION.with_kind(kind)))
