"""Verb patch: four kinds of it (endpoints reference, sections 12 and 13)."""

from typing import Any

import pytest

from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

GENERIC_422 = "the server rejected our request due to an error in our request"


async def patch(
    client: ASGIClient, body: Any, kind: str = MERGE, query: str = "", name: str = "a", version: str = "v1"
) -> ClientResponse:
    headers = {"content-type": kind}
    return await client.request("PATCH", gadgets(name=name, version=version) + query, body=body, headers=headers)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, [{"op": "replace", "path": "/spec/color", "value": "green"}]),
        (MERGE, {"spec": {"color": "green"}}),
        (f"{MERGE}; charset=utf-8", {"spec": {"color": "green"}}),
        (STRATEGIC, {"spec": {"color": "green"}}),
    ],
)
async def test_a_patch_changes_the_object(client: ASGIClient, kind: str, body: Any) -> None:
    await create(client, "a", color="blue", size=3)
    response = await patch(client, body, kind)
    assert response.status == 200
    assert response.json()["spec"] == {"color": "green", "size": 3}


@pytest.mark.parametrize("kind", [JSON, MERGE, STRATEGIC])
async def test_only_apply_creates(client: ASGIClient, kind: str) -> None:
    assert (await patch(client, [] if kind == JSON else {}, kind)).status == 404


@pytest.mark.parametrize("kind", [JSON, MERGE, STRATEGIC])
async def test_where_nothing_is_stored_no_patch_is_read(client: ASGIClient, kind: str) -> None:
    assert (await patch(client, b"{", kind)).status == 404


@pytest.mark.parametrize(
    ("kind", "query", "body", "code", "message"),
    [
        (JSON, "", {}, 400, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jso"),
        (JSON, "", [{"op": "test", "path": "/spec/color", "value": "x"}], 422, GENERIC_422),
        (JSON, "", [{"op": "remove", "path": "/spec/nope"}], 422, GENERIC_422),
        (JSON, "", [{"op": "test", "path": "/x"}] * 10001, 413, "Request entity too large: The allowed maximum operat"),
        (MERGE, "", b"{", 400, "error decoding patch: unexpected end of JSON input"),
        (MERGE, "", [], 400, "error decoding patch: json: cannot unmarshal array into Go value of type map[string]"),
        (MERGE, "", {"metadata": {"name": "b"}}, 400, "the name of the object (b) does not match the name on the URL"),
        (MERGE, "", {"metadata": {"uid": "x"}}, 422, 'Gadget.demo.example.com "a" is invalid: metadata.uid: Invalid'),
        (MERGE, "", {"metadata": {"resourceVersion": "1"}}, 409, "Operation cannot be fulfilled on gadgets.demo.examp"),
        (MERGE, "", {"spec": {"size": "x"}}, 422, ' "" is invalid: patch: Invalid value: "{\\"apiVersion\\":\\"demo.e'),
        (MERGE, "", {"kind": "Nope"}, 422, ' "" is invalid: patch: Invalid value: '),
        (MERGE, "?force=true", {}, 422, 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specif'),
        (MERGE, "?dryRun=x", {}, 422, 'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]'),
        (MERGE, "?fieldValidation=Strict", {"spec": {"zed": 1}}, 422, ' "" is invalid: patch: Invalid value: '),
        (STRATEGIC, "", b"{", 400, "unexpected end of JSON input"),
        (STRATEGIC, "", {"spec": {"size": "x"}}, 422, ' "" is invalid: patch: Invalid value: "map[spec:map[size:x]]"'),
        (STRATEGIC, "", {"spec": {"$patch": "zap"}}, 500, "unknown patch type: zap in map: map[$patch:zap]"),
        (
            APPLY,
            "",
            {},
            422,
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for app',
        ),
        (APPLY, "?fieldManager=m", {}, 400, "invalid object type: /, Kind="),
        (
            APPLY,
            "?fieldManager=m&fieldValidation=Strict&force=true",
            b"apiVersion: demo.example.com/v1\nkind: Gadget\nmetadata: {name: a}\nspec:\n  color: r\n  color: s\n",
            400,
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key",
        ),
    ],
)
async def test_a_patch_is_refused(
    client: ASGIClient, kind: str, query: str, body: Any, code: int, message: str
) -> None:
    await create(client, "other", "a", color="blue")
    response = await patch(client, body, kind, query)
    assert response.status == code
    assert response.json()["message"].startswith(message)


async def test_a_result_that_is_no_object_is_a_cause_called_patch(client: ASGIClient) -> None:
    await create(client, "a")
    response = await patch(client, {"spec": {"size": 1.5}})
    (cause,) = response.json()["details"]["causes"]
    assert cause["field"] == "patch"
    assert '\\"size\\":1.5' in cause["message"]
    assert "json: cannot unmarshal number 1.5 into Go struct field" in cause["message"]


@pytest.mark.parametrize(
    ("kind", "body", "warnings"),
    [
        (MERGE, {"spec": {"zed": 1}}, ['unknown field "spec.zed"']),
        (STRATEGIC, {"spec": {"zed": 1}}, ['unknown field "spec.zed"']),
        (MERGE, b'{"spec":{"color":"a","color":"b"}}', ['duplicate field "spec.color"']),
        (
            JSON,
            b'[{"op":"add","path":"/spec/zed","value":1,"foo":1}]',
            ['json patch unknown field "[0].foo"', 'unknown field "spec.zed"'],
        ),
        (
            APPLY,
            b"apiVersion: demo.example.com/v1\nkind: Gadget\nmetadata: {name: a}\nspec:\n  color: r\n  color: s\n",
            ['line 6: key "color" already set in map'],
        ),
    ],
)
async def test_problems_of_a_patch_are_warned_of(client: ASGIClient, kind: str, body: Any, warnings: list[str]) -> None:
    await create(client, "a")
    response = await patch(client, body, kind, "?fieldManager=m")
    assert response.status == 200
    sent = [value.decode() for name, value in response.raw_headers if name == b"warning"]
    assert sent == ['299 - "{}"'.format(text.replace('"', '\\"')) for text in warnings]


async def test_a_merge_patch_may_speak_another_version(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    body = {"apiVersion": f"{GROUP}/v1beta1", "spec": {"colour": "green"}}
    response = await patch(client, body)
    assert response.status == 200
    assert response.json()["spec"]["color"] == "green"
    assert response.headers["warning"].startswith('299 - "unknown field \\"spec.color\\""')


async def test_a_strategic_merge_ignores_kind_and_version(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    response = await patch(client, {"apiVersion": "x/y", "kind": "Z", "spec": {"size": 4.0}}, STRATEGIC)
    assert response.status == 200
    assert response.json()["spec"] == {"color": "blue", "size": 4}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"kind": 1}, "cannot convert int64 to string"),
        ({"apiVersion": []}, "unrecognized type: string"),
        ({"spec": []}, "cannot restore struct from: slice"),
        ({"metadata": {"labels": "x"}}, "cannot restore map from string"),
    ],
)
async def test_a_strategic_merge_words_wrong_types_as_its_converter_does(
    client: ASGIClient, body: dict[str, object], problem: str
) -> None:
    await create(client, "a", color="blue")
    response = await patch(client, body, STRATEGIC)
    assert response.status == 422
    assert response.json()["message"].endswith(f": {problem}")


