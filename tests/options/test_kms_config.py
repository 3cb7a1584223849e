"""--encryption-provider-config with KMS plugins: their health, and a file that changes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.config import Config
from genericapiserver.healthz import HealthChecker
from genericapiserver.options.encryption_config import EncryptionController
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.encryption.kms import KMSUnhealthyError
from genericapiserver.storage.transformer import TransformationPendingError, Transformer
from tests.server.servers import new_config
from tests.support.kms import FakeKMS, fake_kms

FLUNDERS = GroupResource("wardle.example.com", "flunders")
KEY = b"/registry/wardle.example.com/flunders/default/a"
SECRET = "c2VjcmV0IGlzIHNlY3VyZSwgb3IgaXMgaXQ/IG5vISE="


def configure(file: Path, *providers: dict[str, Any]) -> Path:
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": [str(FLUNDERS)], "providers": list(providers)}],
    }
    new = file.with_suffix(".new")
    new.write_text(json.dumps(config))
    new.chmod(0o600)
    return new.rename(file)


def by(kms: FakeKMS, name: str = "vault", timeout: str = "30s") -> dict[str, Any]:
    return {"kms": {"apiVersion": "v2", "name": name, "endpoint": kms.endpoint, "timeout": timeout}}


AESGCM = {"aesgcm": {"keys": [{"name": "key1", "secret": SECRET}]}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "encryption.json"


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[FakeKMS]:
    with fake_kms(tmp_path / "kms.sock") as made:
        yield made


@contextlib.asynccontextmanager
async def controller(file: Path, config: Config, *, reload: bool = False) -> AsyncIterator[EncryptionController]:
    made = EncryptionController(file, config, reload=reload, patience=0.5, interval=0.01, first_retry=0.01)
    await made.start()
    made.add_to(config)
    try:
        yield made
    finally:
        await made.aclose()


@contextlib.asynccontextmanager
async def following(file: Path, config: Config) -> AsyncIterator[EncryptionController]:
    async with controller(file, config, reload=True) as made:
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.wait([running])


def checks(config: Config) -> list[list[str]]:
    """The names of checks about plugins, of /healthz, /readyz and /livez."""
    pages = (config.healthz_checks, config.readyz_checks, config.livez_checks)
    return [[check.name for check in page if check.name.startswith("kms")] for page in pages]


def check_of(config: Config) -> HealthChecker:
    return next(check for check in config.readyz_checks if check.name == "kms-providers")


def reloads(config: Config, status: str) -> float:
    return sum(
        sample.value
        for family in config.metrics.collectors.collect()
        for sample in family.samples
        if sample.name == "apiserver_encryption_config_controller_automatic_reloads_total"
        and sample.labels["status"] == status
    )


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def read(transformer: Transformer, data: bytes) -> tuple[bytes, bool]:
    while True:
        try:
            return transformer.from_storage(data, KEY)
        except TransformationPendingError as pending:
            await pending.ready()


@pytest.mark.parametrize(
    ("providers", "reload", "expected"),
    [
        pytest.param("kms", False, [["kms-providers"], ["kms-providers"], []], id="a plugin is shown"),
        pytest.param("kms", True, [["kms-providers"], ["kms-providers"], []], id="a plugin in a file that is followed"),
        pytest.param("aesgcm", False, [[], [], []], id="without a plugin nothing is shown"),
        pytest.param("aesgcm", True, [["kms-providers"], ["kms-providers"], []], id="there may be one later"),
    ],
)
async def test_which_checks_there_are(
    providers: str, reload: bool, expected: list[list[str]], file: Path, kms: FakeKMS
) -> None:
    config = new_config()
    async with controller(configure(file, by(kms) if providers == "kms" else AESGCM), config, reload=reload):
        assert checks(config) == expected


async def test_what_is_skipped_is_not_shown(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    EncryptionController(configure(file, by(kms)), config, reload=True).add_to(config, health=False)
    assert checks(config) == [[], [], []]


async def test_plugins_that_are_not_healthy_are_told_by_number(tmp_path: Path, file: Path, kms: FakeKMS) -> None:
    kms.healthz = "bad"
    with fake_kms(tmp_path / "good.sock") as good:
        config = new_config()
        async with controller(configure(file, by(good, "good"), by(kms)), config):
            with pytest.raises(
                Exception, match=r"^kms-provider-1: kmsv2 Provider vault is not healthy, error: "
            ) as one:
                await check_of(config).check({})
            assert "kms-provider-0" not in str(one.value)
            assert config.resource_transformers is None


async def test_a_plugin_is_down_at_the_start_and_comes_later(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    kms.stop()
    async with controller(configure(file, by(kms, timeout="500ms")), config) as made:
        transformer = made.transformers.transformer_for(FLUNDERS)
        with pytest.raises(KMSUnhealthyError):
            transformer.to_storage(b"{}", KEY)
        kms.start()

        async def healthy() -> None:
            while True:
                with contextlib.suppress(Exception):
                    return await check_of(config).check({})
                await asyncio.sleep(0.05)

        async with asyncio.timeout(60):
            await healthy()
        assert transformer.to_storage(b"{}", KEY).startswith(b"k8s:enc:kms:v2:vault:")


async def test_a_failed_read_is_counted_with_the_code_of_its_call(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    async with controller(configure(file, by(kms)), config) as made:
        written = made.transformers.transformer_for(FLUNDERS).to_storage(b"{}", KEY)
    kms.failures["Decrypt"] = grpc.StatusCode.PERMISSION_DENIED, "not you"
    async with controller(configure(file, by(kms), {"identity": {}}), config) as made:
        transformer = made.transformers.transformer_for(FLUNDERS)
        for _ in range(2):
            with pytest.raises(DecryptionError, match="rpc error: code = PermissionDenied desc = not you"):
                await read(transformer, written)
    assert kms.calls["Decrypt"] == 1
    labels = {"resource": str(FLUNDERS), "transformation_type": "from_storage", "status": "PermissionDenied"}
    name = "apiserver_storage_transformation_operations_total"
    prefix = {"transformer_prefix": "k8s:enc:kms:v2:vault:"}
    assert config.metrics.collectors.get_sample_value(name, labels | prefix) == 2


async def test_a_provider_takes_over_from_another_one(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    async with following(configure(file, AESGCM, {"identity": {}}), config) as made:
        transformer = made.transformers.transformer_for(FLUNDERS)
        plain, old = b"{}", transformer.to_storage(b"{}", KEY)
        configure(file, by(kms), AESGCM, {"identity": {}})
        await until(lambda: reloads(config, "success") == 1)
        new = transformer.to_storage(b"{}", KEY)
        assert new.startswith(b"k8s:enc:kms:v2:vault:")
        assert await read(transformer, old) == (b"{}", True)
        assert await read(transformer, plain) == (b"{}", True)
        assert await read(transformer, new) == (b"{}", False)
        configure(file, by(kms))
        await until(lambda: reloads(config, "success") == 2)
        assert await read(transformer, new) == (b"{}", False), "another connection, the same key"
        with pytest.raises(DecryptionError, match="no matching prefix found"):
            await read(transformer, old)


async def test_a_file_whose_plugin_is_down_is_taken_over_when_it_is_up(
    file: Path, kms: FakeKMS, caplog: pytest.LogCaptureFixture
) -> None:
    config = new_config()
    kms.healthz = "bad"
    async with following(configure(file, AESGCM), config) as made:
        transformer = made.transformers.transformer_for(FLUNDERS)
        configure(file, by(kms, timeout="500ms"), AESGCM)
        await until(lambda: reloads(config, "failure") >= 2)
        assert reloads(config, "success") == 0
        assert transformer.to_storage(b"{}", KEY).startswith(b"k8s:enc:aesgcm:")
        await check_of(config).check({})
        assert "health check for new transformers failed: kms-provider-0: kmsv2 Provider vault is not" in caplog.text
        kms.healthz = "ok"
        await until(lambda: reloads(config, "success") == 1)
        assert transformer.to_storage(b"{}", KEY).startswith(b"k8s:enc:kms:v2:vault:")


async def test_another_change_ends_the_tries(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    kms.stop()
    async with following(configure(file, AESGCM), config) as made:
        configure(file, by(kms, timeout="100ms"), AESGCM)
        await until(lambda: reloads(config, "failure") >= 1)
        configure(file, {"identity": {}}, AESGCM)
        await until(lambda: reloads(config, "success") == 1)
        assert made.transformers.transformer_for(FLUNDERS).to_storage(b"{}", KEY) == b"{}"


async def test_what_was_in_use_is_closed_when_what_is_under_way_has_ended(file: Path, kms: FakeKMS) -> None:
    config = new_config()
    async with following(configure(file, by(kms, timeout="1s")), config) as made:
        (old,) = made._current.transformers.plugins
        written = made.transformers.transformer_for(FLUNDERS).to_storage(b"{}", KEY)
        prefix = b"k8s:enc:kms:v2:vault:"
        configure(file, by(kms), {"identity": {}})
        await until(lambda: reloads(config, "success") == 1)
        assert await read(old, written.removeprefix(prefix)) == (b"{}", False), "who had begun with it may end"
        await until(lambda: old._polling is not None and old._polling.done())
        assert (await read(made.transformers.transformer_for(FLUNDERS), written))[0] == b"{}"
