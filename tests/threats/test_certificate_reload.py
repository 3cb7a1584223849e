"""Certificates and authorities that are replaced on disk while a server serves: no connection may notice."""

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.h2_client import h2_client
from tests.support.identity_server import (
    PROXY_NAME,
    authorities,
    bundle,
    certificate,
    identity_server,
    options,
    serving_pair,
    write_pair,
)
from tests.support.pki import CLIENT, SERVER, Issued, issue
from tests.support.rotation import Watches, served_serial, until_served, until_status

BOB = [("X-Remote-User", "bob")]


async def test_everything_is_rotated_under_a_hundred_watches(tmp_path: Path) -> None:
    watches = Watches()
    sni = tmp_path / "sni"
    sni.mkdir()
    named = issue("other.example.com", authorities().server, usages=[SERVER], dns=["other.example.com"])
    sni_files = ",".join(map(str, write_pair(sni, named)))
    new_clients, new_proxies = issue("new-client-ca", ca=True), issue("new-proxy-ca", ca=True)
    new_alice = issue("new-alice", new_clients, usages=[CLIENT])
    new_proxy = issue(PROXY_NAME, new_proxies, usages=[CLIENT])
    async with identity_server(tmp_path, extend=watches.install, sni_cert_keys=[sni_files]) as server:
        received: list[list[str]] = []

        async def watch(client: httpx.AsyncClient) -> None:
            lines: list[str] = []
            received.append(lines)
            async with client.stream("GET", "/watch") as response:
                assert response.status_code == 200
                lines.extend([line async for line in response.aiter_lines()])

        async with (
            h2_client(server.address[1], server.context(certificate("client"))) as multiplexed,
            contextlib.AsyncExitStack() as stack,
            asyncio.TaskGroup() as tasks,
        ):
            streams = [multiplexed.send_request("/watch") for _ in range(90)]
            await multiplexed.flush()
            for _ in range(10):
                single = await stack.enter_async_context(server.connected(certificate("client"), http2=False))
                tasks.create_task(watch(single))
            async with asyncio.timeout(20):
                while len(watches.lines) < 100:
                    await asyncio.sleep(0.01)
            watches.tick(b"before\n")

            new_pair = serving_pair()
            write_pair(tmp_path, new_pair)
            await until_served(server, new_pair)
            new_named = issue("other.example.com", authorities().server, usages=[SERVER], dns=["other.example.com"])
            write_pair(sni, new_named)
            await until_served(server, new_named, "other.example.com")
            async with server.connected(new_alice) as alice, server.connected(new_proxy) as proxy:
                await until_status(alice, 401)
                bundle(tmp_path / "client-ca.crt", authorities().clients, new_clients)  # both, while clients change
                await until_status(alice, 200)
                assert (await proxy.get("/whoami", headers=BOB)).status_code == 401
                bundle(tmp_path / "front-proxy-ca.crt", new_proxies)
                await until_status(proxy, 200, BOB)
                assert json.loads((await multiplexed.request("/whoami")).body)["name"] == "alice"
                bundle(tmp_path / "client-ca.crt", new_clients)
                async with server.connected(certificate("client")) as former:
                    await until_status(former, 401)
                assert (await alice.get("/whoami")).json()["name"] == "new-alice"

            assert len(watches.lines) == 100
            watches.tick(b"after\n")
            watches.tick(b"")  # the end of each response
            for stream in streams:
                response = await multiplexed.finished(stream)
                assert (response.status, bytes(response.body)) == (200, b"before\nafter\n")
        assert received == [["before", "after"]] * 10


