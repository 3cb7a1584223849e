"""Mutating webhooks, over real TLS: patches, the order of calls, reinvocation, what the audit log is told."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from genericapiserver.admission import AdmissionChain, Attributes, Operation
from genericapiserver.admission.attributes import AuditLevel
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.metrics import MetricsRegistry
from tests.support.demo_api import V1, V1BETA1
from tests.support.webhook_server import Answer, Answering, Asked, patched, reviewed, webhook_server
from tests.support.webhooks import audit_annotations, hook, mutating, new_gadget, samples, write

NOWHERE = {"url": "https://127.0.0.1:1/hook"}
MUTATION = "mutation.webhook.admission.k8s.io/round_{}_index_{}"
PATCH = "patch.webhook.admission.k8s.io/round_{}_index_{}"
CALL = 'Internal error occurred: failed calling webhook "w0.example.com": '


def labelling(key: str, value: str = "yes") -> Answering:
    """Sets a label, again at every call."""

    def answer(asked: Asked) -> Answer:
        labels = {**asked.request["object"]["metadata"].get("labels", {}), key: value}
        return patched(asked, [{"op": "add", "path": "/metadata/labels", "value": labels}])

    return answer


class Hooks:
    """Webhooks `w0`, `w1`, ... each with its own answers, and the order in which they were asked."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.called: list[str] = []
        self.asked: list[Asked] = []
        self.hooks: list[dict[str, Any]] = []

    async def add(self, answer: Answering, **fields: Any) -> None:
        name = f"w{len(self.hooks)}"

        def noted(asked: Asked) -> Any:
            self.called.append(name)
            self.asked.append(asked)
            return answer(asked)

        server = await self._stack.enter_async_context(webhook_server(noted))
        self.hooks.append(hook(f"{name}.example.com", server.client_config(), **fields))

    async def admit(
        self, attributes: Attributes, *others: Any, registry: MetricsRegistry | None = None
    ) -> StatusError | None:
        """Send a write through the chain; *others* are plugins in front."""
        plugin = mutating(*self.hooks, registry=registry or MetricsRegistry())
        self._stack.push_async_callback(plugin.aclose)
        try:
            await AdmissionChain([*others, plugin]).admit(attributes)
        except StatusError as error:
            return error
        return None


@pytest.fixture
async def hooks() -> Any:
    async with AsyncExitStack() as stack:
        yield Hooks(stack)


def mutations(attributes: Attributes) -> dict[str, bool]:
    """`round/index` of every call, and whether it changed something."""
    prefix = MUTATION.split("round", maxsplit=1)[0]
    return {
        key.removeprefix(prefix): json.loads(value)["mutated"]
        for key, value in audit_annotations(attributes).items()
        if key.startswith(prefix)
    }


async def test_a_patch_changes_the_object_and_is_written_down(hooks: Hooks) -> None:
    await hooks.add(labelling("b"))
    attributes = write(object=new_gadget(a="1"))
    assert await hooks.admit(attributes) is None
    assert attributes.object.metadata.labels == {"a": "1", "b": "yes"}
    assert audit_annotations(attributes) == {
        MUTATION.format(0, 0): '{"configuration":"c","webhook":"w0.example.com","mutated":true}',
        PATCH.format(0, 0): '{"configuration":"c","webhook":"w0.example.com","patch":[{"op":"add",'
        '"path":"/metadata/labels","value":{"a":"1","b":"yes"}}],"patchType":"JSONPatch"}',
    }
    assert attributes.annotations[PATCH.format(0, 0)].level is AuditLevel.REQUEST
    assert attributes.annotations[MUTATION.format(0, 0)].level is AuditLevel.METADATA


async def test_a_label_can_be_taken_away(hooks: Hooks) -> None:
    await hooks.add(lambda asked: patched(asked, [{"op": "remove", "path": "/metadata/labels/a"}]))
    attributes = write(object=new_gadget(a="1"))
    assert await hooks.admit(attributes) is None
    assert attributes.object.metadata.labels == {}


