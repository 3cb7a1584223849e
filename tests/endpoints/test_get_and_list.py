"""Verbs get and list: options, representations, chunks (endpoints reference, sections 9 to 11)."""

import json
from typing import Any

import pytest

from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.endpoints.representation import CHUNK_BYTES
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets


async def create(client: ASGIClient, *names: str, namespace: str = "ns", **spec: Any) -> None:
    for name in names:
        response = await client.request("POST", gadgets(namespace), body=gadget(name, **spec))
        assert response.status == 201, response.text


async def test_a_get_is_the_object_in_the_version_of_the_path(client: ASGIClient) -> None:
    await create(client, "a", color="blue", size=3)
    response = await client.get(gadgets(name="a"))
    document = response.json()
    assert response.status == 200
    assert response.body.startswith(b'{"kind":"Gadget","apiVersion":"demo.example.com/v1","metadata":{"name":"a",')
    assert response.body.endswith(b'},"spec":{"color":"blue","size":3},"status":{}}\n')
    assert document["metadata"]["namespace"] == "ns"

    old = await client.get(gadgets(name="a", version="v1beta1"))
    assert old.json()["apiVersion"] == f"{GROUP}/v1beta1"
    assert old.json()["spec"] == {"colour": "blue"}


async def test_an_object_is_encoded_once(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(server.client, "a")
    await server.client.get(gadgets(name="a"))

    def fail(*args: Any, **kwargs: Any) -> bytes:
        raise AssertionError("encoded again")

    monkeypatch.setattr(CodecFactory, "encode", fail)
    assert (await server.client.get(gadgets(name="a"))).status == 200
    assert len((await server.client.get(gadgets())).json()["items"]) == 1


@pytest.mark.parametrize(
    ("headers", "target", "start"),
    [
        ({}, "?pretty=1", b'{\n  "kind"'),
        ({"accept": "application/json;pretty=1"}, "", b'{\n  "kind"'),
        ({"user_agent": "curl/8"}, "", b'{\n  "kind"'),
        ({"user_agent": "curl/8"}, "?pretty=0", b'{"kind"'),
        ({"accept": "application/yaml", "user_agent": "curl/8"}, "", b"apiVersion: demo"),
    ],
)
async def test_forms_of_an_object(client: ASGIClient, headers: dict[str, str], target: str, start: bytes) -> None:
    await create(client, "a")
    for path in (gadgets(name="a"), gadgets()):
        assert (await client.get(f"{path}{target}", **headers)).body.startswith(start)


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        (gadgets(name="nope"), 404, 'gadgets.demo.example.com "nope" not found'),
        (
            gadgets(name="a?resourceVersion=abc"),
            500,
            'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
        ),
        (gadgets(name="a?export=1"), 400, "the export parameter, deprecated since v1.14, is no longer supported"),
        (gadgets() + "?limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        (gadgets() + "?labelSelector=a%20b", 400, "unable to parse requirement: found 'b', expected: in, notin, ="),
        (
            gadgets() + "?fieldSelector=spec.x%3D1",
            400,
            '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        (
            gadgets() + "?resourceVersionMatch=Exact",
            422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden '
            "unless resourceVersion is provided",
        ),
        (f"/apis/{GROUP}/v1/namespaces/ns/gadgets//status", 400, "name must be provided"),
    ],
)
async def test_a_read_is_refused(client: ASGIClient, path: str, code: int, message: str) -> None:
    await create(client, "a")
    response = await client.get(path)
    assert response.status == code
    assert response.json()["message"].startswith(message)


async def test_items_of_a_list_carry_no_kind(client: ASGIClient) -> None:
    await create(client, "b", "a")
    response = await client.get(gadgets())
    document = response.json()
    assert response.body.startswith(b'{"kind":"GadgetList","apiVersion":"demo.example.com/v1","metadata":{"resourceV')
    assert response.body.endswith(b"]}\n")
    assert [item["metadata"]["name"] for item in document["items"]] == ["a", "b"]
    assert all("kind" not in item and "apiVersion" not in item for item in document["items"])


async def test_an_empty_list_has_an_empty_list_of_items(client: ASGIClient) -> None:
    response = await client.get(gadgets())
    assert response.json()["items"] == []
    assert response.body.endswith(b',"items":[]}\n')


async def test_a_list_is_paged(client: ASGIClient) -> None:
    await create(client, "a", "b", "c")
    first = (await client.get(gadgets() + "?limit=2")).json()
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    second = (await client.get(f"{gadgets()}?limit=2&continue={first['metadata']['continue']}")).json()
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_all_namespaces_are_listed_without_one(client: ASGIClient) -> None:
    await create(client, "a", namespace="one")
    await create(client, "b", namespace="two")
    for path in (f"/apis/{GROUP}/v1/gadgets", f"/apis/{GROUP}/v1/namespaces//gadgets"):
        assert [item["metadata"]["name"] for item in (await client.get(path)).json()["items"]] == ["a", "b"]


async def test_a_selector_that_pins_a_name_still_gives_a_list(client: ASGIClient) -> None:
    await create(client, "a", "b")
    response = await client.get(gadgets() + "?fieldSelector=metadata.name%3Db")
    assert [item["metadata"]["name"] for item in response.json()["items"]] == ["b"]


@pytest.mark.parametrize("form", ["application/json", "application/yaml", "application/json;pretty=1"])
async def test_a_long_list_is_the_same_in_pieces(server: DemoServer, form: str) -> None:
    await create(server.client, *(f"g{number:03}" for number in range(150)), color="x" * 4000)
    async with server.client.open("GET", gadgets(), headers={"accept": form}) as response:
        pieces = []
        while piece := await response.piece():
            pieces.append(piece)
    body = b"".join(pieces)
    assert int(response.headers["content-length"]) == len(body)
    if form == "application/json":
        assert 1 < len(pieces) <= 2 + len(body) // CHUNK_BYTES
    if "json" in form:
        assert [item["metadata"]["name"] for item in json.loads(body)["items"]] == [f"g{n:03}" for n in range(150)]
    else:
        assert body.count(b"\n    name: g") == 150


async def test_a_storage_may_return_plain_objects(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(server.client, "a")
    plain = await server.gadgets.backend.get(server.gadgets.keys.item("ns", "a"))

    async def get(*args: Any) -> Any:
        return plain.object()

    async def list_(*args: Any) -> Any:
        return server.gadgets.list_type(items=[plain.object()])

    expected = (await server.client.get(gadgets(name="a"))).body
    monkeypatch.setattr(server.gadgets, "get", get)
    monkeypatch.setattr(server.gadgets, "list", list_)
    assert (await server.client.get(gadgets(name="a"))).body == expected
    listed = await server.client.get(gadgets())
    assert listed.json()["items"][0]["metadata"]["name"] == "a"
    assert "kind" not in listed.json()["items"][0]


async def test_watch_on_an_object_is_a_plain_get(client: ASGIClient) -> None:
    await create(client, "a")
    assert (await client.get(gadgets(name="a?watch=1"))).json()["kind"] == "Gadget"


async def test_a_subresource_is_read(client: ASGIClient) -> None:
    await create(client, "a")
    assert (await client.get(gadgets(name="a/status"))).json()["kind"] == "Gadget"
