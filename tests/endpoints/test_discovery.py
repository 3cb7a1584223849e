"""Discovery documents, golden (endpoints reference, section 14; server reference, section 3.5)."""

import hashlib
import json
from typing import Any

import pytest

from genericapiserver.apimachinery.meta import APIGroup, APIResource, GroupVersionForDiscovery
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.endpoints.discovery.addresses import CIDRRule, DefaultAddresses, client_address
from genericapiserver.endpoints.discovery.aggregated import APIVersionDiscovery, with_aggregated_discovery
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager, Priorities, Source
from genericapiserver.endpoints.discovery.conversion import to_resource_discovery
from genericapiserver.endpoints.discovery.groups import DiscoveryGroupManager
from genericapiserver.endpoints.discovery.legacy import legacy_handler
from genericapiserver.endpoints.discovery.version import storage_version_hash
from genericapiserver.endpoints.discovery.versions import kube_aware_key
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfo
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, DemoServer

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
BETA = AGGREGATED.replace("v=v2", "v=v2beta1")

ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


async def test_the_list_of_groups_has_no_api_version(client: ASGIClient) -> None:
    response = await client.get("/apis")
    assert response.json() == {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": GROUP,
                "versions": [
                    {"groupVersion": f"{GROUP}/v1", "version": "v1"},
                    {"groupVersion": f"{GROUP}/v1beta1", "version": "v1beta1"},
                ],
                "preferredVersion": {"groupVersion": f"{GROUP}/v1", "version": "v1"},
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "192.0.2.2:6443"}],
            }
        ],
    }
    assert (await client.get("/apis/")).body == response.body


async def test_a_group_names_no_addresses(client: ASGIClient) -> None:
    for path in (f"/apis/{GROUP}", f"/apis/{GROUP}/"):
        document = (await client.get(path)).json()
        assert list(document) == ["kind", "apiVersion", "name", "versions", "preferredVersion"]
        assert (document["kind"], document["apiVersion"], document["name"]) == ("APIGroup", "v1", GROUP)


async def test_a_version_lists_its_resources(client: ASGIClient) -> None:
    document = (await client.get(f"/apis/{GROUP}/v1")).json()
    assert document["kind"] == "APIResourceList"
    assert (document["apiVersion"], document["groupVersion"]) == ("v1", f"{GROUP}/v1")
    assert document["resources"] == [
        {
            "name": "gadgets",
            "singularName": "gadget",
            "namespaced": True,
            "kind": "Gadget",
            "verbs": ALL_VERBS,
            "shortNames": ["gd"],
            "categories": ["all"],
            "storageVersionHash": storage_version_hash(GroupVersionKind(GROUP, "v1", "Gadget")),
        },
        {"name": "gadgets/log", "singularName": "", "namespaced": True, "kind": "Gadget", "verbs": ["get"]},
        {"name": "gadgets/shell", "singularName": "", "namespaced": True, "kind": "Gadget", "verbs": ["create", "get"]},
        {
            "name": "gadgets/status",
            "singularName": "",
            "namespaced": True,
            "kind": "Gadget",
            "verbs": ["get", "patch", "update"],
        },
        {
            "name": "racks",
            "singularName": "rack",
            "namespaced": False,
            "kind": "Rack",
            "verbs": ALL_VERBS,
            "storageVersionHash": storage_version_hash(GroupVersionKind(GROUP, "v1", "Rack")),
        },
    ]


@pytest.mark.parametrize(
    ("version", "kind", "expected"),
    [
        ("v1alpha1", "Flunder", "UHqNx5H3K7A="),
        ("v1alpha1", "Fischer", "YS5qRiSxzNM="),
        ("v1beta1", "Flunder", "q8yDPI7eCYE="),
    ],
)
def test_storage_version_hashes(version: str, kind: str, expected: str) -> None:
    assert storage_version_hash(GroupVersionKind("wardle.example.com", version, kind)) == expected


