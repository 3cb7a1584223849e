"""Admission policies at a running server: they take effect at once, and mistakes are told to who makes them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

V1 = "/apis/admissionregistration.k8s.io/v1"
BETA = "/apis/admissionregistration.k8s.io/v1beta1"
FISCHERS = "/apis/wardle.example.com/v1alpha1/fischers"
SOON = 10.0
"""Seconds until a test gives up on what should take effect at once."""

FLUNDER_RULE = {
    "operations": ["CREATE", "UPDATE"],
    "apiGroups": ["wardle.example.com"],
    "apiVersions": ["*"],
    "resources": ["flunders"],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("policies") / "data"
    with standalone(folder, free_port(), "--feature-gates=MutatingAdmissionPolicy=true") as running:
        yield running


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "v1" if kind.startswith("Validating") else "v1beta1"
    return {
        "apiVersion": f"admissionregistration.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def resource(kind: str) -> str:
    plural = f"{kind.lower()}s" if kind.endswith("Binding") else f"{kind.lower()[:-1]}ies"
    return f"{V1 if kind.startswith('Validating') else BETA}/{plural}"


@contextmanager
def stored(server: Standalone, *documents: dict[str, Any]) -> Iterator[None]:
    """Have *documents* stored during the block."""
    with ExitStack() as stack:
        for each in documents:
            path = resource(each["kind"])
            created = server.admin.request("POST", path, each)
            assert created.status == 201, created.body
            stack.callback(server.admin.request, "DELETE", f"{path}/{each['metadata']['name']}")
        yield


def validating(name: str, spec: dict[str, Any], **binding: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    spec = {"matchConstraints": {"resourceRules": [FLUNDER_RULE]}, **spec}
    bound = {"policyName": name, "validationActions": ["Deny"], **binding}
    return (
        document("ValidatingAdmissionPolicy", name, spec),
        document("ValidatingAdmissionPolicyBinding", f"{name}-b", bound),
    )


def mutating(name: str, expression: str, *, patch: bool = False, **spec: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    kind, key = ("JSONPatch", "jsonPatch") if patch else ("ApplyConfiguration", "applyConfiguration")
    spec = {
        "matchConstraints": {"resourceRules": [FLUNDER_RULE]},
        "mutations": [{"patchType": kind, key: {"expression": expression}}],
        "reinvocationPolicy": "Never",
        **spec,
    }
    return (
        document("MutatingAdmissionPolicy", name, spec),
        document("MutatingAdmissionPolicyBinding", f"{name}-b", {"policyName": name}),
    )


NAMES = iter(range(1_000_000))


def create(server: Standalone, name: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
    metadata = {"name": name or f"flunder-{next(NAMES)}", **more.pop("metadata", {})}
    response = server.admin.request("POST", FLUNDERS, {"metadata": metadata, **more})
    return response.status, response.json()


def until(attempt: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not attempt():
        assert time.monotonic() - started < SOON
    return time.monotonic() - started


def test_a_policy_takes_effect_and_ends(server: Standalone) -> None:
    documents = validating(
        "names",
        {
            "variables": [{"name": "name", "expression": "object.metadata.name"}],
            "validations": [
                {
                    "expression": "!variables.name.startsWith('banned')",
                    "messageExpression": "'not ' + variables.name + ', ' + request.userInfo.username",
                    "reason": "Forbidden",
                }
            ],
        },
    )
    with stored(server, *documents):
        took = until(lambda: create(server, f"banned-{next(NAMES)}")[0] == 403)
        assert took < 1
        status, body = create(server, "banned")
        text = "ValidatingAdmissionPolicy 'names' with binding 'names-b' denied request: not banned, admin"
        assert (status, body["reason"]) == (403, "Forbidden")
        assert body["message"] == f'flunders.wardle.example.com "banned" is forbidden: {text}'
        assert body["details"]["causes"] == [{"message": text}]
        assert create(server)[0] == 201
    until(lambda: create(server, f"banned-{next(NAMES)}")[0] == 201)


def test_warnings_do_not_refuse(server: Standalone) -> None:
    documents = validating(
        "warns", {"validations": [{"expression": "has(object.metadata.labels)"}]}, validationActions=["Warn", "Audit"]
    )

    def warned() -> str:
        response = server.admin.request("POST", FLUNDERS, {"metadata": {"name": f"warn-{next(NAMES)}"}})
        assert response.status == 201
        return response.header("warning") or ""

    with stored(server, *documents):
        until(lambda: bool(warned()))
        assert warned() == (
            "299 - \"Validation failed for ValidatingAdmissionPolicy 'warns' with binding 'warns-b': failed expression: "
            'has(object.metadata.labels)"'
        )


def test_parameters_come_from_objects(server: Standalone) -> None:
    documents = validating(
        "limits",
        {
            "paramKind": {"apiVersion": "wardle.example.com/v1alpha1", "kind": "Fischer"},
            "validations": [{"expression": "object.metadata.name != params.metadata.name + '-twin'"}],
        },
        paramRef={"name": "limit", "parameterNotFoundAction": "Deny"},
    )
    with stored(server, *documents):
        until(lambda: create(server)[0] == 422)
        _, body = create(server, "anything")
        assert body["message"].endswith(
            "ValidatingAdmissionPolicy 'limits' with binding 'limits-b' denied request: failed to configure binding: no "
            "params found for policy binding with `Deny` parameterNotFoundAction"
        )
        assert server.admin.request("POST", FISCHERS, {"metadata": {"name": "limit"}}).status == 201
        until(lambda: create(server)[0] == 201)
        status, body = create(server, "limit-twin")
        assert (status, body["reason"]) == (422, "Invalid")
        server.admin.request("DELETE", f"{FISCHERS}/limit")


def test_a_policy_that_makes_no_sense_is_refused(server: Standalone) -> None:
    policy, binding = validating(
        "bad",
        {
            "validations": [{"expression": "object.x +"}, {"expression": "'text'", "reason": "Gone"}],
            "variables": [{"name": "1a", "expression": "1"}],
            "matchConditions": [{"name": "c", "expression": "missing"}],
        },
        validationActions=["Deny", "Warn"],
    )
    response = server.admin.request("POST", resource(policy["kind"]), policy)
    assert response.status == 422
    causes = {cause["field"]: cause["message"] for cause in response.json()["details"]["causes"]}
    assert "compilation failed: ERROR: <input>:1:11: Syntax error" in causes["spec.validations[0].expression"]
    assert causes["spec.validations[1].expression"] == (
        "Invalid value: \"'text'\": must evaluate to bool but got string"
    )
    assert causes["spec.validations[1].reason"].startswith('Unsupported value: "Gone"')
    assert causes["spec.variables[0].name"] == 'Invalid value: "1a": name is not a valid CEL identifier'
    assert "undeclared reference to 'missing'" in causes["spec.matchConditions[0].expression"]
    response = server.admin.request("POST", resource(binding["kind"]), binding)
    assert response.status == 422
    assert "must not contain both Deny and Warn" in response.json()["message"]


def test_an_expensive_policy_refuses_and_does_not_stall(server: Standalone) -> None:
    expression = (
        "object.metadata.labels.all(a, object.metadata.labels.all(b, object.metadata.labels.all(c, a + b + c != '')))"
    )
    many = {f"l{number}": "x" for number in range(120)}
    with stored(server, *validating("dear", {"validations": [{"expression": expression}]})):
        until(lambda: create(server, metadata={"labels": many})[0] == 422)
        started = time.monotonic()
        status, body = create(server, metadata={"labels": many})
        assert time.monotonic() - started < 1
        assert status == 422
        assert body["message"].endswith("resulted in error: operation cancelled: actual cost limit exceeded")


def test_policies_cannot_be_locked_out(server: Standalone) -> None:
    rule = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
    documents = validating(
        "nothing", {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "false"}]}
    )
    with stored(server, *documents):
        until(lambda: create(server)[0] == 422)
    until(lambda: create(server)[0] == 201)


def test_the_authorizer_is_asked(server: Standalone) -> None:
    expression = (
        "authorizer.group('wardle.example.com').resource('flunders').namespace('default').check('create').allowed()"
    )
    with stored(server, *validating("allowed", {"validations": [{"expression": f"!{expression}"}]})):
        until(lambda: create(server)[0] == 422)
    account = expression.replace("authorizer.", "authorizer.serviceAccount('default', 'nobody').", 1)
    with stored(server, *validating("account", {"validations": [{"expression": account}]})):
        until(lambda: create(server)[0] == 422)


def test_a_mutation_by_a_configuration(server: Standalone) -> None:
    expression = "Object{metadata: Object.metadata{labels: {'by': request.userInfo.username}}}"
    documents = mutating("labels", expression)
    with stored(server, *documents):
        until(lambda: create(server)[1]["metadata"].get("labels", {}).get("by") == "admin")
        status, body = create(server, metadata={"labels": {"a": "b"}})
        assert (status, body["metadata"]["labels"]) == (201, {"a": "b", "by": "admin"})
        metrics = server.admin.get("/metrics").body.decode()
        assert 'apiserver_mutating_admission_policy_check_total{error_type="no_error",policy="labels"' in metrics


def test_a_mutation_by_a_patch(server: Standalone) -> None:
    expression = (
        "[JSONPatch{op: 'test', path: '/metadata/name', value: 'patched'}, "
        "JSONPatch{op: 'add', path: '/metadata/annotations', value: {'a': 'b'}}]"
    )
    with stored(server, *mutating("patches", expression, patch=True)):
        until(
            lambda: create(server, "patched")[1].get("metadata", {}).get("annotations") == {"a": "b"} or _gone(server)
        )
        status, body = create(server, "other-name")
        assert (status, body["metadata"].get("annotations")) == (201, None)


def _gone(server: Standalone) -> bool:
    server.admin.request("DELETE", f"{FLUNDERS}/patched")
    return False


def test_a_mutation_that_fails_refuses(server: Standalone) -> None:
    with stored(server, *mutating("fails", "Object{spec: Object.wrong{}}")):
        until(lambda: create(server)[0] == 403)
        _, body = create(server, "refused")
        assert (body["reason"], body["code"]) == ("Invalid", 403)
        assert body["message"] == (
            "policy 'fails' with binding 'fails-b' denied request: type mismatch: unexpected type name \"Object.wrong\", "
            'expected "Object.spec", which matches field name path from root Object type'
        )


def test_a_mutation_that_makes_no_sense_is_refused(server: Standalone) -> None:
    policy, _ = mutating("bad", "'text'", reinvocationPolicy="Often")
    policy["spec"]["mutations"].append({"patchType": "JSONPatch"})
    response = server.admin.request("POST", resource(policy["kind"]), policy)
    assert response.status == 422
    causes = {cause["field"]: cause["message"] for cause in response.json()["details"]["causes"]}
    assert causes["spec.mutations[0].applyConfiguration.expression"] == (
        "Invalid value: \"'text'\": must evaluate to Object but got string"
    )
    assert "must be specified when patchType is JSONPatch" in causes["spec.mutations[1].jsonPatch"]
    assert "spec.reinvocationPolicy" in causes


def test_kubectl_applies_and_shows_policies(server: Standalone, tmp_path: Path) -> None:
    for each in validating("applied", {"validations": [{"expression": "true"}]}):
        (tmp_path / f"{each['kind']}.json").write_text(json.dumps(each))
    kubectl = server.kubectl
    applied = kubectl.run("apply", "-f", str(tmp_path))
    assert "validatingadmissionpolicybinding.admissionregistration.k8s.io/applied-b created" in applied.stdout, applied
    shown = kubectl.run("get", "validatingadmissionpolicies")
    assert [line.split()[:3] for line in shown.stdout.splitlines()] == [
        ["NAME", "VALIDATIONS", "PARAMKIND"],
        ["applied", "1", "<unset>"],
    ]
    shown = kubectl.run("get", "validatingadmissionpolicybindings")
    assert [line.split()[:3] for line in shown.stdout.splitlines()] == [
        ["NAME", "POLICYNAME", "PARAMREF"],
        ["applied-b", "applied", "<unset>"],
    ]
    found = server.admin.get(f"{V1}/validatingadmissionpolicies/applied").json()
    assert (found["spec"]["failurePolicy"], found["metadata"]["generation"]) == ("Fail", 1)
    assert found["spec"]["matchConstraints"]["matchPolicy"] == "Equivalent"
    kubectl.run("delete", "-f", str(tmp_path))
