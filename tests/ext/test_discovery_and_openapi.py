"""TestDiscoveryAndOpenAPI: what clients find out about the server."""

from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.types import api_type
from genericapiserver.ext import definitions_of, install_store
from tests.ext.support import (
    GROUP,
    GVK,
    PATH,
    V1,
    CreateOnly,
    ListOfTestType,
    MemoryStorage,
    MemoryStore,
    TestType,
    World,
    body,
    new_scheme,
    new_server,
    running,
    serving_storage,
    serving_store,
)

USER = {"x-user": "u"}
MODEL = "com.github.rancher.steve.pkg.ext"


async def get(world: World, path: str) -> Any:
    response = await world.client.get(path, x_user="u")
    assert response.status == 200
    return response.json()


async def test_several_resources_of_one_version_are_sorted_and_say_where_they_belong() -> None:
    server = new_server()
    for resource in ("testtypes", "others"):
        install_store(server, TestType, ListOfTestType, resource, resource[:-1], GVK, MemoryStore())
    async with running(server) as world:
        resources = (await get(world, f"/apis/{V1}"))["resources"]
    assert [each["name"] for each in resources] == ["others", "testtypes"]
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    assert resources[1] == {
        "name": "testtypes",
        "singularName": "testtype",
        "namespaced": False,
        "group": GROUP,
        "version": "v1",
        "kind": "TestType",
        "verbs": verbs,
    }


async def test_versions_have_the_order_of_the_scheme() -> None:
    order = [GroupVersion(GROUP, version) for version in ("v2", "v4", "v1")]
    server = new_server(new_scheme(*order))
    for version in reversed(order):
        gvk = version.with_kind("TestType")
        install_store(server, TestType, ListOfTestType, "testtypes", "testtype", gvk, MemoryStore())
    async with running(server) as world:
        group = await get(world, f"/apis/{GROUP}")
        for version in order:
            assert (await get(world, f"/apis/{version}/testtypes"))["apiVersion"] == str(version)
    assert [each["version"] for each in group["versions"]] == ["v2", "v4", "v1"]
    assert group["preferredVersion"]["version"] == "v2"


async def test_a_version_without_resources_is_not_preferred() -> None:
    server = new_server(new_scheme(GroupVersion(GROUP, "v2"), V1))
    server.install("testtypes", GVK, CreateOnly())
    async with running(server) as world:
        group = await get(world, f"/apis/{GROUP}")
    assert (group["preferredVersion"]["version"], len(group["versions"])) == ("v1", 1)


async def test_several_groups() -> None:
    other = GroupVersion("other.cattle.io", "v1")
    server = new_server(new_scheme(V1, other))
    for version in (V1, other):
        gvk = version.with_kind("TestType")
        install_store(server, TestType, ListOfTestType, "testtypes", "testtype", gvk, MemoryStore())
    async with running(server) as world:
        groups = (await get(world, "/apis"))["groups"]
        assert (await get(world, f"/apis/{other}/testtypes"))["apiVersion"] == str(other)
    assert sorted(group["name"] for group in groups) == [GROUP, "other.cattle.io"]


async def test_acceptance_verb_derivation() -> None:
    """A storage that can only create says so; an update of it is a 405."""
    async with serving_storage(CreateOnly()) as world:
        (resource,) = (await get(world, f"/apis/{V1}"))["resources"]
        assert resource["verbs"] == ["create"]
        made = await world.client.request("POST", PATH, headers=USER, body=body())
        assert made.status == 201
        assert (await world.client.request("PUT", PATH, headers=USER, body=body())).status == 405
        # There is no path to an item at all; with one for reading it, an update of the item is a 405, too.
        assert (await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=body())).status == 404

    class CreateAndGet(CreateOnly):
        async def get(self, context: Any, name: str, options: Any) -> TestType:
            return TestType()

    async with serving_storage(CreateAndGet()) as world:
        assert (await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=body())).status == 405


async def test_every_document_is_there() -> None:
    async with serving_store() as world:
        for path in (
            "/openapi/v2",
            "/openapi/v3",
            "/openapi/v3/apis",
            f"/openapi/v3/apis/{GROUP}",
            f"/openapi/v3/apis/{V1}",
        ):
            document = await get(world, path)
            if path != "/openapi/v3":
                assert document["info"] == {"title": "Ext", "version": "0.1"}


@api_type(model_name=f"{MODEL}.Unused")
class Unused:
    """Unused stands in no path."""

    value: str = ""


async def test_definitions_that_no_path_refers_to_are_in_the_document() -> None:
    async with serving_store(get_openapi_definitions=lambda: [Unused]) as world:
        assert f"{MODEL}.Unused" in (await get(world, "/openapi/v2"))["definitions"]


def test_the_definitions_of_a_scheme_are_its_own_kinds() -> None:
    assert list(definitions_of(new_scheme())()) == [TestType, ListOfTestType]


def references(value: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


REPLACEMENTS = {"com.github.rancher": "short", MODEL: "io.cattle.ext", "io.k8s.nothing": "x"}


async def test_acceptance_definition_renaming() -> None:
    """Keys and references of both documents are renamed, by the longest beginning, and kinds are found by them."""
    async with serving_store(openapi_definition_name_replacements=REPLACEMENTS) as world:
        v2 = await get(world, "/openapi/v2")
        v3 = await get(world, f"/openapi/v3/apis/{V1}")
    for prefix, definitions, document in (
        ("#/definitions/", v2["definitions"], v2),
        ("#/components/schemas/", v3["components"]["schemas"], v3),
    ):
        assert {"io.cattle.ext.TestType", "io.cattle.ext.TestTypeList", "io.cattle.ext.Detail"} <= set(definitions)
        assert not [name for name in definitions if name.startswith("com.")]
        assert {each.removeprefix(prefix) for each in references(document)} <= set(definitions)
        assert f"{prefix}io.cattle.ext.Detail" in references(definitions["io.cattle.ext.TestType"])
        # What `kubectl explain testtypes` does: the kind, then the fields by their references.
        (kind,) = [
            name
            for name, schema in definitions.items()
            if {"group": GROUP, "version": "v1", "kind": "TestType"}
            in schema.get("x-kubernetes-group-version-kind", [])
        ]
        assert kind == "io.cattle.ext.TestType"
        assert "note" in definitions["io.cattle.ext.Detail"]["properties"]


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("com.github.rancher.steve.pkg.ext.Foo", "io.cattle.ext.Foo"),
        ("com.github.rancher.other.Foo", "short.other.Foo"),
        ("org.com.github.rancher.Foo", "org.com.github.rancher.Foo"),
        ("com.github.rancher.com.github.rancher.Foo", "short.short.Foo"),
    ],
)
def test_names_of_definitions(name: str, renamed: str) -> None:
    from genericapiserver.ext.definitions import definition_namer

    assert definition_namer(REPLACEMENTS)(name) == renamed


async def test_a_resource_in_namespaces_is_installed_like_any_other() -> None:
    storage = MemoryStorage()
    storage.namespace_scoped = True
    async with serving_storage(storage) as world:
        path = f"/apis/{V1}/namespaces/here/testtypes"
        made = await world.client.request("POST", path, headers=USER, body=body())
        assert made.json()["metadata"]["namespace"] == "here"
