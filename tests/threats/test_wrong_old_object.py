"""Admission that is shown another object than the stored one (CVE-2021-25735): plugins compare old and new.

What a plugin sees as the old object is what the storage holds, whatever the client sends, whatever another plugin does to
it, and however often the write has to be tried again.
"""

import asyncio
from typing import Any

import pytest

from genericapiserver.admission import Attributes, mutating_plugin, validating_plugin
from genericapiserver.admission.errors import new_forbidden
from genericapiserver.admission.operation import Operation
from tests.support.demo_api import DemoServer, gadget, gadgets

WRITES = (Operation.UPDATE, Operation.DELETE)
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
ONE = gadgets("ns", "one")


class Watcher:
    """A validating plugin that writes down colors, old and new, and forbids a `locked` object to change."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []

        @validating_plugin(*WRITES)
        async def watch(attributes: Attributes) -> None:
            old, new = attributes.old_object, attributes.object
            self.seen.append((old.spec.color, new.spec.color if new is not None else None))
            if old.spec.color == "locked":
                raise new_forbidden(attributes, "it is locked")

        self.plugin = watch


@mutating_plugin(*WRITES)
async def vandal(attributes: Attributes) -> None:
    """Changes what it must not change: the old object that the others will see."""
    attributes.old_object.spec.color = "vandalised"
    attributes.old_object.metadata.labels = {"by": "vandal"}


async def server_with(*plugins: Any, color: str = "locked") -> DemoServer:
    server = DemoServer(plugins=plugins)
    assert (await server.client.request("POST", gadgets("ns"), body=gadget("one", color=color))).status == 201
    return server


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("PUT", {}, gadget("one", color="free")),
        # The client says what it wants to be taken for old: nobody asks it.
        ("PUT", {}, {**gadget("one", color="free"), "oldObject": {"spec": {"color": "free"}}}),
        ("PATCH", MERGE, {"spec": {"color": "free"}}),
        ("PATCH", JSON_PATCH, [{"op": "replace", "path": "/spec/color", "value": "free"}]),
        ("PATCH", APPLY, {**gadget("one", color="free")}),
        ("DELETE", {}, None),
    ],
)
@pytest.mark.parametrize("vandalised", [False, True])
async def test_the_old_object_is_the_stored_one(
    method: str, headers: dict[str, str], body: Any, vandalised: bool
) -> None:
    watcher = Watcher()
    server = await server_with(*([vandal] if vandalised else []), watcher.plugin)
    query = "?fieldManager=me&force=true" if headers is APPLY else ""
    response = await server.client.request(method, ONE + query, headers=headers, body=body)
    assert (response.status, "it is locked" in response.text) == (403, True)
    assert watcher.seen == [("locked", None if method == "DELETE" else "free")]
    stored = (await server.client.get(ONE)).json()
    assert stored["spec"]["color"] == "locked"
    assert "labels" not in stored["metadata"]


async def test_a_plugin_that_changes_the_old_object_changes_nothing_that_is_stored() -> None:
    server = await server_with(vandal, color="free")
    response = await server.client.request("PATCH", ONE, headers=MERGE, body={"spec": {"size": 3}})
    assert response.status == 200
    stored = (await server.client.get(ONE)).json()
    assert stored["spec"] == {"color": "free", "size": 3}
    listed = (await server.client.get(gadgets("ns"))).json()["items"]
    assert (
        listed == [stored | {key: listed[0][key] for key in listed[0].keys() - stored.keys()}]
        or listed[0]["spec"] == stored["spec"]
    )


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_write_that_lost_a_race_is_judged_anew(method: str) -> None:
    """Between the judgement and the write somebody locks the object: the judgement was of another object."""
    watcher = Watcher()
    locked = asyncio.Event()
    server: DemoServer

    @mutating_plugin(*WRITES)
    async def rival(attributes: Attributes) -> None:
        if locked.is_set() or attributes.context.path != ONE or attributes.context.method != method:
            return
        locked.set()
        other = await server.client.request("PUT", ONE, body=gadget("one", color="locked"))
        assert other.status == 200

    server = await server_with(rival, watcher.plugin, color="free")
    body = {"spec": {"size": 9}} if method == "PATCH" else None
    response = await server.client.request(method, ONE, headers=MERGE if body else {}, body=body)
    assert response.status == 403
    assert watcher.seen[-1][0] == "locked"
    assert (await server.client.get(ONE)).json()["spec"]["color"] == "locked"


async def test_an_update_with_an_old_version_is_a_conflict_whatever_admission_says() -> None:
    server = await server_with(color="free")
    old = (await server.client.get(ONE)).json()
    assert (await server.client.request("PUT", ONE, body=gadget("one", color="locked"))).status == 200
    old["spec"]["color"] = "mine"
    assert (await server.client.request("PUT", ONE, body=old)).status == 409
