"""Validating webhooks, over real TLS: the cases of plugin/webhook/testing/testcase.go of the reference, and more."""

import asyncio
from typing import Any

import pytest

from genericapiserver.admission import Operation
from genericapiserver.admission.webhook import ValidatingWebhooks
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import BadRequestError, InternalError, StatusError
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.authorization.interfaces import FunctionAuthorizer
from genericapiserver.metrics import MetricsRegistry
from tests.support.demo_api import V1, V1BETA1
from tests.support.webhook_server import Answer, Asked, reviewed, webhook_server
from tests.support.webhooks import audit_annotations, configure, hook, samples, validating, write

NOWHERE = {"url": "https://127.0.0.1:1/hook"}


async def outcome(plugin: Any, attributes: Any) -> StatusError | None:
    try:
        await plugin.validate(attributes)
    except StatusError as error:
        return error
    finally:
        await plugin.aclose()
    return None


def refuse(asked: Asked) -> Answer:
    return reviewed(asked, allowed=False)


def refuse_with(**status: Any) -> Any:
    return lambda asked: reviewed(asked, allowed=False, status=status)


async def test_what_a_webhook_is_asked() -> None:
    async with webhook_server() as server:
        plugin = validating(hook("w.example.com", server.client_config()))
        assert await outcome(plugin, write(Operation.UPDATE)) is None
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/hook?timeout=10s")
    assert asked.headers["user-agent"] == "kube-apiserver-admission"
    assert asked.headers["content-type"] == "application/json"
    assert list(asked.review) == ["kind", "apiVersion", "request"]
    request = dict(asked.request)
    assert len(request.pop("uid")) == 36
    gadget = {"kind": "Gadget", "apiVersion": "demo.example.com/v1"}
    metadata = {"name": "a", "namespace": "ns"}
    kind = {"group": "demo.example.com", "version": "v1", "kind": "Gadget"}
    resource = {"group": "demo.example.com", "version": "v1", "resource": "gadgets"}
    assert request == {
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": "a",
        "namespace": "ns",
        "operation": "UPDATE",
        "userInfo": {"username": "alice", "uid": "a-1", "groups": ["developers"], "extra": {"scopes": ["all"]}},
        "object": {**gadget, "metadata": metadata, "spec": {"color": "green", "size": 1}, "status": {}},
        "oldObject": {**gadget, "metadata": metadata, "spec": {"color": "blue", "size": 1}, "status": {}},
        "dryRun": False,
        "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    assert [key for key in asked.request if key in ("name", "object", "dryRun", "options")] == [
        "name",
        "object",
        "dryRun",
        "options",
    ]


@pytest.mark.parametrize(
    ("operation", "nulls"),
    [(Operation.CREATE, ["oldObject"]), (Operation.DELETE, ["object"]), (Operation.CONNECT, ["oldObject", "options"])],
)
async def test_objects_that_are_not_there_are_null(operation: Operation, nulls: list[str]) -> None:
    async with webhook_server() as server:
        plugin = validating(hook("w.example.com", server.client_config()))
        assert await outcome(plugin, write(operation)) is None
    assert [key for key, value in server.asked[0].request.items() if value is None] == nulls


DENIED = 'admission webhook "w.example.com" denied the request'


@pytest.mark.parametrize(
    ("answer", "code", "reason", "message"),
    [
        (refuse, 400, "", f"{DENIED} without explanation"),
        (refuse_with(code=403), 403, "", f"{DENIED} without explanation"),
        (refuse_with(code=403, message="you shall not pass"), 403, "", f"{DENIED}: you shall not pass"),
        (refuse_with(reason="Forbidden"), 400, "Forbidden", f"{DENIED}: Forbidden"),
        (refuse_with(status="Success", code=200, message="no"), 400, "", f"{DENIED}: no"),
    ],
)
async def test_a_no_is_passed_on(answer: Any, code: int, reason: str, message: str) -> None:
    async with webhook_server(answer) as server:
        plugin = validating(hook("w.example.com", server.client_config(), failurePolicy="Ignore"))
        error = await outcome(plugin, write())
    assert error is not None
    assert (error.code, error.reason, error.message, error.details) == (code, reason, message, None)
    assert error.status().status == "Failure"


async def test_a_yes_carries_annotations_and_warnings() -> None:
    async with webhook_server(
        lambda asked: reviewed(
            asked, auditAnnotations={"key1": "value1", "bad key": "x", "a/b": "x"}, warnings=["mind the gap"]
        )
    ) as server:
        attributes = write()
        assert await outcome(validating(hook("allow.example.com", server.client_config())), attributes) is None
    assert audit_annotations(attributes) == {"allow.example.com/key1": "value1"}
    assert attributes.context.warnings is not None
    assert attributes.context.warnings.headers == [(b"warning", b'299 - "mind the gap"')]