@pytest.mark.parametrize(
    "answer",
    [
        reviewed,
        lambda asked: patched(asked, []),
        lambda asked: patched(asked, [{"op": "test", "path": "/metadata/name", "value": "a"}]),
        lambda asked: patched(asked, [{"op": "add", "path": "/metadata/labels", "value": {}}]),
    ],
    ids=["no patch", "empty patch", "a test that holds", "an empty map for none"],
)
async def test_what_changes_nothing_is_no_mutation(hooks: Hooks, answer: Answering) -> None:
    await hooks.add(answer, reinvocationPolicy="IfNeeded")
    attributes = write()
    before = attributes.object
    assert await hooks.admit(attributes) is None
    assert attributes.object == before
    assert (mutations(attributes), hooks.called) == ({"round_0_index_0": False}, ["w0"])


async def test_each_webhook_sees_what_the_ones_before_changed(hooks: Hooks) -> None:
    await hooks.add(lambda asked: patched(asked, [{"op": "replace", "path": "/spec", "value": {"color": "red"}}]))
    await hooks.add(reviewed)
    attributes = write()
    assert await hooks.admit(attributes) is None
    assert hooks.asked[1].request["object"]["spec"] == {"color": "red", "size": 1}, "defaulted again"
    assert attributes.object.spec.color == "red"


async def test_a_webhook_is_chosen_by_what_the_ones_before_left(hooks: Hooks) -> None:
    await hooks.add(lambda asked: patched(asked, [{"op": "remove", "path": "/metadata/labels/a"}]))
    await hooks.add(reviewed, objectSelector={"matchLabels": {"a": "1"}})
    assert await hooks.admit(write(object=new_gadget(a="1"))) is None
    assert hooks.called == ["w0"]


