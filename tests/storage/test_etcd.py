"""The etcd engine against real etcds: lost members, other servers beside it, and what stands in the cluster."""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import (
    CompactedError,
    DiskFullError,
    EngineClosedError,
    EngineError,
    EngineEvent,
    EngineOpenError,
    EngineWatch,
    KeyValue,
    StorageEngine,
    UnreachableError,
)
from genericapiserver.storage.errors import CorruptObjectError, StorageInternalError
from genericapiserver.storage.etcd import engine as etcd_engine
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.etcd.compactor import Compactor
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.etcd.feed import COMPACT_KEY
from genericapiserver.storage.etcd.freshness import believable
from genericapiserver.storage.etcd.tls import TLSFiles
from genericapiserver.storage.factory import EtcdConfig, StorageConfig, leader_lock, open_engine
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.store import Store
from tests.conformance.storage_harness import FORM
from tests.support.etcd import EtcdProcess, FreshEtcds, etcd_cluster, needs_etcd, one_etcd
from tests.support.pki import CLIENT, SERVER, issue

pytestmark = needs_etcd
A, B = b"/registry/pods/ns/a", b"/registry/pods/ns/b"
PODS = (b"/registry/pods/", b"/registry/pods0")


@pytest.fixture
def member(fresh_etcds: FreshEtcds) -> Iterator[EtcdProcess]:
    with fresh_etcds.take() as member:
        yield member


@asynccontextmanager
async def opened(*members: EtcdProcess, **options: Any) -> AsyncIterator[EtcdEngine]:
    engine = await EtcdEngine.open([each.url for each in members], **{"compaction_interval": 0, **options})
    try:
        yield engine
    finally:
        await engine.aclose()


@asynccontextmanager
async def raw(member: EtcdProcess) -> AsyncIterator[EtcdClient]:
    """Another program beside the servers."""
    client = EtcdClient([member.url])
    try:
        yield client
    finally:
        await client.aclose()


async def write(client: EtcdClient, key: bytes, value: bytes = b"x") -> int:
    put = messages.RequestOp(request_put=messages.PutRequest(key=key, value=value))
    return int((await client.write("Txn", messages.TxnRequest(success=[put]))).header.revision)


async def read(client: EtcdClient, key: bytes, end: bytes = b"") -> list[Any]:
    return list((await client.read("Range", messages.RangeRequest(key=key, range_end=end))).kvs)


async def until(watch: EngineWatch, rev: int) -> list[EngineEvent]:
    found: list[EngineEvent] = []
    async with asyncio.timeout(60):
        while not found or found[-1].rev < rev:
            found += (await watch.next()).events
    return found


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


# ---- what stands in etcd


async def test_keys_and_values_are_those_of_the_reference(member: EtcdProcess) -> None:
    async with opened(member) as engine, raw(member) as client:
        await engine.put(A, b'{"kind":"Pod"}', expect_rev=0)
        assert [(kv.key, kv.value, kv.lease) for kv in await read(client, b"\x00", b"\x00")] == [
            (A, b'{"kind":"Pod"}', 0)
        ]
        rev = await write(client, B, b"from Go")
        assert (await engine.get(B)).kv == KeyValue(B, b"from Go", rev, rev)
        assert (await engine.put(B, b"ours", expect_rev=rev)).ok


async def test_foreign_keys_under_other_prefixes_are_left_alone_and_not_heard_of(member: EtcdProcess) -> None:
    async with opened(member) as engine, raw(member) as client:
        heard: list[EngineEvent] = []
        engine.subscribe(b"/", heard.extend)
        await write(client, b"/calico/a")
        await write(client, b"/registry2/a")
        rev = await write(client, A)
        await engine.catch_up()
        assert [event.rev for event in heard] == [rev]
        assert len(await read(client, b"/calico/a")) == 1


