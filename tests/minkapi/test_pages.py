"""/views, paths below views, and what is served without one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from genericapiserver.minkapi import Config, Server, ViewAccess
from genericapiserver.minkapi.config import ViewNameError, check_view_name
from genericapiserver.minkapi.errors import CreateViewError
from genericapiserver.minkapi.view import PODS
from tests.minkapi.objects import new_pod


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{server.address()}") as made:
        yield made


async def test_a_sandbox_is_made_once(client: httpx.AsyncClient) -> None:
    made = await client.post("/views/sb1")
    assert (made.status_code, made.json()["status"], made.json()["code"]) == (201, "Success", 201)
    assert made.json()["message"] == 'sandbox view "sb1" created and routes registered'
    again = await client.post("/views/sb1")
    assert (again.status_code, again.json()["code"]) == (200, 200)
    assert (await client.get("/sb1/api/v1/namespaces/default")).status_code == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("base", 409), ("api", 409), ("views", 409), ("metrics", 409),
        ("a b", 400), ("a/b", 400), ("%2e%2e", 400), ("-a", 400), ("a" * 64, 400), ("%C3%A4", 400), ("a%0Ab", 400),
    ],
)  # fmt: skip
async def test_names_that_no_sandbox_can_have(
    client: httpx.AsyncClient, server: Server, name: str, status: int
) -> None:
    refused = await client.post(f"/views/{name}")
    assert (refused.status_code, refused.json()["kind"]) == (status, "Status")
    assert refused.json()["message"].startswith("cannot create view: ")
    assert list(server.views) == ["base"]


async def test_a_sandbox_over_another_one(client: httpx.AsyncClient, server: Server) -> None:
    await client.post("/views/low")
    assert (await client.post("/views/high?over=low")).status_code == 201
    assert (await client.post("/views/high?over=low")).status_code == 200
    assert (await client.post("/views/high")).status_code == 200
    assert (await client.post("/views/low?over=high")).status_code == 409
    assert (await client.post("/views/other?over=nope")).status_code == 400
    assert (await client.post("/views/other?under=low")).status_code == 400
    high, low = server.views["high"], server.views["low"]
    assert high.delegate is low
    refused = await client.delete("/views/low")
    assert (refused.status_code, "high" in refused.json()["message"]) == (409, True)
    assert (await client.delete("/views/high")).status_code == 200
    assert (await client.delete("/views/high")).status_code == 404
    assert (await client.delete("/views/low")).status_code == 200
    assert (await client.delete("/views/base")).status_code == 409


async def test_views_are_listed(client: httpx.AsyncClient, server: Server) -> None:
    sandbox = server.get_or_create_sandbox_view("sb1")
    await sandbox.create_object(PODS, new_pod("p1"))
    found = (await client.get("/views")).json()["views"]
    assert [(view["name"], view["type"], view["over"]) for view in found] == [
        ("base", "base", None), ("sb1", "sandbox", "base"),
    ]  # fmt: skip
    one = (await client.get("/views/sb1")).json()
    assert (one["ownObjects"], one["objectChangeCount"], one["server"]) == (1, 1, server.url(sandbox))
    assert (await client.get("/views/nope")).status_code == 404
    assert (await client.put("/views/sb1")).status_code == 405


async def test_a_view_that_is_not_there(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nope/api/v1/pods")
    assert (missing.status_code, missing.json()["reason"]) == (404, "NotFound")
    assert "POST /views/nope makes it" in missing.json()["message"]


async def test_discovery_is_there_without_a_prefix_and_objects_are_not(
    client: httpx.AsyncClient, server: Server
) -> None:
    """kubectl drops the prefix for --raw: what was meant for a sandbox must not be done to the base."""
    for path in (
        "/api",
        "/api/v1",
        "/api/v1/",
        "/apis",
        "/apis/apps/v1",
        "/version",
        "/openapi/v3",
        "/healthz",
        "/metrics",
    ):
        assert (await client.get(path)).status_code == 200, path
    names = {item["name"] for item in (await client.get("/api/v1/")).json()["resources"]}
    assert {"pods", "nodes", "namespaces"} <= names
    for path in ("/api/v1/pods", "/api/v1/namespaces/default/pods", "/apis/apps/v1/deployments"):
        refused = await client.get(path)
        assert (refused.status_code, "put the name of one before it" in refused.json()["message"]) == (404, True)
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1"}}
    assert (await client.post("/api/v1/namespaces/default/pods", json=body)).status_code == 404
    assert await server.base_view.list_pods() == []


async def test_pages_of_profiling_are_there_when_asked_for(tmp_path: Path, client: httpx.AsyncClient) -> None:
    for path in ("/base/debug/pprof/", "/base/trigger-gc", "/trigger-gc"):
        assert (await client.get(path)).status_code == 404
    config = Config(bind_address="127.0.0.1:0", kube_config_path=None, profiling_enabled=True)
    async with Server(config) as server, httpx.AsyncClient(base_url=server.url(server.base_view)) as profiled:
        assert (await profiled.get("debug/pprof/")).status_code == 200
        assert (await profiled.get("trigger-gc")).json()["status"] == "Success"


async def test_the_base_is_served_at_its_prefix(tmp_path: Path) -> None:
    config = Config(bind_address="127.0.0.1:0", base_prefix="main", kube_config_path=tmp_path / "k.yaml")
    async with Server(config) as server, httpx.AsyncClient(base_url=f"http://{server.address()}") as client:
        assert (await client.get("/main/api/v1/namespaces/default")).status_code == 200
        assert (await client.get("/base/api/v1/namespaces")).status_code == 404
        assert f"{server.address()}/main" in (tmp_path / "k.yaml").read_text()


async def test_a_view_cannot_be_made_twice_or_over_another_one(access: ViewAccess) -> None:
    one = access.get_or_create_sandbox_view("one")
    assert access.get_or_create_sandbox_view("one") is access.get_sandbox_view("one") is one
    with pytest.raises(CreateViewError, match="there is a view of this name"):
        access.base_view.fork("one")
    two = access.get_sandbox_view_over_delegate("two", one)
    with pytest.raises(CreateViewError, match="there is one over one"):
        access.get_sandbox_view_over_delegate("two", access.base_view)
    with pytest.raises(CreateViewError, match="it is the base view's"):
        access.get_or_create_sandbox_view("base")
    await one.close()
    assert list(access.views) == ["base"]
    with pytest.raises(CreateViewError, match="closed"):
        two.fork("three")
    assert list(access.views) == ["base"]


async def test_a_kubeconfig_that_cannot_be_written_leaves_no_view(server: Server, tmp_path: Path) -> None:
    (tmp_path / "minkapi-sb1-bin-packing-scheduler-config.yaml").mkdir()
    with pytest.raises(CreateViewError, match="cannot execute config template"):
        server.get_or_create_sandbox_view("sb1")
    assert list(server.views) == ["base"]
    assert not (tmp_path / "minkapi-sb1.yaml").exists()
    assert server.base_view.engine.forks == frozenset()


@pytest.mark.parametrize("name", ["sb1", "a", "A.b_c-9"])
def test_names_of_views(name: str) -> None:
    check_view_name(name)


def test_a_configuration_that_cannot_be_says_what_is_wrong() -> None:
    for wrong, text in (
        ({"bind_address": "8091"}, "no address to listen on"),
        ({"bind_address": "localhost:http"}, "no address to listen on"),
        ({"base_prefix": "a b"}, "cannot be the name of a view"),
        ({"base_prefix": "apis"}, "the server has pages there"),
        ({"graceful_shutdown_timeout": -1}, "in seconds from 0 on"),
    ):
        with pytest.raises(ValueError, match=text):
            Config(**wrong)
    assert isinstance(ViewNameError("x", "y"), ValueError)
    assert Config().watch_config.timeout == 300
    assert Config(bind_address="", base_prefix="").bind_address == ":8091"


async def test_closing_a_view_ends_its_watches(client: httpx.AsyncClient, server: Server) -> None:
    sandbox = server.get_or_create_sandbox_view("sb1")
    async with client.stream("GET", "/sb1/api/v1/namespaces", params={"watch": "true"}) as response:
        lines = response.aiter_lines()
        assert '"ADDED"' in await anext(lines)
        await sandbox.close()
        assert [line async for line in lines if line] == []
    assert (await client.get("/sb1/api/v1/namespaces")).status_code == 404


async def test_requests_of_many_views_at_once_do_not_meet(client: httpx.AsyncClient, server: Server) -> None:
    names = [f"sb{number}" for number in range(20)]
    for name in names:
        server.get_or_create_sandbox_view(name)

    async def write(name: str) -> list[str]:
        pods = f"/{name}/api/v1/namespaces/default/pods"
        for number in range(3):
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{name}-{number}"}}
            assert (await client.post(pods, json=body)).status_code == 201
        return [item["metadata"]["name"] for item in (await client.get(pods)).json()["items"]]

    found = await asyncio.gather(*map(write, names))
    assert found == [[f"{name}-{number}" for number in range(3)] for name in names]
    assert await server.base_view.list_pods() == []
