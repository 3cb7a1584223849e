"""The old object that plugins see is the stored one, whatever other plugins do to theirs (CVE-2021-25735)."""

from typing import Any

from genericapiserver.admission import Attributes, Operation, mutating_plugin, validating_plugin
from tests.support.demo_api import DemoServer, gadget, gadgets


async def test_a_plugin_that_scribbles_over_the_old_object_misleads_nobody() -> None:
    seen: list[str] = []

    @mutating_plugin(Operation.UPDATE)
    def scribble(attributes: Attributes) -> None:
        attributes.old_object.spec.color = "forged"

    @validating_plugin(Operation.UPDATE, Operation.DELETE)
    def judge(attributes: Attributes) -> None:
        seen.append(attributes.old_object.spec.color)
        attributes.old_object.spec.color = "forged again"

    @validating_plugin(Operation.UPDATE, Operation.DELETE)
    def judge_again(attributes: Attributes) -> None:
        """Shares the copy of one walk with the plugin before, as in the reference."""

    server = DemoServer(plugins=[scribble, judge, judge_again])
    assert (await server.client.request("POST", gadgets(), body=gadget("a", color="green"))).status == 201
    for color in ("blue", "white"):
        path = gadgets(name="a")
        assert (await server.client.request("PUT", path, body=gadget("a", color=color))).status == 200
    stored = await server.client.request("GET", gadgets(name="a"))
    assert stored.json()["spec"]["color"] == "white"
    assert (await server.client.request("DELETE", gadgets(name="a"))).status == 200
    assert seen == ["green", "blue", "white"]


async def test_plugins_are_asked_again_when_somebody_else_was_faster() -> None:
    asked: list[tuple[str, str]] = []
    server: Any = None

    @mutating_plugin(Operation.UPDATE)
    async def interfere(attributes: Attributes) -> None:
        asked.append(("admit", attributes.old_object.spec.color))
        if len(asked) == 1:
            other = DemoClient(server)
            await other.recolor("a", "meanwhile")

    @validating_plugin(Operation.UPDATE)
    def judge(attributes: Attributes) -> None:
        asked.append(("validate", attributes.old_object.spec.color))

    server = DemoServer(plugins=[interfere, judge])
    assert (await server.client.request("POST", gadgets(), body=gadget("a", color="green"))).status == 201
    patch = {"metadata": {"labels": {"a": "b"}}}
    headers = {"content-type": "application/merge-patch+json"}
    patched = await server.client.request("PATCH", gadgets(name="a"), headers=headers, body=patch)
    assert patched.status == 200
    assert (patched.json()["spec"]["color"], patched.json()["metadata"]["labels"]) == ("meanwhile", {"a": "b"})
    assert asked[0] == ("admit", "green")
    assert asked[-2:] == [("admit", "meanwhile"), ("validate", "meanwhile")]


class DemoClient:
    """Writes past the plugins under test, which are at work."""

    def __init__(self, server: DemoServer) -> None:
        self._server = server

    async def recolor(self, name: str, color: str) -> None:
        headers = {"content-type": "application/merge-patch+json"}
        body = {"spec": {"color": color}}
        response = await self._server.client.request("PATCH", gadgets(name=name), headers=headers, body=body)
        assert response.status == 200
