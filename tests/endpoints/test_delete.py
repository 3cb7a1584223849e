"""Verbs delete and deletecollection (endpoints reference, section 9)."""

from typing import Any

import pytest

from genericapiserver.admission import Attributes, Operation, validating_plugin
from genericapiserver.apimachinery.errors import ForbiddenError
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets


async def delete(client: ASGIClient, target: str = "", body: Any = None) -> ClientResponse:
    return await client.request("DELETE", gadgets(name="a") + target, body=body)


async def create_with_finalizer(client: ASGIClient) -> None:
    body = gadget("a")
    body["metadata"]["finalizers"] = ["demo.example.com/hold"]
    assert (await client.request("POST", gadgets(), body=body)).status == 201


async def test_a_delete_answers_with_a_status_that_has_no_code(client: ASGIClient) -> None:
    await create(client, "a")
    uid = (await client.get(gadgets(name="a"))).json()["metadata"]["uid"]
    response = await delete(client)
    assert response.status == 200
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "group": GROUP, "kind": "gadgets", "uid": uid},
    }
    assert (await delete(client)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        {"kind": "DeleteOptions", "apiVersion": "v1"},
        {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "unknown": 1},
        {"kind": "DeleteOptions", "apiVersion": f"{GROUP}/v1"},
    ],
)
async def test_any_body_makes_the_query_void(client: ASGIClient, body: Any) -> None:
    await create(client, "a")
    assert (await delete(client, "?dryRun=All", body)).status == 200
    assert (await client.get(gadgets(name="a"))).status == 404


async def test_without_a_body_the_query_counts(client: ASGIClient) -> None:
    await create(client, "a")
    assert (await delete(client, "?dryRun=All")).status == 200
    assert (await client.get(gadgets(name="a"))).status == 200


@pytest.mark.parametrize(
    ("target", "body", "code", "message"),
    [
        (
            "?propagationPolicy=Nope",
            None,
            422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported',
        ),
        ("?gracePeriodSeconds=x", None, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("?uid=u", None, 409, 'Operation cannot be fulfilled on Gadget.demo.example.com "a": the UID in the precond'),
        ("", {"preconditions": {"uid": "u"}}, 409, "Operation cannot be fulfilled on Gadget.demo.example.com"),
        ("", {"kind": "Pod", "apiVersion": "v1"}, 400, 'no kind "Pod" is registered for version "v1" in scheme'),
        (
            "",
            {"gracePeriodSeconds": "x"},
            400,
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
        ),
        ("", b"{", 400, "couldn't get version/kind; json parse error: unexpected end of JSON input"),
    ],
)
async def test_a_delete_is_refused(client: ASGIClient, target: str, body: Any, code: int, message: str) -> None:
    await create(client, "a")
    response = await delete(client, target, body)
    assert response.status == code
    assert response.json()["message"].startswith(message)
    assert (await client.get(gadgets(name="a"))).status == 200


async def test_deleting_the_unreadable_is_no_option_yet(client: ASGIClient) -> None:
    await create(client, "a")
    response = await delete(client, "?dryRun=All&ignoreStoreReadErrorWithClusterBreakingPotential=true", None)
    assert response.status == 200


async def test_a_body_of_another_type_is_refused(client: ASGIClient) -> None:
    response = await client.request(
        "DELETE", gadgets(name="a"), body=b"x", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert response.status == 415


@pytest.mark.parametrize(
    ("target", "code"), [("", 200), ("?orphanDependents=false", 202), ("?propagationPolicy=Foreground", 200)]
)
async def test_a_delete_that_waits_answers_with_the_object(client: ASGIClient, target: str, code: int) -> None:
    await create_with_finalizer(client)
    response = await delete(client, target)
    assert response.status == code
    assert response.json()["kind"] == "Gadget"
    assert response.json()["metadata"]["deletionTimestamp"]


async def test_taking_the_last_finalizer_deletes(client: ASGIClient) -> None:
    await create_with_finalizer(client)
    waiting = (await delete(client)).json()
    waiting["metadata"]["finalizers"] = []
    response = await client.request("PUT", gadgets(name="a"), body=waiting)
    assert (response.status, response.json()["kind"]) == (200, "Gadget")
    assert (await client.get(gadgets(name="a"))).status == 404


async def test_admission_sees_the_stored_object(server: DemoServer) -> None:
    seen: list[Attributes] = []

    async def refuse(attributes: Attributes) -> None:
        seen.append(attributes)
        raise ForbiddenError(attributes.resource.group_resource, attributes.name, "no")

    server = DemoServer(plugins=[validating_plugin(Operation.DELETE)(refuse)])
    await create(server.client, "a", color="blue")
    assert (await delete(server.client)).status == 403
    assert seen[0].object is None
    assert seen[0].old_object.spec.color == "blue"


async def test_a_storage_may_return_nothing(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from genericapiserver.registry.rest import DeleteResult

    async def nothing(*args: Any, **how: Any) -> DeleteResult:
        return DeleteResult(object=None, immediate=True)

    monkeypatch.setattr(server.gadgets, "delete", nothing)
    response = await delete(server.client)
    assert response.json()["details"] == {"name": "a", "kind": "Gadget"}
    assert response.json()["code"] == 200


async def test_a_collection_is_deleted_by_selector(client: ASGIClient) -> None:
    await create(client, "a", "b", "c")
    response = await client.request("DELETE", gadgets() + "?fieldSelector=metadata.name%21%3Db")
    assert response.status == 200
    assert response.json()["kind"] == "GadgetList"
    assert [item["metadata"]["name"] for item in response.json()["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in (await client.get(gadgets())).json()["items"]] == ["b"]


async def test_an_empty_match_is_an_empty_list(client: ASGIClient) -> None:
    assert (await client.request("DELETE", gadgets())).json()["items"] == []


async def test_collections_are_not_deleted_across_namespaces(client: ASGIClient) -> None:
    assert (await client.request("DELETE", f"/apis/{GROUP}/v1/gadgets")).status == 405


@pytest.mark.parametrize("target", ["?limit=x", "?labelSelector=a%20b", "?resourceVersionMatch=Exact"])
async def test_list_options_of_a_collection_are_checked(client: ASGIClient, target: str) -> None:
    assert (await client.request("DELETE", gadgets() + target)).status in (400, 422)
