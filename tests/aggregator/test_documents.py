"""Acceptance: what an aggregator over real TLS says of everything that is served through it."""

import asyncio
import base64
import json
from typing import Any

from genericapiserver.asgi import Receive, Scope, Send, header_value, send_response
from tests.aggregator.backends import AGGREGATED
from tests.aggregator.running import Front, front
from tests.aggregator.support import CA, NAMESPACE, serving, until

GROUP = "things.example.com"
NAME = f"v1.{GROUP}"
BEHIND = {
    "service": {"namespace": NAMESPACE, "name": "test-service"},
    "caBundle": base64.b64encode(CA.pem).decode(),
}
RESOURCES = {
    "kind": "APIResourceList",
    "groupVersion": f"{GROUP}/v1",
    "resources": [{"name": "things", "singularName": "thing", "namespaced": True, "kind": "Thing", "verbs": ["list"]}],
}
EVERYTHING = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        {
            "metadata": {"name": GROUP},
            "versions": [
                {"version": "v1", "resources": [{"resource": "things", "scope": "Namespaced", "verbs": ["get"]}]}
            ],
        }
    ],
}
SWAGGER = {
    "swagger": "2.0",
    "paths": {f"/apis/{GROUP}/v1/things": {}, f"/apis/{GROUP}/v1beta1/things": {}, "/apis/elsewhere/v1/x": {}},
}
V3 = {"openapi": "3.0.0", "info": {"title": "behind"}}


