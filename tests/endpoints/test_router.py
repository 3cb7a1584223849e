"""Which handler a path reaches, and what the container answers itself (server reference, section 6.1)."""

from typing import Any

import pytest

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.endpoints.router import APIContainer, Route, WebService
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, gadgets

BASE = "/apis/demo.example.com"


def answering(text: str) -> Handler:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, text)

    return answer


async def refuse(scope: Scope, send: Send, error: Any) -> None:
    await send_text(send, error.code, error.message)


def container_of(*paths: str, root: str = "/apis/g/v") -> tuple[APIContainer, ASGIClient]:
    service = WebService(root)
    for path in paths:
        service.add(Route(method="GET", path=path, handler=answering(path)))
    container = APIContainer(send_error=refuse)
    container.add(service)
    return container, ASGIClient(container)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/apis/g/v", ""),
        ("/apis/g/v/", ""),
        ("/apis/g/v/foos", "foos"),
        ("/apis/g/v/foos/", "foos"),
        ("/apis/g/v/foos///", "foos"),
        ("/apis/g/v/foos/a", "foos/{name}"),
        ("/apis/g/v/foos/a/status", "foos/{name}/status"),
        ("/apis/g/v/foos/a/other", None),
        ("/apis/g/v/namespaces/n/foos", "namespaces/{namespace}/foos"),
        ("/apis/g/v/namespaces//foos", "namespaces/{namespace}/foos"),
        ("/apis/g/v/namespaces/n", "namespaces/{name}"),
        ("/apis/g/v/namespaces/n/status", "namespaces/{name}/status"),
        ("/apis/g/v/namespaces/foos/foos", "namespaces/{namespace}/foos"),
        ("/apis/g/v/foos/a/proxy", "foos/{name}/proxy"),
        ("/apis/g/v/foos/a/proxy/x", "foos/{name}/proxy/{path:*}"),
        ("/apis/g/v/foos/a/proxy/x/y/z", "foos/{name}/proxy/{path:*}"),
        ("/apis/g/v//foos", None),
        ("/apis/g/v/foo", None),
    ],
)
async def test_a_literal_segment_beats_a_parameter(path: str, route: str | None) -> None:
    _, client = container_of(
        "",
        "foos",
        "foos/{name}",
        "foos/{name}/status",
        "foos/{name}/proxy",
        "foos/{name}/proxy/{path:*}",
        "namespaces/{name}",
        "namespaces/{name}/status",
        "namespaces/{namespace}/foos",
    )
    response = await client.get(path)
    assert (response.status, response.text) == (
        (200, route) if route is not None else (404, "the server could not find the requested resource")
    )


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/apis", "/apis"),
        ("/apis/", "/apis"),
        ("/apis//", None),
        ("//apis", None),
        ("/apisx", None),
        ("/apis/other", None),
        ("/apis/g", "/apis/g"),
        ("/apis/g/v9/foos", "/apis/g"),
        ("/apis/g/v", "/apis/g/v"),
        ("/apis/g/v/foos/a/b/c", "/apis/g/v"),
        ("/version", "/version"),
        ("/version//", "/version"),
        ("/versions", None),
        ("/", None),
    ],
)
def test_the_longest_root_claims_a_path(path: str, root: str | None) -> None:
    container = APIContainer(send_error=refuse)
    container.add(WebService("/apis", exact=True))
    for each in ("/apis/g", "/apis/g/v", "/version"):
        container.add(WebService(each))
    service = container.service_for(path)
    assert (None if service is None else service.root) == root
    assert container.claims(path) is (root is not None)


def test_a_root_is_taken_once_and_can_be_given_back() -> None:
    container = APIContainer(send_error=refuse)
    container.add(WebService("/apis/g"))
    with pytest.raises(ValueError, match="installed already"):
        container.add(WebService("/apis/g"))
    container.remove("/apis/g")
    container.remove("/apis/g")
    assert not container.claims("/apis/g")
    assert container.root_paths == []


@pytest.mark.parametrize("root", ["apis", "/apis/", ""])
def test_a_root_has_one_form(root: str) -> None:
    with pytest.raises(ValueError, match="root of a web service"):
        WebService(root)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PROPFIND", "POST"])
async def test_a_known_path_refuses_other_methods_without_an_allow_header(client: ASGIClient, method: str) -> None:
    response = await client.request(method, gadgets(name="a"))
    assert response.status == 405
    assert "allow" not in response.headers
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server does not allow this method on the requested resource",
        "reason": "MethodNotAllowed",
        "details": {},
        "code": 405,
    }


@pytest.mark.parametrize(
    "path", [f"{BASE}/v9", f"{BASE}/v1/nope", f"{BASE}/v1/namespaces/ns/racks", gadgets(name="a/x")]
)
async def test_an_unknown_path_in_a_group_is_a_status(client: ASGIClient, path: str) -> None:
    response = await client.get(path)
    assert response.status == 404
    assert response.json()["message"] == "the server could not find the requested resource"
    assert response.json()["details"] == {}


@pytest.mark.parametrize(
    ("path", "available"),
    [
        (gadgets(name="a"), "application/json, application/yaml"),
        (gadgets(), "application/json, application/yaml, application/json;stream=watch"),
        (gadgets(name="a/log"), "text/plain, application/json, application/yaml"),
        ("/apis", "application/json, application/yaml"),
    ],
)
async def test_the_router_refuses_types_it_does_not_know(client: ASGIClient, path: str, available: str) -> None:
    response = await client.get(path, accept="application/*")
    assert response.status == 406
    assert response.json()["message"] == f"406: Not Acceptable\n\nAvailable representations: {available}"
    assert response.json()["reason"] == "NotAcceptable"
    assert response.json()["details"] == {}


async def test_a_post_without_a_body_is_taken_for_the_mistake(client: ASGIClient) -> None:
    response = await client.request("POST", gadgets(), headers={"accept": "text/html"})
    assert response.status == 415
    assert response.json()["message"].startswith("415: Unsupported Media Type\n\nAvailable representations: ")


async def test_a_patch_of_no_known_type_is_refused_by_the_router(client: ASGIClient) -> None:
    response = await client.request("PATCH", gadgets(name="a"), body={}, headers={"content-type": "application/json"})
    assert response.status == 415
    assert response.json()["message"] == "415: Unsupported Media Type"
    assert response.json()["details"] == {}


async def test_errors_of_the_router_come_in_the_type_asked_for(client: ASGIClient) -> None:
    response = await client.get(f"{BASE}/v1/nope", accept="application/yaml")
    assert response.headers["content-type"] == "application/yaml"
    assert response.text.startswith("apiVersion: v1\ncode: 404\n")


def test_descriptions_come_with_their_root(server: DemoServer) -> None:
    described = {(root, description.path, description.method) for root, description in server.container.descriptions()}
    assert (f"{BASE}/v1", f"{BASE}/v1/", "GET") in described
    assert (f"{BASE}/v1", f"{BASE}/v1/namespaces/{{namespace}}/gadgets/{{name}}/status", "PATCH") in described
