"""TestAuthenticationCustom, -Default and -Union: who is let in, over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.aio import Signal
from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.cluster import ClusterLookupError
from genericapiserver.certificates import StaticCAContent
from genericapiserver.client.kubeconfig import load_kubeconfig
from genericapiserver.client.rest import RESTClient
from genericapiserver.ext import (
    ClientCertificateAuthenticator,
    Context,
    DefaultAuthenticator,
    UnionAuthenticator,
)
from tests.ext.support import NINE_PATHS, PATH, MemoryStore, by_header, serving_store
from tests.support.asgi_client import ASGIClient
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.pki import CLIENT, SERVER, Issued, issue

PROXY_CA, OTHER_CA = issue("front-proxy-ca", ca=True), issue("other-ca", ca=True)
PROXY = issue("front-proxy-client", PROXY_CA, usages=[CLIENT])
USER_HEADERS = {"X-Remote-User": "my-user", "X-Remote-Group": "my-group"}
UNAUTHORIZED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


def publish(cluster: FakeCluster, **changed: Any) -> None:
    cluster.publish(
        **{
            "requestheader_client_ca_file": PROXY_CA.pem.decode(),
            "requestheader_allowed_names": [PROXY.certificate.subject.rfc4514_string().removeprefix("CN=")],
            "requestheader_username_headers": ["X-Remote-User"],
            "requestheader_uid_headers": ["X-Remote-Uid"],
            "requestheader_group_headers": ["X-Remote-Group"],
            "requestheader_extra_headers_prefix": ["X-Remote-Extra-"],
            **changed,
        }
    )


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster() as cluster:
        publish(cluster)
        yield cluster


@contextlib.asynccontextmanager
async def default_authenticator(cluster: FakeCluster, folder: Path) -> AsyncIterator[DefaultAuthenticator]:
    client = RESTClient(load_kubeconfig(cluster.kubeconfig(folder / "kubeconfig")))
    try:
        authenticator = DefaultAuthenticator(client)
        await authenticator.run_once()
        yield authenticator
    finally:
        await client.aclose()


def showing(certificate: Issued | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate is not None:
        certificate.load_into(context)
    return context


async def statuses(client: Any, headers: dict[str, str]) -> dict[str, int]:
    """The status of each of the nine paths, and of one that is not there; every refusal has the same body."""
    found = {}
    for path in (*NINE_PATHS, "/unknown"):
        response = await client.get(path, headers=headers)
        if response.status_code == 401:
            assert response.json() == UNAUTHORIZED
        found[path] = response.status_code
    return found


CASES: dict[str, tuple[Issued | None, dict[str, str], bool]] = {
    "good": (PROXY, USER_HEADERS, True),
    "no cert": (None, USER_HEADERS, False),
    "bad CA": (issue("front-proxy-client", OTHER_CA, usages=[CLIENT]), USER_HEADERS, False),
    "bad CN": (issue("somebody-else", PROXY_CA, usages=[CLIENT]), USER_HEADERS, False),
    "no user": (PROXY, {}, False),
    "empty user": (PROXY, {"X-Remote-User": ""}, False),
    "certificate for servers": (issue("front-proxy-client", PROXY_CA, usages=[SERVER]), USER_HEADERS, False),
}


@pytest.mark.parametrize("case", CASES)
async def test_acceptance_front_proxy_auth(cluster: FakeCluster, tmp_path: Path, case: str) -> None:
    """Nine paths, and one that is not there, for each way to come."""
    certificate, headers, good = CASES[case]
    async with (
        default_authenticator(cluster, tmp_path) as authenticator,
        serving_store(authenticator=authenticator) as world,
        world.https(showing(certificate)) as client,
    ):
        found = await statuses(client, headers)
    assert found == {
        **dict.fromkeys(NINE_PATHS, 200 if good else 401),
        "/unknown": 404 if good else 401,
    }


async def test_the_user_is_who_the_headers_say(cluster: FakeCluster, tmp_path: Path) -> None:
    store = MemoryStore()
    async with (
        default_authenticator(cluster, tmp_path) as authenticator,
        serving_store(store, authenticator=authenticator) as world,
        world.https(showing(PROXY)) as client,
    ):
        headers = [
            ("X-Remote-User", "my-user"),
            ("X-Remote-Uid", "7"),
            ("X-Remote-Group", "a"),
            ("X-Remote-Group", ""),
            ("X-Remote-Group", "b"),
            ("X-Remote-Extra-Example.com%2fScope", "one"),
        ]
        assert (await client.get(PATH, headers=headers)).status_code == 200
        assert (await client.get(PATH, headers=USER_HEADERS)).status_code == 200
    first, second = store.contexts
    assert first.user == UserInfo(
        name="my-user",
        uid="7",
        groups=("a", "b", "system:authenticated"),
        extra={"example.com/scope": ["one"]},
    )
    assert second.user.extra == {}


async def test_any_name_will_do_where_none_is_listed(cluster: FakeCluster, tmp_path: Path) -> None:
    publish(cluster, requestheader_allowed_names=[])
    async with (
        default_authenticator(cluster, tmp_path) as authenticator,
        serving_store(authenticator=authenticator) as world,
        world.https(showing(issue("anybody", PROXY_CA, usages=[CLIENT]))) as client,
    ):
        assert (await client.get(PATH, headers=USER_HEADERS)).status_code == 200


async def test_what_the_cluster_publishes_is_followed(cluster: FakeCluster, tmp_path: Path) -> None:
    """Another authority counts as soon as it is published, and clients are asked for its certificates."""
    async with (
        default_authenticator(cluster, tmp_path) as authenticator,
        serving_store(authenticator=authenticator) as world,
        world.https(showing(issue("front-proxy-client", OTHER_CA, usages=[CLIENT]))) as client,
    ):
        assert (await client.get(PATH, headers=USER_HEADERS)).status_code == 401
        async with asyncio.timeout(60):
            while not cluster.watched():
                await asyncio.sleep(0.01)
        changed = Signal("the authority has changed")
        authenticator.add_listener(changed.set)
        publish(cluster, requestheader_client_ca_file=OTHER_CA.pem.decode())
        await asyncio.wait_for(changed.wait(), 60)
        assert authenticator.current_ca_bundle() == OTHER_CA.pem
        assert (await client.get(PATH, headers=USER_HEADERS)).status_code == 200


async def test_a_cluster_that_publishes_nothing_lets_nobody_in(tmp_path: Path) -> None:
    async with (
        fake_cluster() as cluster,
        default_authenticator(cluster, tmp_path) as authenticator,
        serving_store(authenticator=authenticator) as world,
        world.https(showing(PROXY)) as client,
    ):
        assert authenticator.current_ca_bundle() is None
        assert (await client.get(PATH, headers=USER_HEADERS)).status_code == 401


async def test_a_cluster_that_refuses_is_told_of(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.fails = lambda path: (403, {"message": "not you"}, [])
    with pytest.raises(ClusterLookupError, match="not you"):
        async with default_authenticator(cluster, tmp_path):
            pass


# ---- authenticators of one's own


def custom(request: AuthenticationRequest) -> AuthenticationResponse | None:
    name = request.first_header(b"x-user")
    if name == "error-out":
        raise AuthenticationError("the directory is down")
    if name == "broken":
        raise RuntimeError("a fault")
    return by_header(request)


@pytest.mark.parametrize(
    ("headers", "good"),
    [({"x-user": "u"}, True), ({}, False), ({"x-user": "error-out"}, False), ({"x-user": "broken"}, False)],
    ids=["good", "nobody", "error", "fault"],
)
async def test_an_authenticator_of_ones_own(headers: dict[str, str], good: bool) -> None:
    async with serving_store(authenticator=FunctionAuthenticator(custom)) as world:
        async with world.https() as client:
            found = await statuses(client, headers)
        inside = {path: (await world.client.request("GET", path, headers=headers)).status for path in found}
    assert found == {**dict.fromkeys(NINE_PATHS, 200 if good else 401), "/unknown": 404 if good else 401}
    assert inside == found


@pytest.mark.parametrize(
    ("certificate", "headers", "good"),
    [
        (PROXY, USER_HEADERS, True),
        (None, {"x-user": "u"}, True),
        (PROXY, {"x-user": "u"}, True),
        (issue("front-proxy-client", OTHER_CA, usages=[CLIENT]), {"x-user": "u"}, True),
        (issue("front-proxy-client", OTHER_CA, usages=[CLIENT]), USER_HEADERS, False),
        (PROXY, {**USER_HEADERS, "x-user": "error-out"}, True),
        (None, {"x-user": "error-out"}, False),
        (None, {}, False),
    ],
    ids=["proxy", "custom", "both", "bad beside good", "bad proxy", "good beside error", "error", "nobody"],
)
async def test_a_union_takes_the_first_who_knows(
    cluster: FakeCluster, tmp_path: Path, certificate: Issued | None, headers: dict[str, str], good: bool
) -> None:
    async with default_authenticator(cluster, tmp_path) as default:
        for members in ((default, FunctionAuthenticator(custom)), (FunctionAuthenticator(custom), default)):
            async with (
                serving_store(authenticator=UnionAuthenticator(*members)) as world,
                world.https(showing(certificate)) as client,
            ):
                found = await statuses(client, headers)
            assert found == {**dict.fromkeys(NINE_PATHS, 200 if good else 401), "/unknown": 404 if good else 401}


def asked_for(world: Any) -> list[str]:
    """The names of the authorities whose certificates clients are asked for; none when they are not asked."""
    provider = world.server.generic_api_server.config.secure_serving.client_ca
    return [] if provider is None else provider.name.split(",")


async def test_clients_are_asked_for_certificates_of_every_authority(cluster: FakeCluster, tmp_path: Path) -> None:
    users = StaticCAContent("users", OTHER_CA.pem)
    async with default_authenticator(cluster, tmp_path) as default:
        union = UnionAuthenticator(default, FunctionAuthenticator(custom), ClientCertificateAuthenticator(users))
        assert union.name == f"{default.name},users"
        assert union.current_ca_bundle() == PROXY_CA.pem.strip() + b"\n" + OTHER_CA.pem.strip()
        async with serving_store(authenticator=union) as world:
            assert asked_for(world) == [default.name, "users"]
            listed = await asyncio.to_thread(names_in_handshake, world.address)
    assert listed == ["front-proxy-ca", "other-ca"]


def names_in_handshake(address: tuple[str, int]) -> list[str]:
    """The authorities that a server names when it asks for a certificate."""
    import socket

    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with socket.create_connection(address, 60) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        connection.do_handshake()
        names = [name.CN or "" for name in connection.get_client_ca_list()]
        connection.shutdown()
    return names


@pytest.mark.parametrize("authenticator", [FunctionAuthenticator(custom), UnionAuthenticator()])
async def test_where_there_is_no_authority_nobody_is_asked(authenticator: Any) -> None:
    async with serving_store(authenticator=authenticator) as world:
        assert asked_for(world) == []


async def test_the_work_of_an_authenticator_is_done_while_the_server_serves() -> None:
    class Working:
        def __init__(self) -> None:
            self.started, self.ended = Signal("started"), Signal("ended")

        async def authenticate_request(self, request: AuthenticationRequest) -> None:
            return None

        async def run(self) -> None:
            self.started.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()

    alone, inside = Working(), Working()
    async with serving_store(authenticator=UnionAuthenticator(alone, UnionAuthenticator(inside))):
        for each in (alone, inside):
            await asyncio.wait_for(each.started.wait(), 60)
            assert not each.ended.is_set()
    assert alone.ended.is_set()
    assert inside.ended.is_set()
    union = UnionAuthenticator(alone := Working(), FunctionAuthenticator(custom))
    task = asyncio.create_task(union.run())
    await asyncio.wait_for(alone.started.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert alone.ended.is_set()


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (issue("jane", OTHER_CA, organizations=["devs"], usages=[CLIENT]), 200),
        (issue("jane", PROXY_CA, organizations=["devs"], usages=[CLIENT]), 401),
        (None, 401),
    ],
    ids=["good", "other authority", "none"],
)
async def test_users_by_their_certificates(certificate: Issued | None, code: int) -> None:
    store = MemoryStore()
    authenticator = ClientCertificateAuthenticator(StaticCAContent("users", OTHER_CA.pem))
    async with (
        serving_store(store, authenticator=authenticator) as world,
        world.https(showing(certificate)) as client,
    ):
        assert (await client.get(PATH)).status_code == code
    assert [(context.user.name, context.user.groups) for context in store.contexts] == (
        [("jane", ("devs", "system:authenticated"))] if code == 200 else []
    )


async def test_headers_of_the_proxy_reach_no_handler(cluster: FakeCluster, tmp_path: Path) -> None:
    """Whoever is let in by another authenticator cannot bring them along either, whatever they are called."""
    publish(cluster, requestheader_username_headers=["X-Our-User"])
    seen: list[list[bytes]] = []

    class Looking(MemoryStore):
        async def get(self, context: Context, name: str, options: Any) -> Any:
            return await super().get(context, name, options)

    async with default_authenticator(cluster, tmp_path) as default:
        union = UnionAuthenticator(FunctionAuthenticator(custom), default)
        async with serving_store(Looking(), authenticator=union) as world:
            handler = world.server.generic_api_server.handler
            original = handler.director._non_api_mux

            async def look(scope: Any, receive: Any, send: Any) -> None:
                seen.append([name for name, _ in scope["headers"]])
                await original(scope, receive, send)

            handler.director._non_api_mux = look  # type: ignore[assignment]
            client = ASGIClient(world.server)
            await client.request("GET", "/healthz", headers={"x-user": "u", "x-our-user": "root", "x-other": "1"})
    assert seen == [[b"x-user", b"x-other"]]
