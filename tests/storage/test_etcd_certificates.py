"""Certificates and authorities of etcd that are replaced while a server runs; a cluster that comes up after it."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.engine import EngineError, EngineEvent
from genericapiserver.storage.etcd import engine as etcd_engine
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.etcd.tls import TLSFiles
from genericapiserver.storage.grpc_metrics import count_calls
from tests.support.etcd import EtcdProcess, FreshEtcds, needs_etcd, one_etcd
from tests.support.pki import CLIENT, SERVER, issue
from tests.support.server_process import free_port

pytestmark = needs_etcd
KEY = b"/registry/pods/ns/%d"


class PKI:
    """The files of an authority, a member and an API server, of which any can be issued anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority: Any = None
        self.renew("ca", "server", "client")

    def renew(self, *names: str) -> None:
        if "ca" in names:
            self.authority = issue("etcd-ca", ca=True)
            self._write("ca", self.authority)
        if "server" in names:
            self._write("server", issue("etcd", self.authority, usages=[SERVER, CLIENT], ips=["127.0.0.1"]))
        if "client" in names:
            self._write("client", issue("apiserver", self.authority, usages=[CLIENT]))

    def _write(self, name: str, issued: Any) -> None:
        (self.folder / f"{name}.crt").write_bytes(issued.pem)
        (self.folder / f"{name}.key").write_bytes(issued.key_pem)

    @property
    def files(self) -> TLSFiles:
        return TLSFiles(
            ca_file=str(self.folder / "ca.crt"),
            cert_file=str(self.folder / "client.crt"),
            key_file=str(self.folder / "client.key"),
        )

    @property
    def flags(self) -> list[str]:
        return [
            f"--cert-file={self.folder / 'server.crt'}",
            f"--key-file={self.folder / 'server.key'}",
            f"--trusted-ca-file={self.folder / 'ca.crt'}",
            "--client-cert-auth",
        ]


@pytest.fixture
def pki(tmp_path: Path) -> PKI:
    return PKI(tmp_path)


@pytest.fixture
def member(pki: PKI) -> Iterator[EtcdProcess]:
    with one_etcd(*pki.flags, scheme="https") as member:
        yield member


@asynccontextmanager
async def opened(member: EtcdProcess, pki: PKI) -> AsyncIterator[EtcdEngine]:
    engine = await EtcdEngine.open([member.url], compaction_interval=0, tls=pki.files, tls_interval=0.05)
    try:
        yield engine
    finally:
        await engine.aclose()


async def replaced(engine: EtcdEngine, old: object) -> None:
    async with asyncio.timeout(60):
        while engine._client.endpoint is old:
            await asyncio.sleep(0.01)


