"""What a builder makes of declarations, and what it says of those that make no server."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from genericapiserver.admission import Attributes, Operation, validating_plugin
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.field import FieldError, invalid
from genericapiserver.apimachinery.field import Path as FieldPath
from genericapiserver.apimachinery.meta import (
    GetOptions,
    Object,
    ObjectList,
    ObjectMeta,
    Table,
    TableColumnDefinition,
    TableRow,
)
from genericapiserver.apimachinery.schema import GroupResource, GroupVersionResource
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.asgi import Handler, send_response
from genericapiserver.builder import (
    BuildError,
    DefaultStrategy,
    MemoryConnProvider,
    Resource,
    ResourceStrategy,
    ServerBuilder,
    Source,
    Storage,
    build_server,
    engine,
    file,
    memory,
    rest,
    sqlite,
)
from genericapiserver.builder.resource import (
    MultiVersionObject,
    ObjectWithScaleSubResource,
    ObjectWithStatusSubResource,
    StatusSubResource,
    resourcerest,
    resourcestrategy,
)
from genericapiserver.config import Config, ConfigError
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.options.flags import STRING, FlagSet
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.subresource import Subresource
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.memory import MemoryEngine
from tests.builder import versions
from tests.builder.manifests import MANIFESTS, Manifest, ManifestSpec, ManifestStatus, manifest, manifests, serving


def named(plural: str, version: str = "v1") -> GroupVersionResource:
    return GroupVersionResource("fridge.example.com", version, plural)


@api_type
class Note(Object):
    """Note is a kind with nothing but a text."""

    group_version_resource = named("notes")
    text: str = field(default="")


NOTES = "/apis/fridge.example.com/v1/namespaces/default/notes"


def note(name: str = "n", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "fridge.example.com/v1", "kind": "Note", "metadata": {"name": name}, **fields}


def in_memory(*resources: Any, **arguments: Any) -> ServerBuilder:
    return build_server(resources=resources, conn_provider=MemoryConnProvider(), **arguments)


# ---- mistakes


@api_type
class NoGroup(Object):
    text: str = field(default="")


@api_type
class BadNames(Object):
    group_version_resource = GroupVersionResource("fridge", "one", "Bad-Names")


@api_type
class BadFacts(Object):
    group_version_resource = named("badfacts")
    namespace_scoped = "no"
    short_names = "bf"
    indexing_fields = ("color",)
    allow_create_on_update: bool = field(default=True)


@api_type
class BadHooks(Object):
    group_version_resource = named("badhooks")

    def validate_update(self) -> list[FieldError]:
        return []

    async def validate(self) -> list[FieldError]:
        return []

    def get_scale(self) -> None:
        return None

    @classmethod
    def generic_sub_resources(cls) -> list[str]:
        return ["log"]

    def get_status(self) -> str:
        return ""


@api_type
class HalfVersion(Object):
    group_version_resource = named("halfversions")
    is_storage_version = False


class NoType:
    """Neither an API type nor an object."""


@api_type
class NoObject:
    text: str = field(default="")


@pytest.mark.parametrize(
    ("declared", "problems"),
    [
        (
            NoGroup,
            [
                "NoGroup.group_version_resource: is missing: say it in the class, or declare the class with "
                "Resource(NoGroup, group=..., version=...)"
            ],
        ),
        (
            BadNames,
            [
                "BadNames: the group of a resource is a domain name such as fridge.example.com, not 'fridge'",
                "BadNames: the version of a resource is such as v1, v1beta1 or v2alpha1, not 'one'",
                "BadNames: a resource is named in lower-case letters and digits, not 'Bad-Names'",
            ],
        ),
        (
            BadFacts,
            [
                "BadFacts.allow_create_on_update: is a field of the objects: leave out its annotation, or make it a "
                "ClassVar",
                "BadFacts.namespace_scoped: must be True or False, not str 'no'",
                "BadFacts.short_names: must be a list of texts, not str 'bf'",
                "BadFacts.indexing_fields: BadFacts has no field color",
            ],
        ),
        (
            BadHooks,
            [
                "BadHooks.validate: must not be async: whoever has to wait for others is admission (docs/admission.md)",
                "BadHooks.validate_update: takes (self, old) or (self, context, old), not (self)",
                "BadHooks.set_scale: is missing beside get_scale: a scale is read and written",
                "BadHooks.generic_sub_resources: str 'log' has no name or no get_storage_provider",
                "BadHooks.get_status: gives a str, which has no copy_to(parent)",
            ],
        ),
        (
            HalfVersion,
            [
                "HalfVersion: resource should implement MultiVersionObject if it's not storage-version: "
                "new_storage_version_object, convert_to_storage_version, convert_from_storage_version missing"
            ],
        ),
        (NoType, ["NoType: is no API type: declare a class with @api_type"]),
        (NoObject, ["NoObject.metadata: is missing: inherit from genericapiserver.apimachinery.meta.Object"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_class_that_cannot_be_served_is_refused(declared: Any, problems: list[str]) -> None:
    with pytest.raises(BuildError) as raised:
        build_server(resources=[declared])
    assert list(raised.value.errors) == problems
    assert str(raised.value) == "\n".join([f"{len(problems)} errors: ", *problems])


def test_all_mistakes_are_told_together() -> None:
    builder = (
        ServerBuilder()
        .with_resource(NoType)
        .with_resource_memory_storage(NoGroup)
        .with_resource_file_storage(Note, "")
        .with_resource_and_handler(Note, None)  # type: ignore[arg-type]
        .with_resource(Note, storage="disk")  # type: ignore[arg-type]
        .with_resource(versions.V1Beta1.Truck)
        .with_sub_resource_and_handler(Note, "Log", rest.new(Note))
        .with_sub_resource_and_handler(Manifest, "log", rest.new(Note))
        .with_post_start_hook("", _no_hook)
        .with_version("new")
        .with_bind_port("https")  # type: ignore[arg-type]
        .with_bearer_token(5)  # type: ignore[arg-type]
        .with_conn_provider("memory")  # type: ignore[arg-type]
        .with_post_start_hook("mine", "later")  # type: ignore[arg-type]
    )
    with pytest.raises(BuildError) as raised:
        builder.to_server_options()
    told = raised.value.errors
    assert str(raised.value).startswith(f"{len(told)} errors: \nNoType: is no API type")
    for said in (
        "Note: the file storage needs a path",
        "Note: a handler provider is called with the scheme and a getter, and None cannot be called",
        "Note: a storage is memory(), file(path), sqlite(path)",
        "Note: a subresource is named in lower-case letters and digits, not 'Log'",
        "Manifest/log: the parent is no resource of this server",
        "a post-start hook has no name",
        "Truck.is_storage_version: objects of Truck.fleet.example.com are stored in one version, but none of its",
        "with_version:",
        "with_bind_port: a port is a number, not 'https'",
        "with_bearer_token: a token is a text, not int",
        "with_conn_provider: 'memory' has no listen, no dial, no dial_context",
        "the post-start hook mine is an async function, not 'later'",
    ):
        assert any(said in each for each in told), (said, told)
    with pytest.raises(BuildError):
        builder.to_server_command()


def test_the_same_kind_twice() -> None:
    with pytest.raises(
        BuildError, match=r"Note: Note.fridge.example.com is declared twice at version v1: leave out one"
    ):
        build_server(resources=[Note, Note])
    other = Resource(Manifest, group="fridge.example.com", version="v1", plural="notes")
    with pytest.raises(BuildError, match=r"Manifest: notes.fridge.example.com is the resource of Note already"):
        build_server(resources=[Note, other])


def test_a_version_that_is_not_stored_has_no_storage() -> None:
    builder = ServerBuilder().with_resource(versions.V1.Truck).with_resource_memory_storage(versions.V1Beta1.Truck)
    with pytest.raises(
        BuildError, match="Truck at v1beta1: is not the storage version, which alone is given a storage"
    ):
        builder.to_server_options()


def test_no_storage_for_a_resource_without_one() -> None:
    builder = ServerBuilder().without_storage().with_resource(Note)
    with pytest.raises(BuildError, match="Note: has no storage: give with_resource one, or the builder with_storage"):
        builder.to_server_options()
    ServerBuilder().without_storage().with_resource(Note, storage=memory()).to_server_options()


def test_a_program_with_mistakes_says_so_and_ends() -> None:
    said = io.StringIO()
    assert ServerBuilder().with_resource(NoType).with_output_writer(said).execute_command([]) == 1
    assert said.getvalue() == "Error: 1 errors: \nNoType: is no API type: declare a class with @api_type\n"


async def test_a_handler_that_gives_no_storage_is_told() -> None:
    builder = in_memory().with_resource_and_handler(Note, lambda scheme, getter: None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Note: the handler of notes gives None, which is no storage"):
        async with serving(builder):
            pass


async def test_a_handler_that_raises_is_told() -> None:
    def raises(scheme: Any, getter: Any) -> Any:
        raise OSError("no disk")

    with pytest.raises(ConfigError, match="Note: the handler of notes raises OSError: no disk"):
        async with serving(in_memory().with_resource_and_handler(Note, raises)):
            pass


async def test_a_storage_that_does_not_open_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="unable to write data dir: sqlite "):
        async with serving(in_memory(Note, storage=sqlite(tmp_path / "file" / "objects.db"))):
            pass


# ---- the shortest ways


async def test_a_resource_and_a_class_are_served_alike() -> None:
    declared = Resource(NoGroup, group="fridge.example.com", version="v1", plural="papers")
    async with build_server(resources=[Note, declared]).serving() as running:
        assert running.address[0] == "127.0.0.1"
        status, _ = await running.client.get("/apis/fridge.example.com/v1/papers")
        assert status == 200
        assert running.token


async def test_a_source_is_served_as_any_resource_is() -> None:
    words = ["milk"]

    def listed() -> list[Note]:
        return [Note(metadata=ObjectMeta(name=word, namespace="default"), text=word) for word in words]

    async with serving(in_memory(Source(Note, list=listed), versions.V1.Truck)) as ask:
        assert (await ask("GET", NOTES)).names == ["milk"]
        words.append("tea")
        assert (await ask("GET", f"{NOTES}/tea")).body["text"] == "tea"
        found = (await ask("GET", "/apis/fridge.example.com/v1")).body["resources"]
        assert found[0]["verbs"] == ["get", "list", "watch"]


class Wire(Subresource):
    """`/wire`: bytes instead of objects."""

    connect_methods = ("GET", "POST")
    connect_options_type = None
    connect_options_path = ""

    async def connect(self, context: RequestContext, name: str, options: Any, responder: Any) -> Handler:
        async def speak(scope: Any, receive: Any, send: Any) -> None:
            await send_response(send, 200, f"hello {name}".encode(), b"text/plain")

        return speak


async def test_a_subresource_may_leave_objects_behind() -> None:
    def provider(scheme: Any, getter: Any) -> Any:
        made = rest.new(Manifest)(scheme, getter)
        assert isinstance(made, Store)
        return Wire(made)

    async with serving(manifests().with_sub_resource_and_handler(Manifest, "wire", provider)) as ask:
        answer = await ask.client.request("POST", f"{MANIFESTS}/a/wire")
        assert (answer.status, answer.body) == (200, b"hello a")


async def test_a_free_port_is_taken_when_nobody_cares() -> None:
    async with build_server(resources=[Note]).serving() as one, build_server(resources=[Note]).serving() as other:
        assert one.address != other.address
        assert one.token != other.token


async def test_the_rules_of_each_declaration_are_its_own() -> None:
    """A Resource by arguments has what users expect of Kubernetes, a class that declares itself what the seeds do."""
    declared = Resource(NoGroup, group="fridge.example.com", version="v1", plural="papers")
    async with serving(in_memory(Note, declared)) as ask:
        papers = NOTES.replace("notes", "papers")
        sent = {"apiVersion": "fridge.example.com/v1", "kind": "NoGroup", "metadata": {"name": "A b"}}
        assert (await ask("POST", papers, sent)).status == 422
        assert (await ask("POST", NOTES, note("A b"))).status == 201
        sent["metadata"] = {"name": "a"}
        made = await ask("POST", papers, sent)
        assert made.body["metadata"]["generation"] == 1
        assert (await ask("PUT", f"{papers}/a", {**sent, "text": "x"})).body["metadata"]["generation"] == 2


# ---- versions


async def test_every_version_is_served_and_one_is_stored() -> None:
    async with serving(in_memory(versions.V1Beta1.Truck, versions.V1.Truck)) as ask:
        old = await ask("POST", versions.path("v1beta1"), versions.truck("v1beta1", colour="red", axles=3))
        assert (old.status, old.body["axles"], old.body["apiVersion"]) == (201, 3, "fleet.example.com/v1beta1")
        new = await ask("GET", versions.path("v1", "t"))
        assert (new.body["wheels"], new.body["color"]) == (6, "red")
        assert new.body["metadata"]["uid"] == old.body["metadata"]["uid"]
        await ask("PUT", versions.path("v1", "t"), {**new.body, "wheels": 8, "mounted": 2})
        again = await ask("GET", versions.path("v1beta1", "t"))
        assert (again.body["axles"], again.body["colour"]) == (4, "red")
        patched = await ask(
            "PATCH", versions.path("v1beta1", "t"), {"axles": 1}, media_type="application/merge-patch+json"
        )
        assert (patched.status, patched.body["axles"]) == (200, 1)
        groups = (await ask("GET", f"/apis/{versions.GROUP}")).body
        assert groups["preferredVersion"]["version"] == "v1"
        assert [each["version"] for each in groups["versions"]] == ["v1", "v1beta1"]


async def test_watches_of_a_version_see_that_version() -> None:
    async with serving(in_memory(versions.V1.Truck, versions.V1Beta1.Truck)) as ask:
        query = {"watch": "1"}
        async with ask.client.stream(versions.path("v1beta1"), query=query) as response:
            await ask("POST", versions.path("v1"), versions.truck("v1", color="red", wheels=6))
            seen = json.loads(await anext(response.lines))
        assert (seen["object"]["apiVersion"], seen["object"]["axles"]) == ("fleet.example.com/v1beta1", 3)


async def test_applying_in_one_version_owns_fields_of_it() -> None:
    async with serving(in_memory(versions.V1.Truck, versions.V1Beta1.Truck)) as ask:
        await ask("POST", versions.path("v1"), versions.truck("v1", color="red", wheels=6))
        applied = versions.truck("v1beta1", axles=5)
        path, media_type = versions.path("v1beta1", "t"), "application/apply-patch+yaml"
        refused = await ask("PATCH", path, applied, media_type=media_type, fieldManager="me")
        assert refused.status == 409
        forced = await ask("PATCH", path, applied, media_type=media_type, fieldManager="me", force="true")
        assert (forced.status, forced.body["axles"]) == (200, 5)
        assert (await ask("GET", versions.path("v1", "t"))).body["wheels"] == 10


async def test_a_version_that_converts_to_something_else_is_refused() -> None:
    class Wrong(versions.V1Beta1.Truck):
        @classmethod
        def new_storage_version_object(cls) -> Any:
            return Note()

    Wrong.__name__ = "Truck"
    with pytest.raises(
        BuildError, match=r"Truck.new_storage_version_object: gives a Note of .*, but objects are stored as"
    ):
        build_server(resources=[api_type(Wrong), versions.V1.Truck])


async def test_defaults_apply_to_what_is_left_out() -> None:
    async with serving(in_memory(versions.V1.Truck)) as ask:
        made = await ask("POST", versions.path("v1"), versions.truck("v1"))
        assert made.body["wheels"] == 4


async def test_fields_that_a_class_names_are_selected_by_in_every_version() -> None:
    async with serving(in_memory(versions.V1.Truck, versions.V1Beta1.Truck)) as ask:
        await ask("POST", versions.path("v1"), versions.truck("v1", color="red"))
        for version in ("v1", "v1beta1"):
            assert (await ask("GET", versions.path(version), fieldSelector="color=red")).names == ["t"]
            assert (await ask("GET", versions.path(version), fieldSelector="color=blue")).names == []


# ---- subresources


async def test_a_scale_of_a_class_is_read_and_written() -> None:
    async with serving(in_memory(versions.V1.Truck, versions.V1Beta1.Truck)) as ask:
        await ask("POST", versions.path("v1"), versions.truck("v1", wheels=6, mounted=2))
        scale = await ask("GET", versions.path("v1", "t/scale"))
        assert (scale.body["apiVersion"], scale.body["spec"], scale.body["status"]) == (
            "autoscaling/v1",
            {"replicas": 6},
            {"replicas": 2},
        )
        scale.body["spec"]["replicas"] = 10
        assert (await ask("PUT", versions.path("v1beta1", "t/scale"), scale.body)).status == 200
        assert (await ask("GET", versions.path("v1", "t"))).body["wheels"] == 10
        stale = await ask("PUT", versions.path("v1", "t/scale"), scale.body)
        assert stale.status == 409


class Shout(Subresource):
    """`/shout`: the object, its message louder."""

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> Any:
        found = (await self.store.get(context, name, options)).object()
        found.spec.message = found.spec.message.upper()
        return found


def shout(scheme: Any, getter: Any) -> Any:
    """A handler that keeps nothing: it finds the objects where the resource keeps them."""
    made = rest.new(Manifest)(scheme, getter)
    assert isinstance(made, Store)
    return Shout(made)


async def test_a_subresource_of_ones_own() -> None:
    async with serving(manifests().with_sub_resource_and_handler(Manifest, "shout", shout)) as ask:
        await ask.create(message="hello")
        assert (await ask("GET", "a/shout")).body["spec"] == {"message": "HELLO"}
        assert (await ask("PUT", "a/shout", manifest())).status == 405
        found = (await ask("GET", "/apis/core.tilt.dev/v1alpha1")).body["resources"]
        assert [each["name"] for each in found] == ["manifests", "manifests/shout", "manifests/status"]


class ShoutingSubResource:
    name = "shout"

    def get_storage_provider(self, parent: type[Any], name: str, parent_provider: Any) -> Any:
        return lambda scheme, getter: Shout(parent_provider(scheme, getter))


@api_type
class Loud(Manifest):
    """Loud says of itself what subresources it has."""

    group_version_resource = named("louds")

    @classmethod
    def generic_sub_resources(cls) -> list[ShoutingSubResource]:
        return [ShoutingSubResource()]


async def test_a_class_names_further_subresources() -> None:
    async with serving(in_memory(Loud)) as ask:
        path = "/apis/fridge.example.com/v1/louds"
        sent = {
            "apiVersion": "fridge.example.com/v1",
            "kind": "Loud",
            "metadata": {"name": "a"},
            "spec": {"message": "x"},
        }
        assert (await ask("POST", path, sent)).status == 201
        assert (await ask("GET", f"{path}/a/shout")).body["spec"] == {"message": "X"}
        assert (await ask("GET", f"{path}/a/status")).status == 200


async def test_a_handler_of_ones_own_has_no_status() -> None:
    builder = ServerBuilder().with_conn_provider(MemoryConnProvider())
    builder.with_resource_and_handler(Manifest, rest.new(Manifest, return_deleted_object=True))
    async with serving(builder) as ask:
        await ask.create()
        assert (await ask("GET", "a/status")).status == 404
        assert (await ask("DELETE", "a")).body["kind"] == "Manifest"


async def test_a_status_beside_a_handler_of_ones_own() -> None:
    builder = ServerBuilder().with_conn_provider(MemoryConnProvider())
    builder.with_resource_and_handler(Manifest, rest.new(Manifest))
    builder.with_sub_resource_and_handler(Manifest, "status", rest.new_status(Manifest))
    async with serving(builder) as ask:
        made = await ask.create()
        answer = await ask("PUT", "a/status", {**made.body, "status": {"message": "said"}})
        assert answer.body["status"] == {"message": "said"}
        assert (await ask("GET", "a")).body == answer.body


async def test_a_storage_that_is_made_already() -> None:
    class OnlyOne:
        object_type = Note
        namespace_scoped = True
        singular_name = "note"

        async def aclose(self) -> None:
            return None

        async def get(self, context: RequestContext, name: str, options: GetOptions) -> Note:
            return Note(metadata=Note().metadata, text=name)

    builder = in_memory().with_resource_and_handler(Note, rest.StaticHandlerProvider(OnlyOne()))
    async with serving(builder) as ask:
        assert (await ask("GET", f"{NOTES}/hello")).body["text"] == "hello"
        found = (await ask("GET", "/apis/fridge.example.com/v1")).body["resources"]
        assert found[0]["verbs"] == ["get"]


@pytest.mark.parametrize("strategy", [None, ResourceStrategy], ids=["usual", "given"])
async def test_a_status_is_guarded_however_the_class_is_declared(strategy: Any) -> None:
    @api_type
    class Plain(Object):
        """Plain says only what its status is."""

        spec: ManifestSpec = field(factory=ManifestSpec)
        status: ManifestStatus = field(factory=ManifestStatus)

        def get_status(self) -> ManifestStatus:
            return self.status

    declared = Resource(Plain, group="fridge.example.com", version="v1", namespaced=False, strategy=strategy)
    async with serving(in_memory(declared)) as ask:
        path = "/apis/fridge.example.com/v1/plains"
        sent = {"apiVersion": "fridge.example.com/v1", "kind": "Plain", "metadata": {"name": "a"}}
        await ask("POST", path, sent)
        said = {**sent, "status": {"message": "said"}}
        assert (await ask("PUT", f"{path}/a", said)).body["status"] == {}
        assert (await ask("PUT", f"{path}/a/status", said)).body["status"] == {"message": "said"}
        changed = await ask("PUT", f"{path}/a", {**sent, "spec": {"message": "new"}})
        assert (changed.body["status"], changed.body["metadata"]["generation"]) == ({"message": "said"}, 2)


# ---- hooks of a class


@api_type
class Hooked(Object):
    """Hooked has every hook."""

    group_version_resource = named("hookeds")
    allow_create_on_update: ClassVar[bool] = True
    allow_unconditional_update: ClassVar[bool] = True

    seen: list[str] = field(factory=list)
    color: str = field(default="")

    def prepare_for_create(self, context: RequestContext) -> None:
        self.seen = ["create", context.namespace]

    def prepare_for_update(self, old: Object) -> None:
        assert isinstance(old, Hooked)
        self.seen = [*old.seen, "update"]

    def validate_update(self, context: RequestContext, old: Object) -> list[FieldError]:
        return [] if self.color != "bad" else [invalid(FieldPath("color"), self.color, "is bad")]

    def canonicalize(self) -> None:
        self.color = self.color.lower()

    @staticmethod
    def generate_name(base: str) -> str:
        return f"{base}one"

    def convert_to_table(self, options: Any) -> Table:
        columns = [TableColumnDefinition(name="Color", type="string", format="", description="", priority=0)]
        return Table(column_definitions=columns, rows=[TableRow(cells=[self.color])])


HOOKEDS = "/apis/fridge.example.com/v1/namespaces/default/hookeds"


def hooked(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "fridge.example.com/v1", "kind": "Hooked", "metadata": {"name": "h"}, **fields}


async def test_hooks_are_called_around_writes() -> None:
    async with serving(in_memory(Hooked)) as ask:
        made = await ask("PUT", f"{HOOKEDS}/h", hooked(color="RED"))
        assert (made.status, made.body["seen"], made.body["color"]) == (201, ["create", "default"], "red")
        updated = await ask("PUT", f"{HOOKEDS}/h", hooked(color="blue"))
        assert (updated.status, updated.body["seen"]) == (200, ["create", "default", "update"])
        generated = hooked()
        generated["metadata"] = {"generateName": "h-"}
        assert (await ask("POST", HOOKEDS, generated)).body["metadata"]["name"] == "h-one"


@pytest.mark.parametrize("objects", [0, 2])
async def test_tables_are_those_of_the_class(objects: int) -> None:
    async with serving(in_memory(Hooked)) as ask:
        for number in range(objects):
            await ask("POST", HOOKEDS, {**hooked(color=f"c{number}"), "metadata": {"name": f"h{number}"}})
        accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        answer = await ask.client.request("GET", HOOKEDS, headers=accept)
        table = json.loads(answer.body)
        rows = table["rows"] or []
        assert [column["name"] for column in table["columnDefinitions"]] == ["Color"]
        assert [row["cells"] for row in rows] == [[f"c{number}"] for number in range(objects)]
        assert [row["object"]["metadata"]["name"] for row in rows] == [f"h{number}" for number in range(objects)]


@api_type
class Listed(Object):
    group_version_resource = named("listeds")


@api_type
class ListedList(ObjectList[Listed]):
    """A list with a table of its own."""

    items: list[Listed] = field(factory=list, omit_empty=False)

    def convert_to_table(self, options: Any) -> Table:
        columns = [TableColumnDefinition(name="Count", type="integer", format="", description="", priority=0)]
        return Table(column_definitions=columns, rows=[TableRow(cells=[len(self.items)])])


async def test_a_list_makes_its_own_table() -> None:
    async with serving(in_memory(Listed)) as ask:
        accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        path = "/apis/fridge.example.com/v1/namespaces/default/listeds"
        await ask("POST", path, {"apiVersion": "fridge.example.com/v1", "kind": "Listed", "metadata": {"name": "a"}})
        for where in (path, f"{path}/a"):
            answer = await ask.client.request("GET", where, headers=accept, query={"includeObject": "None"})
            assert b'"cells":[1]' in answer.body


@api_type
class Forgetful(Object):
    group_version_resource = named("forgetfuls")

    def validate(self) -> list[FieldError]:
        return None  # type: ignore[return-value]


async def test_a_validation_that_returns_nothing_lets_nothing_pass() -> None:
    async with serving(in_memory(Forgetful)) as ask:
        path = "/apis/fridge.example.com/v1/namespaces/default/forgetfuls"
        sent = {"apiVersion": "fridge.example.com/v1", "kind": "Forgetful", "metadata": {"name": "a"}}
        answer = await ask("POST", path, sent)
        assert (answer.status, "Forgetful.validate returned None" in answer.body["message"]) == (500, True)
        assert (await ask("GET", path)).names == []


@api_type
class Texts(Object):
    group_version_resource = named("texts")

    def validate(self) -> list[FieldError]:
        return ["nope"]  # type: ignore[list-item]


async def test_a_validation_that_returns_something_else_lets_nothing_pass() -> None:
    async with serving(in_memory(Texts)) as ask:
        path = "/apis/fridge.example.com/v1/namespaces/default/texts"
        sent = {"apiVersion": "fridge.example.com/v1", "kind": "Texts", "metadata": {"name": "a"}}
        answer = await ask("POST", path, sent)
        assert (answer.status, "Texts.validate returned a list with a str" in answer.body["message"]) == (500, True)
        assert (await ask("GET", path)).names == []


@api_type
class Product(Object):
    """Product has fields that are called as things are that a class may say."""

    categories: list[str] = field(factory=list)
    default: str = field(default="")
    validate: str = field(default="")
    get_status: str = field(default="")


async def test_a_field_is_a_field_whatever_it_is_called() -> None:
    async with serving(in_memory(Resource(Product, group="fridge.example.com", version="v1"))) as ask:
        path = "/apis/fridge.example.com/v1/namespaces/default/products"
        sent = {"apiVersion": "fridge.example.com/v1", "kind": "Product", "metadata": {"name": "a"}, "default": "x"}
        made = await ask("POST", path, {**sent, "categories": ["food"], "getStatus": "y"})
        assert (made.status, made.body["categories"], made.body["default"]) == (201, ["food"], "x")
        found = (await ask("GET", "/apis/fridge.example.com/v1")).body["resources"]
        assert ("categories" in found[0], len(found)) == (False, 1)


async def test_a_strategy_of_ones_own_keeps_the_hooks() -> None:
    class Careful(DefaultStrategy):
        def validate(self, context: RequestContext, obj: Any) -> list[FieldError]:
            return [] if obj.metadata.labels else [invalid(FieldPath("x"), "", "no labels")]

    async with serving(in_memory(Resource(Manifest, strategy=Careful))) as ask:
        for sent in (manifest(message="bad", labels={"a": "b"}), manifest()):
            assert (await ask("POST", body=sent)).status == 422
        assert (await ask("POST", body=manifest(labels={"a": "b"}))).status == 201


def test_the_protocols_are_named() -> None:
    assert issubclass(Manifest, ObjectWithStatusSubResource)
    assert issubclass(ManifestStatus, StatusSubResource)
    assert issubclass(versions.V1.Truck, ObjectWithScaleSubResource | resourcestrategy.Defaulter)
    assert issubclass(versions.V1Beta1.Truck, MultiVersionObject)
    assert issubclass(Manifest, resourcestrategy.Validater)
    assert not issubclass(Note, resourcestrategy.Validater)
    for hook in (
        resourcestrategy.PrepareForCreater,
        resourcestrategy.PrepareForUpdater,
        resourcestrategy.ValidateUpdater,
        resourcestrategy.Canonicalizer,
        resourcestrategy.TableConverter,
        resourcestrategy.NameGenerator,
    ):
        assert issubclass(Hooked, hook)
    for name in resourcerest.__all__:
        assert getattr(resourcerest, name)


# ---- storages


async def test_memory_resources_share_one_counter() -> None:
    builder = ServerBuilder().with_conn_provider(MemoryConnProvider())
    builder.with_resource_memory_storage(Manifest, "one").with_resource_memory_storage(Note, "two")
    async with serving(builder) as ask:
        versions = [(await ask.create()).version, (await ask("POST", NOTES, note())).version]
        assert versions[1] == versions[0] + 1
        assert (await ask("GET", NOTES)).version == versions[1]


async def test_each_resource_has_the_storage_it_was_given(tmp_path: Path) -> None:
    opened = MemoryEngine(initial_rev=1)

    async def opens() -> MemoryEngine:
        return MemoryEngine(initial_rev=100)

    builder = ServerBuilder().with_conn_provider(MemoryConnProvider()).with_storage(sqlite(tmp_path / "rest.db"))
    builder.with_resource(Manifest, storage=engine(opened)).with_resource(Note).with_resource(Hooked, storage=opens)
    async with serving(builder) as ask:
        assert (await ask.create()).version == 2
        assert (await ask("POST", HOOKEDS, hooked())).version == 101
        assert (await ask("POST", NOTES, note())).status == 201
        page = await ask.client.request("GET", "/healthz", query={"verbose": ""})
        assert b"[+]storage ok" in page.body
    assert opened.current_rev() == 2  # it is still open: whoever opened it closes it
    await opened.check()
    await opened.aclose()


@pytest.mark.parametrize("make", [sqlite, file])
async def test_one_path_is_one_storage(tmp_path: Path, make: Callable[[Path], Storage]) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    builder = ServerBuilder().with_conn_provider(MemoryConnProvider()).with_storage(make(tmp_path / "objects"))
    builder.with_resource(Manifest).with_resource(Note, storage=make(tmp_path / "link" / "objects"))
    async with serving(builder) as ask:
        first = await ask.create()
        assert (await ask("POST", NOTES, note())).version == first.version + 1


def test_one_resource_may_stand_alone() -> None:
    assert build_server(resources=Note).to_server_command().hint == "get notes"


@pytest.mark.parametrize("make", [sqlite, file])
async def test_versions_never_go_backwards_over_a_restart(tmp_path: Path, make: Callable[[Path], Storage]) -> None:
    """tilt begins at 1 again."""
    async with serving(manifests(make(tmp_path / "objects"))) as ask:
        first = await ask.create()
        gone = await ask.create("b")
        await ask("DELETE", "b")
    async with serving(manifests(make(tmp_path / "objects"))) as ask:
        assert (await ask("GET", "a")).body == first.body
        assert (await ask("GET")).version > gone.version
        assert (await ask.create("c")).version > gone.version + 1


# ---- functions and plugins


async def _no_hook(context: PostStartHookContext) -> None:
    return None


async def test_functions_see_each_stage() -> None:
    seen: list[str] = []

    async def hook(context: PostStartHookContext) -> None:
        seen.append(f"hook {context.loopback_client_config.bearer_token}")

    def see(stage: str, kind: type[Any]) -> Callable[[Any], None]:
        def function(value: Any) -> None:
            assert isinstance(value, kind)
            seen.append(stage)

        return function

    builder = manifests().with_post_start_hook("mine", hook).with_server_fns(see("server", GenericAPIServer))
    builder.with_config_fns(see("config", Config)).with_options_fns(see("options", object))
    builder.with_additional_scheme_installers(lambda scheme: seen.append("scheme"))
    async with serving(builder) as ask:
        page = await ask.client.request("GET", "/readyz", query={"verbose": ""})
        assert b"[+]poststarthook/mine ok" in page.body
    assert seen == ["scheme", "options", "config", "server", "hook test-token"]


async def test_plugins_look_at_every_write() -> None:
    @validating_plugin(Operation.CREATE)
    def nobody(attributes: Attributes) -> None:
        raise ForbiddenError(attributes.resource.group_resource, attributes.name, "not today")

    async with serving(manifests().with_plugins(nobody)) as ask:
        answer = await ask("POST", body=manifest())
        assert (answer.status, "not today" in answer.body["message"]) == (403, True)


async def test_informers_of_the_server_itself_run() -> None:
    found: list[str] = []

    def watch(config: Any) -> None:
        informer = config.informers.informer(MANIFESTS, lambda raw: raw)
        informer.add_listener(lambda: found.append("changed"))
        watched.append(informer)

    watched: list[Any] = []
    async with serving(manifests().with_config_fns(watch)) as ask:
        await watched[0].synced.wait()
        await ask.create()
        while watched[0].get("a") is None:
            await asyncio.sleep(0)


async def test_what_a_built_server_stores_goes_through_the_transformers_of_its_configuration() -> None:
    class Marking:
        def transformer_for(self, resource: GroupResource) -> "Marking":
            return self

        def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
            return data.removeprefix(b"marked:"), False

        def to_storage(self, data: bytes, context: bytes) -> bytes:
            return b"marked:" + data

    engines: list[StorageEngine | None] = []

    def mark(config: Config) -> None:
        config.resource_transformers = Marking()
        engines.append(config.storage_engine)

    async with serving(manifests().with_config_fns(mark)) as ask:
        await ask.create()
        assert (await ask("GET", "a")).status == 200
        assert engines[0] is not None
        found = await engines[0].range(b"/", b"0")
        assert [kv.value.startswith(b"marked:") for kv in found.kvs] == [True]


# ---- options


def flags_of(builder: ServerBuilder) -> FlagSet:
    return builder.to_server_command().flags


def test_the_flags_are_those_of_the_seeds() -> None:
    names = set(flags_of(manifests()).names)
    assert {name for name in names if not name.startswith(("log", "v"))} == {
        "bind-address",
        "cert-dir",
        "http2-max-streams-per-connection",
        "permit-port-sharing",
        "secure-port",
        "tls-cert-file",
        "tls-cipher-suites",
        "tls-min-version",
        "tls-private-key-file",
        "tls-sni-cert-key",
        "token",
        "write-kubeconfig",
    }
    assert "standalone-debug-mode" in flags_of(manifests().with_local_debug_extension()).names


def test_what_the_builder_was_told_is_the_default_of_a_flag() -> None:
    builder = ServerBuilder().with_resource_memory_storage(Manifest).with_bind_port(9444).with_bearer_token("t")
    values = flags_of(builder).values()
    assert (values["secure-port"], values["bind-address"], values["token"]) == ("9444", "127.0.0.1", "t")
    assert flags_of(builder).shown_values()["token"] == "CLASSIFIED"
    options = builder.to_server_options()
    flags = FlagSet("x")
    options.add_flags(flags)
    flags.parse(["--secure-port=9445"])
    assert options.serving_options.secure.bind_port == 9445


@pytest.mark.parametrize(
    ("arguments", "status", "begin"),
    [
        (["--help"], 0, "Usage:\n  tilt [flags]\n"),
        (["--nope"], 1, "Error: unknown flag: --nope (see 'tilt --help')\n"),
        (["--secure-port=x"], 1, 'Error: invalid argument "x" for "--secure-port" flag: '),
    ],
)
def test_what_a_command_says_goes_to_its_writer(
    arguments: list[str], status: int, begin: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = io.StringIO()
    assert manifests().with_output_writer(said).execute_command(arguments) == status
    assert said.getvalue().startswith(begin)
    assert capfd.readouterr() == ("", "")


def test_the_builder_does_without_a_client() -> None:
    """Programs that ask nobody do not load what asking takes."""
    command = "import sys, genericapiserver.builder; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_program_adds_flags_of_its_own() -> None:
    class Mine:
        value = "default"

    mine = Mine()
    builder = manifests().with_flag_fns(lambda flags: flags.add("mine", STRING, mine, "value", "Mine."))
    assert "mine" in flags_of(builder).names


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "No serve port set: give --secure-port, with_bind_port or with_conn_provider"),
        (["--secure-port=0"], "No serve port set: give --secure-port, with_bind_port or with_conn_provider"),
        (
            ["--secure-port=-1"],
            "--secure-port -1 must be between 0 and 65535, inclusive. 0 for turning off secure port",
        ),
        (
            ["--secure-port=65536"],
            "--secure-port 65536 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
        ),
        (
            ["--secure-port=1", "--token=a b"],
            "--token has characters that no Authorization header carries: use letters, digits and -._~+/=",
        ),
        (
            ["--secure-port=1", "--standalone-debug-mode", "--bind-address=0.0.0.0"],
            "--standalone-debug-mode needs --bind-address=127.0.0.1, not 0.0.0.0",
        ),
    ],
)
def test_what_is_wrong_with_flags(arguments: list[str], problem: str) -> None:
    builder = ServerBuilder().with_resource_memory_storage(Manifest).with_local_debug_extension()
    options = builder.to_server_options()
    flags = FlagSet("x")
    options.add_flags(flags)
    flags.parse(arguments)
    options.complete()
    assert options.validate() == [problem]


def test_files_and_a_pair_in_memory_cannot_both_be_served() -> None:
    from genericapiserver.builder import GeneratableKeyCert
    from genericapiserver.certificates import generate_self_signed

    pair = generate_self_signed("localhost")
    builder = manifests().with_cert_key(GeneratableKeyCert(cert_file="a", key_file="b", generated_cert=pair))
    options = builder.to_server_options()
    assert options.validate() == ["cert/key file and in-memory certificate cannot both be set"]
    assert options.validate(["more"])[-1] == "unexpected argument: more"


async def test_local_debug_lets_everybody_in_who_is_here() -> None:
    builder = manifests().with_local_debug_extension()
    builder.with_options_fns(lambda options: setattr(options.serving_options, "standalone_debug_mode", True))
    async with serving(builder) as ask, ask.anonymous() as anonymous:
        assert (await anonymous("POST", body=manifest())).status == 201
    async with serving(manifests().with_local_debug_extension()) as ask, ask.anonymous() as anonymous:
        assert (await anonymous("POST", body=manifest())).status == 403


async def test_run_ends_when_it_is_told() -> None:
    stop = asyncio.Event()
    options = manifests().with_post_start_hook("stop", _no_hook).to_server_options()
    running = asyncio.ensure_future(options.run(shutdown_trigger=stop.wait))
    stop.set()
    await running


async def test_options_serve_again() -> None:
    seen: list[object] = []
    options = build_server(resources=[Note]).with_options_fns(seen.append).to_server_options()
    options.serving_options.listen_somewhere()
    async with options.serving() as running:
        first = running.token
        port = running.address[1]
    options.serving_options.secure.listener = None
    options.serving_options.secure.bind_port = port
    async with options.serving() as running:
        assert running.token == first
    assert seen == [options]


async def test_run_from_a_configuration_that_was_looked_at() -> None:
    options = manifests().to_server_options()
    options.complete()
    completed = await options.config()
    assert completed.config.external_address == "127.0.0.1:443"
    stop = asyncio.Event()
    stop.set()
    await options.run_from_config(completed, shutdown_trigger=stop.wait)


async def test_a_kubeconfig_is_written_for_its_owner_only(tmp_path: Path) -> None:
    from genericapiserver.client.kubeconfig import load_kubeconfig

    path = tmp_path / "sub" / "kubeconfig"
    async with serving(manifests().with_kubeconfig(path)) as ask:
        assert load_kubeconfig(path) == ask.running.client_config
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_start_that_is_refused_leaves_the_kubeconfig_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "kubeconfig"
    broken = in_memory(Note, storage=sqlite(tmp_path / "file" / "objects.db"), kubeconfig=path)
    with pytest.raises(ConfigError, match="unable to write data dir"):
        async with serving(broken):
            pass
    assert not path.exists()
    async with serving(in_memory(Note, kubeconfig=path)):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="unable to write data dir"):
            async with serving(broken):
                pass
        assert path.read_bytes() == before
