"""A source within a server: over the wire, without a network, beside other resources."""

import json
from typing import Any

from genericapiserver.builder import MemoryConnProvider, Resource, build_server
from tests.builder.sources.support import GROUP, WRITES, Note, Notes, declared, note
from tests.support.demo_api import Gadget

NOTES = f"/apis/{GROUP}/v1/namespaces/ns/notes"


def document(answer: tuple[int, bytes]) -> dict[str, Any]:
    status, body = answer
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


async def test_a_source_takes_part_in_a_builder() -> None:
    notes = Notes()
    notes.put(note("a", "milk", labels={"k": "v"}), note("b", "eggs"))
    gadgets = Resource(Gadget, group="things.example.com", version="v1")
    builder = build_server(
        resources=[declared(notes, *WRITES, short_names=["no"]), gadgets], conn_provider=MemoryConnProvider()
    )
    async with builder.serving() as running:
        client = running.client
        page = document(await client.get(NOTES, query={"labelSelector": "k=v"}))
        assert [item["spec"] for item in page["items"]] == [{"text": "milk"}]
        served = document(await client.get(f"/apis/{GROUP}/v1"))["resources"]
        assert [(each["name"], each["shortNames"], len(each["verbs"])) for each in served] == [("notes", ["no"], 8)]
        applied = {"apiVersion": f"{GROUP}/v1", "kind": "Note", "metadata": {"name": "c"}, "spec": {"text": "tea"}}
        answer = await client.request(
            "PATCH",
            f"{NOTES}/c",
            query={"fieldManager": "me"},
            headers={"content-type": "application/apply-patch+yaml"},
            body=json.dumps(applied).encode(),
        )
        assert answer.status == 201, answer.body
        assert notes.notes["c"].spec.text == "tea"
        made = json.loads(answer.body)["metadata"]
        assert [entry["manager"] for entry in made["managedFields"]] == ["me"]
        notes.failure = RuntimeError("the secret of the source")
        status, body = await client.get(NOTES)
        assert (status, b"secret" in body) == (500, False)
        page_of_metrics = (await client.get("/metrics"))[1].decode()
    counted = [line for line in page_of_metrics.splitlines() if line.startswith("apiserver_source_call")]
    for call, outcome in (("list", "ok"), ("list", "failed"), ("get", "refused"), ("create", "ok")):
        labels = f'call="{call}",group="{GROUP}",outcome="{outcome}",resource="notes"'
        assert any(labels in line and "_count" in line for line in counted), (call, outcome)


def test_what_is_a_source_is_a_resource() -> None:
    assert isinstance(declared(Notes()), Resource)
    assert declared(Notes()).object_type is Note