async def test_a_foreign_value_under_ours_is_reported_and_left_alone(member: EtcdProcess) -> None:
    async with opened(member) as engine, raw(member) as client:
        await write(client, A, b"\xffno object")
        store = Store(engine, form=FORM, resource_prefix="/pods")
        for backend in (store, Cacher(store)):
            with pytest.raises((CorruptObjectError, StorageInternalError)):
                (await backend.get("/pods/ns/a")).shared  # noqa: B018 - it is decoded when it is looked at
            listed = await backend.get_list("/pods", ListOptions(recursive=True))
            with pytest.raises((CorruptObjectError, StorageInternalError)):
                [item.shared for item in listed.items]
        assert (await read(client, A))[0].value == b"\xffno object"


@pytest.mark.parametrize(
    ("prefix", "start", "end"),
    [
        ("/registry", b"/registry/", b"/registry0"),
        ("registry//x/", b"/registry/x/", b"/registry/x0"),
        ("/", b"/", b"0"),
        ("", b"/", b"0"),
    ],
)
def test_everything_below_the_prefix_is_watched(prefix: str, start: bytes, end: bytes) -> None:
    assert etcd_engine.watched_range(prefix) == (start, end)


# ---- several servers


async def test_servers_on_one_etcd_see_each_others_writes(member: EtcdProcess) -> None:
    async with opened(member, grace=10.0) as one, opened(member, grace=10.0) as other:
        heard: list[EngineEvent] = []
        other.subscribe(b"/registry/", heard.extend)
        assert one.shared
        assert not one.is_current()
        for number in range(20):
            result = await one.put(b"/registry/pods/ns/%d" % number, b"x", expect_rev=0)
            await other.catch_up()
            assert heard[-1].rev == result.rev == other.current_rev()
            assert not (await other.put(b"/registry/pods/ns/%d" % number, b"y", expect_rev=0)).ok


@pytest.mark.parametrize("progress", [False, True], ids=["marker", "progress"])
async def test_freshness_is_proven_when_others_write_elsewhere(
    member: EtcdProcess, progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_engine, "believable", lambda version: progress)
    async with opened(member) as engine, raw(member) as client:
        heard: list[EngineEvent] = []
        engine.subscribe(b"/", heard.extend)
        await engine.put(A, b"1", expect_rev=0)
        for _ in range(3):
            rev = await write(client, b"/elsewhere/a")
            async with asyncio.timeout(30):
                await engine.catch_up()
            assert engine.current_rev() >= rev
        rev = await write(client, b"/elsewhere/a")
        async with asyncio.timeout(30):
            await engine.reached(rev)
        assert [event.key for event in heard] == [A]
        found = await engine.range(b"/registry/", b"/registry0")
        assert ([kv.key for kv in found.kvs], found.total) == ([A], 1)
        assert len(await read(client, b"/registry/genericapiserver-freshness")) == (0 if progress else 1)


@pytest.mark.parametrize(
    ("version", "believed"),
    [
        ("3.3.27", False), ("3.4.23", False), ("3.4.30", False), ("3.4.31-rc.0", False), ("3.4.31", True), ("3.4.99", True),
        ("3.5.0-rc.0", False), ("3.5.0", False), ("3.5.12", False), ("3.5.13-rc.1", False), ("3.5.13", True),
        ("v3.5.13", True), ("3.5.13+git", True), ("3.6.0-alpha.0", True), ("3.6.1", True), ("4.0.0", True),
        ("", False), ("unknown", False), ("3.6", False), ("3.6.x", False), ("3.6.1 or so", False),
    ],
)  # fmt: skip
def test_progress_is_believed_of_versions_that_report_it_in_order(version: str, believed: bool) -> None:
    assert believable(version) is believed


async def test_every_member_has_to_be_believable_at_any_time(member: EtcdProcess) -> None:
    other = "http://127.0.0.1:1"
    engine = await EtcdEngine.open([member.url, other], compaction_interval=0, status_period=3600.0)
    try:
        engine._versions.clear()
        for url, version, asked in (
            (member.url, "3.5.13", False),  # nobody has heard of the other one
            (other, "3.6.1", True),
            (other, "3.5.12", False),  # went back
            (other, "no version", False),
            (member.url, "3.6.1", False),
            (other, "3.5.13", True),  # the last one is upgraded
        ):
            engine._learn(url, messages.StatusResponse(version=version))
            assert engine._freshness.progress_counts is asked, (url, version)
    finally:
        await engine.aclose()