@pytest.mark.parametrize(
    ("accept", "status", "content_type"),
    [
        ("", 200, "application/json"),
        ("application/yaml", 200, "application/yaml"),
        (f"{AGGREGATED},{BETA},application/json", 200, AGGREGATED),
        (f"application/json,{AGGREGATED};q=0.1", 200, AGGREGATED),
        (AGGREGATED.replace("json", "yaml"), 200, AGGREGATED.replace("json", "yaml")),
        (BETA, 406, "application/json"),
        (f"{BETA},application/json", 200, "application/json"),
    ],
)
async def test_the_root_negotiates(client: ASGIClient, accept: str, status: int, content_type: str) -> None:
    response = await client.get("/apis", **({"accept": accept} if accept else {}))
    assert (response.status, response.headers["content-type"]) == (status, content_type)
    if status == 406:
        assert response.json()["message"] == (
            "only the following media types are accepted: application/json, application/yaml"
        )


async def test_a_group_is_never_aggregated(client: ASGIClient) -> None:
    assert (await client.get(f"/apis/{GROUP}", accept=AGGREGATED)).status == 406


async def test_everything_in_one_document(client: ASGIClient) -> None:
    response = await client.get("/apis", accept=AGGREGATED)
    document = response.json()
    assert (document["kind"], document["apiVersion"], document["metadata"]) == (
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
        {},
    )
    (group,) = document["items"]
    assert group["metadata"] == {"name": GROUP}
    assert [(version["version"], version["freshness"]) for version in group["versions"]] == [
        ("v1", "Current"),
        ("v1beta1", "Current"),
    ]
    gadgets, racks = group["versions"][0]["resources"]
    assert {key: value for key, value in gadgets.items() if key != "subresources"} == {
        "resource": "gadgets",
        "responseKind": {"group": "", "version": "", "kind": "Gadget"},
        "scope": "Namespaced",
        "singularResource": "gadget",
        "verbs": ALL_VERBS,
        "shortNames": ["gd"],
        "categories": ["all"],
    }
    assert [each["subresource"] for each in gadgets["subresources"]] == ["log", "shell", "status"]
    assert gadgets["subresources"][2] == {
        "subresource": "status",
        "responseKind": {"group": "", "version": "", "kind": "Gadget"},
        "verbs": ["get", "patch", "update"],
    }
    assert racks["scope"] == "Cluster"


async def test_the_aggregated_document_has_an_etag(server: DemoServer) -> None:
    client = server.client
    response = await client.get("/apis", accept=AGGREGATED)
    tag = response.headers["etag"]
    assert tag == f'"{hashlib.sha512(response.body.rstrip()).hexdigest().upper()}"'
    assert (response.headers["vary"], response.headers["cache-control"]) == ("Accept", "public")

    same = await client.get("/apis", accept=AGGREGATED, if_none_match=tag)
    assert (same.status, same.body) == (304, b"")
    assert (same.headers["etag"], same.headers["vary"], same.headers["cache-control"]) == (tag, "Accept", "public")
    for other in (f"W/{tag}", f"{tag}, {tag}", "*", tag.lower()):
        assert (await client.get("/apis", accept=AGGREGATED, if_none_match=other)).status == 200
    yaml = await client.get("/apis", accept=AGGREGATED.replace("json", "yaml"))
    assert yaml.headers["etag"] == tag

    server.aggregated.remove_group(GROUP)
    emptied = await client.get("/apis", accept=AGGREGATED, if_none_match=tag)
    assert (emptied.status, emptied.json()["items"]) == (200, [])


async def test_documents_are_indented_for_people(client: ASGIClient) -> None:
    assert (await client.get("/apis", user_agent="curl/8")).body.startswith(b'{\n  "kind": "APIGroupList"')
    assert (await client.get("/apis", user_agent="curl/8", accept=AGGREGATED)).body.startswith(b'{\n  "kind"')


def group_named(name: str, version: str = "v1") -> APIGroup:
    only = GroupVersionForDiscovery(group_version=f"{name}/{version}", version=version)
    return APIGroup(name=name, versions=[only], preferred_version=only)


async def test_groups_keep_the_place_they_got_first(server: DemoServer) -> None:
    async def names() -> list[str]:
        return [group["name"] for group in (await server.client.get("/apis")).json()["groups"]]

    server.groups.add_group(group_named("a"))
    server.groups.add_group(group_named("b"))
    assert await names() == [GROUP, "a", "b"]
    server.groups.add_group(group_named("a", "v2"))
    assert await names() == [GROUP, "a", "b"]
    assert server.groups.groups[1].versions[0].version == "v2"
    server.groups.remove_group(GROUP)
    server.groups.remove_group("unknown")
    assert await names() == ["a", "b"]