async def test_versions_may_differ_between_webhooks(hooks: Hooks) -> None:
    equivalents = EquivalentResources()
    for version in (V1, V1BETA1):
        equivalents.register(version.with_resource("gadgets"), "", version.with_kind("Gadget"))
    old = [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["v1beta1"], "resources": ["gadgets"]}]
    await hooks.add(
        lambda asked: patched(asked, [{"op": "replace", "path": "/spec/colour", "value": "red"}]), rules=old
    )
    await hooks.add(lambda asked: patched(asked, [{"op": "replace", "path": "/spec/size", "value": 7}]))
    attributes = write(equivalents=equivalents)
    assert await hooks.admit(attributes) is None
    assert [asked.request["kind"]["version"] for asked in hooks.asked] == ["v1beta1", "v1"]
    assert (attributes.object.spec.color, attributes.object.spec.size) == ("red", 7)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            lambda asked: patched(asked, b"["),
            "received undecodable patch in webhook response: unexpected end of JSON input",
        ),
        (
            lambda asked: patched(asked, b"{}"),
            "received undecodable patch in webhook response: "
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        ),
        (
            lambda asked: reviewed(asked, patch="W10="),
            "received invalid webhook response: webhook returned response.patch but not response.patchType",
        ),
        (
            lambda asked: reviewed(asked, patchType="JSONPatch"),
            "received invalid webhook response: webhook returned response.patchType but not response.patch",
        ),
        (
            lambda asked: reviewed(asked, patch="W10=", patchType=""),
            'received invalid webhook response: webhook returned invalid response.patchType of ""',
        ),
        (
            lambda asked: (
                {**patched(asked, [{"op": "add", "path": "/x", "value": 1}])}
                | {
                    "response": {
                        **patched(asked, [{"op": "add", "path": "/x", "value": 1}])["response"],
                        "patchType": "Merge",
                    }
                }
            ),
            'unsupported patch type "Merge"',
        ),
    ],
    ids=["no JSON", "no list", "no type", "no patch", "empty type", "unknown type"],
)
async def test_patches_that_are_none_are_failures_of_the_call(hooks: Hooks, answer: Answering, why: str) -> None:
    await hooks.add(answer)
    attributes = write()
    error = await hooks.admit(attributes)
    assert error is not None
    assert (error.code, error.message) == (500, CALL + why)
    assert mutations(attributes) == {"round_0_index_0": False}
    hooks.hooks[0]["failurePolicy"] = "Ignore"
    ignoring = write()
    assert await hooks.admit(ignoring) is None
    assert (
        audit_annotations(ignoring)["failed-open.mutation.webhook.admission.k8s.io/round_0_index_0"] == "w0.example.com"
    )


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (
            [{"op": "remove", "path": "/spec/nothere"}],
            "error in remove for path: '/spec/nothere': Unable to remove nonexistent key: nothere: missing value",
        ),
        ([{"op": "test", "path": "/spec/color", "value": "red"}], "testing value /spec/color failed: test failed"),
        (
            [{"op": "add", "path": "/no/way/in", "value": 1}],
            'add operation does not apply: doc is missing path: "/no/way/in": missing value',
        ),
        ([{"op": "invent", "path": "/spec"}], "Unexpected kind: invent"),
        (
            [{"op": "replace", "path": "/spec/size", "value": "big"}],
            "json: cannot unmarshal string into Go struct field GadgetSpec.spec.size of type int32",
        ),
        (
            [{"op": "replace", "path": "/kind", "value": "Rack"}],
            "the kind of the object was changed from demo.example.com/v1, Kind=Gadget to "
            "demo.example.com/v1, Kind=Rack",
        ),
        (
            [{"op": "replace", "path": "/kind", "value": "Nothing"}],
            'no kind "Nothing" is registered for version "demo.example.com/v1" in scheme "demo"',
        ),
    ],
    ids=["remove", "test", "path", "operation", "type", "kind", "no kind"],
)
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
async def test_patches_that_cannot_be_applied_refuse_the_write_whatever_the_policy(
    hooks: Hooks, patch: Any, message: str, policy: str
) -> None:
    registry = MetricsRegistry()
    await hooks.add(lambda asked: patched(asked, patch), failurePolicy=policy)
    attributes = write()
    before = attributes.object
    error = await hooks.admit(attributes, registry=registry)
    assert error is not None
    assert (error.code, error.reason) == (500, "InternalError")
    assert error.message.startswith("Internal error occurred: ")
    assert message in error.message
    assert attributes.object is before
    assert samples(registry, "apiserver_admission_webhook_rejection_count") == {
        ("w0.example.com", "admit", "CREATE", "apiserver_internal_error", "0"): 1
    }
    assert samples(registry, "apiserver_admission_webhook_request_total") == {
        ("w0.example.com", "admit", "CREATE", "0", "true"): 1
    }


async def test_what_is_deleted_cannot_be_changed(hooks: Hooks) -> None:
    await hooks.add(lambda asked: patched(asked, [{"op": "remove", "path": "/spec"}]), failurePolicy="Ignore")
    error = await hooks.admit(write(Operation.DELETE))
    assert error is not None
    assert error.message == (
        'Internal error occurred: admission webhook "w0.example.com" attempted to modify the object, '
        "which is not supported for this operation"
    )
    assert hooks.asked[0].request["object"] is None
    assert hooks.asked[0].request["oldObject"]["spec"]["color"] == "blue"


async def test_v1beta1_takes_any_patch_for_a_json_patch(hooks: Hooks) -> None:
    def answer(asked: Asked) -> Answer:
        response = patched(asked, [{"op": "replace", "path": "/spec/color", "value": "red"}])["response"]
        return {"response": {**response, "patchType": None}}

    await hooks.add(answer, admissionReviewVersions=["v1beta1"])
    attributes = write()
    assert await hooks.admit(attributes) is None
    assert attributes.object.spec.color == "red"


async def test_a_no_ends_the_walk(hooks: Hooks) -> None:
    await hooks.add(lambda asked: reviewed(asked, allowed=False, status={"message": "no", "code": 403}))
    await hooks.add(reviewed)
    error = await hooks.admit(write())
    assert error is not None
    assert (error.code, error.message) == (403, 'admission webhook "w0.example.com" denied the request: no')
    assert hooks.called == ["w0"]


