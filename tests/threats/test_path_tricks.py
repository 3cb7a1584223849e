"""Paths that one part of a server may read differently from another (CVE-2022-3162), and scopes mixed up (CVE-2019-11247).

The caller may do everything in the namespace `a`, and nothing else. Whatever path is asked for, the storage is touched
below the keys of that namespace only, for authorization and the storage key come from one reading of the path.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.asgi import Scope
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.connection.target import BadTargetError, parse_target
from genericapiserver.filters.authorization import with_authorization
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.request import RequestInfoFactory, long_running_check
from genericapiserver.storage.errors import InvalidKeyError
from genericapiserver.storage.keys import KeySpace
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets

ROOT = f"/apis/{GROUP}/v1"
SECRET = "only-for-others"
ALLOWED_KEYS = b"/gadgets/a/"


class Asked:
    """An authorizer that remembers what it was asked, and lets everything in namespace `a` happen, and nothing else."""

    def __init__(self) -> None:
        self.attributes: list[AuthorizationAttributes] = []

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        self.attributes.append(attributes)
        inside = attributes.is_resource_request and attributes.namespace == "a"
        return AuthorizationResult(Decision.ALLOW if inside else Decision.NO_OPINION)


class Server:
    """The demo API behind authorization, with a record of the keys that its storage reads and writes."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.keys: list[bytes] = []
        self.demo = DemoServer(watch_cache=False)
        handler = with_authorization(self.demo.container, self.asked, send_error=self.demo.send_error)
        app = with_request_info(
            with_warning_recorder(handler), resolver=RequestInfoFactory(), long_running=long_running_check()
        )
        self.client = ASGIClient(app, prepare=_parsed)

    async def fill(self) -> None:
        """Objects of everybody, put there past authorization; then the record begins."""
        for namespace in ("a", "b", "ab", "a-b"):
            name = "one" if namespace == "a" else f"{SECRET}-{namespace}"
            made = await self.demo.client.request("POST", gadgets(namespace), body=gadget(name))
            assert made.status == 201
        rack = {"apiVersion": f"{GROUP}/v1", "kind": "Rack", "metadata": {"name": SECRET}}
        assert (await self.demo.client.request("POST", f"{ROOT}/racks", body=rack)).status == 201
        self._record()

    def _record(self) -> None:
        engine: Any = self.demo.engine
        for method in ("get", "range", "put", "delete", "watch", "stats"):
            setattr(engine, method, self._recorded(getattr(engine, method)))

    def _recorded(self, method: Any) -> Any:
        def call(key: bytes, *arguments: Any, **options: Any) -> Any:
            self.keys.append(key)
            return method(key, *arguments, **options)

        return call


def _parsed(scope: Scope) -> None:
    """Read the target as the connection does, not as the test's client."""
    query = scope["query_string"]
    target = parse_target(scope["raw_path"] + (b"?" + query if query else b""))
    scope["path"], scope["raw_path"], scope["query_string"] = target


@pytest.fixture
async def server() -> Server:
    made = Server()
    await made.fill()
    return made


SEGMENTS = [
    "a", "b", "ab", "A", "one", SECRET, f"{SECRET}-b", "gadgets", "gadgetsx", "Gadgets", "racks", "namespaces", "watch",
    "proxy", "status", "log", "v1", "v1beta1", GROUP, "apis", "api", "", ".", "..", "...", "%2e", "%2e%2e", ".%2E", "%2f",
    "..%2fb", "a%2f..%2fb", "b%2fgadgets", "%252e%252e", "%00", "a%00", "a%0a", "a%5c..%5cb", "%c0%ae%c0%ae", "%ff", "a;b",
    "a%3fb", "a%23b", "*", "~", "%7e", "%d0%b0",
]  # fmt: skip

paths = st.builds(
    lambda start, rest, end: start + "/".join(rest) + end,
    st.sampled_from(
        [f"{ROOT}/", f"{ROOT}/namespaces/", f"{ROOT}/namespaces/a/gadgets/", f"{ROOT}/namespaces/a/", "/", "//"]
    ),
    st.lists(st.sampled_from(SEGMENTS), max_size=6),
    st.sampled_from(["", "/", "//", "?watch=0", "?fieldSelector=metadata.namespace%3Db", "?namespace=b"]),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, Server]]:
    """One server for all examples: what they write does not matter, only where."""
    with asyncio.Runner() as runner:
        server = Server()
        runner.run(server.fill())
        yield runner, server


