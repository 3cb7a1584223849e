"""KMS v2: what is stored byte for byte, the life of seeds, plugins that are down, slow or wrong."""

import asyncio
import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.encryption.kms import KMSPlugin, KMSUnhealthyError
from genericapiserver.storage.encryption.kms_client import KMSClient
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.seed_cache import SEED_LIFETIME, SeedCache
from genericapiserver.storage.encryption.seeds import SeedTransformer
from genericapiserver.storage.encryption.wrapped import KEY, SEED, WrappedSeed, decode
from genericapiserver.storage.transformer import TransformationPendingError
from tests.support.clock import HandClock
from tests.support.kms import ANNOTATION, FakeKMS, data_of, encoded_map, fake_kms, field, fields, mapping, text

KEY_PATH = b"/registry/wardle.example.com/flunders/default/a"
PLAIN = b'{"kind":"Flunder"}'


class Naps:
    """A sleep that a test ends."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self._over.clear()
        self.asked.put_nowait(seconds)
        await self._over.wait()

    def end(self) -> None:
        self._over.set()


class Setting:
    """A plugin of this server's, the service behind it, and the time."""

    def __init__(self, kms: FakeKMS, *, timeout: float = 30.0) -> None:
        self.kms = kms
        self.clock = HandClock()
        self.naps = Naps()
        self.registry = MetricsRegistry()
        self.metrics = TransformationMetrics(self.registry, api_server_id="server", clock=self.clock)
        self.plugins: list[KMSPlugin] = []
        self.plugin = self.another(timeout=timeout)

    def another(self, *, timeout: float = 30.0) -> KMSPlugin:
        """Another server's, or this one's after it was started again."""
        envelope = self.metrics.envelope
        service = self.client = KMSClient(
            self.kms.endpoint, timeout=timeout, observe=lambda *call: envelope.called("vault", *call)
        )
        made = KMSPlugin("vault", service, metrics=envelope, clock=self.clock, sleep=self.naps)
        self.plugins.append(made)
        return made

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.collectors.get_sample_value(name, labels)


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[FakeKMS]:
    with fake_kms(tmp_path / "kms.sock") as made:
        yield made


@pytest.fixture
async def setting(kms: FakeKMS) -> AsyncIterator[Setting]:
    made = Setting(kms)
    yield made
    for plugin in made.plugins:
        await plugin.aclose()


async def read(plugin: KMSPlugin, data: bytes, context: bytes = KEY_PATH) -> tuple[bytes, bool]:
    """As the store reads."""
    while True:
        try:
            return plugin.from_storage(data, context)
        except TransformationPendingError as pending:
            await pending.ready()


# ---- bytes


def hand_made(seed: bytes, wrapped: bytes, *, key_id: str = "key-1", context: bytes = KEY_PATH) -> bytes:
    """What the reference stores, made without any code of ours."""
    info, nonce = bytes(range(32)), bytes(range(100, 112))
    key = HKDFExpand(SHA256(), 32, info).derive(seed)
    sealed = info + nonce + AESGCM(key).encrypt(nonce, PLAIN, context)
    return (
        field(1, sealed)
        + field(2, key_id.encode())
        + field(3, wrapped)
        + encoded_map(4, {ANNOTATION: b"note"})
        + b"\x28\x01"
    )


def test_hkdf_gives_the_answer_of_its_definition() -> None:
    """RFC 5869, test case 1, expanded to the 32 bytes that make a key."""
    seed = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    info = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    assert HKDFExpand(SHA256(), 32, info).derive(seed).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    )


