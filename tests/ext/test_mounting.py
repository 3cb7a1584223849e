"""The server inside of another ASGI application: below a prefix, with the application's users."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypercorn.middleware import DispatcherMiddleware
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from genericapiserver.asgi import Handler, Scope
from genericapiserver.authentication import AuthenticationError, UserInfo
from genericapiserver.authentication.bearer_token import BearerTokenAuthenticator
from genericapiserver.authentication.static_token import StaticTokenAuthenticator
from genericapiserver.connection import create_listener
from genericapiserver.ext import ScopeUserAuthenticator, to_middleware
from genericapiserver.ext.middleware import ERROR_USER, UNAUTHENTICATED_USER, USER_KEY
from genericapiserver.ext.mounting import below_root_path
from tests.ext.support import PATH, V1, MemoryStore, World, body, new_server, serving_store
from tests.support.asgi_client import ASGIClient

JANE = UserInfo(name="jane", groups=("devs",))
TOKENS = BearerTokenAuthenticator(StaticTokenAuthenticator({"secret": JANE}))
WITH_TOKEN = {"authorization": "Bearer secret"}


async def page(request: Any) -> PlainTextResponse:
    return PlainTextResponse("the application's own page")


def in_starlette(handler: Handler) -> Handler:
    app: Any = Starlette(routes=[Route("/", page), Mount("/ext", app=handler)])
    return to_middleware(TOKENS)(app)


def in_dispatcher(handler: Handler) -> Handler:
    other: Any = Starlette(routes=[Route("/", page)])
    app: Any = DispatcherMiddleware({"/ext": handler, "/": other})  # type: ignore[dict-item]
    return to_middleware(TOKENS)(app)


def below_a_proxy(handler: Handler) -> Handler:
    """As `--root-path` of ASGI servers has it: the path as the client knows it, and what of it is the prefix."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await handler({**scope, "root_path": "/ext"}, receive, send)

    return to_middleware(TOKENS)(app)


APPLICATIONS = {"starlette": in_starlette, "hypercorn dispatcher": in_dispatcher, "root path": below_a_proxy}


@contextlib.asynccontextmanager
async def mounted(how: str, store: MemoryStore | None = None) -> AsyncIterator[tuple[World, ASGIClient]]:
    async with serving_store(store, authenticator=ScopeUserAuthenticator()) as world:
        yield world, ASGIClient(APPLICATIONS[how](world.server), prepare=lambda scope: scope.update(root_path=""))


@pytest.mark.parametrize("how", APPLICATIONS)
async def test_the_server_is_served_below_a_prefix(how: str) -> None:
    store = MemoryStore()
    async with mounted(how, store) as (_, client):
        made = await client.request("POST", f"/ext{PATH}", headers=WITH_TOKEN, body=body(data="1"))
        assert made.status == 201
        got = await client.request("GET", f"/ext{PATH}/foo", headers=WITH_TOKEN)
        assert (got.status, got.json()["data"]) == (200, "1")
        for path in ("/ext/apis", f"/ext/apis/{V1}", "/ext/openapi/v2", "/ext/healthz", "/ext/"):
            assert (await client.request("GET", path, headers=WITH_TOKEN)).status == 200
        assert (await client.request("GET", "/ext/unknown", headers=WITH_TOKEN)).status == 404
    assert [(context.user.name, context.user.groups) for context in store.contexts] == [
        ("jane", ("devs", "system:authenticated"))
    ] * len(store.contexts)
    assert store.contexts[0].request.request_uri in (PATH, f"/ext{PATH}")


@pytest.mark.parametrize("how", APPLICATIONS)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
async def test_who_the_application_does_not_know_is_nobody(how: str, headers: dict[str, str]) -> None:
    async with mounted(how) as (_, client):
        response = await client.request("GET", f"/ext{PATH}", headers=headers)
    assert (response.status, response.json()["reason"]) == (401, "Unauthorized")


async def test_the_application_stays_what_it_is() -> None:
    async with mounted("starlette") as (_, client):
        assert (await client.get("/")).text == "the application's own page"


