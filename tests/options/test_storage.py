"""StorageOptions: what is opened, what is closed again, and what is said when a store cannot be opened."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from examples.wardle import types, v1alpha1
from examples.wardle.scheme import GROUP, new_scheme
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Scope
from genericapiserver.config import Config, ConfigError
from genericapiserver.healthz import HealthChecker, HealthCheckError
from genericapiserver.options.storage import StorageFactory, StorageOptions
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import metadata_attributes
from tests.options.fakes import new_config
from tests.support.etcd import needs_etcd, one_etcd

SERIALIZER = CodecFactory(new_scheme())
FLUNDERS, FISCHERS = GroupResource(GROUP, "flunders"), GroupResource(GROUP, "fischers")


def options(**settings: Any) -> StorageOptions:
    return StorageOptions(prefix="/registry", serializer=SERIALIZER, **settings)


@asynccontextmanager
async def applied(options: StorageOptions) -> AsyncIterator[Config]:
    config = new_config()
    await options.apply_to(config)
    try:
        yield config
    finally:
        await config.close()


def factory(config: Config) -> StorageFactory:
    assert isinstance(config.rest_options_getter, StorageFactory)
    return config.rest_options_getter


def check(checks: list[HealthChecker], name: str) -> HealthChecker:
    return next(check for check in checks if check.name == name)


async def test_a_file_is_made_with_its_folders_and_closed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "objects.db"
    async with applied(options(path=str(path))):
        assert path.exists()
        with pytest.raises(ConfigError) as caught:
            await options(path=str(path)).apply_to(new_config())
        assert str(caught.value) == (
            f"--storage-path: {path}: another process has it open. Stop that process, or choose another path"
        )
    assert not any(thread.name.startswith("sqlite") for thread in threading.enumerate())
    async with applied(options(path=str(path))):
        pass


async def test_memory_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with applied(options(backend="memory")):
        assert os.listdir() == []


def spoil(path: Path, how: str) -> None:
    if how == "is a folder":
        path.mkdir()
    elif how == "lies below a file":
        path.parent.touch()
    else:
        path.write_bytes(b"no database at all" * 1000)


@pytest.mark.parametrize(
    ("how", "place", "problem"),
    [
        ("is a folder", "objects.db", "it is not a regular file. Choose another path"),
        ("lies below a file", "file/objects.db", "it cannot be created: "),
        ("is damaged", "objects.db", "it is damaged or no database"),
    ],
)
async def test_a_store_that_cannot_be_opened(how: str, place: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / place
    spoil(path, how)
    config = new_config()
    with pytest.raises(ConfigError) as caught:
        await options(path=str(path)).apply_to(config)
    assert str(caught.value).startswith(f"--storage-path: {path}: {problem}")
    assert "\n" not in str(caught.value)
    assert config.cleanups == []
    assert not any(thread.name.startswith("sqlite") for thread in threading.enumerate())


async def test_checks_are_on_all_pages_but_readiness_on_its_own() -> None:
    async with applied(options(backend="memory")) as config:
        pages = [[check.name for check in checks] for checks in (config.healthz_checks, config.livez_checks)]
        assert pages == [["ping", "log", "etcd"]] * 2
        assert [(check.name, check.group) for check in config.readyz_checks[2:]] == [
            ("etcd", "etcd"),
            ("etcd-readiness", "etcd-readiness"),
        ]


async def test_checks_can_be_left_out() -> None:
    async with applied(options(backend="memory", skip_health_endpoints=True)) as config:
        assert [check.name for check in config.readyz_checks] == ["ping", "log"]


async def test_checks_pass_until_the_store_is_closed() -> None:
    """The last answer is repeated for half of the timeout; without a timeout every answer is new."""
    scope: Scope = {"type": "http"}
    async with applied(options(backend="memory", healthcheck_timeout=0.0)) as fresh:
        pass
    with pytest.raises(Exception, match=r"^server is shutting down$"):
        await check(fresh.healthz_checks, "etcd").check(scope)
    async with applied(options(backend="memory")) as config:
        await check(config.healthz_checks, "etcd").check(scope)
    await check(config.healthz_checks, "etcd").check(scope)


@pytest.mark.parametrize(
    ("setting", "name"), [("healthcheck_timeout", "etcd"), ("readycheck_timeout", "etcd-readiness")]
)
async def test_a_check_does_not_wait_for_ever(setting: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(self: StorageEngine) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(MemoryEngine, "check", hang)
    async with applied(options(backend="memory", **{setting: 0.001})) as config:
        with pytest.raises(Exception, match=r"^error getting data from etcd: context deadline exceeded$"):
            await check(config.readyz_checks, name).check({"type": "http"})


def backend_of(config: Config, resource: GroupResource) -> Any:
    rest = factory(config).get_rest_options(resource)
    return rest.open_backend(
        object_type=types.Flunder if resource == FLUNDERS else types.Fischer,
        resource_prefix=rest.resource_prefix,
        attributes=metadata_attributes,
    )


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, (Cacher, Cacher)),
        ({"watch_cache": False}, (Store, Store)),
        ({"watch_cache_sizes": [f"flunders.{GROUP}#0"]}, (Store, Cacher)),
        ({"watch_cache_sizes": [f"flunders.{GROUP}#17", "flunders#0"]}, (Cacher, Cacher)),
    ],
)
async def test_the_watch_cache_is_on_unless_its_size_is_0(settings: dict[str, Any], kinds: tuple[type, type]) -> None:
    stored = options(backend="memory", storage_versions=[v1alpha1.GROUP_VERSION], **settings)
    async with applied(stored) as config:
        assert (type(backend_of(config, FLUNDERS)), type(backend_of(config, FISCHERS))) == kinds


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ("flunders", "invalid value of watch cache size: flunders"),
        ("flunders#1#2", "invalid value of watch cache size: flunders#1#2"),
        ("flunders#many", "invalid size of watch cache size: flunders#many"),
        ("flunders#-1", "watch cache size cannot be negative: flunders#-1"),
    ],
)
async def test_bad_watch_cache_sizes(size: str, problem: str) -> None:
    config = new_config()
    with pytest.raises(ConfigError) as caught:
        await options(backend="memory", watch_cache_sizes=[size]).apply_to(config)
    assert str(caught.value) == problem
    assert config.cleanups == []


async def test_resources_are_stored_in_the_version_of_their_group() -> None:
    settings = options(backend="memory", enable_garbage_collection=False, delete_collection_workers=3)
    async with applied(settings) as config:
        rest = factory(config).get_rest_options(FLUNDERS)
        assert rest.resource_prefix == f"/{GROUP}/flunders"
        assert str(rest.storage_version) == f"{GROUP}/v1beta1"
        assert (rest.enable_garbage_collection, rest.delete_collection_workers) == (False, 3)
    async with applied(options(backend="memory", storage_versions=[v1alpha1.GROUP_VERSION])) as config:
        assert str(factory(config).get_rest_options(FLUNDERS).storage_version) == f"{GROUP}/v1alpha1"
        with pytest.raises(ConfigError, match=r'^group "apps" is not registered in scheme$'):
            factory(config).get_rest_options(GroupResource("apps", "deployments"))


async def test_how_often_objects_are_counted() -> None:
    async with applied(options(backend="memory", count_metric_poll_period=0.0)) as config:
        assert config.object_count_period == 0.0


async def test_files_that_lag_behind_are_counted(tmp_path: Path) -> None:
    async with applied(options(backend="file", path=str(tmp_path / "objects"))) as config:
        assert config.storage_engine is not None
        await config.storage_engine.put(b"/registry/r/a", b'{"metadata":{}}', expect_rev=0)
        page = generate_latest(config.metrics.collectors).decode()
        assert "apiserver_storage_object_file_failures_total 0.0" in page
        assert "apiserver_storage_object_files_pending " in page
        assert 'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} ' in page


@needs_etcd
async def test_a_cluster_of_etcd_is_opened_checked_and_measured() -> None:
    scope: Scope = {"type": "http"}
    with one_etcd() as member:
        async with applied(options(backend="etcd3", etcd_servers=[member.url], healthcheck_timeout=0.5)) as config:
            assert config.storage_engine is not None
            for ttl in (1.0, 100.0):
                key = b"/registry/r/%d" % ttl
                assert (await config.storage_engine.put(key, b'{"metadata":{}}', expect_rev=0, ttl=ttl)).ok
            page = generate_latest(config.metrics.collectors).decode()
            assert 'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} ' in page
            assert "etcd_lease_object_counts_count 1.0" in page
            await check(config.readyz_checks, "etcd-readiness").check(scope)
            member.kill()
            with pytest.raises(Exception, match=r"^error getting data from etcd: "):
                await check(config.healthz_checks, "etcd").check(scope)


async def test_servers_of_etcd_that_cannot_be_any_are_named_with_their_flag() -> None:
    with pytest.raises(ConfigError, match=r"^--etcd-servers: nowhere: this is no URL of an etcd server"):
        await options(backend="etcd3", etcd_servers=["nowhere"]).apply_to(new_config())


async def test_a_folder_of_files_has_a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with applied(options(backend="file")):
        assert sorted(os.listdir("apiserver.local.config/objects")) == [".lock", "journal"]
        with pytest.raises(ConfigError, match="another process has it open"):
            await options(backend="file").apply_to(new_config())


async def test_the_check_of_a_folder_that_is_gone_fails(tmp_path: Path) -> None:
    scope: Scope = {"type": "http"}
    async with applied(options(backend="file", path=str(tmp_path / "objects"), healthcheck_timeout=5.0)) as config:
        shutil.rmtree(tmp_path / "objects")
        with pytest.raises(HealthCheckError, match="the journal cannot be written"):
            await check(config.readyz_checks, "etcd").check(scope)