def test_a_seed_writes_what_its_definition_says() -> None:
    seed, info, nonce = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 76))
    randoms = iter([info, nonce])
    stored = SeedTransformer(seed, random=lambda size: next(randoms)).to_storage(PLAIN, KEY_PATH)
    key = HKDFExpand(SHA256(), 32, info).derive(seed)
    assert stored == info + nonce + AESGCM(key).encrypt(nonce, PLAIN, KEY_PATH)
    assert SeedTransformer(seed).from_storage(stored, KEY_PATH) == (PLAIN, False)
    for moved in (b"", KEY_PATH + b"b"):
        with pytest.raises(DecryptionError, match="cipher: message authentication failed"):
            SeedTransformer(seed).from_storage(stored, moved)
    for cut in (0, 31, 43, len(stored) - 1):
        with pytest.raises(DecryptionError):
            SeedTransformer(seed).from_storage(stored[:cut], KEY_PATH)


async def test_what_is_written_is_an_encrypted_object(setting: Setting) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    found = fields(stored)
    assert list(found) == [1, 2, 3, 4, 5]
    assert text(found, 2) == "key-1"
    assert mapping(found, 4) == {ANNOTATION: b"note"}
    assert stored.endswith(b"\x28\x01"), "the type of a seed"
    wrapped, sealed = data_of(found, 3), data_of(found, 1)
    seed = setting.kms.key("key-1").decrypt(wrapped[:12], wrapped[12:], None)
    assert len(seed) == 32
    key = HKDFExpand(SHA256(), 32, sealed[:32]).derive(seed)
    assert AESGCM(key).decrypt(sealed[32:44], sealed[44:], KEY_PATH) == PLAIN
    assert setting.plugin.to_storage(PLAIN, KEY_PATH) != stored, "no key is used twice"
    assert setting.kms.calls["Encrypt"] == 1, "writing asks nobody"


async def test_what_the_reference_has_written_is_read(setting: Setting) -> None:
    await setting.plugin.start()
    seed = os.urandom(32)
    stored = hand_made(seed, setting.kms.wrap(seed, "key-1"))
    assert await read(setting.plugin, stored) == (PLAIN, False)
    assert setting.plugin.from_storage(stored, KEY_PATH) == (PLAIN, False), "and now at once"
    with pytest.raises(DecryptionError, match="cipher: message authentication failed"):
        setting.plugin.from_storage(stored, KEY_PATH + b"b")