async def test_documents_name_addresses_below_the_prefix() -> None:
    async with mounted("starlette") as (_, client):
        index = (await client.request("GET", "/ext/openapi/v3", headers=WITH_TOKEN)).json()
        address = index["paths"][f"apis/{V1}"]["serverRelativeURL"]
        assert address.startswith("/ext/openapi/v3/apis/")
        assert (await client.request("GET", address, headers=WITH_TOKEN)).status == 200


async def test_a_watch_through_the_application() -> None:
    async with (
        mounted("starlette") as (_, client),
        client.open("GET", f"/ext{PATH}?watch=1", headers=WITH_TOKEN) as response,
    ):
        await client.request("POST", f"/ext{PATH}", headers=WITH_TOKEN, body=body())
        (event,) = await response.events(1, timeout=60)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "foo")


async def test_the_users_of_a_framework() -> None:
    """Starlette's own middleware for users; FastAPI has the same."""

    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection) -> Any:
            name = conn.headers.get("x-name")
            return (AuthCredentials(["admin"]), SimpleUser(name)) if name else None

    def read(scope: Scope) -> UserInfo | None:
        user = scope["user"]
        return UserInfo(name=user.display_name, groups=tuple(scope["auth"].scopes)) if user.is_authenticated else None

    store = MemoryStore()
    async with serving_store(store, authenticator=ScopeUserAuthenticator(read)) as world:
        app: Any = Starlette(
            routes=[Mount("/ext", app=world.server)],
            middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
        )
        client = ASGIClient(app)
        assert (await client.get(f"/ext{PATH}")).status == 401
        assert (await client.get(f"/ext{PATH}", x_name="jane")).status == 200
    assert store.contexts[0].user == UserInfo(name="jane", groups=("admin", "system:authenticated"))


async def test_nobody_brings_a_user_to_the_servers_own_port() -> None:
    async with mounted("starlette") as (world, _), world.https() as client:
        for headers in ({}, WITH_TOKEN, {USER_KEY: "jane", "x-user": "jane"}):
            assert (await client.get(PATH, headers=headers)).status_code == 401


async def test_the_scope_of_the_application_stays_as_it_is() -> None:
    async with mounted("starlette") as (world, _):
        seen: dict[str, Any] = {}

        def prepare(scope: Scope) -> None:
            scope[USER_KEY] = JANE
            seen["scope"], seen["copy"] = scope, {**scope, "headers": list(scope["headers"])}

        client = ASGIClient(world.server, prepare=prepare)
        assert (await client.get(PATH, x_remote_user="x")).status == 200
    assert seen["scope"] == seen["copy"]


@pytest.mark.parametrize(
    ("root", "path", "raw", "inner", "inner_raw"),
    [
        ("", "/apis", b"/apis", "/apis", b"/apis"),
        ("/ext", "/ext/apis", b"/ext/apis", "/apis", b"/apis"),
        ("/ext/", "/ext/apis", b"/ext/apis", "/apis", b"/apis"),
        ("/ext", "/ext", b"/ext", "/", b"/"),
        ("/ext", "/apis", b"/apis", "/apis", b"/apis"),
        ("/ext", "/extra/apis", b"/extra/apis", "/extra/apis", b"/extra/apis"),
        ("/a b", "/a b/apis/x%2f", b"/a%20b/apis/x%252f", "/apis/x%2f", b"/apis/x%252f"),
        ("/ext", "/ext/apis", b"/%65xt/apis", "/apis", None),
        ("/ext", "/ext/apis", None, "/apis", None),
    ],
)
def test_paths_below_the_root_path(
    root: str, path: str, raw: bytes | None, inner: str, inner_raw: bytes | None
) -> None:
    scope = {"root_path": root, "path": path, "raw_path": raw}
    made = below_root_path(scope)
    assert (made["path"], made["raw_path"]) == (inner, inner_raw)
    assert scope == {"root_path": root, "path": path, "raw_path": raw}


# ---- before, after, and the lifespan


async def test_a_server_that_does_not_run_answers_503() -> None:
    server = new_server()
    client = ASGIClient(server)
    before = await client.get("/apis", x_user="u")
    async with server.serving():
        during = await client.get("/apis", x_user="u")
    after = await client.get("/apis", x_user="u")
    assert (before.status, during.status, after.status) == (503, 200, 503)
    assert before.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the extension API server does not run yet",
        "reason": "ServiceUnavailable",
        "code": 503,
    }
    assert after.json()["message"] == "the extension API server has stopped"


