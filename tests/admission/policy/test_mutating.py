"""MutatingAdmissionPolicy: configurations, patches, rounds, refusals."""

from typing import Any

import pytest

from genericapiserver.admission import AdmissionChain, Operation
from genericapiserver.admission.policy import MutatingPolicies
from genericapiserver.admission.policy.literals import rewrite
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.metrics import MetricsRegistry
from tests.support.policies import PARAM_KIND, Params, binding, mutating, policy
from tests.support.webhooks import new_gadget, samples, write


def configuration(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patch(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def changing(*mutations: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return policy(mutations=list(mutations), reinvocationPolicy="Never", **spec)


@pytest.mark.parametrize(
    "mutation",
    [
        configuration("Object{spec: Object.spec{color: 'red'}}"),
        configuration("Object{\n  spec: Object.spec{ // a comment\n    color: variables.color } }"),
        configuration("object.spec.size == 1 ? Object{spec: Object.spec{color: 'red'}} : Object{}"),
        patch("[JSONPatch{op: 'replace', path: '/spec/color', value: 'red'}]"),
        patch(
            "[JSONPatch{op: 'test', path: '/spec/size', value: 1}, JSONPatch{op: 'add', path: '/spec/color', value: 'red'}]"
        ),
        patch(
            "has(object.nothing) ? [] : [JSONPatch{op: 'replace', path: '/spec', value: Object.spec{color: 'red', size: 1}}]"
        ),
    ],
)
async def test_what_changes_an_object(mutation: dict[str, Any]) -> None:
    plugin = mutating(changing(mutation, variables=[{"name": "color", "expression": "'red'"}]), binding())
    attributes = write()
    await plugin.admit(attributes)
    assert (attributes.object.spec.color, attributes.object.spec.size) == ("red", 1)
    assert attributes.reinvocation_requested


async def test_maps_are_united_and_mutations_see_those_before_them() -> None:
    first = configuration("Object{metadata: Object.metadata{labels: {'a/b': object.spec.color}}}")
    second = patch(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('c/d'), "
        "value: string(object.metadata.labels['a/b']) + '!'}]"
    )
    attributes = write(object=new_gadget(kept="yes"))
    await mutating(changing(first, second), binding()).admit(attributes)
    assert attributes.object.metadata.labels == {"kept": "yes", "a/b": "green", "c/d": "green!"}


async def test_a_test_that_fails_changes_nothing() -> None:
    mutation = patch(
        "[JSONPatch{op: 'test', path: '/spec/color', value: 'blue'}, JSONPatch{op: 'remove', path: '/spec/color'}]"
    )
    attributes = write()
    await mutating(changing(mutation), binding()).admit(attributes)
    assert attributes.object.spec.color == "green"
    assert not attributes.reinvocation_requested


@pytest.mark.parametrize(
    ("mutation", "text"),
    [
        (
            configuration("Object{spec: Object.wrong{}}"),
            'type mismatch: unexpected type name "Object.wrong", expected "Object.spec", which matches field name path from '
            "root Object type",
        ),
        (
            configuration("Object{spec: Object.spec{color: 1}}"),
            "error applying patch: failed to convert patch object to typed object: .spec.color: expected string, got",
        ),
        (configuration("Object{nothing: 1}"), "error applying patch: failed to convert patch object to typed object"),
        (
            configuration("Object{metadata: Object.metadata{ownerReferences: [1]}}"),
            "error applying patch: failed to convert patch object to typed object",
        ),
        (configuration("{'spec': 1}"), "must evaluate to Object"),
        (configuration("object.nothing"), "compilation error: must evaluate to Object but got dyn"),
        (configuration("'x'"), "compilation error: must evaluate to Object but got string"),
        (patch("[1]"), "compilation error: must evaluate to list(JSONPatch) but got list(int)"),
        (patch("[{'op': 'add'}]"), "type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch"),
        (patch("[JSONPatch{op: 'add', nothing: 1}]"), "type mismatch: JSONPatch has no field nothing"),
        (patch("[JSONPatch{op: 'remove', path: '/spec/nothing'}]"), "JSON Patch: "),
        (
            configuration("Object{spec: Object.spec{color: object.nothing}}"),
            "expression 'Object{spec: Object.spec{color: object.nothing}}' resulted in error: no such key: nothing",
        ),
    ],
)
async def test_what_refuses_unless_it_is_ignored(mutation: dict[str, Any], text: str) -> None:
    registry = MetricsRegistry()
    plugin = mutating(changing(mutation), binding(), registry=registry)
    with pytest.raises(StatusError) as caught:
        await plugin.admit(write())
    error = caught.value
    assert error.message.startswith(f"policy 'p' with binding 'b' denied request: {text}")
    assert (error.code, error.reason) == (403, "Invalid")
    assert error.details is not None
    assert [cause.message for cause in error.details.causes] == [error.message]
    (labels,) = samples(registry, "apiserver_mutating_admission_policy_check_total")
    assert {"p", "b"} < set(labels)
    attributes = write()
    await mutating(changing(mutation, failurePolicy="Ignore"), binding()).admit(attributes)
    assert attributes.object == new_gadget()


async def test_configuration_faults() -> None:
    spec: dict[str, Any] = {"paramKind": PARAM_KIND}
    plugin = mutating(changing(configuration("Object{}"), **spec), binding(paramRef={"name": "a"}))
    with pytest.raises(StatusError) as caught:
        await plugin.admit(write())
    assert caught.value.message == (
        "policy 'p' with binding 'b' denied request: failed to configure binding: no params found for policy binding with "
        "`Deny` parameterNotFoundAction"
    )
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")


async def test_parameters() -> None:
    params = Params({"metadata": {"name": "a", "namespace": "ns"}, "color": "red"})
    mutation = configuration("Object{spec: Object.spec{color: params.color}}")
    plugin = mutating(changing(mutation, paramKind=PARAM_KIND), binding(paramRef={"name": "a"}), params=params)
    attributes = write()
    await plugin.admit(attributes)
    assert attributes.object.spec.color == "red"


async def test_match_conditions() -> None:
    conditions = [{"name": "c", "expression": "object.spec.color == 'blue'"}]
    mutation = configuration("Object{spec: Object.spec{color: 'red'}}")
    attributes = write()
    await mutating(changing(mutation, matchConditions=conditions), binding()).admit(attributes)
    assert attributes.object.spec.color == "green"


@pytest.mark.parametrize(("again", "size"), [("IfNeeded", 3), ("Never", 2)])
async def test_a_second_round(again: str, size: int) -> None:
    grow = configuration("Object{spec: Object.spec{size: int(object.spec.size) + 1}}")
    first = policy("p1", mutations=[grow], reinvocationPolicy=again)
    second = policy(
        "p2", mutations=[configuration("Object{spec: Object.spec{color: 'red'}}")], reinvocationPolicy="Never"
    )
    plugin = mutating(first, second, binding("b1", "p1"), binding("b2", "p2"))
    attributes = write()
    await AdmissionChain({"MutatingAdmissionPolicy": plugin}).admit(attributes)
    assert (attributes.object.spec.color, attributes.object.spec.size) == ("red", size)


async def test_off_by_default_and_never_for_deletes() -> None:
    plugin = MutatingPolicies()
    plugin.validate_initialization()
    assert plugin.is_idle()
    await plugin.admit(write())
    assert not plugin.handles(Operation.DELETE)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("Object{}", '{"@object": dyn("Object")}'),
        ("Object{a: 1, ?b: x}", '{"@object": dyn("Object"), "a": 1, ?"b": x}'),
        (
            "Object{a: Object.a{b: {'c': 1, 'd': 2}}}",
            '{"@object": dyn("Object"), "a": {"@object": dyn("Object.a"), "b": {\'c\': 1, \'d\': 2}}}',
        ),
        ("Object{a: f(x, y), b: [1, 2]}", '{"@object": dyn("Object"), "a": f(x, y), "b": [1, 2]}'),
        ("'Object{a: 1}' + \"Object{\"", "'Object{a: 1}' + \"Object{\""),
        ("Object . spec {a: 1}", ' {"@object": dyn("Object.spec"), "a": 1}'),
        ("object.spec{a: 1}", "object.spec{a: 1}"),
        ("Object{`a-b`: 1}", '{"@object": dyn("Object"), "a-b": 1}'),
        (
            "x ? Object{a: y ? 1 : 2} : Object{}",
            'x ? {"@object": dyn("Object"), "a": y ? 1 : 2} : {"@object": dyn("Object")}',
        ),
    ],
)
def test_literals_become_maps(source: str, written: str) -> None:
    assert rewrite(source) == written