def test_clients_of_a_network_get_its_address() -> None:
    addresses = DefaultAddresses("public:443", [CIDRRule("10.0.0.0/8", "inner:443"), CIDRRule("bad", "never:443")])
    manager = DiscoveryGroupManager(addresses)
    manager.add_group(group_named("a"))
    for client, expected in (
        ("10.1.2.3", ["public:443", "inner:443"]),
        ("192.0.2.1", ["public:443"]),
        ("", ["public:443"]),
    ):
        (group,) = manager.group_list(client).groups
        assert [each.server_address for each in group.server_address_by_client_cidrs] == expected


@pytest.mark.parametrize(
    ("headers", "peer", "address"),
    [
        ([], ("192.0.2.1", 1), "192.0.2.1"),
        ([(b"x-forwarded-for", b"198.51.100.7, 192.0.2.9")], ("192.0.2.1", 1), "198.51.100.7"),
        ([(b"x-forwarded-for", b"nonsense, 192.0.2.9")], ("192.0.2.1", 1), "192.0.2.9"),
        ([(b"x-real-ip", b"198.51.100.8")], ("192.0.2.1", 1), "198.51.100.8"),
        ([], None, ""),
    ],
)
def test_where_a_client_is(headers: list[tuple[bytes, bytes]], peer: Any, address: str) -> None:
    assert client_address({"headers": headers, "client": peer}) == address


async def test_the_document_is_served_as_the_beta_where_that_is_left_on(server: DemoServer) -> None:
    def put_context(scope: Any) -> None:
        scope[CONTEXT_KEY] = RequestContext(request_info=RequestInfo())

    plain = legacy_handler(DefaultAddresses("x:1"), server.writer)
    handler = with_aggregated_discovery(plain, server.aggregated, server.writer, beta=True)
    client = ASGIClient(handler, prepare=put_context)
    old, new = await client.get("/apis", accept=BETA), await client.get("/apis", accept=f"{AGGREGATED},{BETA}")
    assert (old.headers["content-type"], new.headers["content-type"]) == (BETA, AGGREGATED)
    assert old.json()["apiVersion"] == "apidiscovery.k8s.io/v2beta1"
    assert old.json()["items"] == new.json()["items"]
    assert old.headers["etag"] != new.headers["etag"]


async def test_the_legacy_root_always_says_v1(server: DemoServer) -> None:
    def put_context(scope: Any) -> None:
        scope[CONTEXT_KEY] = RequestContext(request_info=RequestInfo())

    handler = legacy_handler(DefaultAddresses("x:1"), server.writer)
    assert (await ASGIClient(handler, prepare=put_context).get("/api")).json() == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "x:1"}],
    }


def test_versions_are_ordered_by_stage_and_number() -> None:
    versions = ["foo", "v1alpha1", "v2beta1", "v1", "v1beta2", "v10", "bar", "v2", "v2alpha1", "v10beta3"]
    assert sorted(versions, key=kube_aware_key) == [
        "v10",
        "v2",
        "v1",
        "v10beta3",
        "v2beta1",
        "v1beta2",
        "v2alpha1",
        "v1alpha1",
        "bar",
        "foo",
    ]


def test_priorities_come_before_names() -> None:
    manager = AggregatedDiscoveryManager()
    for group, version in (("b", "v1"), ("a", "v1"), ("c", "v1"), ("c", "v2"), ("c", "v1beta1")):
        manager.add_group_version(group, APIVersionDiscovery(version=version))
    manager.set_priority(GroupVersion("c", "v1beta1"), Priorities(group=2000, version=20))

    def shown() -> list[tuple[str, list[str]]]:
        return [(group.metadata.name, [each.version for each in group.versions]) for group in manager.document().items]

    assert shown() == [("c", ["v1beta1", "v2", "v1"]), ("a", ["v1"]), ("b", ["v1"])]
    manager.remove_group_version(GroupVersion("c", "v1beta1"))
    manager.remove_group_version(GroupVersion("c", "v9"))
    manager.remove_group_version(GroupVersion("a", "v1"))
    manager.remove_group("nobody")
    assert shown() == [("b", ["v1"]), ("c", ["v2", "v1"])]


