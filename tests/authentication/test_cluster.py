"""The ConfigMap that a cluster publishes, followed by a server that serves: real sockets on both sides."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.config import ConfigError
from genericapiserver.options.authentication import DelegatingAuthenticationOptions, RequestHeaderOptions
from tests.support.fake_cluster import CONFIG_MAP, CONFIG_MAP_PATH, Answer, FakeCluster, fake_cluster
from tests.support.identity_server import (
    PROXY_NAME,
    IdentityServer,
    authorities,
    bundle,
    certificate,
    identity_server,
)
from tests.support.pki import CLIENT, Issued, issue

BOB = [("X-Remote-User", "bob"), ("X-Remote-Group", "ops")]


def published(**changes: Any) -> dict[str, Any]:
    """What a cluster with a front proxy publishes."""
    return {
        "client_ca_file": authorities().clients.pem.decode(),
        "requestheader_client_ca_file": authorities().proxies.pem.decode(),
        "requestheader_username_headers": ["X-Remote-User"],
        "requestheader_group_headers": ["X-Remote-Group"],
        "requestheader_extra_headers_prefix": ["X-Remote-Extra-"],
        "requestheader_allowed_names": [PROXY_NAME],
        **changes,
    }


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster() as running:
        yield running


def looking_up(cluster: FakeCluster, folder: Path, **settings: Any) -> DelegatingAuthenticationOptions:
    return DelegatingAuthenticationOptions(
        remote_kubeconfig_file=str(cluster.kubeconfig(folder / "kubeconfig")), **settings
    )


async def who(server: IdentityServer, client: Issued | None, headers: list[tuple[str, str]] | None = None) -> str:
    """The user's name, or the status of the refusal."""
    response = await server.ask(client, headers=headers or [])
    return str(response.json()["name"]) if response.status_code == 200 else str(response.status_code)


async def until(server: IdentityServer, name: str, client: Issued | None, headers: list[tuple[str, str]]) -> None:
    async with asyncio.timeout(10):
        while await who(server, client, headers) != name:
            await asyncio.sleep(0.01)


async def followed(cluster: FakeCluster) -> None:
    async with asyncio.timeout(10):
        while not cluster.watched():
            await asyncio.sleep(0.01)