@settings(max_examples=300, deadline=None)
@given(path=paths, method=st.sampled_from(["GET", "GET", "PUT", "DELETE", "POST", "PATCH", "HEAD"]))
def test_the_storage_is_touched_where_authorization_said_and_nowhere_else(
    path: str, method: str, shared: tuple[asyncio.Runner, Server]
) -> None:
    runner, server = shared
    server.keys.clear()
    server.asked.attributes.clear()
    body = gadget("one") if method in ("PUT", "POST", "PATCH") else None
    headers = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
    try:
        response = runner.run(server.client.request(method, path, headers=headers, body=body))
    except BadTargetError:
        assert server.keys == []
        return
    assert len(server.asked.attributes) <= 1  # one reading of the path
    for key in server.keys:
        attributes = server.asked.attributes[0]
        assert (attributes.namespace, attributes.resource) == ("a", "gadgets")
        assert ALLOWED_KEYS + attributes.name.encode() in key
    # A refusal may repeat the name that was asked for, and nothing that was stored.
    assert response.status >= 400 or SECRET not in response.text


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/namespaces/a/gadgets/..%2f..%2fb%2fgadgets%2f{SECRET}-b",
        f"{ROOT}/namespaces/a%2f..%2fb/gadgets/{SECRET}-b",
        f"{ROOT}/namespaces/a/../b/gadgets/{SECRET}-b",
        f"{ROOT}/namespaces/a/%2e%2e/b/gadgets/{SECRET}-b",
        f"{ROOT}/namespaces/a//../b/gadgets",
        f"{ROOT}/namespaces//gadgets",
        f"//apis/{GROUP}/v1/namespaces/b/gadgets",
        f"/apis//{GROUP}/v1/namespaces/b/gadgets",
        f"{ROOT}/namespaces/a/gadgets/one%00",
        f"{ROOT}/namespaces/a%00b/gadgets",
        f"{ROOT}/namespaces/b/gadgets%3f/../../a/gadgets",
    ],
)
async def test_no_trick_reaches_another_namespace(path: str, server: Server) -> None:
    response = await server.client.get(path)
    assert response.status in (400, 403, 404)
    assert not [key for key in server.keys if ALLOWED_KEYS not in key]
    assert '"kind":"Gadget' not in response.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_resource_of_the_cluster_is_not_reached_through_a_namespace(method: str, server: Server) -> None:
    """CVE-2019-11247: what a role in a namespace allows would have counted for it."""
    headers = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
    body = {"metadata": {"name": SECRET}} if method in ("PUT", "PATCH") else None
    for path in (f"{ROOT}/namespaces/a/racks/{SECRET}", f"{ROOT}/namespaces/a/racks"):
        response = await server.client.request(method, path, headers=headers, body=body)
        assert response.status in (404, 405)
    assert server.keys == []


async def test_a_resource_of_namespaces_is_not_reached_without_one(server: Server) -> None:
    for path in (f"{ROOT}/gadgets/one", f"{ROOT}/namespaces/gadgets/one"):
        assert (await server.demo.client.get(path)).status == 404
    assert server.keys == []


async def test_a_namespace_is_no_prefix_of_another(server: Server) -> None:
    listed = (await server.client.get(gadgets("a"))).json()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["one"]
    deleted = await server.client.request("DELETE", gadgets("a"))
    assert deleted.status == 200
    left = (await server.demo.client.get(f"{ROOT}/gadgets")).json()
    assert sorted(item["metadata"]["namespace"] for item in left["items"]) == ["a-b", "ab", "b"]


@given(st.sampled_from(["/pods", "/pods/"]), st.text(min_size=1, max_size=8))
def test_a_resource_is_no_prefix_of_another(prefix: str, rest: str) -> None:
    keys = KeySpace("/registry", prefix)
    other = keys.prefix.encode() + b"pods" + rest.encode(errors="surrogatepass")
    inside = keys.engine_prefix <= other < keys.engine_end
    assert inside == rest.startswith("/")
    for key in ("/pods/../secrets/x", "/pods/./x", f"/pods{rest.replace('/', '')}x/y", "/pods/a/.."):
        with pytest.raises(InvalidKeyError):
            keys.prepare(key)