async def test_servers_compact_once_for_all_of_them(member: EtcdProcess) -> None:
    async with raw(member) as client, opened(member) as third:
        said: dict[str, list[int]] = {"one": [], "other": []}
        one = Compactor(client, interval=300, compacted=said["one"].append)
        other = Compactor(client, interval=300, compacted=said["other"].append)
        await one.turn()
        first = await write(client, A)
        await other.turn()
        assert said == {"one": [], "other": [0]}
        key = (await read(client, COMPACT_KEY))[0]
        assert (key.version, key.value) == (1, b"0")
        await write(client, A)
        await one.turn()
        assert said["one"] == [2]
        await write(client, A)
        await other.turn()
        assert said["other"] == [0, 2]
        key = (await read(client, COMPACT_KEY))[0]
        assert (key.version, key.value) == (2, b"2")
        await write(client, A)
        await other.turn()
        assert said["other"][-1] >= first
        async with asyncio.timeout(30):
            while third.compact_rev() != said["other"][-1]:
                await third.catch_up()
        with pytest.raises(CompactedError):
            await third.get(A, rev=1)


async def test_a_watch_behind_a_compaction_by_somebody_else_ends(member: EtcdProcess) -> None:
    async with opened(member) as engine, raw(member) as client:
        for number in range(5):
            await write(client, A, b"%d" % number)
        await engine.catch_up()
        rev = engine.current_rev()
        await client.write("Compact", messages.CompactionRequest(revision=rev))
        with pytest.raises(CompactedError) as caught:
            await engine.range(*PODS, rev=rev - 1)
        assert (caught.value.floor, engine.floor_rev(), engine.compact_rev()) == (rev, rev, rev)
        with pytest.raises(CompactedError):
            await engine.watch(*PODS, after_rev=rev - 2).next()
    async with opened(member) as again:
        assert (again.floor_rev(), again.compact_rev()) == (rev, rev)


async def test_history_from_before_the_start_is_read_back_without_gaps(
    member: EtcdProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_engine, "TAIL_EVENTS", 4)
    async with raw(member) as client:
        revs = [await write(client, b"/registry/pods/ns/%d" % (number % 3), b"%d" % number) for number in range(30)]
        for number in range(6):
            await write(client, b"/elsewhere/%d" % number)
        async with opened(member) as engine:
            watch = engine.watch(*PODS, after_rev=revs[2])
            assert [event.rev for event in await until(watch, revs[-1])] == revs[3:]
            one = engine.watch(b"/registry/pods/ns/1", None, after_rev=1)
            found = await until(one, revs[28])
            assert [(event.rev, event.value, event.prev_value) for event in found[1:]] == [
                (revs[number], b"%d" % number, b"%d" % (number - 3)) for number in range(4, 30, 3)
            ]


# ---- leases


async def test_keys_share_a_lease_and_go_in_one_step(member: EtcdProcess) -> None:
    async with opened(member) as engine, raw(member) as client:
        ended: list[int] = []
        engine.on_lease_end = ended.append
        for number in range(3):
            await engine.put(b"/registry/events/%d" % number, b"x", expect_rev=0, ttl=1.0)
        leases = {kv.lease for kv in await read(client, b"/registry/events/", b"/registry/events0")}
        assert len(leases) == 1
        assert leases != {0}
        await engine.put(A, b"x", expect_rev=0, ttl=100.0)
        assert ended == [3]
        assert (await read(client, A))[0].lease not in leases
        rev = engine.current_rev()
        gone = await until(engine.watch(b"/registry/", b"/registry0", after_rev=rev), rev + 1)
        assert [(event.rev, event.value) for event in gone] == [(rev + 1, None)] * 3


async def test_a_lease_that_the_cluster_has_lost_is_replaced(member: EtcdProcess) -> None:
    async with opened(member) as engine:
        first = await engine.put(A, b"x", expect_rev=0, ttl=100.0)
        lease = engine._leases._lease
        assert lease is not None
        lease.id = 12345
        assert (await engine.put(A, b"y", expect_rev=first.rev, ttl=100.0)).ok


