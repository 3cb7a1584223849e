"""Installing API groups: what is served then, and what is refused before anything is."""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from examples.wardle import types, v1alpha1, v1beta1
from examples.wardle.scheme import GROUP, new_scheme
from examples.wardle.strategy import FlunderStrategy
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.config import Config
from genericapiserver.group_installer import APIGroupError
from genericapiserver.options.storage import StorageOptions
from genericapiserver.registry.generic.options import store_for
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_config
from tests.support.asgi_client import ASGIClient

SCHEME = new_scheme()
SERIALIZER = CodecFactory(SCHEME)


@pytest.fixture
async def config() -> AsyncIterator[Config]:
    """A configuration with storage in memory."""
    config = new_config()
    await StorageOptions(prefix="/registry", serializer=SERIALIZER, backend="memory").apply_to(config)
    yield config
    await config.close()


def flunders(config: Config) -> RESTStorage:
    assert config.rest_options_getter is not None
    return store_for(
        config.rest_options_getter,
        object_type=types.Flunder,
        qualified_resource=GroupResource(GROUP, "flunders"),
        singular_name="flunder",
        strategy=FlunderStrategy(SCHEME),
    )


def group(**versions: dict[str, RESTStorage]) -> APIGroupInfo:
    info = APIGroupInfo.for_group(GROUP, scheme=SCHEME, serializer=SERIALIZER)
    info.versioned_resources_storage.update(versions)
    return info


def new_server(config: Config) -> GenericAPIServer:
    return config.complete().new("test")


def test_a_group_has_the_versions_of_its_scheme_in_their_order() -> None:
    info = APIGroupInfo.for_group(GROUP, scheme=SCHEME)
    assert list(info.prioritized_versions) == [v1beta1.GROUP_VERSION, v1alpha1.GROUP_VERSION]
    assert info.serializer.scheme is SCHEME
    assert info.versioned_resources_storage == {}
    assert not APIGroupInfo.for_group("nobody.example.com", scheme=SCHEME).prioritized_versions


async def test_documents_name_what_is_served(config: Config) -> None:
    server = new_server(config)
    store = flunders(config)
    server.install_api_group(group(v1alpha1={"flunders": store}, v1beta1={"flunders": store}))
    client = ASGIClient(server)
    served = [{"groupVersion": f"{GROUP}/{name}", "version": name} for name in ("v1beta1", "v1alpha1")]
    document = (await client.get(f"/apis/{GROUP}")).json()
    assert (document["kind"], document["apiVersion"], document["name"]) == ("APIGroup", "v1", GROUP)
    assert (document["versions"], document["preferredVersion"]) == (served, served[0])
    assert "serverAddressByClientCIDRs" not in document
    (listed,) = (await client.get("/apis")).json()["groups"]
    assert listed["serverAddressByClientCIDRs"] == [{"clientCIDR": "0.0.0.0/0", "serverAddress": "localhost:443"}]
    (resource,) = (await client.get(f"/apis/{GROUP}/v1alpha1")).json()["resources"]
    assert (resource["name"], resource["singularName"], resource["kind"]) == ("flunders", "flunder", "Flunder")
    assert resource["verbs"] == ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


async def test_a_version_without_resources_is_skipped_and_may_still_be_preferred(config: Config) -> None:
    server = new_server(config)
    server.install_api_group(group(v1alpha1={"flunders": flunders(config)}))
    client = ASGIClient(server)
    document = (await client.get(f"/apis/{GROUP}")).json()
    assert [version["version"] for version in document["versions"]] == ["v1alpha1"]
    assert document["preferredVersion"]["version"] == "v1beta1"
    assert (await client.get(f"/apis/{GROUP}/v1beta1")).status == 404


async def test_a_group_claims_all_its_versions(config: Config) -> None:
    delegate = new_config().complete().new("delegate")

    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the delegate was asked")

    delegate.handler.non_api_mux.handle(f"/apis/{GROUP}/v9", never)
    outer = config.complete().new("outer", delegate)
    outer.install_api_group(group(v1alpha1={"flunders": flunders(config)}))
    response = await ASGIClient(outer).get(f"/apis/{GROUP}/v9")
    assert (response.status, response.json()["message"]) == (404, "the server could not find the requested resource")