async def test_indices_count_webhooks_that_are_not_concerned(hooks: Hooks) -> None:
    hooks.hooks.append(hook("none.example.com", NOWHERE, rules=[]))
    await hooks.add(labelling("a"))
    attributes = write()
    assert await hooks.admit(attributes) is None
    assert mutations(attributes) == {"round_0_index_1": True}


@pytest.mark.parametrize(
    ("first", "second", "called"),
    [
        ("Never", "Never", ["w0", "w1"]),
        ("IfNeeded", "Never", ["w0", "w1", "w0"]),
        ("Never", "IfNeeded", ["w0", "w1"]),
        ("IfNeeded", "IfNeeded", ["w0", "w1", "w0"]),
    ],
)
async def test_who_is_asked_again_after_a_change(hooks: Hooks, first: str, second: str, called: list[str]) -> None:
    await hooks.add(labelling("a"), reinvocationPolicy=first)
    await hooks.add(labelling("b"), reinvocationPolicy=second)
    attributes = write()
    assert await hooks.admit(attributes) is None
    assert hooks.called == called
    assert attributes.object.metadata.labels == {"a": "yes", "b": "yes"}


async def test_a_webhook_that_changes_after_all_is_not_asked_a_third_time(hooks: Hooks) -> None:
    values: Iterator[int] = iter(range(5, 100))

    def answer(asked: Asked) -> Answer:
        return patched(asked, [{"op": "replace", "path": "/spec/size", "value": next(values)}])

    await hooks.add(answer, reinvocationPolicy="IfNeeded")
    await hooks.add(answer, reinvocationPolicy="IfNeeded")
    attributes = write()
    assert await hooks.admit(attributes) is None
    assert hooks.called == ["w0", "w1", "w0", "w1"], "the second time w0 changes something after w1"
    assert mutations(attributes) == {
        "round_0_index_0": True,
        "round_0_index_1": True,
        "round_1_index_0": True,
        "round_1_index_1": True,
    }


async def test_who_was_not_concerned_at_first_is_not_asked_in_the_second_round(hooks: Hooks) -> None:
    await hooks.add(reviewed, objectSelector={"matchLabels": {"late": "yes"}}, reinvocationPolicy="IfNeeded")
    await hooks.add(labelling("late"), reinvocationPolicy="IfNeeded")
    assert await hooks.admit(write()) is None
    assert hooks.called == ["w1"]


async def test_changes_of_other_plugins_between_the_rounds_count(hooks: Hooks) -> None:
    class Counting:
        """Changes the object in both rounds, and so after the webhooks ran."""

        rounds = 0

        def handles(self, operation: Operation) -> bool:
            return True

        async def admit(self, attributes: Attributes) -> None:
            self.rounds += 1
            attributes.object.spec.size = 10 * self.rounds
            attributes.request_reinvocation()

    await hooks.add(reviewed, reinvocationPolicy="IfNeeded")
    await hooks.add(reviewed, reinvocationPolicy="Never")
    attributes = write()
    assert await hooks.admit(attributes, Counting()) is None
    assert hooks.called == ["w0", "w1", "w0"]
    assert hooks.asked[-1].request["object"]["spec"]["size"] == 20


async def test_an_unreachable_webhook_is_remembered_for_the_second_round_as_well(hooks: Hooks) -> None:
    hooks.hooks.append(hook("w0.example.com", NOWHERE, failurePolicy="Ignore", reinvocationPolicy="IfNeeded"))
    await hooks.add(labelling("a"))
    attributes = write()
    assert await hooks.admit(attributes) is None
    failed = [key for key in audit_annotations(attributes) if key.startswith("failed-open")]
    assert [key.rpartition("/")[2] for key in failed] == ["round_0_index_0", "round_1_index_0"]
