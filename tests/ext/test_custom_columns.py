"""TestCustomColumns: what `kubectl get` shows."""

from typing import Any

import pytest

from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.meta import ObjectMeta, Table, TableColumnDefinition
from genericapiserver.ext import convert_to_table
from genericapiserver.request import RequestContext, RequestInfo
from tests.ext.support import (
    GENERATIONS,
    PATH,
    RESOURCE,
    Detail,
    ListOfTestType,
    MemoryStorage,
    TestType,
    body,
    serving_storage,
)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
HEADERS = {"x-user": "u", "accept": TABLE}
CONTEXT = RequestContext(request_info=RequestInfo())
COLUMNS = [
    TableColumnDefinition(name="Data", type="string"),
    TableColumnDefinition(name="Note", type="string", format="x", description="What is noted."),
]


def cells(obj: TestType) -> list[str]:
    return [obj.data, obj.detail.note]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/foo"], ids=["list", "get"])
@pytest.mark.parametrize("include", ["", "Metadata", "None", "Object"])
async def test_acceptance_table(include: str, path: str) -> None:
    storage = MemoryStorage()
    storage.columns, storage.cells = COLUMNS, cells
    async with serving_storage(storage) as world:
        await world.client.request("POST", PATH, headers=HEADERS, body=body(data="1", detail={"note": "x"}))
        query = f"?includeObject={include}" if include else ""
        table = (await world.client.request("GET", path + query, headers=HEADERS)).json()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [(column["name"], column["format"]) for column in table["columnDefinitions"]] == [
        ("Data", ""),
        ("Note", "x"),
    ]
    (row,) = table["rows"]
    assert row["cells"] == ["1", "x"]
    if include == "None":
        assert row["object"] is None
    elif include == "Object":
        assert (row["object"]["kind"], row["object"]["data"]) == ("TestType", "1")
    else:
        assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "foo")
        assert "data" not in row["object"]


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_the_default_columns_are_name_and_time(generation: str) -> None:
    async with GENERATIONS[generation]() as world:
        await world.client.request("POST", PATH, headers={"x-user": "u"}, body=body())
        table = (await world.client.request("GET", PATH, headers=HEADERS)).json()
    assert [(column["name"], column["type"], column["format"]) for column in table["columnDefinitions"]] == [
        ("Name", "string", "name"),
        ("Created At", "date", ""),
    ]
    assert [row["cells"] for row in table["rows"]] == [["foo", "0001-01-01T00:00:00Z"]]


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_watch_of_tables(generation: str) -> None:
    async with (
        GENERATIONS[generation]() as world,
        world.client.open("GET", f"{PATH}?watch=1", headers=HEADERS) as response,
    ):
        await world.client.request("POST", PATH, headers={"x-user": "u"}, body=body())
        (event,) = await response.events(1)
    assert event["object"]["kind"] == "Table"
    assert event["object"]["rows"][0]["cells"][0] == "foo"


def convert(obj: Any, **how: Any) -> Table:
    how = {"resource": RESOURCE, "object_type": TestType, "columns": COLUMNS, "cells": cells, **how}
    return convert_to_table(CONTEXT, obj, None, **how)


def test_without_columns_the_table_is_the_default_one() -> None:
    table = convert(TestType(metadata=ObjectMeta(name="foo")), columns=None)
    assert [column.name for column in table.column_definitions] == ["Name", "Created At"]


def test_lists_have_a_row_for_each_item() -> None:
    items = [TestType(data=data, detail=Detail(note=data)) for data in "ab"]
    table = convert(ListOfTestType(items=items))
    assert [row.cells for row in table.rows] == [["a", "a"], ["b", "b"]]
    assert [row.object for row in table.rows] == items


def test_an_object_of_another_type_is_told_of() -> None:
    class Other(TestType):
        pass

    with pytest.raises(InternalError, match=r"^Internal error occurred: expected ext.Detail but got ext.TestType$"):
        convert(TestType(), object_type=Detail)


def test_too_few_cells_are_told_of() -> None:
    with pytest.raises(InternalError, match=r"^Internal error occurred: defined 2 columns but got 1 cells$"):
        convert(TestType(), cells=lambda obj: [obj.data])
