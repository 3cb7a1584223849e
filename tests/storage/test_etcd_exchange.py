"""One etcd with a Go server: what it has left there is read and taken over, what cannot be is named and left alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import core_v1, rbac_v1
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, new_scheme
from genericapiserver.options.storage import StorageOptions
from genericapiserver.registry.generic.kubernetes_keys import kubernetes_resource_prefix
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.factory import object_form
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import metadata_attributes
from tests.options.fakes import new_config
from tests.support.etcd import EtcdProcess, FreshEtcds, needs_etcd
from tests.support.protobuf import enveloped, put

pytestmark = needs_etcd
SCHEME: Scheme = new_scheme((*KINDS, *FURTHER_KINDS))
FORM = object_form(CodecFactory(SCHEME).storage_codec(GroupVersion("", "v1"), core_v1.ConfigMap), core_v1.ConfigMap)
KEY = b"/registry/configmaps/ns/x"
PROTOBUF = enveloped(
    "v1", "ConfigMap", put(1, put(1, "x"), put(3, "ns"), put(5, "u")) + put(2, put(1, "k"), put(2, "v"))
)
JSON = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"ns","uid":"u"},"data":{"k":"v"}}\n'
FOREIGN = enveloped("example.com/v1", "Widget", put(1, put(1, "x")))


async def unchanged(found: Any, meta: Any) -> tuple[Any, int | None]:
    return found.object(), None


@pytest.fixture
def member(fresh_etcds: FreshEtcds) -> Iterator[EtcdProcess]:
    with fresh_etcds.take() as member:
        yield member


class World:
    """A store of config maps, and the cluster as others see it."""

    def __init__(self, engine: EtcdEngine, client: EtcdClient) -> None:
        self.store: Store[Any] = Store(engine, form=FORM, resource_prefix="/configmaps")
        self.client = client

    async def go_writes(self, value: bytes) -> None:
        operation = messages.RequestOp(request_put=messages.PutRequest(key=KEY, value=value))
        await self.client.write("Txn", messages.TxnRequest(success=[operation]))

    async def go_reads(self) -> bytes:
        response = await self.client.read("Range", messages.RangeRequest(key=KEY))
        return bytes(response.kvs[0].value)


@pytest.fixture
async def world(member: EtcdProcess) -> Any:
    engine = await EtcdEngine.open([member.url], compaction_interval=0)
    client = EtcdClient([member.url])
    yield World(engine, client)
    await client.aclose()
    await engine.aclose()


async def test_an_object_in_protobuf_is_read_and_becomes_json_when_it_is_written_again(world: World) -> None:
    await world.go_writes(PROTOBUF)
    for backend in (world.store, Cacher(world.store)):
        stored = await backend.get("/configmaps/ns/x")
        assert (stored.shared.data, stored.shared.metadata.uid) == ({"k": "v"}, "u")
        listed = await backend.get_list("/configmaps", ListOptions(recursive=True))
        assert [item.shared.metadata.name for item in listed.items] == ["x"]
    assert await world.go_reads() == PROTOBUF
    # Nothing is changed, and written all the same: what stands there is not what would be written.
    await world.store.guaranteed_update("/configmaps/ns/x", unchanged)
    assert await world.go_reads() == JSON


async def test_an_object_of_ours_is_what_a_go_server_would_have_written(world: World) -> None:
    config_map = core_v1.ConfigMap(data={"k": "v"})
    config_map.metadata.name, config_map.metadata.namespace, config_map.metadata.uid = "x", "ns", "u"
    await world.store.create("/configmaps/ns/x", config_map)
    assert await world.go_reads() == JSON


async def test_a_kind_that_is_not_known_is_named_with_its_key_and_left_alone(world: World) -> None:
    await world.go_writes(FOREIGN)
    said = r'no kind "Widget" is registered for version "example.com/v1"'
    for backend in (world.store, Cacher(world.store)):
        with pytest.raises(CorruptObjectError, match=said) as caught:
            (await backend.get("/configmaps/ns/x")).shared  # noqa: B018 - it is decoded when it is looked at
        assert "/configmaps/ns/x" in str(caught.value)
        listed = await backend.get_list("/configmaps", ListOptions(recursive=True))
        with pytest.raises(CorruptObjectError, match=said):
            listed.items[0].shared  # noqa: B018
    with pytest.raises(CorruptObjectError, match=said):
        await world.store.guaranteed_update("/configmaps/ns/x", unchanged)
    with pytest.raises(CorruptObjectError, match=said):
        await world.store.delete("/configmaps/ns/x")
    assert await world.go_reads() == FOREIGN


@pytest.mark.parametrize(
    ("group", "resource", "place"),
    [
        ("", "configmaps", "/configmaps"),
        ("", "services", "/services/specs"),
        ("", "endpoints", "/services/endpoints"),
        ("", "nodes", "/minions"),
        ("", "replicationcontrollers", "/controllers"),
        ("apps", "deployments", "/deployments"),
        ("rbac.authorization.k8s.io", "clusterroles", "/clusterroles"),
        ("coordination.k8s.io", "leases", "/leases"),
        ("networking.k8s.io", "ingresses", "/ingress"),
        ("apiregistration.k8s.io", "apiservices", "/apiregistration.k8s.io/apiservices"),
        ("apiextensions.k8s.io", "customresourcedefinitions", "/apiextensions.k8s.io/customresourcedefinitions"),
        ("stable.example.com", "crontabs", "/stable.example.com/crontabs"),
        ("gateway.networking.k8s.io", "gateways", "/gateway.networking.k8s.io/gateways"),
    ],
)
def test_kube_apiserver_leaves_the_group_of_its_own_kinds_out_of_keys(group: str, resource: str, place: str) -> None:
    assert kubernetes_resource_prefix(GroupResource(group, resource)) == place


async def test_a_directory_of_kube_apiserver_is_taken_over(member: EtcdProcess) -> None:
    config = new_config()
    options = StorageOptions(
        prefix="/registry",
        serializer=CodecFactory(SCHEME),
        backend="etcd3",
        etcd_servers=[member.url],
        resource_prefix=kubernetes_resource_prefix,
    )
    assert options.validate() == []
    client = EtcdClient([member.url])
    message = put(1, put(1, "reader"), put(3, "ns")) + put(2, put(1, "get"), put(2, ""), put(3, "pods"))
    value = enveloped("rbac.authorization.k8s.io/v1", "Role", message)
    operation = messages.RequestOp(request_put=messages.PutRequest(key=b"/registry/roles/ns/reader", value=value))
    await client.write("Txn", messages.TxnRequest(success=[operation]))
    await options.apply_to(config)
    try:
        assert config.rest_options_getter is not None
        rest = config.rest_options_getter.get_rest_options(GroupResource("rbac.authorization.k8s.io", "roles"))
        backend = rest.open_backend(
            object_type=rbac_v1.Role, resource_prefix=rest.resource_prefix, attributes=metadata_attributes
        )
        listed = await backend.get_list(rest.resource_prefix, ListOptions(recursive=True))
        assert [(item.shared.metadata.name, item.shared.rules[0].verbs) for item in listed.items] == [
            ("reader", ["get"])
        ]
    finally:
        await config.close()
        await client.aclose()