# ---- what fails


async def test_a_killed_etcd_comes_back_and_nothing_is_missed(member: EtcdProcess) -> None:
    async with opened(member) as engine:
        heard: list[EngineEvent] = []
        engine.subscribe(b"/registry/", heard.extend)
        watch = engine.watch(*PODS, after_rev=1)
        first = await engine.put(A, b"1", expect_rev=0)
        member.kill()
        member.start()
        await asyncio.to_thread(member.wait)
        async with asyncio.timeout(60):
            second = await engine.put(A, b"2", expect_rev=first.rev)
            await engine.catch_up()
        assert [event.rev for event in heard] == [first.rev, second.rev]
        assert [event.rev for event in await until(watch, second.rev)] == [first.rev, second.rev]
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(UnreachableError):
                    await engine.check()
                    break


async def test_requests_under_way_when_the_engine_is_closed_are_told(member: EtcdProcess) -> None:
    """They are not cancelled: who waits for them has not been given up."""
    async with opened(member) as engine:
        member.signal(signal.SIGSTOP)
        try:
            waiting: list[asyncio.Task[object]] = [
                asyncio.create_task(engine.put(B, b"1", expect_rev=0)),
                asyncio.create_task(engine.get(A)),
                asyncio.create_task(engine.catch_up()),
                asyncio.create_task(engine.catch_up()),
                asyncio.create_task(engine._old.read(*PODS, 0, 1, proven=True)),
            ]
            assert not (await asyncio.wait(waiting, timeout=0.1))[0]
            await engine.aclose()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            member.signal(signal.SIGCONT)
        assert [type(each) for each in outcomes] == [EngineClosedError] * len(waiting)


async def test_the_leader_of_three_is_killed_under_writes() -> None:
    with etcd_cluster() as members:
        async with opened(*members) as engine, opened(*reversed(members)) as other:
            heard: list[EngineEvent] = []
            other.subscribe(b"/registry/", heard.extend)
            acknowledged: dict[bytes, int] = {}
            attempts = 0

            async def client(number: int) -> None:
                nonlocal attempts
                for turn in range(40):
                    key = b"/registry/pods/ns/%d-%d" % (number, turn)
                    attempts += 1
                    try:
                        result = await engine.put(key, b"x", expect_rev=0)
                    except EngineError:
                        continue
                    if result.ok:
                        acknowledged[key] = result.rev

            async def killer() -> None:
                while len(acknowledged) < 30:
                    await asyncio.sleep(0.005)
                await leader_of(members).kill_now()

            await asyncio.gather(killer(), *(client(number) for number in range(4)))
            async with asyncio.timeout(60):
                await other.catch_up()
                found = await other.range(*PODS)
            present = {kv.key: kv.mod_rev for kv in found.kvs}
            assert acknowledged.items() <= present.items()
            assert len(acknowledged) > attempts // 2
            assert {event.key: event.rev for event in heard} == present
            assert [event.rev for event in heard] == sorted(event.rev for event in heard)


class leader_of:
    def __init__(self, members: list[EtcdProcess]) -> None:
        self._members = members

    async def kill_now(self) -> None:
        for member in self._members:
            async with raw(member) as client:
                status = await client.read("Status", messages.StatusRequest())
                if status.leader == status.header.member_id:
                    member.kill()
                    return
        raise AssertionError("there is no leader")


async def test_a_member_that_hangs_is_left_for_another_one() -> None:
    """Its connections stay open, and keepalive would find out after 40 seconds."""
    with etcd_cluster() as members:
        async with opened(*members, request_timeout=2.0) as engine, opened(members[1]) as other:
            heard: list[int] = []
            engine.subscribe(b"/registry/", lambda events: heard.extend(event.rev for event in events))
            first = await engine.put(A, b"1", expect_rev=0)
            members[0].signal(signal.SIGSTOP)
            try:
                async with asyncio.timeout(38):
                    while True:  # the cluster may have to find a leader
                        with contextlib.suppress(EngineError):
                            elsewhere = await other.put(B, b"elsewhere", expect_rev=0)
                            break
                    while True:
                        with contextlib.suppress(EngineError):
                            await engine.catch_up()
                            break
                    assert heard == [first.rev, elsewhere.rev]
                    second = await engine.put(A, b"2", expect_rev=first.rev)
            finally:
                members[0].signal(signal.SIGCONT)
            assert second.ok
            assert heard == [first.rev, elsewhere.rev, second.rev]


