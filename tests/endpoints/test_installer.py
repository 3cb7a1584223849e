"""What a storage's powers become: routes, discovery verbs, install errors (endpoints reference, section 8)."""

from collections.abc import Mapping
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.meta import Table
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Handler, Scope, Send
from genericapiserver.endpoints.installer import APIGroupVersion, InstalledVersion, InstallError
from genericapiserver.endpoints.responses import send_error
from genericapiserver.endpoints.router import APIContainer
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.request import RequestInfoFactory, long_running_check
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, V1, DemoServer, Gadget, gadgets, new_scheme

SCHEME = new_scheme()
CODEC = CodecFactory(SCHEME)


class Base:
    """A storage that can do nothing; tests add single powers."""

    object_type = Gadget
    namespace_scoped = True
    singular_name = "gadget"

    async def aclose(self) -> None: ...


class Listing(Base):
    list_type = CODEC.scheme.type_for(V1.with_kind("GadgetList"))

    async def list(self, context: Any, options: Any) -> Any:
        return self.list_type()

    def convert_to_table(self, context: Any, obj: Any, options: Any) -> Table:
        return Table()


class Watching(Listing):
    async def watch(self, context: Any, options: Any) -> Any: ...


class Getting(Base):
    async def get(self, context: Any, name: str, options: Any) -> Any:
        return Gadget()


class Updating(Base):
    async def update(self, context: Any, name: str, info: Any, **how: Any) -> Any: ...


class Patching(Getting, Updating): ...


class Creating(Base):
    async def create(self, context: Any, obj: Any, **how: Any) -> Any:
        return obj


class CreatingNamed(Base):
    async def create_named(self, context: Any, name: str, obj: Any, **how: Any) -> Any:
        obj.metadata.name = f"named {name}"
        return obj


class Deleting(Base):
    async def delete(self, context: Any, name: str, **how: Any) -> Any: ...


class DeletingAll(Base):
    async def delete_collection(self, context: Any, **how: Any) -> Any: ...


class Connecting(Base):
    connect_methods = ("GET", "OPTIONS")
    connect_options_type = None
    connect_options_path = ""

    async def connect(self, context: Any, name: str, options: Any, responder: Any) -> Any: ...


def install(storage: Mapping[str, Any], group_version: GroupVersion = V1) -> InstalledVersion:
    return APIGroupVersion(group_version=group_version, storage=storage, scheme=SCHEME, codec=CODEC).install()


def client_of(installed: InstalledVersion) -> ASGIClient:
    async def refuse(scope: Scope, send: Send, error: StatusError) -> None:
        await send_error(scope, send, error, CODEC)

    container = APIContainer(send_error=refuse)
    container.add(installed.service)
    handler: Handler = with_request_info(container, resolver=RequestInfoFactory(), long_running=long_running_check())
    return ASGIClient(handler)


ITEM = "namespaces/{namespace}/gadgets/{name}"
COLLECTION = "namespaces/{namespace}/gadgets"


@pytest.mark.parametrize(
    ("storage", "routes", "verbs"),
    [
        (Base, set(), []),
        (Listing, {("GET", COLLECTION), ("GET", "gadgets")}, ["list"]),
        (
            Watching,
            {
                ("GET", COLLECTION),
                ("GET", "gadgets"),
                ("GET", f"watch/{COLLECTION}"),
                ("GET", "watch/gadgets"),
                ("GET", f"watch/{ITEM}"),
            },
            ["list", "watch"],
        ),
        (Getting, {("GET", ITEM)}, ["get"]),
        (Updating, {("PUT", ITEM)}, ["update"]),
        (Patching, {("GET", ITEM), ("PUT", ITEM), ("PATCH", ITEM)}, ["get", "patch", "update"]),
        (Creating, {("POST", COLLECTION)}, ["create"]),
        (Deleting, {("DELETE", ITEM)}, ["delete"]),
        (DeletingAll, {("DELETE", COLLECTION)}, ["deletecollection"]),
        (Connecting, {("GET", ITEM), ("OPTIONS", ITEM)}, ["get"]),
    ],
)
async def test_each_power_of_a_storage_is_a_route(
    storage: type[Base], routes: set[tuple[str, str]], verbs: list[str]
) -> None:
    installed = install({"gadgets": storage()})
    assert {(route.method, route.path) for route in installed.service.routes if route.path} == routes
    (resource,) = installed.document.resources
    assert resource.verbs == verbs
    # Where something is served, other methods are refused; where nothing is, nothing is there.
    response = await client_of(installed).request("PROPFIND", gadgets(name="a"))
    assert response.status == (405 if any(path == ITEM for _, path in routes) else 404)


def test_a_subresource_serves_collection_verbs_on_its_own_path() -> None:
    installed = install({"gadgets": Base(), "gadgets/binding": CreatingNamed()})
    routes = {(route.method, route.path) for route in installed.service.routes if route.path}
    assert routes == {("POST", f"{ITEM}/binding")}
    assert [(each.name, each.verbs) for each in installed.document.resources] == [
        ("gadgets", []),
        ("gadgets/binding", ["create"]),
    ]


async def test_a_named_creator_is_told_the_name() -> None:
    client = client_of(install({"gadgets": Base(), "gadgets/binding": CreatingNamed()}))
    response = await client.request("POST", gadgets(name="a/binding"), body={})
    assert (response.status, response.json()["metadata"]["name"]) == (201, "named a")


async def test_a_lister_that_does_not_watch_says_so() -> None:
    response = await client_of(install({"gadgets": Listing()})).get(gadgets() + "?watch=1")
    assert response.status == 405
    assert response.json()["message"] == 'watch is not supported on resources of kind "gadgets.demo.example.com"'
    assert response.json()["details"] == {"group": GROUP, "kind": "gadgets"}


