"""Resources in etcd clusters of their own: which, how many connections, which checks, and nothing left behind."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from examples.wardle import types
from examples.wardle.scheme import GROUP, new_scheme
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Scope
from genericapiserver.config import Config, ConfigError
from genericapiserver.options.etcd_overrides import Override, open_clusters, parse_overrides
from genericapiserver.options.storage import StorageFactory, StorageOptions
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.factory import EtcdConfig, StorageConfig
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.stored import metadata_attributes
from tests.options.fakes import new_config
from tests.support.etcd import EtcdProcess, needs_etcd, one_etcd

FLUNDERS, FISCHERS = GroupResource(GROUP, "flunders"), GroupResource(GROUP, "fischers")
SCOPE: Scope = {"type": "http"}


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[EtcdProcess, EtcdProcess]]:
    with one_etcd() as one, one_etcd() as other:
        yield one, other


def options(main: EtcdProcess, *overrides: str, **settings: Any) -> StorageOptions:
    return StorageOptions(
        prefix="/registry",
        serializer=CodecFactory(new_scheme()),
        backend="etcd3",
        etcd_servers=[main.url],
        etcd_servers_overrides=list(overrides),
        compaction_interval=0.0,
        **settings,
    )


def backend(config: Config, resource: GroupResource, object_type: type[Any]) -> StorageBackend[Any]:
    assert isinstance(config.rest_options_getter, StorageFactory)
    rest = config.rest_options_getter.get_rest_options(resource)
    return rest.open_backend(
        object_type=object_type, resource_prefix=rest.resource_prefix, attributes=metadata_attributes
    )


async def keys(member: EtcdProcess) -> list[bytes]:
    client = EtcdClient([member.url])
    try:
        response = await client.read("Range", messages.RangeRequest(key=b"/registry/", range_end=b"/registry0"))
        return [kv.key for kv in response.kvs]
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    ("text", "resource", "servers"),
    [
        ("/pods#http://a:1", GroupResource("", "pods"), ("http://a:1",)),
        ("apps/deployments#s2;s1", GroupResource("apps", "deployments"), ("s2", "s1")),
        ("/#http://a:1", GroupResource("", ""), ("http://a:1",)),
    ],
)
def test_an_override_names_a_resource_and_its_servers(
    text: str, resource: GroupResource, servers: tuple[str, ...]
) -> None:
    assert parse_overrides([text]) == [Override(resource, servers)]


@needs_etcd
async def test_a_resource_is_in_the_cluster_that_its_override_names(
    clusters: tuple[EtcdProcess, EtcdProcess],
) -> None:
    one, other = clusters
    config = new_config()
    await options(one, f"{FISCHERS.group}/fischers#{other.url}").apply_to(config)
    try:
        flunders, fischers = backend(config, FLUNDERS, types.Flunder), backend(config, FISCHERS, types.Fischer)
        flunder, fischer = types.Flunder(), types.Fischer()
        flunder.metadata.name = fischer.metadata.name = "a"
        before = await flunders.get_current_resource_version()
        for number in range(3):
            await fischers.create(f"/{GROUP}/fischers/{number}", fischer)
        assert await flunders.get_current_resource_version() == before
        await flunders.create(f"/{GROUP}/flunders/a", flunder)
        assert await keys(one) == [f"/registry/{GROUP}/flunders/a".encode()]
        assert await keys(other) == [f"/registry/{GROUP}/fischers/{number}".encode() for number in range(3)]
        page = generate_latest(config.metrics.collectors).decode()
        for number in range(2):
            assert f'apiserver_storage_size_bytes{{storage_cluster_id="etcd-{number}"}} ' in page
        assert [check.name for check in config.readyz_checks[2:]] == [
            "etcd",
            "etcd-readiness",
            "etcd-override-0",
            "etcd-override-readiness-0",
        ]
        assert [check.group for check in config.readyz_checks[2:]] == ["etcd", "etcd-readiness"] * 2
        for check in config.readyz_checks[2:]:
            await check.check(SCOPE)
    finally:
        await config.close()


@needs_etcd
async def test_equal_sets_of_servers_share_a_connection_and_a_check(clusters: tuple[EtcdProcess, EtcdProcess]) -> None:
    one, other = (member.url for member in clusters)
    config = StorageConfig(type="etcd3", compaction_interval=0.0, etcd=EtcdConfig(servers=[one]))
    texts = [f"a/a#{other}", f"b/b#{one};{other}", f"c/c#{other};{one}", f"d/d#{one}", f"e/e#{other}"]
    opened = await open_clusters(config, parse_overrides(texts), flag="etcd-servers")
    try:
        engines = [opened.of(GroupResource(letter, letter)) for letter in "abcdef"]
        assert engines[0] is engines[4]
        assert engines[1] is engines[2]
        assert engines[3] is engines[5] is opened.main
        assert len(opened.all) == 3
        assert opened.of_overrides == [engines[0], engines[1], engines[3]]
    finally:
        await opened.aclose()


@needs_etcd
async def test_a_cluster_that_cannot_be_opened_is_named_and_leaves_nothing_open(
    clusters: tuple[EtcdProcess, EtcdProcess],
) -> None:
    config = new_config()
    with pytest.raises(ConfigError, match=r"^--etcd-servers-overrides: nowhere: this is no URL of an etcd server"):
        await options(clusters[0], "/pods#nowhere").apply_to(config)
    assert config.cleanups == []


@needs_etcd
async def test_the_check_of_a_cluster_of_overrides_fails_alone(clusters: tuple[EtcdProcess, EtcdProcess]) -> None:
    with one_etcd() as third:
        config = new_config()
        await options(clusters[0], f"/pods#{third.url}", healthcheck_timeout=0.5).apply_to(config)
        try:
            third.kill()
            checks = {check.name: check for check in config.healthz_checks}
            with pytest.raises(Exception, match=r"^error getting data from etcd: "):
                await checks["etcd-override-0"].check(SCOPE)
            await checks["etcd"].check(SCOPE)
        finally:
            await config.close()