class Server:
    """A server behind with documents; `down` makes it answer 503."""

    def __init__(self, pages: dict[str, Any], *, etag: str = "") -> None:
        self.pages = {f"/apis/{GROUP}/v1": RESOURCES, **pages}
        self.etag = etag
        self.down = False
        self.asked: list[tuple[str, str, int]] = []
        """Path, user, and the status of the answer."""

    def count(self, path: str) -> int:
        return sum(1 for each in self.asked if each[0] == path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, user = scope["path"], header_value(scope, b"x-remote-user") or ""
        wants_all = "apidiscovery" in (header_value(scope, b"accept") or "")
        content_type = AGGREGATED if path == "/apis" and wants_all else "application/json"
        status, body = 200, json.dumps(self.pages.get(path)).encode()
        headers = [(b"etag", self.etag.encode())] if self.etag else []
        if self.down:
            status, body = 503, b"down"
        elif path not in self.pages:
            status, body = 404, b"not found"
        elif self.etag and header_value(scope, b"if-none-match") == self.etag:
            status, body = 304, b""
        self.asked.append((path, user, status))
        await send_response(send, status, body, content_type.encode(), headers)


async def discovery(running: Front, **headers: str) -> Any:
    return await running.client.get("/apis", headers={"accept": AGGREGATED, **headers})


async def versions(running: Front) -> dict[str, dict[str, tuple[str, list[str]]]]:
    """Freshness and resources of every version."""
    return {
        group["metadata"]["name"]: {
            version["version"]: (version["freshness"], [each["resource"] for each in version.get("resources", [])])
            for version in group["versions"]
        }
        for group in (await discovery(running)).json()["items"]
    }


async def until_versions(running: Front, wanted: dict[str, tuple[str, list[str]]]) -> None:
    async with asyncio.timeout(20):
        while (await versions(running)).get(GROUP) != wanted:
            await asyncio.sleep(0.01)


async def test_a_server_that_says_everything_is_current_and_the_tag_stays() -> None:
    server = Server({"/apis": EVERYTHING}, etag='"one"')
    async with serving(server) as endpoint, front({"test-service": endpoint}) as running:
        local = await versions(running)
        assert next(iter(local)) == "apiregistration.k8s.io"
        assert local["discovery.k8s.io"]["v1"][0] == "Current"  # a group of this process
        await running.register(NAME, **BEHIND)
        await until_versions(running, {"v1": ("Current", ["things"])})
        answer = await discovery(running)
        assert answer.headers["content-type"] == AGGREGATED
        tag = answer.headers["etag"]
        assert (await discovery(running, **{"if-none-match": tag})).status_code == 304
        before = server.count("/apis")
        await running.patch(NAME, {"versionPriority": 16})
        await until(lambda: server.count("/apis") > before)
        assert ("/apis", "system:kube-aggregator", 304) in server.asked
        assert (await discovery(running)).headers["etag"] == tag
        plain = (await running.client.get("/apis")).json()
        assert GROUP in [group["name"] for group in plain["groups"]]


async def test_a_server_that_knows_its_version_alone_is_asked_for_that() -> None:
    async with serving(Server({})) as endpoint, front({"test-service": endpoint}) as running:
        await running.register(NAME, **BEHIND)
        await until_versions(running, {"v1": ("Current", ["things"])})


async def test_a_server_that_is_down_is_stale_within_a_refresh_and_comes_back() -> None:
    server = Server({"/apis": EVERYTHING})
    async with serving(server) as endpoint, front({"test-service": endpoint}) as running:
        await running.register(NAME, **BEHIND)
        await until_versions(running, {"v1": ("Current", ["things"])})
        server.down = True
        await running.patch(NAME, {"versionPriority": 16})
        await until_versions(running, {"v1": ("Stale", [])})
        server.down = False
        await until_versions(running, {"v1": ("Current", ["things"])})


async def test_openapi_of_a_server_behind() -> None:
    """The merged v2 has only the paths of the version that is registered; v3 comes from the server, as whoever asks."""
    document = f"/openapi/v3/apis/{GROUP}/v1"
    root = {"paths": {f"apis/{GROUP}/v1": {"serverRelativeURL": f"{document}?hash=1"}}}
    server = Server({"/apis": EVERYTHING, "/openapi/v2": SWAGGER, "/openapi/v3": root, document: V3})
    async with serving(server) as endpoint, front({"test-service": endpoint}) as running:
        await running.register(NAME, **BEHIND)
        await running.until_condition(NAME, "True Passed")

        async def paths() -> list[str]:
            found: dict[str, Any] = (await running.client.get("/openapi/v2")).json()["paths"]
            return [path for path in found if "example.com" in path or "elsewhere" in path]

        async with asyncio.timeout(20):
            while not await paths():
                await asyncio.sleep(0.01)
            while f"apis/{GROUP}/v1" not in (listed := (await running.client.get("/openapi/v3")).json()["paths"]):
                await asyncio.sleep(0.01)
        assert await paths() == [f"/apis/{GROUP}/v1/things"]
        assert ("/openapi/v2", "system:aggregator", 200) in server.asked
        assert "apis/apiregistration.k8s.io/v1" in listed
        assert "api/v1" in listed
        answer = await running.client.get(listed[f"apis/{GROUP}/v1"]["serverRelativeURL"])
        assert answer.json() == V3
        assert (document, "alice", 200) in server.asked
        assert (await running.client.get("/openapi/v3/apis/nobody/v1")).status_code == 404


async def test_switching_between_local_and_remote_moves_the_documents() -> None:
    """An APIService of this process that is given to a server behind, and taken back."""
    name, group = "v1.discovery.k8s.io", "discovery.k8s.io"
    everything = json.loads(json.dumps(EVERYTHING).replace(GROUP, group))
    document = f"/openapi/v3/apis/{group}/v1"
    root: Any = {"paths": {f"apis/{group}/v1": {}}}
    pages = {f"/apis/{group}/v1": RESOURCES, "/apis": everything, "/openapi/v3": root, document: V3}
    async with serving(Server(pages)) as endpoint, front({"test-service": endpoint}) as running:

        async def resources() -> list[str]:
            return (await versions(running))[group]["v1"][1]

        async def title() -> str:
            return str((await running.client.get(document)).json()["info"]["title"])

        async with asyncio.timeout(30):
            while running.condition(name) != "True Local":
                await asyncio.sleep(0.01)
            own = await resources()
            assert (own, await title()) != (["things"], "behind")
            await running.patch(name, BEHIND)
            while (await resources(), await title()) != (["things"], "behind"):
                await asyncio.sleep(0.01)
            await running.patch(name, {"service": None, "caBundle": None})
            while await resources() != own or await title() == "behind":
                await asyncio.sleep(0.01)


async def test_requests_for_openapi_are_counted() -> None:
    async with front() as running:
        for path in ("/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apiregistration.k8s.io/v1"):
            assert (await running.client.get(path)).status_code == 200
        page = (await running.client.get("/metrics")).text
        for subresource in ("openapi/v2", "openapi/v3", "openapi/v3/"):
            (line,) = [
                each
                for each in page.splitlines()
                if each.startswith("apiserver_request_total{") and f'subresource="{subresource}"' in each
            ]
            assert 'code="200"' in line
            assert line.endswith((" 1", " 1.0"))


async def test_the_front_is_ready_when_every_api_service_is_discovered() -> None:
    """A server that is not there at the start holds nothing up, and stands in the document from the start."""
    async with front() as running:
        await running.register(NAME, **BEHIND)  # a service that nobody knows
        await until_versions(running, {"v1": ("Stale", [])})
        checks = (await running.client.get("/readyz?verbose")).text
        for hook in ("discovery", "openapi", "openapiv3"):
            assert f"[+]poststarthook/apiservice-{hook}-controller ok" in checks