def test_of_a_version_in_two_sources_the_lower_one_counts_and_versions_of_several_are_united() -> None:
    builtin = AggregatedDiscoveryManager()
    aggregator, custom = builtin.with_source(Source.AGGREGATOR), builtin.with_source(Source.CUSTOM_RESOURCES)
    group = "fridge.example.com"
    custom.add_group_version(group, APIVersionDiscovery(version="v1", freshness="custom"))
    custom.add_group_version(group, APIVersionDiscovery(version="v1beta1", freshness="custom"))
    builtin.add_group_version(group, APIVersionDiscovery(version="v1", freshness="built in"))
    aggregator.add_group_version(group, APIVersionDiscovery(version="v2", freshness="aggregator"))

    def shown() -> dict[str, str]:
        return {each.version: each.freshness for found in builtin.document().items for each in found.versions}

    assert shown() == {"v2": "aggregator", "v1": "built in", "v1beta1": "custom"}
    assert list(shown()) == ["v2", "v1", "v1beta1"]
    aggregator.add_group_version(group, APIVersionDiscovery(version="v1", freshness="aggregator"))
    assert shown()["v1"] == "aggregator"
    aggregator.remove_group_version(GroupVersion(group, "v1"))
    assert shown()["v1"] == "built in"
    builtin.remove_group(group)
    assert shown() == {"v2": "aggregator", "v1": "custom", "v1beta1": "custom"}


def test_the_priority_of_a_version_is_that_of_the_source_it_comes_from() -> None:
    builtin = AggregatedDiscoveryManager()
    aggregator = builtin.with_source(Source.AGGREGATOR)
    builtin.set_priority(GroupVersion("a", "v1"), Priorities(group=3000))
    for manager, name in ((aggregator, "a"), (builtin, "a"), (builtin, "b")):
        manager.add_group_version(name, APIVersionDiscovery(version="v1"))
    aggregator.set_priority(GroupVersion("a", "v1"), Priorities(group=10))
    assert [group.metadata.name for group in builtin.document().items] == ["b", "a"]
    aggregator.remove_group_version(GroupVersion("a", "v1"))
    assert [group.metadata.name for group in builtin.document().items] == ["a", "b"]


def test_a_change_that_changes_nothing_makes_no_new_document() -> None:
    counted: list[None] = []
    manager = AggregatedDiscoveryManager(on_aggregation=lambda: counted.append(None))
    for _ in range(3):
        manager.add_group_version("a", APIVersionDiscovery(version="v1"))
        manager.set_priority(GroupVersion("a", "v1"), Priorities(group=5))
        manager.document()
    assert (len(counted), manager.generation) == (1, 2)


def resource(name: str, *, namespaced: bool = True, kind: str = "Foo") -> APIResource:
    return APIResource(name=name, singular_name="", namespaced=namespaced, kind=kind, verbs=["get"])


def test_a_subresource_without_its_resource_makes_an_entry_without_kind() -> None:
    (entry,) = to_resource_discovery([resource("foos/scale", kind="Scale")])
    assert (entry.resource, entry.response_kind.kind if entry.response_kind else None, entry.verbs) == ("foos", "", [])
    assert [each.subresource for each in entry.subresources] == ["scale"]
    (complete,) = to_resource_discovery([resource("foos/scale", kind="Scale"), resource("foos")])
    assert complete.verbs == ["get"]
    assert [each.subresource for each in complete.subresources] == ["scale"]


@pytest.mark.parametrize("order", [("foos", "foos/status"), ("foos/status", "foos")])
def test_a_subresource_lives_where_its_resource_does(order: tuple[str, str]) -> None:
    resources = [resource(name, namespaced="/" in name) for name in order]
    with pytest.raises(ValueError, match="scope mismatch"):
        to_resource_discovery(resources)


def test_documents_are_json_without_surprises(server: DemoServer) -> None:
    for installed in server.installed:
        encoded = server.codec.encode(installed.document, GroupVersionKind("", "v1", "APIResourceList"))
        assert json.loads(encoded)["groupVersion"] == str(installed.group_version)