async def test_a_patch_is_tracked(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    response = await patch(client, {"spec": {"size": 7}}, query="?fieldManager=me")
    managers = {entry["manager"]: entry["fieldsV1"] for entry in response.json()["metadata"]["managedFields"]}
    assert managers["me"] == {"f:spec": {"f:size": {}}}


async def test_apply_creates_then_changes_nothing_then_conflicts(client: ASGIClient) -> None:
    body = gadget("a", color="blue")
    created = await patch(client, body, APPLY, "?fieldManager=one")
    assert created.status == 201
    assert created.json()["metadata"]["managedFields"][0]["operation"] == "Apply"
    again = await patch(client, body, APPLY, "?fieldManager=one")
    assert again.status == 200

    other = gadget("a", color="red")
    conflict = await patch(client, other, APPLY, "?fieldManager=two")
    assert conflict.status == 409
    assert conflict.json()["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.color'
    forced = await patch(client, other, APPLY, "?fieldManager=two&force=true")
    assert (forced.status, forced.json()["spec"]["color"]) == (200, "red")


async def test_apply_of_an_unknown_uid_is_a_conflict(client: ASGIClient) -> None:
    body = gadget("a")
    body["metadata"]["uid"] = "u"
    response = await patch(client, body, APPLY, "?fieldManager=m")
    assert response.status == 409
    assert "uid mismatch: the provided object specified uid u, and no existing object was found" in response.text


async def test_a_dry_run_changes_nothing(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    response = await patch(client, {"spec": {"color": "green"}}, query="?dryRun=All")
    assert response.json()["spec"]["color"] == "green"
    assert (await client.get(gadgets(name="a"))).json()["spec"]["color"] == "blue"


async def test_an_object_too_large_for_its_managed_fields_is_stored_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from genericapiserver.apimachinery.errors import RequestEntityTooLargeError

    server = DemoServer()
    await create(server.client, "a")
    update = server.gadgets.update
    attempts = 0

    async def picky(*args: Any, **how: Any) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RequestEntityTooLargeError("limit is 1")
        return await update(*args, **how)

    monkeypatch.setattr(server.gadgets, "update", picky)
    response = await patch(server.client, {"spec": {"size": 7}})
    assert response.status == 200
    assert "managedFields" not in response.json()["metadata"]