class Lifespan:
    """What an ASGI server does around an application."""

    def __init__(self, app: Handler) -> None:
        self._to: asyncio.Queue[Any] = asyncio.Queue()
        self._from: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.ensure_future(app({"type": "lifespan"}, self._to.get, self._from.put))

    async def tell(self, what: str) -> Any:
        self._to.put_nowait({"type": f"lifespan.{what}"})
        return await asyncio.wait_for(self._from.get(), 60)


async def test_as_the_whole_application_it_runs_for_the_length_of_its_lifespan() -> None:
    server = new_server()
    lifespan = Lifespan(server)
    assert await lifespan.tell("startup") == {"type": "lifespan.startup.complete"}
    assert (await ASGIClient(server).get("/apis", x_user="u")).status == 200
    assert await lifespan.tell("shutdown") == {"type": "lifespan.shutdown.complete"}
    await lifespan.task
    assert (await ASGIClient(server).get("/apis", x_user="u")).status == 503


async def test_a_server_that_somebody_else_runs_stays_his() -> None:
    server = new_server()
    async with server.serving():
        lifespan = Lifespan(server)
        await lifespan.tell("startup")
        await lifespan.tell("shutdown")
        assert (await ASGIClient(server).get("/apis", x_user="u")).status == 200


async def test_a_start_that_fails_is_told_to_the_asgi_server() -> None:
    listener = create_listener("127.0.0.1", 0)
    server = new_server(listener=listener)
    listener.close()
    lifespan = Lifespan(server)
    told = await lifespan.tell("startup")
    assert told["type"] == "lifespan.startup.failed"
    assert "Bad file descriptor" in told["message"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        await lifespan.task


# ---- to_middleware


@pytest.mark.parametrize(
    ("token", "user"),
    [("secret", JANE), ("", UNAUTHENTICATED_USER), ("wrong", ERROR_USER), ("broken", ERROR_USER)],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_middleware_puts_the_user_into_the_scope(token: str, user: UserInfo, kind: str) -> None:
    class Tokens:
        async def authenticate_request(self, request: Any) -> Any:
            if request.first_header(b"authorization") == "Bearer broken":
                raise RuntimeError("a fault")
            return await TOKENS.authenticate_request(request)

    seen: list[UserInfo] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope[USER_KEY])

    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {"type": kind, "path": "/", "headers": headers}
    await to_middleware(Tokens())(app)(scope, None, None)  # type: ignore[arg-type]
    assert seen == [user]
    assert USER_KEY not in scope


def test_the_users_of_the_reference_have_its_names() -> None:
    assert (ERROR_USER.name, ERROR_USER.groups) == (
        "system:cattle:error",
        ("system:unauthenticated", "system:cattle:error"),
    )
    assert UNAUTHENTICATED_USER.name == "system:unauthenticated"


async def test_middleware_leaves_the_lifespan_alone() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": "lifespan"}
    await to_middleware(TOKENS)(app)(scope, None, None)  # type: ignore[arg-type]
    assert seen == [scope]


async def test_an_error_of_reading_the_scope_lets_nobody_in() -> None:
    def read(scope: Scope) -> UserInfo | None:
        raise AuthenticationError("no session")

    async with serving_store(authenticator=ScopeUserAuthenticator(read)) as world:
        response = await world.client.get(PATH)
    assert (response.status, json.loads(response.body)["code"]) == (401, 401)


async def test_watches_end_with_the_server_and_not_with_the_application() -> None:
    store = MemoryStore()
    async with contextlib.AsyncExitStack() as stack:
        async with mounted("starlette", store) as (_, client):
            through_app = await stack.enter_async_context(client.open("GET", f"/ext{PATH}?watch=1", headers=WITH_TOKEN))
            assert through_app.status == 200
        assert await asyncio.wait_for(through_app.line(), 60) == b""
        assert (await client.request("GET", f"/ext{PATH}", headers=WITH_TOKEN)).status == 503
    assert store.broadcast.watches == set()
