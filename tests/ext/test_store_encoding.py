"""TestStoreEncoding: JSON and YAML, and nothing else."""

import pytest

from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.serializer.protobuf import to_json, unwrap
from tests.ext.support import GENERATIONS, PATH, body, serving_store

USER = {"x-user": "u"}
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/yaml", "application/yaml"),
    ],
)
async def test_objects_come_in_json_and_yaml(generation: str, accept: str, content_type: str) -> None:
    async with GENERATIONS[generation]() as world:
        await world.client.request("POST", PATH, headers=USER, body=body())
        response = await world.client.request("GET", f"{PATH}/foo", headers={**USER, "accept": accept})
    assert (response.status, response.headers["content-type"]) == (200, content_type)


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_acceptance_protobuf_refusal(generation: str) -> None:
    async with GENERATIONS[generation]() as world:
        await world.client.request("POST", PATH, headers=USER, body=body())
        alone = await world.client.request("GET", f"{PATH}/foo", headers={**USER, "accept": PROTOBUF})
        with_json = await world.client.request(
            "GET", f"{PATH}/foo", headers={**USER, "accept": f"{PROTOBUF}, application/json"}
        )
    assert (alone.status, alone.headers["content-type"]) == (406, PROTOBUF)
    kind, message = unwrap(alone.body)
    status = to_json(Status, message)
    assert (kind.kind, status["code"], status["reason"]) == ("Status", 406, "NotAcceptable")
    assert status["message"].startswith("406: Not Acceptable\n\nAvailable representations: application/json, ")
    assert (with_json.status, with_json.headers["content-type"]) == (200, "application/json")
    assert with_json.json()["metadata"]["name"] == "foo"


@pytest.mark.parametrize(("kind", "code"), [("application/yaml", 201), (PROTOBUF, 415)])
async def test_what_bodies_may_be(kind: str, code: int) -> None:
    async with serving_store() as world:
        content = b"apiVersion: ext.cattle.io/v1\nkind: TestType\nmetadata: {name: foo}\n"
        response = await world.client.request("POST", PATH, headers={**USER, "content-type": kind}, body=content)
    assert response.status == code
