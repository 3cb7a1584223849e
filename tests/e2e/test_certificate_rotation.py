"""All certificate material of a server replaced under a hundred open watches on many connections: none may notice.

The serving pair is a secret volume that is swapped, the SNI pair two files written over, the client authority a file that
is renamed over, the front proxy's authority and its allowed names a ConfigMap.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from genericapiserver.logs import kv
from genericapiserver.options.authentication import DelegatingAuthenticationOptions
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.h2_client import H2Client, h2_client
from tests.support.identity_server import (
    PROXY_NAME,
    IdentityServer,
    authorities,
    bundle,
    certificate,
    identity_server,
    serving_pair,
    write_pair,
)
from tests.support.pki import CLIENT, SERVER, Issued, issue
from tests.support.rotation import Watches, until_served, until_status

BOB = [("X-Remote-User", "bob")]
CONNECTIONS, STREAMS, SINGLES = 8, 11, 12
SNI_NAME = "other.example.com"


def published(ca: Issued, *names: str) -> dict[str, Any]:
    return {
        "requestheader_client_ca_file": ca.pem.decode(),
        "requestheader_username_headers": ["X-Remote-User"],
        "requestheader_group_headers": ["X-Remote-Group"],
        "requestheader_extra_headers_prefix": ["X-Remote-Extra-"],
        "requestheader_allowed_names": list(names),
    }


def mount(folder: Path, version: str, pair: Issued) -> None:
    """As kubelet does it: files are links into `..data`, a link that is renamed over."""
    (folder / f"..{version}").mkdir()
    write_pair(folder / f"..{version}", pair)
    (folder / "..data_tmp").symlink_to(f"..{version}")
    os.replace(folder / "..data_tmp", folder / "..data")
    for name in ("server.crt", "server.key"):
        if not (folder / name).is_symlink():
            (folder / "link").symlink_to(f"..data/{name}")
            os.replace(folder / "link", folder / name)


@contextlib.asynccontextmanager
async def watched(server: IdentityServer, watches: Watches) -> AsyncIterator[list[H2Client]]:
    """A hundred watches; at the end of the block each must have got every line, and nothing else."""
    received: list[list[str]] = []

    async def watch(client: httpx.AsyncClient) -> None:
        lines: list[str] = []
        received.append(lines)
        async with client.stream("GET", "/watch") as response:
            assert response.status_code == 200
            lines.extend([line async for line in response.aiter_lines()])

    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        multiplexed = [
            await stack.enter_async_context(h2_client(server.address[1], server.context(certificate("client"))))
            for _ in range(CONNECTIONS)
        ]
        streams = []
        for client in multiplexed:
            streams += [(client, client.send_request("/watch")) for _ in range(STREAMS)]
            await client.flush()
        for _ in range(SINGLES):
            single = await stack.enter_async_context(server.connected(certificate("client"), http2=False))
            tasks.create_task(watch(single))
        async with asyncio.timeout(30):
            while len(watches.lines) < 100:
                await asyncio.sleep(0.01)
        watches.tick(b"before\n")
        yield multiplexed
        assert len(watches.lines) == 100
        watches.tick(b"after\n")
        watches.tick(b"")  # the end of each response
        for client, stream in streams:
            response = await client.finished(stream)
            assert (response.status, bytes(response.body)) == (200, b"before\nafter\n")
    assert received == [["before", "after"]] * SINGLES


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster() as running:
        yield running


async def test_no_watch_notices_that_everything_is_rotated(cluster: FakeCluster, tmp_path: Path) -> None:
    of, watches = authorities(), Watches()
    sni = tmp_path / "sni"
    sni.mkdir()
    sni_files = ",".join(map(str, write_pair(sni, issue(SNI_NAME, of.server, usages=[SERVER], dns=[SNI_NAME]))))
    cluster.publish(**published(of.proxies, PROXY_NAME))
    settings = DelegatingAuthenticationOptions(
        remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")),
        client_ca_file=str(bundle(tmp_path / "client-ca.crt", of.clients)),
    )
    new_clients, new_proxies = issue("new-client-ca", ca=True), issue("new-proxy-ca", ca=True)
    new_alice = issue("new-alice", new_clients, usages=[CLIENT])
    new_proxy = issue("new-proxy", new_proxies, usages=[CLIENT])
    async with (
        identity_server(tmp_path, settings, extend=watches.install, sni_cert_keys=[sni_files]) as server,
        server.connected(certificate("proxy")) as old_proxy_open,
        server.connected(new_alice) as alice,
        server.connected(new_proxy) as proxy,
        watched(server, watches) as connections,
    ):
        async with asyncio.timeout(30):
            while not cluster.watched():
                await asyncio.sleep(0.01)
        await until_status(old_proxy_open, 200, BOB)
        for version in ("1", "2"):
            pair = serving_pair()
            mount(tmp_path, version, pair)
            await until_served(server, pair)
        named = issue(SNI_NAME, of.server, usages=[SERVER], dns=[SNI_NAME])
        write_pair(sni, named)
        await until_served(server, named, SNI_NAME)

        # Both client authorities, then the new one alone. The moment that it counts for one, it counts for all.
        bundle(tmp_path / "client-ca.crt", of.clients, new_clients)
        await until_status(alice, 200)
        assert [json.loads((await each.request("/whoami")).body)["name"] for each in connections] == [
            "alice"
        ] * CONNECTIONS
        bundle(tmp_path / "client-ca.crt", new_clients)
        async with server.connected(certificate("client")) as former:
            await until_status(former, 401)
        # Once each: who is refused over HTTP/2 is told to open another connection, and what runs on this one goes on.
        assert [(await each.request("/whoami")).status for each in connections] == [401] * CONNECTIONS
        assert (await alice.get("/whoami")).json()["name"] == "new-alice"

        # The front proxy: first another authority, then another name. The old proxy's connection is open throughout.
        assert (await proxy.get("/whoami", headers=BOB)).status_code == 401
        cluster.publish(**published(new_proxies, PROXY_NAME))
        await until_status(old_proxy_open, 401, BOB)
        assert (await proxy.get("/whoami", headers=BOB)).status_code == 401, "its name is not allowed yet"
        cluster.publish(**published(new_proxies, PROXY_NAME, "new-proxy"))
        await until_status(proxy, 200, BOB)
        assert (await proxy.get("/whoami", headers=BOB)).json()["name"] == "bob"
        cluster.publish(**published(new_proxies, PROXY_NAME))
        await until_status(proxy, 401, BOB)


async def test_a_bad_file_is_reported_everywhere_and_fails_no_probe(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with identity_server(tmp_path) as server, server.connected(certificate("client")) as client:
        name = f"serving-cert::{tmp_path / 'server.crt'}::{tmp_path / 'server.key'}"

        async def metric(family: str, *labels: str) -> str | None:
            matched = ",".join([f'name="{name}"', *labels])
            start = f"apiserver_{family}{{{matched}}} "
            lines = (await client.get("/metrics")).text.splitlines()
            return next((line.removeprefix(start) for line in lines if line.startswith(start)), None)

        served = serving_pair()
        write_pair(tmp_path, served)
        await until_served(server, served)
        assert await metric("dynamic_certificates_stale") == "0"
        (tmp_path / "server.key").write_bytes(serving_pair().key_pem)
        async with asyncio.timeout(30):
            while await metric("dynamic_certificates_stale") != "1":
                await asyncio.sleep(0.01)
        assert float(await metric("dynamic_certificates_automatic_reloads_total", 'status="failure"') or 0) >= 1
        ends = float(await metric("serving_certificate_expiration_timestamp_seconds") or 0)
        assert ends == served.certificate.not_valid_after_utc.timestamp()
        text = "Changed content is not loaded, the old stays in use"
        assert str(kv(text, name=name, err="tls: private key does not match public key")) in caplog.text
        page = (await client.get("/debug/certificates")).text
        assert f"{name}\n" in page
        assert "PROBLEM since " in page
        assert "tls: private key does not match public key" in page
        assert (await client.get("/readyz")).text == (await client.get("/livez")).text == "ok"
        await until_served(server, served)
        write_pair(tmp_path, served)
        async with asyncio.timeout(30):
            while await metric("dynamic_certificates_stale") != "0":
                await asyncio.sleep(0.01)
        assert "PROBLEM" not in (await client.get("/debug/certificates")).text
