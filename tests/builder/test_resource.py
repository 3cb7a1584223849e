from typing import Any

import pytest

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import FieldLabelError, Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field
from genericapiserver.apis.autoscaling_v1 import Scale
from genericapiserver.builder.resource import Resource, new_scheme
from genericapiserver.registry.generic.options import RESTOptions
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.registry.status_store import StatusStore, StatusStrategy
from genericapiserver.registry.subresource import Subresource
from genericapiserver.registry.table import TableColumn
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.store import Store as StorageStore
from genericapiserver.storage.stored import ObjectForm
from tests.registry.support import new_context

V1 = GroupVersion("fridge.example.com", "v1")


@api_type
class NoteSpec:
    lines: int | None = None


@api_type
class NoteStatus:
    read_by: str = ""
    lines: int = 0


@api_type
class Note(Object):
    spec: NoteSpec = field(factory=NoteSpec)
    status: NoteStatus = field(factory=NoteStatus)


def set_defaults(note: Note) -> None:
    note.spec.lines = 1 if note.spec.lines is None else note.spec.lines


def resource(**arguments: Any) -> Resource:
    return Resource(Note, group=V1.group, version=V1.version, **arguments)


class Memory:
    """Keeps every resource in memory."""

    def __init__(self, scheme: Scheme) -> None:
        self.codec = CodecFactory(scheme).storage_codec(V1, Note)

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        return RESTOptions(open_backend=self.open, resource_prefix=f"/{resource}")

    def open(self, *, object_type: type[Any], resource_prefix: str, attributes: Any) -> StorageStore[Any]:
        form = ObjectForm(codec=self.codec, new=object_type, attributes=attributes, copy=deep_copy)
        return StorageStore(MemoryEngine(), form=form, resource_prefix=resource_prefix)


def storages(declared: Resource) -> dict[str, Any]:
    scheme = new_scheme([declared])
    return declared.storages(Memory(scheme), scheme)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"plural": "Notes"}, "lower-case"),
        ({"singular": "no-te"}, "lower-case"),
        ({"group": "fridge"}, "domain name"),
    ],
)
def test_a_declaration_that_cannot_be_served_is_refused(arguments: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Resource(Note, **{"group": V1.group, "version": "v1", **arguments})


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"selectable": ["spec.line"]}, "spec.line"),
        ({"columns": [TableColumn("Lines", "spec.line")]}, "spec.line"),
        ({"scale": ScaleFields(spec_replicas="spec.lines")}, "status.replicas"),
        ({"status": type("Typo", (StatusStrategy,), {"keeps": ("spek",)})}, "spek"),
    ],
    ids=["selectable", "columns", "scale", "status"],
)
def test_a_path_that_leads_nowhere_is_told(arguments: Any, path: str) -> None:
    with pytest.raises(ValueError, match=f"^Note has no field {path}$"):
        new_scheme([resource(**arguments)])


def test_of_several_versions_one_is_stored() -> None:
    both = [resource(), Resource(Note, group=V1.group, version="v2")]
    with pytest.raises(ValueError, match=r"^Note.is_storage_version: .* but v1 and v2 are all the storage version$"):
        new_scheme(both)


def test_the_other_versions_convert() -> None:
    both = [resource(), Resource(Note, group=V1.group, version="v2", is_storage_version=False)]
    with pytest.raises(
        ValueError, match=r"^Note at v2: resource should implement MultiVersionObject if it's not storage-"
    ):
        new_scheme(both)


def test_the_type_is_its_own_hub() -> None:
    scheme = new_scheme([resource()])
    for version in (V1, GroupVersion(V1.group, INTERNAL_VERSION)):
        assert scheme.type_for(version.with_kind("Note")) is Note


def test_defaults_are_filled_in() -> None:
    note = Note()
    new_scheme([resource(defaults=set_defaults)]).default(note)
    assert note.spec.lines == 1


def test_fields_can_be_selected_by() -> None:
    scheme = new_scheme([resource(selectable=["status.read_by"])])
    kind = V1.with_kind("Note")
    assert scheme.convert_field_label(kind, "status.readBy", "me") == ("status.readBy", "me")
    with pytest.raises(FieldLabelError):
        scheme.convert_field_label(kind, "spec.lines", "1")


async def test_a_resource_by_itself() -> None:
    made = storages(resource(short_names=["nt"], categories=["all"]))
    assert list(made) == ["notes"]
    assert (made["notes"].short_names, made["notes"].categories) == (("nt",), ("all",))


async def test_subresources_are_over_the_store_of_the_resource() -> None:
    declared = resource(
        status=StatusStrategy,
        scale=ScaleFields(spec_replicas="spec.lines", status_replicas="status.lines"),
        subresources={"log": Subresource},
    )
    made = storages(declared)
    assert sorted(made) == ["notes", "notes/log", "notes/scale", "notes/status"]
    assert isinstance(made["notes/status"], StatusStore)
    assert isinstance(made["notes/scale"], ScaleStore)
    assert made["notes/log"].store is made["notes/scale"].store is made["notes"]
    assert made["notes"].get_reset_fields() == {"fridge.example.com/v1": [("status",)]}
    assert ("spec",) in made["notes/status"].get_reset_fields()["fridge.example.com/v1"]
    assert new_scheme([declared]).type_for(GroupVersion("autoscaling", "v1").with_kind("Scale")) is Scale


async def test_a_kind_with_a_status_subresource_guards_its_status() -> None:
    strategy = resource(status=StatusStrategy).strategy(Scheme())
    old, sent = Note(), Note(spec=NoteSpec(lines=2), status=NoteStatus(read_by="me"))
    strategy.prepare_for_update(new_context(), sent, old)
    assert (sent.status, sent.metadata.generation) == (NoteStatus(), 1)
    assert strategy.allow_unconditional_update


@pytest.mark.parametrize("status", [None, StatusStrategy])
async def test_names_are_dns_names_unless_a_strategy_says_otherwise(status: Any) -> None:
    strategy = resource(status=status).strategy(Scheme())
    note = Note(metadata=ObjectMeta(name="No_te"))
    assert [error.field for error in strategy.validate(new_context(), note)] == ["metadata.name"]


async def test_columns_are_those_of_the_resource() -> None:
    store: Store = storages(resource(columns=[TableColumn("Lines", "spec.lines", type="integer")]))["notes"]
    table = store.convert_to_table(new_context(), Note(spec=NoteSpec(lines=4)), None)
    assert [row.cells for row in table.rows] == [[4]]