class NoScope:
    object_type = Gadget
    singular_name = "gadget"


class NoSingular:
    object_type = Gadget
    namespace_scoped = True


class NoTable(Base):
    list_type = Gadget

    async def list(self, context: Any, options: Any) -> Any: ...


@pytest.mark.parametrize(
    ("name", "storage", "problem"),
    [
        (
            "gadgets/a/b",
            Base(),
            "api_installer allows only one or two segment paths (resource or resource/subresource)",
        ),
        ("Gadgets", Base(), 'resource names must be lowercase only, not "Gadgets"'),
        ("nothing/status", Base(), 'missing parent storage: "nothing"'),
        ("gadgets", NoScope(), '"gadgets" must implement scoper'),
        ("gadgets", NoSingular(), "resource gadgets must implement SingularNameProvider"),
        ("gadgets", NoTable(), '"gadgets" must implement TableConvertor'),
    ],
)
def test_a_storage_that_cannot_be_served(name: str, storage: Any, problem: str) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        install({name: storage})
    (error,) = caught.value.exceptions
    assert isinstance(error, InstallError)
    assert str(error) == f"error in registering resource: {name}, {problem}"


def test_all_problems_are_reported() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        install({"a": NoScope(), "b": NoSingular(), "gadgets": Base()})
    assert len(caught.value.exceptions) == 2


def test_a_type_of_another_group_cannot_be_served() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        install({"gadgets": Base()}, GroupVersion("other.example.com", "v1"))
    assert "unable to locate fully qualified kind for" in str(caught.value.exceptions[0])


class Scaling(Getting):
    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        return GroupVersionKind(GROUP, "v1beta1", "Gadget")


class Kinded(Base):
    kind = "Thing"
    short_names = ("th",)
    categories = ("all",)


def test_what_a_storage_tells_of_itself_is_discovered() -> None:
    installed = install({"gadgets": Kinded(), "gadgets/scale": Scaling()})
    resource, scale = installed.document.resources
    assert (resource.kind, resource.singular_name, resource.short_names) == ("Thing", "gadget", ["th"])
    assert (resource.group, resource.version, resource.storage_version_hash) == ("", "", "")
    assert (scale.group, scale.version, scale.kind, scale.singular_name) == (GROUP, "v1beta1", "Gadget", "")


async def test_the_core_group_lies_under_its_own_root() -> None:
    installed = APIGroupVersion(
        group_version=GroupVersion("", "v1"), storage={}, scheme=SCHEME, codec=CODEC, root="/api"
    ).install()
    assert installed.service.root == "/api/v1"
    response = await client_of(installed).get("/api/v1")
    assert response.json() == {"kind": "APIResourceList", "groupVersion": "v1", "resources": []}


def test_routes_are_described(server: DemoServer) -> None:
    described = {
        (description.method, description.path.removeprefix(f"/apis/{GROUP}/v1/")): description
        for description in server.installed[0].descriptions
    }
    assert {key: (each.operation, each.action, each.doc) for key, each in described.items() if key[0] != "GET"} == {
        ("POST", COLLECTION): ("createNamespacedGadget", "post", "create a Gadget"),
        ("DELETE", COLLECTION): (
            "deleteCollectionNamespacedGadget",
            "deletecollection",
            "delete collection of Gadget",
        ),
        ("PUT", ITEM): ("replaceNamespacedGadget", "put", "replace the specified Gadget"),
        ("PATCH", ITEM): ("patchNamespacedGadget", "patch", "partially update the specified Gadget"),
        ("DELETE", ITEM): ("deleteNamespacedGadget", "delete", "delete a Gadget"),
        ("PUT", f"{ITEM}/status"): (
            "replaceNamespacedGadgetStatus",
            "put",
            "replace status of the specified Gadget",
        ),
        ("PATCH", f"{ITEM}/status"): (
            "patchNamespacedGadgetStatus",
            "patch",
            "partially update status of the specified Gadget",
        ),
        ("POST", f"{ITEM}/shell"): (
            "connectPostNamespacedGadgetShell",
            "connect",
            "connect POST requests to shell of Gadget",
        ),
        ("POST", f"{ITEM}/shell/{{path:*}}"): (
            "connectPostNamespacedGadgetShellWithPath",
            "connect",
            "connect POST requests to shell of Gadget",
        ),
        ("POST", "racks"): ("createRack", "post", "create a Rack"),
        ("DELETE", "racks"): ("deleteCollectionRack", "deletecollection", "delete collection of Rack"),
        ("PUT", "racks/{name}"): ("replaceRack", "put", "replace the specified Rack"),
        ("PATCH", "racks/{name}"): ("patchRack", "patch", "partially update the specified Rack"),
        ("DELETE", "racks/{name}"): ("deleteRack", "delete", "delete a Rack"),
    }
    operations = [each.operation for each in described.values()]
    assert len(set(operations)) == len(operations)
    across = described["GET", "gadgets"]
    assert across.operation == "listGadgetForAllNamespaces"
    patch = described["PATCH", ITEM]
    assert patch.consumes == (
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    )
    assert patch.kind == V1.with_kind("Gadget")
    assert [parameter.name for parameter in patch.parameters] == [
        "name",
        "namespace",
        "pretty",
        "dryRun",
        "force",
        "fieldManager",
        "fieldValidation",
    ]
    assert [parameter.name for parameter in described["GET", f"{ITEM}/log"].parameters][-1] == "lines"
    deleted = described["DELETE", COLLECTION]
    assert {"limit", "continue", "gracePeriodSeconds"} <= {parameter.name for parameter in deleted.parameters}
    assert "watch" not in {parameter.name for parameter in deleted.parameters}
    assert deleted.body_optional