@pytest.mark.parametrize("http2", [True, False])
async def test_a_removed_authority_counts_for_the_next_request_of_an_open_connection(
    http2: bool, tmp_path: Path
) -> None:
    async with (
        identity_server(tmp_path) as server,
        server.connected(certificate("client"), http2=http2) as client,
        server.connected(certificate("proxy"), http2=http2) as proxy,
    ):
        assert (await client.get("/whoami")).json()["name"] == "alice"
        assert (await proxy.get("/whoami", headers=BOB)).json()["name"] == "bob"
        bundle(tmp_path / "client-ca.crt", authorities().nobody)
        await until_status(client, 401)
        bundle(tmp_path / "front-proxy-ca.crt", authorities().nobody)
        await until_status(proxy, 401, BOB)
        bundle(tmp_path / "client-ca.crt", authorities().clients)
        await until_status(client, 200)


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("name", ["client-ca.crt", "front-proxy-ca.crt", "server.crt", "server.key"])
async def test_a_broken_file_leaves_what_was_good(
    name: str, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = serving_pair()
    async with identity_server(tmp_path) as server:
        write_pair(tmp_path, pair)
        await until_served(server, pair)
        good = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content)
        async with asyncio.timeout(10):
            while "the old stays in use" not in caplog.text:
                await asyncio.sleep(0.01)
        assert name in caplog.text
        assert (await server.ask(certificate("client"))).json()["name"] == "alice"
        assert (await server.ask(certificate("proxy"), headers=BOB)).json()["name"] == "bob"
        await until_served(server, pair)
        (tmp_path / name).write_bytes(good)
        replaced = serving_pair()
        write_pair(tmp_path, replaced)
        await until_served(server, replaced)


async def test_files_that_are_deleted_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with identity_server(tmp_path) as server:
        old, new = await served_serial(server, "localhost"), serving_pair()
        for name in ("server.crt", "server.key", "client-ca.crt"):
            (tmp_path / name).unlink()
        async with asyncio.timeout(10):
            while caplog.text.count("the old stays in use") < 2:
                await asyncio.sleep(0.01)
        assert "No such file or directory" in caplog.text
        assert await served_serial(server, "localhost") == old
        assert (await server.ask(certificate("client"))).json()["name"] == "alice"
        write_pair(tmp_path, new)
        bundle(tmp_path / "client-ca.crt", authorities().nobody)
        await until_served(server, new)
        async with server.connected(certificate("client")) as client:
            await until_status(client, 401)


async def test_half_a_pair_is_waited_for(tmp_path: Path) -> None:
    async with identity_server(tmp_path) as server:
        old, new = await served_serial(server, "localhost"), serving_pair()
        (tmp_path / "server.crt").write_bytes(new.pem)
        await asyncio.sleep(0.3)  # longer than it takes to notice
        assert await served_serial(server, "localhost") == old
        (tmp_path / "server.key").write_bytes(new.key_pem)
        await until_served(server, new)


async def test_a_secret_that_is_swapped_as_a_whole(tmp_path: Path) -> None:
    """As kubelet does it: files are links into `..data`, which is a link that is renamed over."""

    def mount(version: str, pair: Issued, clients: Issued) -> None:
        folder = tmp_path / f"..{version}"
        folder.mkdir()
        write_pair(folder, pair)
        bundle(folder / "client-ca.crt", clients)
        (tmp_path / "..data_tmp").symlink_to(folder.name)
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")

    of = authorities()
    settings = options(tmp_path)
    async with identity_server(tmp_path, settings) as server:
        pair = serving_pair()
        mount("1", pair, of.clients)
        for name in ("server.crt", "server.key", "client-ca.crt"):
            (tmp_path / "link").symlink_to(f"..data/{name}")
            os.replace(tmp_path / "link", tmp_path / name)
        await until_served(server, pair)
        for version in ("2", "3"):
            pair = serving_pair()
            mount(version, pair, of.nobody if version == "3" else of.clients)
            await until_served(server, pair)
        async with server.connected(certificate("unknown authority")) as alice:
            await until_status(alice, 200)


async def test_nothing_follows_files_once_the_server_has_ended(tmp_path: Path) -> None:
    async with identity_server(tmp_path) as server:
        assert (await server.ask(certificate("client"))).status_code == 200
    assert len(asyncio.all_tasks()) == 1
    with socket.socket() as probe:
        assert probe.connect_ex(server.address) != 0