async def test_both_authorities_and_the_headers_come_from_the_cluster(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.publish(**published(requestheader_uid_headers=["X-Remote-Uid"]))
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        assert await who(server, certificate("client")) == "alice"
        headers = [*BOB, ("X-Remote-Uid", "u1"), ("X-Remote-Extra-Scopes", "a")]
        told = (await server.ask(certificate("proxy"), headers=headers)).json()
        assert (told["name"], told["uid"]) == ("bob", "u1")
        assert told["groups"] == ["ops", "system:authenticated"]
        assert told["extra"] == {"scopes": ["a"]}
        assert not [name for name in told["headers"] if name.startswith("x-remote")]
        assert await who(server, certificate("proxy, other name"), BOB) == "401"
        assert await who(server, None, BOB) == "system:anonymous"
        listed = [path for _, path, _ in cluster.requests]
        assert f"{CONFIG_MAP_PATH}/{CONFIG_MAP}" in listed


async def test_a_change_counts_for_open_connections(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.publish(**published())
    new_authority = issue("new-front-proxy-ca", ca=True)
    new_proxy = issue("proxy-2", new_authority, usages=[CLIENT])
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        await followed(cluster)
        async with server.connected(certificate("proxy")) as old, server.connected(new_proxy) as new:
            assert (await old.get("/whoami", headers=BOB)).json()["name"] == "bob"
            assert (await new.get("/whoami", headers=BOB)).status_code == 401
            cluster.publish(
                **published(
                    requestheader_client_ca_file=new_authority.pem.decode(),
                    requestheader_allowed_names=["proxy-2"],
                    requestheader_username_headers=["X-New-User"],
                )
            )
            await until(server, "carol", new_proxy, [("X-New-User", "carol")])
            assert (await old.get("/whoami", headers=BOB)).status_code == 401
            told = (await new.get("/whoami", headers=[("X-New-User", "carol"), *BOB])).json()
            assert told["name"] == "carol"
            assert told["groups"] == ["ops", "system:authenticated"]
            assert not {"x-new-user", "x-remote-user"} & set(told["headers"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"client_ca_file": "garbage"}, "error loading CA bundle"),
        ({"client_ca_file": ""}, "missing content for CA bundle"),
        ({"requestheader_client_ca_file": ""}, "missing content for CA bundle"),
        ({"requestheader_allowed_names": "front-proxy-client"}, "no JSON array of strings"),
        ({"requestheader_allowed_names": "[1]"}, "no JSON array of strings"),
        ({"requestheader_username_headers": '{"a": 1}'}, "no JSON array of strings"),
        ({"requestheader_extra_headers_prefix": [""]}, "empty header"),
        (None, ""),
    ],
)
async def test_what_breaks_later_leaves_the_last_good_one(
    changes: dict[str, Any] | None,
    complaint: str,
    cluster: FakeCluster,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.publish(**published())
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        await followed(cluster)
        if changes is None:
            cluster.unpublish()
        else:
            cluster.publish(**published(**changes))
            async with asyncio.timeout(10):
                while complaint not in caplog.text:
                    await asyncio.sleep(0.01)
        assert await who(server, certificate("client")) == "alice"
        assert await who(server, certificate("proxy"), BOB) == "bob"
        assert await who(server, certificate("proxy, other name"), BOB) == "401"
        # And what is good again is taken.
        cluster.publish(**published(requestheader_allowed_names=["someone-else"]))
        await until(server, "bob", certificate("proxy, other name"), BOB)
        assert await who(server, certificate("proxy"), BOB) == "401"


async def test_without_the_map_no_certificate_counts_until_it_appears(cluster: FakeCluster, tmp_path: Path) -> None:
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        for kind in ("client", "proxy", "self-signed", "client, expired"):
            assert await who(server, certificate(kind), BOB) == "system:anonymous"
        await followed(cluster)
        cluster.publish(**published())
        await until(server, "bob", certificate("proxy"), BOB)
        assert await who(server, certificate("client")) == "alice"
        assert await who(server, certificate("self-signed"), BOB) == "401"


async def test_a_cluster_without_a_front_proxy(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.publish(client_ca_file=authorities().clients.pem.decode())
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        assert await who(server, certificate("client")) == "alice"
        assert await who(server, certificate("client"), BOB) == "alice"
        assert await who(server, certificate("proxy"), BOB) == "401"  # the client CA did not sign it


FORBIDDEN: Answer = (403, {"kind": "Status", "message": f'configmaps "{CONFIG_MAP}" is forbidden: no'}, [])
BROKEN: Answer = (500, {"kind": "Status", "message": "etcd is down"}, [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (FORBIDDEN, f'configmaps "{CONFIG_MAP}" is forbidden: no'),
        (BROKEN, "etcd is down"),
        ((302, {}, [(b"location", b"https://127.0.0.1:1/")]), "was answered with 302"),
        ((200, {"data": {"requestheader-group-headers": "X-Remote-Group"}}, []), "no JSON array of strings"),
    ],
)
async def test_a_lookup_that_fails_ends_the_start_unless_tolerated(
    answer: Answer,
    problem: str,
    cluster: FakeCluster,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.fails = lambda path: answer
    with pytest.raises(ConfigError) as caught:
        async with identity_server(tmp_path, looking_up(cluster, tmp_path)):
            pass
    text = str(caught.value)
    assert text.startswith("unable to load configmap based request-header-client-ca-file: ")
    assert problem in text
    forbidden = answer is FORBIDDEN
    assert ("--role=extension-apiserver-authentication-reader" in caplog.text) is forbidden
    caplog.clear()
    options = looking_up(cluster, tmp_path, tolerate_in_cluster_lookup_failure=True)
    async with identity_server(tmp_path, options) as server:
        assert await who(server, certificate("proxy"), BOB) == "system:anonymous"
    assert "Error looking up in-cluster authentication configuration: " in caplog.text
    assert "This may treat all requests as anonymous." in caplog.text


async def test_an_unreachable_cluster_ends_the_start(tmp_path: Path) -> None:
    async with fake_cluster() as gone:
        options = looking_up(gone, tmp_path)
    with pytest.raises(ConfigError, match=r"^unable to load configmap based request-header-client-ca-file: Get "):
        async with identity_server(tmp_path, options):
            pass


@pytest.mark.parametrize("how", ["skipped", "both files"])
async def test_nothing_is_looked_up_when_it_is_not_needed(how: str, cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.publish(**published())
    of = authorities()
    if how == "skipped":
        options = looking_up(cluster, tmp_path, skip_in_cluster_lookup=True)
    else:
        proxies = RequestHeaderOptions(client_ca_file=str(bundle(tmp_path / "p.crt", of.proxies)))
        clients = str(bundle(tmp_path / "c.crt", of.clients))
        options = looking_up(cluster, tmp_path, client_ca_file=clients, request_header=proxies)
    async with identity_server(tmp_path, options) as server:
        expected = "system:anonymous" if how == "skipped" else "alice"
        assert await who(server, certificate("client")) == expected
    assert cluster.requests == []


async def test_a_file_is_stronger_than_the_cluster(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.publish(**published(client_ca_file=authorities().nobody.pem.decode()))
    clients = str(bundle(tmp_path / "c.crt", authorities().clients))
    async with identity_server(tmp_path, looking_up(cluster, tmp_path, client_ca_file=clients)) as server:
        await followed(cluster)
        assert await who(server, certificate("client")) == "alice"
        assert await who(server, certificate("unknown authority")) == "401"
        assert await who(server, certificate("proxy"), BOB) == "bob"


async def test_an_empty_list_of_names_is_warned_of(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.publish(**published(requestheader_allowed_names=[]))
    async with identity_server(tmp_path, looking_up(cluster, tmp_path)) as server:
        assert await who(server, certificate("proxy, other name"), BOB) == "bob"
    assert "every client certificate" in caplog.text


async def test_without_a_kubeconfig_the_lookup_is_only_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    caplog.set_level(logging.WARNING)
    async with identity_server(tmp_path, DelegatingAuthenticationOptions(remote_kubeconfig_file_optional=True)):
        pass
    for key in ("client-ca-file", "requestheader-client-ca-file"):
        assert (
            f"No authentication-kubeconfig provided in order to lookup {key} in configmap/{CONFIG_MAP}" in caplog.text
        )
