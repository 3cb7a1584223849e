"""The director: which paths belong to API resources, which to the mux, and which to neither."""

import pytest

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.endpoints.router import APIContainer, Route, WebService
from genericapiserver.handler import APIServerHandler
from tests.server.servers import new_config
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context


def saying(text: str) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, text)

    return handler


def service(root: str, *, exact: bool = False) -> WebService:
    made = WebService(root, exact=exact)
    made.add(Route(method="GET", path="", handler=saying(f"API {root}")))
    return made


def server_handler(*, not_found: Handler | None = None) -> APIServerHandler:
    """A server with two web services, and a mux that knows everything."""
    container = APIContainer(send_error=new_config().complete().send_error)
    container.add(service("/apis", exact=True))
    container.add(service("/apis/example.com"))
    handler = APIServerHandler(
        "test", api_container=container, build_handler_chain=in_context, not_found_handler=not_found
    )
    for path in ("/apis/other.com", "/apis/example.com", "/metrics"):
        handler.non_api_mux.handle(path, saying(f"mux {path}"))
    return handler


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/apis", 200, "API /apis"),
        ("/apis/", 200, "API /apis"),
        ("/apis/other.com", 200, "mux /apis/other.com"),
        ("/apis/example.com", 200, "API /apis/example.com"),
        ("/apis/example.com/", 200, "API /apis/example.com"),
        ("/apis/example.community", 200, "nobody"),
        ("/metrics", 200, "mux /metrics"),
        ("/metrics/", 200, "nobody"),
        ("//metrics", 200, "nobody"),
        ("/apis//", 200, "nobody"),
    ],
)
async def test_a_path_belongs_to_a_web_service_to_the_mux_or_to_nobody(path: str, status: int, text: str) -> None:
    response = await ASGIClient(server_handler(not_found=saying("nobody"))).get(path)
    assert (response.status, response.text) == (status, text)


async def test_a_web_service_refuses_what_it_claims_and_does_not_know() -> None:
    client = ASGIClient(server_handler(not_found=saying("nobody")))
    response = await client.get("/apis/example.com/v1/things")
    assert (response.status, response.json()["message"]) == (404, "the server could not find the requested resource")
    response = await client.request("POST", "/apis/example.com")
    assert (response.status, response.json()["reason"]) == (405, "MethodNotAllowed")


async def test_without_anybody_behind_a_path_is_not_found() -> None:
    response = await ASGIClient(server_handler()).get("/nope")
    assert (response.status, response.text) == (404, "404 page not found\n")


def test_listed_paths_are_those_of_both_once() -> None:
    assert server_handler().listed_paths == ["/apis", "/apis/example.com", "/apis/other.com", "/metrics"]