async def test_a_cluster_without_quorum_is_unhealthy_and_recovers() -> None:
    with etcd_cluster() as members:
        async with opened(*members, request_timeout=2.0) as engine:
            first = await engine.put(A, b"1", expect_rev=0)
            for member in members[:2]:
                member.kill()
            with pytest.raises(EngineError):
                await engine.put(A, b"2", expect_rev=first.rev)
            with pytest.raises(EngineError):
                await engine.check()
            for member in members[:2]:
                member.start()
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(EngineError):
                        await engine.check()
                        break
            kv = (await engine.get(A)).kv
            assert kv is not None
            assert kv.value in (b"1", b"2")  # the second was not acknowledged


async def test_a_full_etcd_is_unhealthy_and_says_so() -> None:
    with one_etcd("--quota-backend-bytes=200000") as member:
        async with opened(member) as engine:

            async def fill() -> None:
                for number in range(1000):
                    await engine.put(b"/registry/pods/ns/%d" % number, b"x" * 20_000, expect_rev=0)

            with pytest.raises(DiskFullError, match="database space exceeded"):
                await fill()
            with pytest.raises(DiskFullError, match="database space exceeded"):
                await engine.check()
            assert (await engine.get(b"/registry/pods/ns/0")).kv is not None


async def test_reads_go_on_in_an_etcd_that_others_have_filled() -> None:
    """What is known is proven without a write, which a full etcd refuses."""
    with one_etcd("--quota-backend-bytes=2000000") as member:
        async with opened(member) as engine, raw(member) as elsewhere:
            first = await engine.put(A, b"1", expect_rev=0)
            newest = 0
            with contextlib.suppress(DiskFullError):
                while True:
                    newest = await write(elsewhere, b"/other/large", b"x" * 300_000)
            heard: list[int] = []
            engine.subscribe(b"/registry/", lambda events: heard.extend(event.rev for event in events))
            async with asyncio.timeout(9):  # before anybody who waits is told that it takes too long
                await engine.catch_up()
            assert engine.current_rev() == newest
            gone = messages.RequestOp(request_delete_range=messages.DeleteRangeRequest(key=b"/other/large"))
            later = (await elsewhere.write("Txn", messages.TxnRequest(success=[gone]))).header.revision
            async with asyncio.timeout(9):
                found = await engine.range(*PODS)
            assert ([kv.mod_rev for kv in found.kvs], found.rev) == ([first.rev], later)
            deleted = await engine.delete(A, expect_rev=first.rev)
            assert deleted.ok
            assert heard == [deleted.rev]
            assert later + 1 == deleted.rev