async def said(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in caplog.text:
            await asyncio.sleep(0.01)


async def test_a_new_certificate_is_used_and_the_watch_goes_on(member: EtcdProcess, pki: PKI) -> None:
    async with opened(member, pki) as engine:
        heard: list[EngineEvent] = []
        engine.subscribe(b"/registry/", heard.extend)
        await engine.put(KEY % 0, b"x", expect_rev=0)
        for number in (1, 2):
            old = engine._client.endpoint
            pki.renew("client")
            await replaced(engine, old)
            await engine.put(KEY % number, b"x", expect_rev=0)
        assert [event.key for event in heard] == [KEY % number for number in range(3)]


async def test_a_cluster_that_moved_to_another_authority_is_found_again(member: EtcdProcess, pki: PKI) -> None:
    async with opened(member, pki) as engine:
        heard: list[EngineEvent] = []
        engine.subscribe(b"/registry/", heard.extend)
        await engine.put(KEY % 0, b"x", expect_rev=0)
        old = engine._client.endpoint
        member.kill()
        pki.renew("ca", "server", "client")
        member.start()
        await asyncio.to_thread(member.wait)
        await replaced(engine, old)
        async with asyncio.timeout(60):
            while True:
                try:
                    await engine.put(KEY % 1, b"x", expect_rev=0)
                    break
                except EngineError:
                    continue
            await engine.catch_up()
        assert [event.key for event in heard] == [KEY % 0, KEY % 1]
        assert not engine._client._retired or engine._client._retired == [old]


async def test_files_that_do_not_work_take_nothing_down(
    member: EtcdProcess, pki: PKI, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    right = (tmp_path / "ca.crt").read_bytes()
    async with opened(member, pki) as engine:
        old = engine._client.endpoint
        (tmp_path / "ca.crt").write_bytes(issue("stranger", ca=True).pem)
        await said(caplog, "changed TLS files for etcd are not used yet, the old ones stay in use: https://127.0.0.1:")
        assert (await engine.put(KEY % 0, b"x", expect_rev=0)).ok
        caplog.clear()
        (tmp_path / "client.key").write_bytes(issue("another").key_pem)
        await said(caplog, f"{tmp_path / 'client.crt'}: it cannot be used with {tmp_path / 'client.key'}: ")
        (tmp_path / "ca.crt").write_bytes(right)
        pki.renew("client")
        await replaced(engine, old)
        assert (await engine.put(KEY % 1, b"x", expect_rev=0)).ok


async def test_a_look_that_fails_is_not_the_last_one(
    member: EtcdProcess, pki: PKI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(member, pki) as engine:
        old = engine._client.endpoint
        read = TLSFiles.read

        def fail_once(files: TLSFiles) -> Any:
            monkeypatch.setattr(TLSFiles, "read", read)
            raise RuntimeError("a fault")

        monkeypatch.setattr(TLSFiles, "read", fail_once)
        pki.renew("client")
        await said(caplog, "following the TLS files of etcd has failed and is tried again")
        await replaced(engine, old)


async def test_files_that_do_not_fit_are_named_at_the_start(pki: PKI, tmp_path: Path) -> None:
    (tmp_path / "client.key").write_bytes(issue("another").key_pem)
    with pytest.raises(EngineError, match=r"client\.crt: it cannot be used with .*client\.key: .*MISMATCH"):
        await EtcdEngine.open(["https://127.0.0.1:1"], tls=pki.files)
    pki.renew("client")
    (tmp_path / "ca.crt").write_bytes((tmp_path / "ca.key").read_bytes())
    with pytest.raises(EngineError, match=r"ca\.crt: there is no certificate of an authority in it: "):
        await EtcdEngine.open(["https://127.0.0.1:1"], tls=pki.files)


async def test_a_cluster_that_is_not_up_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(etcd_engine, "SILENCE", 0.05)
    caplog.set_level(logging.WARNING)
    port = free_port()
    opening = asyncio.create_task(
        EtcdEngine.open([f"http://127.0.0.1:{port}"], compaction_interval=0, dial_timeout=60.0)
    )
    await said(caplog, f"waiting for etcd, 60s at most: http://127.0.0.1:{port}: ")
    member = EtcdProcess(tmp_path / "m0", client_port=port)
    try:
        engine = await opening
        assert (await engine.put(KEY % 0, b"x", expect_rev=0)).ok
        await engine.aclose()
    finally:
        member.kill()


async def test_what_is_asked_is_counted_as_gos_client_counts(fresh_etcds: FreshEtcds) -> None:
    with fresh_etcds.take() as member:
        engine = await EtcdEngine.open([member.url], compaction_interval=0)
        registry = MetricsRegistry()
        count_calls(registry, engine)
        for number in range(3):
            await engine.put(KEY % number, b"x", expect_rev=0)
        with pytest.raises(EngineError):
            await engine.compact(1000)
        await engine.aclose()
        page = generate_latest(registry.collectors).decode()
    labels = 'grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"'
    for name in ("started", "msg_sent", "msg_received"):
        assert f"grpc_client_{name}_total{{{labels}}} 3.0" in page
    assert f'grpc_client_handled_total{{grpc_code="OK",{labels}}} 3.0' in page
    assert 'grpc_client_handled_total{grpc_code="OutOfRange",grpc_method="Compact"' in page
    watch = r'grpc_client_msg_received_total\{grpc_method="Watch",grpc_service="etcdserverpb.Watch",.*\} (\d+)\.0'
    assert int(re.findall(watch, page)[0]) >= 3
