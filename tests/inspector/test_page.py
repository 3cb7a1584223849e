"""The page's files, the document, and who gets them."""

import asyncio
import json
import re
from typing import Any

import pytest

from genericapiserver.config import AuthorizationInfo
from genericapiserver.healthz import named_check
from genericapiserver.inspector.page import asset
from tests.server.servers import connected, new_config, new_server, serving_info
from tests.support.asgi_client import ASGIClient

PATHS = ("/debug/inspector", "/debug/inspector/", "/debug/inspector/data", "/debug/inspector/inspector.js")
SECTIONS = {
    "version",
    "time",
    "server",
    "connections",
    "watches",
    "requests",
    "inFlight",
    "storage",
    "slow",
    "errors",
    "certificates",
    "certificateProblems",
    "health",
    "hooks",
}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("", "text/html"), ("inspector.css", "text/css"), ("inspector.js", "text/javascript")],
)
async def test_the_files_come_from_the_package_and_may_load_nothing_else(name: str, content_type: str) -> None:
    answer = await ASGIClient(new_server()).get(f"/debug/inspector/{name}")
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(src|href)=\"?(https?:)?//|@import|url\(", answer.text)


def test_the_script_writes_text_and_never_markup() -> None:
    script = asset("inspector.js").decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)
    markup = asset("inspector.html").decode()
    assert not re.search(r"\son\w+=|style=|<script>", markup)


async def test_the_bare_path_leads_to_the_page_behind_any_proxy() -> None:
    answer = await ASGIClient(new_server()).get("/debug/inspector")
    assert (answer.status, answer.headers["location"]) == (302, "inspector/")


@pytest.mark.parametrize("path", PATHS)
async def test_it_is_only_for_reading_and_not_in_the_index(path: str) -> None:
    server = new_server()
    answer = await ASGIClient(server).request("POST", path, body={})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert not any("inspector" in listed for listed in server.listed_paths)


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_flag_there_is_nothing(path: str) -> None:
    server = new_server(enable_inspector=False)
    assert (await ASGIClient(server).get(path)).status == 404
    assert server.config.notable_requests.errors() == []


@pytest.mark.parametrize("path", PATHS)
async def test_it_needs_permission_like_any_path(path: str) -> None:
    asked: list[str] = []

    class Nobody:
        async def authorize(self, attributes: Any) -> Any:
            from genericapiserver.authorization import AuthorizationResult, Decision

            asked.append(attributes.path)
            return AuthorizationResult(Decision.DENY, "nobody may")

    server = new_server(authorization=AuthorizationInfo(Nobody()))
    assert (await ASGIClient(server).get(path)).status == 403
    assert asked == [path]


async def test_the_document_has_every_section_and_is_plain_json() -> None:
    config = new_config()

    async def broken(scope: Any) -> None:
        raise RuntimeError("the disk <b>is</b> on fire")

    async def hangs(scope: Any) -> None:
        await asyncio.Event().wait()

    config.add_health_checks(named_check("broken", broken), named_check("hangs", hangs))
    server = config.complete().new("inspected")
    client = ASGIClient(server)
    await client.get("/nope", user_agent="<img src=x onerror=alert(1)>")
    answer = await client.get("/debug/inspector/data")
    found = json.loads(answer.body)
    assert found.keys() == SECTIONS
    assert answer.headers["content-type"] == "application/json"
    assert found["server"]["name"] == "inspected"
    assert found["server"]["pid"] > 0
    health = {check["name"]: check for check in found["health"]}
    assert health["ping"] == {"name": "ping", "pages": ["healthz", "livez", "readyz"], "ok": True, "problem": ""}
    assert health["broken"]["problem"] == "the disk <b>is</b> on fire"
    assert health["hangs"]["problem"] == "no answer within 2 seconds"
    (error,) = found["errors"]["items"]
    assert (error["status"], error["reason"], error["path"]) == (404, "Not Found", "/nope")
    assert error["userAgent"] == "<img src=x onerror=alert(1)>"
    assert found["inFlight"]["pools"][0] == {"name": "read-only", "executing": 1, "limit": 400}


async def test_connections_and_certificates_of_a_server_that_listens() -> None:
    server = new_server(secure_serving=serving_info())
    async with server.prepare_run().serving() as address, connected(address, http2=True) as client:
        found = (await client.get("/debug/inspector/data")).json()
    assert found["connections"] == {"open": 1, "busy": 1, "protocols": {"HTTP/2": 1}}
    (certificate, *_) = found["certificates"]
    assert certificate["use"] == "serving"
    assert "localhost" in certificate["names"] or "localhost" in certificate["subject"]
    assert certificate["notAfter"] > found["time"]