@pytest.mark.parametrize(
    "fields",
    [
        {"rules": [{"operations": ["DELETE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]},
        {"namespaceSelector": {"matchLabels": {"run": "yes"}}},
        {"objectSelector": {"matchLabels": {"run": "yes"}}},
    ],
    ids=["rules", "namespace selector", "object selector"],
)
async def test_what_a_webhook_is_not_concerned_with_does_not_reach_it(fields: dict[str, Any]) -> None:
    plugin = validating(hook("w.example.com", NOWHERE, **fields))
    assert plugin.is_idle() is False
    assert await outcome(plugin, write()) is None


async def test_without_configurations_there_is_nothing_to_do() -> None:
    assert validating().is_idle() is True


CALL = 'Internal error occurred: failed calling webhook "w.example.com": '


@pytest.mark.parametrize("policy", [None, "Fail", "Strange"])
async def test_an_unreachable_webhook_refuses_writes(policy: str | None) -> None:
    registry = MetricsRegistry()
    fields = {} if policy is None else {"failurePolicy": policy}
    error = await outcome(validating(hook("w.example.com", NOWHERE, **fields), registry=registry), write())
    assert isinstance(error, InternalError)
    why = 'failed to call webhook: Post "https://127.0.0.1:1/hook?timeout=10s": '
    why += "dial tcp 127.0.0.1:1: connect: connection refused"
    assert error.message == CALL + why
    assert error.details is not None
    assert [cause.message for cause in error.details.causes] == [
        error.message.removeprefix("Internal error occurred: ")
    ]
    name = "apiserver_admission_webhook_rejection_count"
    assert samples(registry, name) == {("w.example.com", "validating", "CREATE", "calling_webhook_error", "503"): 1}
    assert samples(registry, "apiserver_admission_webhook_request_total") == {
        ("w.example.com", "validating", "CREATE", "503", "true"): 1
    }


async def test_ignored_failures_are_written_down() -> None:
    registry = MetricsRegistry()
    hooks = [hook(f"w{index}.example.com", NOWHERE, failurePolicy="Ignore") for index in range(3)]
    unmatched = hook("none.example.com", NOWHERE, rules=[])
    attributes = write()
    assert await outcome(validating(unmatched, *hooks, registry=registry), attributes) is None
    prefix = "failed-open.validating.webhook.admission.k8s.io/round_0_index_"
    assert audit_annotations(attributes) == {f"{prefix}{index}": f"w{index}.example.com" for index in range(3)}
    assert sum(samples(registry, "apiserver_admission_webhook_fail_open_count").values()) == 3
    assert samples(registry, "apiserver_admission_webhook_rejection_count") == {}


BAD_ANSWERS: list[tuple[str, Any, str]] = [
    (
        "no response",
        lambda asked: {**reviewed(asked), "response": None},
        "received invalid webhook response: webhook response was absent",
    ),
    (
        "wrong uid",
        lambda asked: reviewed(asked, uid="x"),
        'received invalid webhook response: expected response.uid="UID", got "x"',
    ),
    (
        "no kind",
        lambda asked: {"response": reviewed(asked)["response"]},
        "received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, "
        "got /, Kind=",
    ),
    (
        "patch",
        lambda asked: reviewed(asked, patch="W10=", patchType="JSONPatch"),
        "received invalid webhook response: validating webhook may not return response.patch",
    ),
    (
        "patch type",
        lambda asked: reviewed(asked, patchType="JSONPatch"),
        "received invalid webhook response: validating webhook may not return response.patchType",
    ),
    (
        "older version",
        lambda asked: {**reviewed(asked), "apiVersion": "admission.k8s.io/v1beta1"},
        "failed to call webhook: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion",
    ),
]


@pytest.mark.parametrize(("answer", "why"), [row[1:] for row in BAD_ANSWERS], ids=[row[0] for row in BAD_ANSWERS])
async def test_answers_that_break_the_contract_are_failures(answer: Any, why: str) -> None:
    async with webhook_server(answer) as server:
        error = await outcome(validating(hook("w.example.com", server.client_config())), write())
        ignored = hook("w.example.com", server.client_config(), failurePolicy="Ignore")
        assert await outcome(validating(ignored), write()) is None
    assert error is not None
    assert error.code == 500
    assert error.message == CALL + why.replace("UID", server.asked[0].request["uid"])


async def test_v1beta1_is_laxer() -> None:
    def answer(asked: Asked) -> Answer:
        return {"response": {"allowed": True, "uid": "somebody else's"}}

    async with webhook_server(answer) as server:
        plugin = validating(hook("w.example.com", server.client_config(), admissionReviewVersions=["v7", "v1beta1"]))
        assert await outcome(plugin, write()) is None
    assert server.asked[0].review["apiVersion"] == "admission.k8s.io/v1beta1"


async def test_versions_nobody_knows_are_a_failure() -> None:
    error = await outcome(validating(hook("w.example.com", NOWHERE, admissionReviewVersions=["v7"])), write())
    assert error is not None
    assert error.message == CALL + (
        "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
    )


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "webhook configuration must have either service or URL"),
        (
            {"url": "http://127.0.0.1:1/"},
            'Unparsable URL: parse "http://127.0.0.1:1/": it has to begin with https:// and a host',
        ),
        ({"url": "https://127.0.0.1:99999/"}, "Unparsable URL: Port out of range 0-65535"),
        ({"url": "https://127.0.0.1/", "caBundle": "bm90aGluZw=="}, "unable to load root certificates: "),
    ],
)
async def test_bad_client_configurations_are_failures(config: dict[str, Any], why: str) -> None:
    registry = MetricsRegistry()
    error = await outcome(validating(hook("w.example.com", config), registry=registry), write())
    assert error is not None
    assert error.message.startswith(f"{CALL}could not get REST client: {why}")
    codes = [labels[-1] for labels in samples(registry, "apiserver_admission_webhook_rejection_count")]
    assert codes == ["400"]


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
@pytest.mark.parametrize(
    ("side_effects", "code", "message"),
    [
        ("None", 0, ""),
        ("NoneOnDryRun", 0, ""),
        ("Some", 400, 'admission webhook "w.example.com" does not support dry run'),
        ("Unknown", 400, 'admission webhook "w.example.com" does not support dry run'),
    ],
)
async def test_dry_runs_reach_only_webhooks_without_side_effects(
    side_effects: str, code: int, message: str, policy: str
) -> None:
    async with webhook_server() as server:
        config = hook("w.example.com", server.client_config(), sideEffects=side_effects, failurePolicy=policy)
        error = await outcome(validating(config), write(dry_run=True))
        assert (await outcome(validating(config), write())) is None
    assert ((error.code, error.message) if error else (0, "")) == (code, message)
    assert isinstance(error, BadRequestError | None)
    assert len(server.asked) == (1 if code else 2)


async def test_side_effects_that_nobody_thought_about_are_a_failure_on_dry_runs() -> None:
    config = hook("w.example.com", NOWHERE, sideEffects=None)
    error = await outcome(validating(config), write(dry_run=True))
    assert error is not None
    assert error.message == f"{CALL}Webhook SideEffects is nil"
    assert await outcome(validating({**config, "failurePolicy": "Ignore"}), write(dry_run=True)) is None


async def test_all_webhooks_are_asked_at_once_and_all_answers_awaited() -> None:
    together = asyncio.Barrier(3)

    async def answer(asked: Asked) -> Answer:
        await together.wait()
        return reviewed(asked, allowed=False, status={"message": "no"})

    async with webhook_server(answer) as server:
        hooks = [hook(f"w{index}.example.com", server.client_config()) for index in range(3)]
        error = await outcome(validating(*hooks), write())
    assert error is not None
    assert error.message.endswith("denied the request: no")
    assert len(server.asked) == 3


async def test_the_first_refusal_is_what_the_client_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_was_read = asyncio.Event()

    async def slow(asked: Asked) -> Answer:
        await quick_was_read.wait()
        return reviewed(asked, allowed=False, status={"message": "slow"})

    async with webhook_server(slow) as one, webhook_server(refuse_with(message="quick")) as other:
        plugin = validating(hook("a.example.com", one.client_config()), hook("b.example.com", other.client_config()))
        assert plugin._caller is not None
        monkeypatch.setattr(plugin._caller, "observe", lambda *what: quick_was_read.set())
        error = await outcome(plugin, write())
    assert error is not None
    assert error.message.endswith(": quick")


async def test_a_webhook_sees_the_version_its_rules_are_about() -> None:
    equivalents = EquivalentResources()
    for version in (V1, V1BETA1):
        equivalents.register(version.with_resource("gadgets"), "", version.with_kind("Gadget"))
    old = [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["v1beta1"], "resources": ["gadgets"]}]
    async with webhook_server() as server:
        plugin = validating(hook("w.example.com", server.client_config(), rules=old))
        assert await outcome(plugin, write(equivalents=equivalents)) is None
    request = server.asked[0].request
    assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v1beta1", "v1")
    assert request["object"]["apiVersion"] == "demo.example.com/v1beta1"
    assert request["object"]["spec"] == {"colour": "green"}


