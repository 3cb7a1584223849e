import datetime as dt

import pytest

from genericapiserver.apimachinery.errors import NotAcceptableError
from genericapiserver.apimachinery.meta import ListMeta, Status, Table, TableOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.types import list_of
from genericapiserver.registry.table import DefaultTableConvertor, TableColumn, age, created_at, format_age, table_age
from tests.registry.support import GADGETS, Gadget, create, new_context, new_gadget, new_store

MADE = dt.datetime(2026, 11, 20, 9, 49, 32, tzinfo=dt.UTC)
GADGET_LIST = list_of(Gadget)


def table(obj: object) -> Table:
    return DefaultTableConvertor(GADGETS).convert_to_table(new_context(), obj, TableOptions())


def test_the_columns_are_those_of_the_reference() -> None:
    name, created = table(new_gadget()).column_definitions
    assert (name.name, name.type, name.format, name.priority) == ("Name", "string", "name", 0)
    assert name.description == (
        "Name must be unique within a namespace. Is required when creating resources, although some resources may allow "
        "a client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
        "idempotence and configuration definition. Cannot be updated. More info: "
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
    )
    assert (created.name, created.type, created.format, created.priority) == ("Created At", "date", "", 0)
    assert created.description == (
        "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
        "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
        "in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
    )


def test_one_object_is_one_row_and_gives_its_version() -> None:
    gadget = new_gadget(creation_timestamp=MADE, resource_version="7")
    result = table(gadget)
    assert result.metadata == ListMeta(resource_version="7")
    assert [row.cells for row in result.rows] == [["a", "2026-11-20T09:49:32Z"]]
    assert result.rows[0].object is gadget


def test_a_list_gives_its_metadata_and_a_row_each() -> None:
    metadata = ListMeta(resource_version="9", continue_token="more", remaining_item_count=3)
    result = table(GADGET_LIST(metadata=metadata, items=[new_gadget("a"), new_gadget("b")]))
    assert result.metadata == metadata
    assert [row.cells[0] for row in result.rows] == ["a", "b"]


def test_an_empty_list_has_no_rows() -> None:
    assert table(GADGET_LIST()).rows == []


def test_the_row_of_a_bookmark_shows_the_zero_time() -> None:
    assert table(Gadget()).rows[0].cells == ["", "0001-01-01T00:00:00Z"]


def test_what_has_no_name_cannot_be_a_table() -> None:
    with pytest.raises(
        NotAcceptableError,
        match=r"^the resource gadgets.things.example.com does not support being converted to a Table$",
    ):
        table(Status())


def test_a_kind_has_columns_of_its_own() -> None:
    columns = [
        TableColumn("Name", "metadata.name", format="name", doc="Its name."),
        TableColumn("Size", "spec.size", type="integer"),
        created_at("When."),
        TableColumn("Steps", lambda gadget: len(gadget.spec.trail), type="integer", priority=1),
    ]
    store = new_store(table_columns=columns)
    gadget = new_gadget("a", creation_timestamp=MADE)
    gadget.spec.size = 3
    result = store.convert_to_table(new_context(), gadget, None)
    assert [row.cells for row in result.rows] == [["a", 3, "2026-11-20T09:49:32Z", 0]]
    assert [(column.name, column.type, column.format, column.priority) for column in result.column_definitions] == [
        ("Name", "string", "name", 0),
        ("Size", "integer", "", 0),
        ("Created At", "date", "", 0),
        ("Steps", "integer", "", 1),
    ]
    assert [column.description for column in result.column_definitions] == ["Its name.", "", "When.", ""]


def test_columns_can_be_cleared_without_harm_to_the_next_table() -> None:
    table(new_gadget()).column_definitions.clear()
    assert len(table(new_gadget()).column_definitions) == 2


async def test_the_rows_of_stored_objects_carry_them_as_they_are() -> None:
    store = new_store(table_columns=[TableColumn("Size", "spec.size")])
    await create(store, new_gadget("a"))
    page = await store.list_stored(new_context(), ListOptions())
    assert [row.object for row in store.convert_to_table(new_context(), page, None).rows] == page.items


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (dt.timedelta(seconds=-2), "<invalid>"),
        (dt.timedelta(seconds=-1), "0s"),
        (dt.timedelta(0), "0s"),
        (dt.timedelta(seconds=119), "119s"),
        (dt.timedelta(seconds=120), "2m"),
        (dt.timedelta(minutes=9, seconds=59), "9m59s"),
        (dt.timedelta(minutes=179, seconds=59), "179m"),
        (dt.timedelta(hours=3), "3h"),
        (dt.timedelta(hours=7, minutes=59), "7h59m"),
        (dt.timedelta(hours=47, minutes=59), "47h"),
        (dt.timedelta(hours=48), "2d"),
        (dt.timedelta(days=7, hours=23), "7d23h"),
        (dt.timedelta(days=729, hours=23), "729d"),
        (dt.timedelta(days=730), "2y"),
        (dt.timedelta(days=1096), "3y1d"),
        (dt.timedelta(days=2920), "8y"),
    ],
)
def test_ages(age: dt.timedelta, text: str) -> None:
    assert format_age(age) == text
    assert table_age(MADE, MADE + age) == text


def test_the_column_of_ages() -> None:
    store = new_store(table_columns=[age()])
    made = dt.datetime.now(dt.UTC) - dt.timedelta(hours=10)
    result = store.convert_to_table(new_context(), new_gadget("a", creation_timestamp=made), None)
    assert [row.cells for row in result.rows] == [["10h"]]
    assert [(column.name, column.type) for column in result.column_definitions] == [("Age", "string")]
    assert table_age(None) == "<unknown>"
