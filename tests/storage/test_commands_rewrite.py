"""`genericapiserver storage rewrite`."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.encryption_config import load_encryption_config
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.resources import EncryptedResources
from genericapiserver.storage.engine import KeyValue, StorageEngine, WriteResult
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.rewriting import Rewriter, UnknownResourceError, resource_of
from tests.storage.commands_support import Shop, in_another_process, key, storage, value
from tests.support.etcd import needs_etcd, one_etcd
from tests.support.kms import FakeKMS, fake_kms

FLUNDERS = "flunders.wardle.example.com"
IDENTITY: dict[str, Any] = {"identity": {}}


def by_key(*names: str) -> dict[str, Any]:
    keys = [{"name": name, "secret": base64.b64encode(name[:1].encode() * 32).decode()} for name in names]
    return {"aesgcm": {"keys": keys}}


def by_plugin(kms: FakeKMS) -> dict[str, Any]:
    return {"kms": {"apiVersion": "v2", "name": "vault", "endpoint": kms.endpoint, "timeout": "30s"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "encryption.json"


def configure(file: Path, *providers: dict[str, Any], resources: tuple[str, ...] = (FLUNDERS,)) -> Path:
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": list(resources), "providers": list(providers)}],
    }
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    return file


def transformers_of(file: Path) -> EncryptedResources:
    return load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=False).transformers


def rewrite(shop: Shop, file: Path, *more: str) -> int:
    return storage("rewrite", shop.flags(), f"--encryption-provider-config={file}", *more)


# ---- the command


def test_plain_objects_are_encrypted_and_rotated_and_decrypted_again(
    shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = shop.objects()
    for providers, prefix in (
        ((by_key("a"), IDENTITY), b"k8s:enc:aesgcm:v1:a:"),
        ((by_key("b", "a"),), b"k8s:enc:aesgcm:v1:b:"),
        ((IDENTITY, by_key("b")), b""),
    ):
        configure(file, *providers)
        before = shop.objects()
        assert rewrite(shop, file, "--dry-run") == 0
        assert "2 of 2 objects to be written again" in capsys.readouterr().out
        assert shop.objects() == before
        assert rewrite(shop, file) == 0
        assert f"{FLUNDERS}: 2 of 2 written again" in capsys.readouterr().out
        if prefix:
            assert all(data.startswith(prefix) for data in shop.objects().values())
        assert rewrite(shop, file) == 0
        assert "0 of 2 objects written again" in capsys.readouterr().out
    assert shop.objects() == plain


def test_what_expires_does_so_when_it_would_have(shop: Shop, file: Path) -> None:
    async def expiry() -> float:
        engine = await shop.open()
        found = (await engine.get(key("three"))).kv
        await engine.aclose()
        assert found is not None
        return found.expires_at

    before = asyncio.run(expiry())
    assert rewrite(shop, configure(file, by_key("a"), IDENTITY)) == 0
    assert abs(asyncio.run(expiry()) - before) < 5


def test_only_the_resources_that_are_named(shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(file, by_key("a"), IDENTITY, resources=("*.*",))

    async def add() -> None:
        engine = await shop.open()
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}}
        await engine.put(b"/registry/pods/default/p", json.dumps(pod).encode(), expect_rev=0)
        await engine.aclose()

    asyncio.run(add())
    assert rewrite(shop, file, "pods", "ghosts") == 0
    out = capsys.readouterr().out
    assert "pods: 1 of 1 written again" in out
    assert "ghosts: there are no objects of it that can be read" in out
    encrypted = [found for found, data in shop.objects().items() if data.startswith(b"k8s:enc:")]
    assert encrypted == [b"/registry/pods/default/p"]


def test_what_cannot_be_read_stays_and_is_told(shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def add() -> None:
        engine = await shop.open()
        await engine.put(key("lost"), b"k8s:enc:aesgcm:v1:gone:garbage", expect_rev=0)
        await engine.aclose()

    asyncio.run(add())
    assert rewrite(shop, configure(file, by_key("a"), IDENTITY)) == 1
    out = capsys.readouterr().out
    assert f"{key('lost').decode()}: left as it is: no matching key was found" in out
    assert "2 of 3 objects written again, 1 cannot be" in out
    assert shop.objects()[key("lost")] == b"k8s:enc:aesgcm:v1:gone:garbage"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--storage-path=STORE"], "--encryption-provider-config is missing"),
        (["--storage-path=NOWHERE", "--encryption-provider-config=FILE"], "there is no such file"),
        (
            ["--storage-backend=file", "--storage-path=NOWHERE", "--encryption-provider-config=FILE"],
            "there is no store in it",
        ),
        (["--storage-path=STORE", "--encryption-provider-config=NOWHERE"], "no such file or directory"),
        (["--storage-backend=memory", "--encryption-provider-config=FILE"], "keeps nothing outside its server"),
    ],
)
def test_what_is_refused(
    flags: list[str], problem: str, tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(file, by_key("a"))
    places = {"STORE": str(tmp_path / "store"), "NOWHERE": str(tmp_path / "nowhere"), "FILE": str(file)}
    for place, path in places.items():
        flags = [flag.replace(place, path) for flag in flags]
    assert storage("rewrite", *flags) == 1
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_not_shared_is_left_alone(
    tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def beside(shared: bool) -> int:
        engine = await SQLiteEngine.open(tmp_path / "store.db", shared=shared)
        try:
            await engine.put(key("a"), value("a", "red"), expect_rev=0)
            flags = [f"--storage-path={tmp_path / 'store.db'}", f"--encryption-provider-config={file}"]
            return await asyncio.to_thread(in_another_process, ["rewrite", *flags])
        finally:
            found = (await engine.get(key("a"))).kv
            assert found is not None
            assert found.value.startswith(b"k8s:enc:aesgcm:v1:a:") is shared
            await engine.delete(key("a"), expect_rev=found.mod_rev)
            await engine.aclose()

    configure(file, by_key("a"), IDENTITY)
    assert asyncio.run(beside(False)) == 1
    assert "another process has it open" in capfd.readouterr().err
    assert asyncio.run(beside(True)) == 0


# ---- with a plugin


def test_a_plugin_takes_over_and_its_key_is_rotated(
    shop: Shop, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_kms(tmp_path / "kms.sock") as kms:
        configure(file, by_plugin(kms), IDENTITY)
        assert rewrite(shop, file) == 0
        assert all(data.startswith(b"k8s:enc:kms:v2:vault:") for data in shop.objects().values())
        assert rewrite(shop, file) == 0
        assert "0 of 2 objects written again" in capsys.readouterr().out
        kms.key_id = "key-2"
        assert rewrite(shop, file) == 0
        assert "2 of 2 objects written again" in capsys.readouterr().out
        kms.lost.add("key-1")
        assert rewrite(shop, file) == 0
        assert "0 of 2 objects written again" in capsys.readouterr().out


def test_a_plugin_that_is_down_changes_nothing(
    shop: Shop, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shop.objects()
    kms = FakeKMS(tmp_path / "kms.sock")
    provider = by_plugin(kms)
    provider["kms"]["timeout"] = "100ms"
    assert rewrite(shop, configure(file, provider, IDENTITY)) == 1
    assert "nothing can be written: got unexpected nil transformer: the KMS provider vault" in capsys.readouterr().err
    assert shop.objects() == before


# ---- beside a server


class Racing:
    """An engine in which somebody writes just before each of ours."""

    def __init__(self, engine: StorageEngine, meanwhile: Callable[[bytes], Any]) -> None:
        self._engine = engine
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        await self._meanwhile(key)
        return await self._engine.put(key, value, expect_rev=expect_rev, ttl=ttl)


async def filled(number: int) -> MemoryEngine:
    engine = MemoryEngine(initial_rev=1)
    for each in range(number):
        await engine.put(key(f"o{each:04}"), value(f"o{each:04}", "red"), expect_rev=0)
    return engine


async def current(engine: StorageEngine, at: bytes) -> KeyValue:
    found = (await engine.get(at)).kv
    assert found is not None
    return found


async def test_what_a_server_writes_meanwhile_is_never_lost(file: Path) -> None:
    engine = await filled(300)
    transformers = transformers_of(configure(file, by_key("new", "old"), IDENTITY))
    transformer = transformers.transformer_for(GroupResource.parse(FLUNDERS))
    old = transformers_of(configure(file, by_key("old"))).transformer_for(GroupResource.parse(FLUNDERS))
    left = {key(f"o{each:04}"): each % 4 for each in range(300)}

    async def meanwhile(at: bytes) -> None:
        """A server that writes with the new key, one that still has the old one, and one that deletes."""
        what, left[at] = left.get(at, 0), 0
        rev = (await current(engine, at)).mod_rev if what else 0
        if what == 1:
            await engine.put(at, transformer.to_storage(value("x", "new"), at), expect_rev=rev)
        elif what == 2:
            await engine.put(at, old.to_storage(value("x", "old"), at), expect_rev=rev)
        elif what == 3:
            await engine.delete(at, expect_rev=rev)

    racing: Any = Racing(engine, meanwhile)
    done = await Rewriter(racing, transformers, prefix="/registry").run(lambda *_: None)
    assert done.problems == []
    assert done.rewritten.total() == 150, "what was deleted, or written with the new key, was not"
    for each in range(300):
        at = key(f"o{each:04}")
        kv = (await engine.get(at)).kv
        if each % 4 == 3:
            assert kv is None
            continue
        assert kv is not None
        plain, stale = transformer.from_storage(kv.value, at)
        assert not stale
        assert plain == (value(f"o{each:04}", "red"), value("x", "new"), value("x", "old"))[each % 4]
    await engine.aclose()


async def test_an_interrupted_run_is_resumed(file: Path) -> None:
    engine = await filled(250)
    transformers = transformers_of(configure(file, by_key("a"), IDENTITY))

    def stop(done: int, total: int) -> None:
        assert total == 250
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Rewriter(engine, transformers, prefix="/registry").run(stop)
    told: list[tuple[int, int]] = []
    done = await Rewriter(engine, transformers, prefix="/registry").run(lambda *seen: told.append(seen))
    assert done.looked_at.total() == 250
    assert done.rewritten.total() == 150
    assert told == [(100, 250), (200, 250), (250, 250)]
    await engine.aclose()


async def test_an_object_that_would_become_too_large_stays(file: Path) -> None:
    engine = MemoryEngine(initial_rev=1)
    largest = value("large", "x" * (3 * 1024 * 1024 // 2 - len(value("large", ""))))
    await engine.put(key("large"), largest, expect_rev=0)
    transformers = transformers_of(configure(file, by_key("a"), IDENTITY))
    done = await Rewriter(engine, transformers, prefix="/registry").run(lambda *_: None)
    assert [at for at, _ in done.problems] == [key("large").decode()]
    assert (await current(engine, key("large"))).value == largest
    await engine.aclose()


async def test_what_cannot_be_written_ends_the_run(file: Path, tmp_path: Path) -> None:
    engine = await filled(3)
    transformers = transformers_of(configure(file, by_plugin(FakeKMS(tmp_path / "none")), IDENTITY))
    with pytest.raises(ToolError, match="nothing can be written"):
        await Rewriter(engine, transformers, prefix="/registry").run(lambda *_: None)
    await engine.aclose()


@needs_etcd
def test_leases_of_etcd_are_kept(file: Path) -> None:
    with one_etcd() as member:

        async def fill() -> None:
            engine = await EtcdEngine.open([member.url], prefix="/registry", compaction_interval=0)
            await engine.put(key("lasting"), value("lasting", "red"), expect_rev=0)
            await engine.put(key("passing"), value("passing", "red"), expect_rev=0, ttl=3600)
            await engine.aclose()

        async def leases() -> tuple[dict[bytes, int], set[bytes]]:
            client = EtcdClient([member.url])
            try:
                request = messages.RangeRequest(key=b"/registry/w", range_end=b"/registry/x")
                found = (await client.read("Range", request)).kvs
                return {kv.key: kv.lease for kv in found}, {kv.value[:20] for kv in found}
            finally:
                await client.aclose()

        asyncio.run(fill())
        before, _ = asyncio.run(leases())
        assert before[key("passing")] > 0
        configure(file, by_key("a"), IDENTITY)
        flags = ["--storage-backend=etcd3", f"--etcd-servers={member.url}", f"--encryption-provider-config={file}"]
        assert storage("rewrite", *flags) == 0
        after, stored = asyncio.run(leases())
        assert after == before
        assert stored == {b"k8s:enc:aesgcm:v1:a:"}


# ---- which resource


def obj(version: str, kind: str) -> bytes:
    return json.dumps({"apiVersion": version, "kind": kind}).encode()


@pytest.mark.parametrize(
    ("at", "plain", "expected"),
    [
        ("wardle.example.com/flunders/default/a", b"not json", FLUNDERS),
        ("wardle.example.com/fischers/a", b"k8s\x00", "fischers.wardle.example.com"),
        ("pods/default/a", obj("v1", "Pod"), "pods"),
        ("namespaces/a", obj("v1", "Namespace"), "namespaces"),
        ("apps/deployments/default/a", obj("apps/v1", "Deployment"), "deployments.apps"),
        ("policy/things/a", obj("policy/v1", "Thing"), "things.policy"),
        ("deployments/default/a", obj("apps/v1", "Deployment"), "deployments.apps"),
        (
            "clusterroles/a",
            obj("rbac.authorization.k8s.io/v1", "ClusterRole"),
            "clusterroles.rbac.authorization.k8s.io",
        ),
        (
            "networkpolicies/default/a",
            obj("networking.k8s.io/v1", "NetworkPolicy"),
            "networkpolicies.networking.k8s.io",
        ),
        ("services/specs/default/a", obj("v1", "Service"), "services"),
        ("pods/secrets/a", obj("v1", "Pod"), "pods"),
    ],
)
def test_the_resource_of_an_object(at: str, plain: bytes, expected: str) -> None:
    assert resource_of(at.split("/"), plain) == GroupResource.parse(expected)


@pytest.mark.parametrize(
    ("at", "plain"),
    [
        ("services/endpoints/default/a", obj("v1", "Endpoints")),
        ("minions/a", obj("v1", "Node")),
        ("pods/default/a", b"k8s\x00"),
        ("pods/default/a", b"{}"),
        ("pods/default/a", b"[]"),
        ("wardle.example.com/rbac.authorization.k8s.io/roles/a", obj("rbac.authorization.k8s.io/v1", "Role")),
        ("wardle.example.com/namespaces/a", obj("v1", "Namespace")),
        ("wardle.example.com/rbac.authorization.k8s.io/roles/a", b"k8s\x00"),
    ],
)
def test_a_resource_that_cannot_be_told_is_not_guessed(at: str, plain: bytes) -> None:
    with pytest.raises(UnknownResourceError, match="which resource it is of cannot be told"):
        resource_of(at.split("/"), plain)


def test_a_prefix_that_is_not_the_servers_is_noticed(
    shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shop.objects()
    configure(file, by_key("a"), IDENTITY, resources=("*.*",))
    assert rewrite(shop, file, "--etcd-prefix=/") == 1
    assert "Say with --etcd-prefix below which key its server keeps all objects" in capsys.readouterr().out
    assert shop.objects() == before


async def test_a_prefix_below_which_servers_have_theirs_is_noticed(file: Path) -> None:
    engine = MemoryEngine(initial_rev=1)
    at = b"/registry/wardle.example.com/rbac.authorization.k8s.io/roles/a"
    await engine.put(at, obj("rbac.authorization.k8s.io/v1", "Role"), expect_rev=0)
    transformers = transformers_of(configure(file, by_key("a"), IDENTITY, resources=("*.wardle.example.com",)))
    done = await Rewriter(engine, transformers, prefix="/registry").run(lambda *_: None)
    assert [(key, "--etcd-prefix" in problem) for key, problem in done.problems] == [(at.decode(), True)]
    await engine.aclose()


async def test_each_resource_has_its_own_rule(file: Path) -> None:
    engine = MemoryEngine(initial_rev=1)
    objects = {
        b"/registry/deployments/default/a": obj("apps/v1", "Deployment"),
        b"/registry/secrets/default/a": obj("v1", "Secret"),
        b"/registry/apps/statefulsets/default/a": obj("apps/v1", "StatefulSet"),
        b"/registry/pods/secrets/a": obj("v1", "Pod"),
        b"/registry/services/endpoints/default/a": obj("v1", "Endpoints"),
        b"/registry/lonely": b"{}",
    }
    for at, data in objects.items():
        await engine.put(at, data, expect_rev=0)
    resources = ("deployments.apps", "secrets", "services", "statefulsets.apps")
    transformers = transformers_of(configure(file, by_key("a"), IDENTITY, resources=resources))
    done = await Rewriter(engine, transformers, prefix="/registry").run(lambda *_: None)
    assert {str(resource) for resource, number in done.rewritten.items() if number} == {
        "deployments.apps",
        "secrets",
        "statefulsets.apps",
    }
    assert {at for at, _ in done.problems} == {"/registry/services/endpoints/default/a", "/registry/lonely"}
    unchanged = {at for at, data in objects.items() if (await current(engine, at)).value == data}
    assert unchanged == set(list(objects)[3:])
    again = await Rewriter(engine, transformers, prefix="/registry").run(lambda *_: None)
    assert again.rewritten.total() == 0
    await engine.aclose()
