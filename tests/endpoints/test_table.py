"""Tables and metadata alone (endpoints reference, section 11)."""

from typing import Any

import pytest

from genericapiserver.endpoints import table
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, gadgets

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = PARTIAL.replace("Metadata;", "MetadataList;")


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_list_as_a_table(client: ASGIClient, version: str) -> None:
    await create(client, "a", "b")
    response = await client.get(gadgets() + "?limit=1", accept=TABLE.replace("v=v1", f"v={version}"))
    document = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (document["kind"], document["apiVersion"]) == ("Table", f"meta.k8s.io/{version}")
    assert [column["name"] for column in document["columnDefinitions"]] == ["Name", "Created At"]
    assert list(document["columnDefinitions"][1]) == ["name", "type", "format", "description", "priority"]
    assert document["metadata"]["remainingItemCount"] == 1
    (row,) = document["rows"]
    assert row["cells"][0] == "a"
    assert (row["object"]["kind"], row["object"]["apiVersion"]) == ("PartialObjectMetadata", f"meta.k8s.io/{version}")
    assert row["object"]["metadata"]["name"] == "a"
    assert "spec" not in row["object"]


@pytest.mark.parametrize(
    ("include", "shown"),
    [("", "PartialObjectMetadata"), ("Metadata", "PartialObjectMetadata"), ("Object", "Gadget"), ("None", None)],
)
async def test_rows_include_what_is_asked_for(client: ASGIClient, include: str, shown: str | None) -> None:
    await create(client, "a")
    for path in (gadgets(), gadgets(name="a")):
        (row,) = (await client.get(f"{path}?includeObject={include}", accept=TABLE)).json()["rows"]
        assert row["object"] is None if shown is None else row["object"]["kind"] == shown


async def test_other_inclusions_are_refused_whatever_was_done(client: ASGIClient) -> None:
    await create(client, "a")
    response = await client.get(gadgets() + "?includeObject=Nope", accept=TABLE)
    assert response.status == 400
    assert response.json()["message"] == (
        "Unable to convert to Table as requested: includeObject: Invalid value: \"Nope\": must be 'Metadata', "
        "'Object', 'None', or empty"
    )


async def test_an_empty_table_has_null_rows(client: ASGIClient) -> None:
    assert (await client.get(gadgets(), accept=TABLE)).json()["rows"] is None
    assert (await client.get(gadgets(), accept=PARTIAL_LIST)).json()["items"] is None


async def test_an_object_as_a_table_has_its_own_version(client: ASGIClient) -> None:
    await create(client, "a")
    document = (await client.get(gadgets(name="a"), accept=TABLE)).json()
    assert document["metadata"] == {"resourceVersion": document["rows"][0]["object"]["metadata"]["resourceVersion"]}


async def test_a_table_in_yaml(client: ASGIClient) -> None:
    await create(client, "a")
    response = await client.get(gadgets(), accept=TABLE.replace("json", "yaml"))
    assert response.headers["content-type"] == "application/yaml"
    assert "\nkind: Table\n" in response.text


async def test_a_long_table_is_made_in_blocks(client: ASGIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(client, *(f"g{number}" for number in range(10, 20)))
    whole = (await client.get(gadgets(), accept=TABLE)).body
    monkeypatch.setattr(table, "BLOCK_ROWS", 3)
    assert (await client.get(gadgets(), accept=TABLE)).body == whole


async def test_metadata_alone(client: ASGIClient) -> None:
    await create(client, "a")
    one = (await client.get(gadgets(name="a"), accept=PARTIAL)).json()
    assert (one["kind"], list(one)) == ("PartialObjectMetadata", ["kind", "apiVersion", "metadata"])
    many = await client.get(gadgets(), accept=PARTIAL_LIST)
    assert many.json()["kind"] == "PartialObjectMetadataList"
    assert many.json()["items"] == [one]
    assert many.body.endswith(b"}]}\n")


@pytest.mark.parametrize(
    ("path", "accept", "message"),
    [
        (gadgets(), PARTIAL, "you requested PartialObjectMetadata, but the requested object is a list ("),
        (
            gadgets(name="a"),
            PARTIAL_LIST,
            "you requested PartialObjectMetadataList, but the requested object is not a list (",
        ),
    ],
)
async def test_one_is_not_a_list(client: ASGIClient, path: str, accept: str, message: str) -> None:
    await create(client, "a")
    response = await client.get(path, accept=accept)
    assert response.status == 406
    assert response.json()["message"].startswith(message)


@pytest.mark.parametrize("accept", [TABLE, PARTIAL])
async def test_a_status_is_never_transformed(client: ASGIClient, accept: str) -> None:
    await create(client, "a")
    response = await client.request("DELETE", gadgets(name="a"), headers={"accept": accept})
    assert (response.status, response.json()["kind"]) == (200, "Status")


async def test_writes_are_shown_as_tables_too(client: ASGIClient) -> None:
    body = {"metadata": {"name": "a"}}
    created = await client.request("POST", gadgets(), body=body, headers={"accept": TABLE})
    assert (created.status, created.json()["kind"]) == (201, "Table")


async def test_plain_objects_become_rows_too(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(server.client, "a")
    plain = await server.gadgets.backend.get(server.gadgets.keys.item("ns", "a"))
    expected = (await server.client.get(gadgets(name="a?includeObject=Object"), accept=TABLE)).json()

    async def get(*args: Any) -> Any:
        return plain.object()

    monkeypatch.setattr(server.gadgets, "get", get)
    assert (await server.client.get(gadgets(name="a?includeObject=Object"), accept=TABLE)).json() == expected
    assert (await server.client.get(gadgets(name="a"), accept=PARTIAL)).json()["metadata"]["name"] == "a"