async def test_a_resource_without_verbs_has_an_empty_list(config: Config) -> None:
    class Inert:
        object_type = types.Flunder
        list_type = None
        namespace_scoped = True
        singular_name = "flunder"

    server = new_server(config)
    server.install_api_group(group(v1alpha1={"flunders": Inert()}))  # type: ignore[dict-item]
    (resource,) = (await ASGIClient(server).get(f"/apis/{GROUP}/v1alpha1")).json()["resources"]
    assert resource["verbs"] == []


async def test_what_is_stored_is_served(config: Config) -> None:
    server = new_server(config)
    server.install_api_group(group(v1alpha1={"flunders": flunders(config)}))
    client = ASGIClient(server)
    path = f"/apis/{GROUP}/v1alpha1/namespaces/default/flunders"
    created = await client.request("POST", path, body={"metadata": {"name": "one"}})
    assert created.status == 201
    assert (await client.get(f"{path}/one")).json()["metadata"]["uid"] == created.json()["metadata"]["uid"]
    loopback = await config.new_loopback_transport().request("GET", f"{path}/one")
    assert loopback.status == 200


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"prioritized_versions": ()}, "no version priority set for "),
        (
            {"prioritized_versions": (GroupVersion("", "v1"),)},
            "cannot register handler with an empty group for ",
        ),
        (
            {"prioritized_versions": (GroupVersion(GROUP, ""),)},
            "cannot register handler with an empty version for ",
        ),
    ],
)
async def test_a_group_needs_a_name_and_versions(settings: dict[str, Any], problem: str, config: Config) -> None:
    good, bad = group(v1alpha1={"flunders": flunders(config)}), attrs.evolve(group(), **settings)
    server = new_server(config)
    before = server.listed_paths
    with pytest.raises(APIGroupError) as caught:
        server.install_api_groups(good, bad)
    assert str(caught.value) == problem + bad.describe()
    assert server.listed_paths == before, "the good one is not installed either"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Flunders", 'resource names must be lowercase only, not "Flunders"'),
        (
            "a/b/c",
            f"unable to setup API {GROUP}/v1alpha1: error in registering resource: "
            "a/b/c, api_installer allows only one or two segment paths (resource or resource/subresource)",
        ),
        (
            "nobody/status",
            f"unable to setup API {GROUP}/v1alpha1: error in registering resource: "
            'nobody/status, missing parent storage: "nobody"',
        ),
    ],
)
async def test_resources_need_names_that_fit(name: str, problem: str, config: Config) -> None:
    server = new_server(config)
    before = server.listed_paths
    with pytest.raises(APIGroupError) as caught:
        server.install_api_group(group(v1alpha1={name: flunders(config)}))
    assert str(caught.value).startswith("unable to install api resources: ")
    assert str(caught.value).endswith(problem)
    assert server.listed_paths == before


async def test_the_legacy_group_has_prefixes_of_its_own(config: Config) -> None:
    server = new_server(config)
    with pytest.raises(APIGroupError) as caught:
        server.install_legacy_api_group("/old", group())
    assert str(caught.value) == '"/old" is not in the allowed legacy API prefixes: [/api]'


async def test_storages_are_closed_with_their_server(config: Config) -> None:
    server = new_server(config)
    store = flunders(config)
    server.install_api_group(group(v1alpha1={"flunders": store}, v1beta1={"flunders": store}))
    await server.aclose()
    with pytest.raises(Exception, match="server is shutting down"):
        await config.healthz_checks[-1].check({"type": "http"})


async def test_storages_that_can_say_so_are_waited_for(config: Config) -> None:
    server = new_server(config)
    storage = flunders(config)
    server.install_api_group(group(v1beta1={"flunders": storage, "flunders/status": storage}, v1alpha1={}))
    assert list(server.storage_readiness_hook._checks) == [f"{GROUP}/v1beta1/flunders"]