async def test_an_etcd_that_was_restored_to_an_older_state_is_read_anew(
    member: EtcdProcess, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(member) as engine:
        lost: list[bool] = []
        engine.subscribe(b"/registry/", lambda events: None, lost=lambda: lost.append(True))
        for number in range(5):
            await engine.put(b"/registry/pods/ns/%d" % number, b"x", expect_rev=0)
        member.kill()
        shutil.rmtree(member.folder / "data")
        member.start()
        async with asyncio.timeout(60):
            while not lost:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(member.wait)
            await engine.catch_up()
        assert engine.current_rev() == 1
        assert "restored from a backup" in caplog.text


async def test_no_server_at_the_start_is_a_clear_error() -> None:
    with pytest.raises(EngineOpenError) as caught:
        await EtcdEngine.open(["http://127.0.0.1:1", "http://127.0.0.1:2"], dial_timeout=0.5)
    text = str(caught.value)
    assert text.startswith("http://127.0.0.1:1,http://127.0.0.1:2: etcd cannot be used: http://127.0.0.1:")
    assert text.endswith("Check that it runs, its URLs, and the TLS files")


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://a:1", "http://a:port", "http://a:1/path", "http://:"])
async def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(EngineOpenError, match="this is no URL of an etcd server"):
        await EtcdEngine.open([url])


async def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(EngineOpenError, match=r"^a:1: there is a user in the URL") as caught:
        await EtcdEngine.open(["https://root:s3cret@a:1"])
    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
async def test_an_address_of_ipv6_is_one() -> None:
    with one_etcd(host="[::1]") as member:
        async with opened(member) as engine:
            assert (await engine.put(A, b"x", expect_rev=0)).ok


async def test_an_endpoint_that_is_down_is_passed_over(member: EtcdProcess) -> None:
    engine = await EtcdEngine.open(["http://127.0.0.1:1", member.url], compaction_interval=0)
    try:
        assert (await engine.put(A, b"x", expect_rev=0)).ok
    finally:
        await engine.aclose()


async def test_tls_in_both_directions(tmp_path: Path) -> None:
    authority, stranger = issue("etcd-ca", ca=True), issue("stranger", ca=True)
    server = issue("etcd", authority, usages=[SERVER, CLIENT], ips=["127.0.0.1"])
    client = issue("apiserver", authority, usages=[CLIENT])
    for name, issued in (("ca", authority), ("stranger", stranger), ("server", server), ("client", client)):
        (tmp_path / f"{name}.crt").write_bytes(issued.pem)
        (tmp_path / f"{name}.key").write_bytes(issued.key_pem)

    def files(ca: str, pair: str = "client") -> TLSFiles:
        found = {"cert_file": str(tmp_path / f"{pair}.crt"), "key_file": str(tmp_path / f"{pair}.key")} if pair else {}
        return TLSFiles(ca_file=str(tmp_path / f"{ca}.crt"), **found)

    options = (
        f"--cert-file={tmp_path / 'server.crt'}",
        f"--key-file={tmp_path / 'server.key'}",
        f"--trusted-ca-file={tmp_path / 'ca.crt'}",
        "--client-cert-auth",
    )
    with one_etcd(*options, scheme="https") as member:
        async with opened(member, tls=files("ca")) as engine:
            assert (await engine.put(A, b"x", expect_rev=0)).ok
            await engine.check()
        for wrong in (files("stranger"), files("ca", ""), files("ca", "stranger")):
            with pytest.raises(EngineOpenError, match="etcd cannot be used"):
                await EtcdEngine.open([member.url], tls=wrong, dial_timeout=1.0)


async def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    for tls, problem in (
        (TLSFiles(ca_file=str(tmp_path / "none")), "No such file"),
        (TLSFiles(ca_file=str(tmp_path / "empty")), "no PEM block"),
        (TLSFiles(cert_file="c"), "there is no key to it"),
        (TLSFiles(key_file="k"), "there is no certificate to it"),
    ):
        with pytest.raises(EngineOpenError, match=problem):
            await EtcdEngine.open(["https://127.0.0.1:1"], tls=tls)


# ---- from configuration


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("genericapiserver.storage.etcd")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(EngineOpenError, match=r"pip install 'genericapiserver\[etcd\]'"):
        await open_engine(StorageConfig(type="etcd3", etcd=EtcdConfig(servers=["http://127.0.0.1:1"])))


async def test_an_engine_by_configuration(member: EtcdProcess) -> None:
    config = StorageConfig(type="etcd3", prefix="/registry/x", shared=True, etcd=EtcdConfig(servers=[member.url]))
    engine: StorageEngine = await open_engine(config)
    try:
        assert (await engine.put(b"/registry/x/pods/a", b"x", expect_rev=0)).ok
        assert engine.size_bytes() > 0
    finally:
        await engine.aclose()


def test_processes_of_one_machine_agree_by_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one = StorageConfig(type="etcd3", etcd=EtcdConfig(servers=["http://a:1", "http://b:1"]))
    other = StorageConfig(type="etcd3", etcd=EtcdConfig(servers=["http://b:1", "http://a:1"]))
    assert leader_lock(one) == leader_lock(other)
    leader_lock(one).parent.chmod(0o777)
    with pytest.raises(EngineOpenError, match="somebody else may write to it"):
        leader_lock(one)