async def test_a_bare_key_is_read_and_stale(setting: Setting) -> None:
    await setting.plugin.start()
    key, nonce = os.urandom(32), os.urandom(12)
    sealed = nonce + AESGCM(key).encrypt(nonce, PLAIN, KEY_PATH)
    wrapped = setting.kms.wrap(key, "key-1")
    stored = field(1, sealed) + field(2, b"key-1") + field(3, wrapped) + encoded_map(4, {ANNOTATION: b"note"})
    assert await read(setting.plugin, stored) == (PLAIN, True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"source": b""}, "failed to validate encrypted DEK source: encrypted DEK source is empty"),
        (
            {"source": bytes(1025)},
            "failed to validate encrypted DEK source: encrypted DEK source is 1025 bytes, which exceeds the max size of "
            "1024",
        ),
        ({"key_id": ""}, "failed to validate key id: keyID is empty"),
        ({"key_id": "é" * 513}, "failed to validate key id: keyID is 1026 bytes, which exceeds the max size of 1024"),
        ({"kind": 2}, "unknown encryptedDEKSourceType: 2"),
        (
            {"annotations": {"a.b": bytes(32 * 1024)}},
            "failed to validate annotations: total size of annotations is 32771, which exceeds the max size of 32768",
        ),
        (
            {"annotations": {"short": b""}},
            'failed to validate annotations: annotations: Invalid value: "short": should be a domain with at least two '
            "segments separated by dots",
        ),
        ({"annotations": {"": b"x"}}, "failed to validate annotations: annotations: Required value"),
    ],
)
def test_limits_of_what_is_stored(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(DecryptionError) as caught:
        decode(WrappedSeed(**({"source": b"s", "key_id": "k"} | change)).encode(b"x"))
    assert str(caught.value) == problem


def test_what_is_just_within_the_limits_is_taken() -> None:
    largest = WrappedSeed(source=bytes(1024), key_id="k" * 1024, annotations={"a.b.": bytes(32 * 1024 - 4)}, kind=KEY)
    assert decode(largest.encode(b"x")) == (largest, b"x")


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\xff" * 20, b"garbage", b"\x12\x02\xff\xfe"])
def test_what_is_no_encrypted_object_is_an_error(data: bytes) -> None:
    with pytest.raises(DecryptionError):
        decode(data)


@given(data=st.binary(max_size=300))
def test_whatever_is_stored_is_an_encrypted_object_or_an_error(data: bytes) -> None:
    with contextlib.suppress(DecryptionError):
        decode(data)


def test_seeds_are_told_apart_by_all_that_belongs_to_them() -> None:
    base = {"source": b"s", "key_id": "k", "annotations": {"a.b": b"c"}}
    others = [
        base,
        {**base, "source": b"t"},
        {**base, "key_id": "l"},
        {**base, "annotations": {}},
        {**base, "annotations": {"a.b": b"d"}},
        {**base, "source": b"sk", "key_id": ""},
        {**base, "kind": KEY},
    ]
    assert len({WrappedSeed(**other).identity for other in others}) == len(others)  # type: ignore[arg-type]
    assert WrappedSeed(**base).identity == WrappedSeed(**base, kind=SEED).identity  # type: ignore[arg-type]


# ---- seeds


async def test_a_seed_that_another_server_has_made_is_asked_for_once(setting: Setting) -> None:
    await setting.plugin.start()
    written = [setting.plugin.to_storage(PLAIN, KEY_PATH) for _ in range(5)]
    reader = setting.another()
    await reader.start()
    assert {await each for each in asyncio.as_completed([read(reader, data) for data in written])} == {(PLAIN, False)}
    assert setting.kms.calls["Decrypt"] == 1
    await read(setting.plugin, written[0])
    assert setting.kms.calls["Decrypt"] == 1, "its own seed is known to who made it"
    assert setting.sample("apiserver_storage_envelope_transformation_cache_misses_total") == 1
    assert setting.sample("apiserver_envelope_encryption_dek_source_cache_size", provider_name="vault") == 1
    assert len(set(setting.kms.uids)) == len(setting.kms.uids)


async def test_a_reader_that_goes_does_not_take_the_answer_with_it(setting: Setting) -> None:
    await setting.plugin.start()
    data = setting.plugin.to_storage(PLAIN, KEY_PATH)
    reader = setting.another()
    await reader.start()
    gate = setting.kms.open["Decrypt"] = threading.Event()
    going, staying = asyncio.create_task(read(reader, data)), asyncio.create_task(read(reader, data))
    await until(lambda: setting.kms.calls["Decrypt"] == 1)
    going.cancel()
    gate.set()
    assert await staying == (PLAIN, False)
    assert setting.kms.calls["Decrypt"] == 1


async def test_seeds_are_forgotten_after_a_day_when_another_one_comes() -> None:
    clock, sizes = HandClock(), list[int]()
    cache = SeedCache(clock, sized=sizes.append)
    seed = SeedTransformer(bytes(32))

    async def never() -> SeedTransformer:
        raise AssertionError

    cache.put(b"old", seed)
    clock.seconds = SEED_LIFETIME + 1
    assert cache.get(b"old", never) is seed, "as long as nothing else needs the room"
    cache.put(b"new", seed)
    with pytest.raises(TransformationPendingError):
        cache.get(b"old", never)
    cache.put(b"newer", seed)
    assert sizes == [1, 2]


async def test_another_key_makes_another_seed(setting: Setting) -> None:
    await setting.plugin.start()
    old = setting.plugin.to_storage(PLAIN, KEY_PATH)
    setting.kms.key_id = "key-2"
    setting.clock.seconds += 21
    await setting.plugin.check()
    new = setting.plugin.to_storage(PLAIN, KEY_PATH)
    assert text(fields(new), 2) == "key-2"
    assert await read(setting.plugin, old) == (PLAIN, True)
    assert await read(setting.plugin, new) == (PLAIN, False)
    assert setting.kms.calls["Decrypt"] == 0


async def test_a_key_that_encrypt_does_not_confirm_is_not_written_with(setting: Setting) -> None:
    await setting.plugin.start()
    setting.kms.key_id, setting.kms.encrypts_as = "key-2", "key-1"
    setting.clock.seconds += 21
    with pytest.raises(KMSUnhealthyError) as caught:
        await setting.plugin.check()
    assert "kmsv2 Provider vault is not healthy, error: failed to rotate DEK uid=" in str(caught.value)
    assert "errState=<nil>, errGen=<nil>, statusKeyIDHash=" in str(caught.value)
    assert text(fields(setting.plugin.to_storage(PLAIN, KEY_PATH)), 2) == "key-1", "until it expires"
    setting.clock.seconds += 180
    with pytest.raises(KMSUnhealthyError, match="expired at 2026-01-01T00:03:00Z "):
        setting.plugin.to_storage(PLAIN, KEY_PATH)
    setting.kms.encrypts_as = None
    await setting.plugin.check()
    assert text(fields(setting.plugin.to_storage(PLAIN, KEY_PATH)), 2) == "key-2"


async def test_writes_end_three_minutes_after_the_last_good_status_and_reads_do_not(setting: Setting) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    for _ in range(5):
        setting.clock.seconds += 60
        await setting.plugin.check()
    assert setting.kms.calls["Encrypt"] == 1, "the same key goes on"
    setting.kms.healthz = "bad"
    setting.clock.seconds += 179
    setting.kms.failures["Status"] = grpc.StatusCode.INTERNAL, "broken"
    with pytest.raises(KMSUnhealthyError):
        await setting.plugin.check()
    setting.plugin.to_storage(PLAIN, KEY_PATH)
    assert setting.plugin.can_write()
    setting.clock.seconds += 2
    assert not setting.plugin.can_write()
    with pytest.raises(KMSUnhealthyError) as caught:
        setting.plugin.to_storage(PLAIN, KEY_PATH)
    assert str(caught.value).startswith('encryptedDEKSource with keyID hash "sha256:')
    assert str(caught.value).endswith("expired at 2026-01-01T00:08:00Z (current time is 2026-01-01T00:08:01Z)")
    assert await read(setting.plugin, stored) == (PLAIN, False)


# ---- health


@pytest.mark.parametrize(
    ("set_up", "problem"),
    [
        (
            {"failures": {"Status": (grpc.StatusCode.UNAVAILABLE, "no way")}},
            "failed to perform status section of the healthz check for KMS Provider vault, error: "
            "rpc error: code = Unavailable desc = no way",
        ),
        (
            {"healthz": "disk on fire"},
            "kmsv2 Provider vault is not healthy, error: got unexpected healthz status: disk on fire",
        ),
        ({"version": "v1"}, "kmsv2 Provider vault is not healthy, error: expected KMSv2 API version v2, got v1"),
        ({"key_id": ""}, 'kmsv2 Provider vault is not healthy, error: got invalid KMSv2 KeyID hash "": keyID is empty'),
        (
            {"key_id": "k" * 1025},
            "keyID is 1025 bytes, which exceeds the max size of 1024",
        ),
        (
            {"failures": {"Encrypt": (grpc.StatusCode.PERMISSION_DENIED, "not you")}},
            "errState=got unexpected nil transformer, errGen=failed to encrypt DEK, error: "
            "rpc error: code = PermissionDenied desc = not you, statusKeyIDHash=",
        ),
        (
            {"annotations": {"short": b"x"}},
            'errGen=failed to validate annotations: annotations: Invalid value: "short"',
        ),
        ({"answers": {"Status": b"\xff\xff\xff"}}, "error: rpc error: code = Internal desc = "),
        (
            {"answers": {"Encrypt": b""}},
            "errGen=failed to validate encrypted DEK source: encrypted DEK source is empty",
        ),
        (
            {"healthz": "bad", "version": "v9"},
            "error: [got unexpected healthz status: bad, expected KMSv2 API version v2, got v9]",
        ),
    ],
)
async def test_what_is_wrong_with_a_plugin(setting: Setting, set_up: dict[str, Any], problem: str) -> None:
    for name, value in set_up.items():
        setattr(setting.kms, name, value)
    with pytest.raises(KMSUnhealthyError) as caught:
        await setting.plugin.check()
    assert problem in str(caught.value)


async def test_the_version_may_not_change(setting: Setting) -> None:
    setting.kms.version = "v2beta1"
    await setting.plugin.start()
    setting.kms.version = "v2"
    setting.clock.seconds += 21
    with pytest.raises(KMSUnhealthyError, match="after the initial status response version v2beta1, got v2"):
        await setting.plugin.check()


async def test_the_outcome_of_a_check_is_told_again_for_a_while(setting: Setting) -> None:
    await setting.plugin.check()
    setting.clock.seconds += 19
    await setting.plugin.check()
    assert setting.kms.calls["Status"] == 1
    setting.kms.healthz = "bad"
    setting.clock.seconds += 1
    for _ in range(3):
        with pytest.raises(KMSUnhealthyError):
            await setting.plugin.check()
    assert setting.kms.calls["Status"] == 2
    setting.kms.healthz = "ok"
    setting.clock.seconds += 3
    await setting.plugin.check()
    assert setting.kms.calls["Status"] == 3


async def test_the_status_is_asked_every_minute_and_oftener_while_it_fails(setting: Setting) -> None:
    await setting.plugin.start()
    naps = setting.naps
    assert await naps.asked.get() == 60
    setting.kms.healthz = "bad"
    setting.clock.seconds += 60
    naps.end()
    assert await naps.asked.get() == 10
    setting.kms.healthz = "ok"
    setting.clock.seconds += 10
    naps.end()
    assert await naps.asked.get() == 60


async def test_a_plugin_that_is_down_at_the_start_is_found_later(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    written = setting.another()
    await written.start()
    await setting.naps.asked.get()
    stored = written.to_storage(PLAIN, KEY_PATH)
    setting.kms.stop()
    plugin = setting.another(timeout=0.2)
    with caplog.at_level(logging.WARNING):
        await plugin.start()
    assert "A KMS plugin has failed its health check" in caplog.text
    assert await setting.naps.asked.get() == 10
    with pytest.raises(KMSUnhealthyError, match="got unexpected nil transformer: the KMS provider vault has not been"):
        plugin.to_storage(PLAIN, KEY_PATH)
    with pytest.raises(DecryptionError, match="failed to decrypt DEK, error: rpc error: code = DeadlineExceeded"):
        await read(plugin, stored)
    setting.kms.start()
    setting.clock.seconds += 10
    setting.client._timeout = 30  # only what is down is to fail, not what is slow on a machine with other work
    await until_healthy(plugin, setting.clock)
    assert await read(plugin, stored) == (PLAIN, False)
    assert text(fields(plugin.to_storage(PLAIN, KEY_PATH)), 2) == "key-1"


async def test_a_slow_plugin_is_an_error_in_time_for_everybody_who_waits(setting: Setting) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    reader = setting.another()
    await reader.start()  # it is connected
    setting.client._timeout = 0.2
    setting.kms.open["Decrypt"] = threading.Event()
    outcomes = await asyncio.gather(*(read(reader, stored) for _ in range(10)), return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {
        "failed to decrypt DEK, error: rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    }
    assert setting.kms.calls["Decrypt"] == 1
    with pytest.raises(DecryptionError):
        reader.from_storage(stored, KEY_PATH)
    assert setting.kms.calls["Decrypt"] == 1, "not asked again for a second"
    setting.kms.open.pop("Decrypt").set()
    setting.clock.seconds += 1
    setting.client._timeout = 30
    assert (await read(reader, stored))[0] == PLAIN


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (field(1, b"too short"), "invalid seed length 9 used for key generation"),
        (b"", "invalid seed length 0 used for key generation"),
        (b"\xff\xff", "failed to decrypt DEK, error: rpc error: code = Internal desc = "),
        (field(1, bytes(32)), "cipher: message authentication failed"),
    ],
)
async def test_garbage_from_a_plugin_reads_nothing(setting: Setting, answer: bytes, problem: str) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    reader = setting.another()
    setting.kms.answers["Decrypt"] = answer
    with pytest.raises(DecryptionError) as caught:
        await read(reader, stored)
    assert str(caught.value).startswith(problem)


async def test_a_plugin_that_is_closed_ends_those_who_wait(setting: Setting) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    reader = setting.another()
    await reader.start()
    setting.kms.open["Decrypt"] = threading.Event()
    waiting = asyncio.create_task(read(reader, stored))
    await until(lambda: setting.kms.calls["Decrypt"] == 1)
    await reader.aclose()
    await reader.aclose()
    with pytest.raises(DecryptionError, match="failed to decrypt DEK, error: rpc error: code = Canceled"):
        await waiting


async def test_a_socket_without_a_file(tmp_path: Path) -> None:
    with fake_kms(f"@kms-test-{os.getpid()}") as kms:
        assert kms.endpoint.startswith("unix:///@")
        setting = Setting(kms)
        try:
            await setting.plugin.check()
        finally:
            await setting.plugin.aclose()


@pytest.mark.parametrize("endpoint", ["unix:", "unix:///", "unix://host"])
def test_an_endpoint_without_a_path(endpoint: str) -> None:
    with pytest.raises(ValueError, match="there is no path in the endpoint"):
        KMSClient(endpoint, timeout=1)


async def test_metrics_have_the_names_of_the_reference(setting: Setting) -> None:
    await setting.plugin.start()
    stored = setting.plugin.to_storage(PLAIN, KEY_PATH)
    await read(setting.plugin, stored)
    setting.kms.key_id = ""
    setting.clock.seconds += 21
    with pytest.raises(KMSUnhealthyError):
        await setting.plugin.check()
    prefix, server = "apiserver_envelope_encryption", _hash("server")
    key = {"provider_name": "vault", "key_id_hash": _hash("key-1"), "apiserver_id_hash": server}
    for direction in ("from_storage", "to_storage"):
        assert setting.sample(f"{prefix}_key_id_hash_total", transformation_type=direction, **key) == 1
        last = setting.sample(f"{prefix}_key_id_hash_last_timestamp_seconds", transformation_type=direction, **key)
        assert last == HandClock().now().timestamp()
    told = setting.sample(f"{prefix}_key_id_hash_status_last_timestamp_seconds", **key)
    assert told == HandClock().now().timestamp()
    assert setting.sample(f"{prefix}_invalid_key_id_from_status_total", provider_name="vault", error="empty") == 1
    calls = setting.sample(
        f"{prefix}_kms_operations_latency_seconds_count",
        provider_name="vault",
        method_name="/v2.KeyManagementService/Status",
        grpc_status_code="OK",
    )
    assert calls == 2
    assert setting.sample("apiserver_storage_data_key_generation_duration_seconds_count") == 1


async def test_series_of_old_keys_go() -> None:
    registry = MetricsRegistry()
    envelope = TransformationMetrics(registry).envelope
    for number in range(150):
        envelope.used("from_storage", "vault", str(number))
        envelope.told("vault", str(number))
    for name in ("key_id_hash", "key_id_hash_last_timestamp_seconds", "key_id_hash_status_last_timestamp_seconds"):
        (family,) = (
            found for found in registry.collectors.collect() if found.name == f"apiserver_envelope_encryption_{name}"
        )
        assert len({sample.labels["key_id_hash"] for sample in family.samples}) == 100


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def until_healthy(plugin: KMSPlugin, clock: HandClock) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await plugin.check()
            except KMSUnhealthyError:
                clock.seconds += 3