async def test_a_request_without_time_left_goes_no_further() -> None:
    now = asyncio.get_running_loop().time()
    ignored = hook("w.example.com", NOWHERE, failurePolicy="Ignore")
    error = await outcome(validating(ignored), write(deadline=now - 1))
    assert error is not None
    assert (error.code, error.message) == (504, "Timeout: request did not complete within requested timeout")


@pytest.mark.parametrize(("policy", "code"), [("Fail", 500), ("Ignore", 0)])
async def test_what_fails_in_an_unforeseen_way_follows_the_policy(
    policy: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = validating(hook("w.example.com", NOWHERE, failurePolicy=policy))

    def burst(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("burst")

    monkeypatch.setattr(plugin._clients, "client_for", burst)
    attributes = write()
    error = await outcome(plugin, attributes)
    assert (error.code if error else 0) == code
    if error is not None:
        assert error.message == "Internal error occurred: ValidatingAdmissionWebhook/w.example.com has panicked: burst"
    else:
        assert list(audit_annotations(attributes).values()) == ["w.example.com"]


@pytest.mark.parametrize(
    ("expressions", "policy", "asked", "message"),
    [
        (["object.spec.color == 'green'"], "Fail", True, ""),
        (["object.spec.color == 'red'"], "Fail", False, ""),
        (["object.spec.weight > 1", "request.operation == 'DELETE'"], "Fail", False, ""),
        (["object.spec.weight > 1"], "Ignore", False, ""),
        (
            ["object.spec.weight > 1", "true"],
            "Fail",
            False,
            "gadgets.demo.example.com \"a\" is forbidden: expression 'object.spec.weight > 1' resulted in error: "
            "no such key: weight",
        ),
        (["oldObject == null && request.userInfo.username == 'alice' && !request.dryRun"], "Fail", True, ""),
    ],
)
async def test_match_conditions(expressions: list[str], policy: str, asked: bool, message: str) -> None:
    conditions = [{"name": f"c{index}", "expression": text} for index, text in enumerate(expressions)]
    async with webhook_server() as server:
        plugin = validating(
            hook("w.example.com", server.client_config(), matchConditions=conditions, failurePolicy=policy)
        )
        error = await outcome(plugin, write())
    assert (error.message if error else "") == message
    assert bool(server.asked) is asked
    if error is not None:
        assert error.code == 403


@pytest.mark.parametrize(("allowed", "asked"), [("alice", True), ("bob", False)])
async def test_conditions_may_ask_the_authorizer(allowed: str, asked: bool) -> None:
    def authorize(attributes: AuthorizationAttributes) -> AuthorizationResult:
        assert (attributes.verb, attributes.resource, attributes.name) == ("break-glass", "gadgets", "a")
        assert attributes.user is not None
        decision = Decision.ALLOW if attributes.user.name == allowed else Decision.NO_OPINION
        return AuthorizationResult(decision)

    expression = "authorizer.requestResource.check('break-glass').allowed()"
    async with webhook_server() as server:
        plugin = ValidatingWebhooks()
        plugin.set_authorizer(FunctionAuthorizer(authorize))
        conditions = [{"name": "c", "expression": expression}]
        configure(plugin, ("c", [hook("w.example.com", server.client_config(), matchConditions=conditions)]))
        assert await outcome(plugin, write()) is None
    assert bool(server.asked) is asked


async def test_a_condition_that_does_not_compile_lets_nothing_pass() -> None:
    conditions = [{"name": "c", "expression": "object.spec."}]
    error = await outcome(validating(hook("w.example.com", NOWHERE, matchConditions=conditions)), write())
    assert error is not None
    assert error.code == 403
    assert "compilation error: compilation failed" in error.message


async def test_changes_of_configurations_count_at_once() -> None:
    plugin = validating()
    known = configure(plugin, ("c", []))
    assert plugin.is_idle()
    known.replace(plugin._decode({"metadata": {"name": "c"}, "webhooks": [hook("w.example.com", NOWHERE)]}))
    error = await outcome(plugin, write())
    assert error is not None
    known.replace()
    assert plugin.is_idle()


async def test_namespaces_that_nobody_knows_refuse_what_depends_on_them() -> None:
    selector = {"matchLabels": {"run": "yes"}}
    plugin = validating(hook("w.example.com", NOWHERE, namespaceSelector=selector))
    error = await outcome(plugin, write(namespace="nowhere"))
    assert error is not None
    assert (error.code, error.message) == (404, 'namespaces "nowhere" not found')
