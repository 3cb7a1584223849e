"""TestConvertListOptions and TestCreateOrUpdate: what storages are made with."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    StatusError,
)
from genericapiserver.apimachinery.meta import CreateOptions, GetOptions, ListOptions, ObjectMeta, UpdateOptions
from genericapiserver.apimachinery.meta.internal import ListOptions as InternalListOptions
from genericapiserver.ext import convert_list_options, create_or_update, selector
from genericapiserver.registry.rest import DefaultUpdatedObjectInfo, UpdateResult
from genericapiserver.request import RequestContext, RequestInfo
from tests.ext.support import RESOURCE, Detail, TestType

CONTEXT = RequestContext(request_info=RequestInfo(api_group=RESOURCE.group, resource=RESOURCE.resource))


def thing(name: str = "foo", data: str = "", **metadata: Any) -> TestType:
    return TestType(metadata=ObjectMeta(name=name, **metadata), data=data)


# ---- list options


def test_list_options_are_as_clients_send_them() -> None:
    converted = convert_list_options(
        InternalListOptions(
            label_selector=labels.parse("a=b,c"),
            field_selector=fields.parse("metadata.name=x"),
            watch=True,
            allow_watch_bookmarks=True,
            resource_version="3",
            resource_version_match="Exact",
            timeout_seconds=5,
            limit=7,
            continue_token="more",
            send_initial_events=True,
        )
    )
    assert converted == ListOptions(
        label_selector="a=b,c",
        field_selector="metadata.name=x",
        watch=True,
        allow_watch_bookmarks=True,
        resource_version="3",
        resource_version_match="Exact",
        timeout_seconds=5,
        limit=7,
        continue_token="more",
        send_initial_events=True,
    )


def test_options_that_say_nothing_say_nothing() -> None:
    assert convert_list_options(InternalListOptions()) == ListOptions()


def test_what_are_no_list_options_is_told_of() -> None:
    with pytest.raises(InternalError, match=r"converting list options: expected ListOptions but got v1.GetOptions"):
        convert_list_options(GetOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ({}, True),
        ({"label_selector": "color=red"}, True),
        ({"label_selector": "color!=red"}, False),
        ({"field_selector": "metadata.name=foo"}, True),
        ({"field_selector": "metadata.name=foo,metadata.namespace=other"}, False),
    ],
)
def test_a_selector_selects(options: dict[str, Any], selected: bool) -> None:
    assert selector(ListOptions(**options))(thing(labels={"color": "red"}, namespace="ns")) is selected


@pytest.mark.parametrize("options", [{"label_selector": "a in"}, {"field_selector": "a"}])
def test_a_selector_that_cannot_be_read_is_the_clients_mistake(options: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        selector(ListOptions(**options))


# ---- create or update


@attrs.define(eq=False)
class Calls:
    """Three functions over one object, and what they were called with."""

    stored: Any = None
    error: dict[str, Exception] = attrs.field(factory=dict)
    made: list[tuple[str, Any, Any]] = attrs.field(factory=list)

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> TestType:
        self._fail("get")
        if self.stored is None:
            raise NotFoundError(RESOURCE, name)
        found: TestType = self.stored
        return found

    async def create(self, context: RequestContext, obj: TestType, options: CreateOptions) -> TestType:
        self._fail("create")
        self.made.append(("create", obj, options))
        return obj

    async def update(self, context: RequestContext, obj: TestType, options: UpdateOptions) -> TestType:
        self._fail("update")
        self.made.append(("update", obj, options))
        return obj

    def _fail(self, what: str) -> None:
        if what in self.error:
            raise self.error[what]

    async def run(self, new: Any, *transformers: Any, **how: Any) -> UpdateResult:
        return await create_or_update(
            CONTEXT,
            "foo",
            DefaultUpdatedObjectInfo(new, *transformers),
            **{
                "object_type": TestType,
                "get": self.get,
                "create": self.create,
                "update": self.update,
                "options": UpdateOptions(),
                **how,
            },
        )


async def test_what_is_not_there_is_created() -> None:
    calls = Calls()
    asked: list[Any] = []

    async def validate(obj: Any) -> None:
        asked.append(obj)

    options = UpdateOptions(dry_run=["All"], field_manager="me", field_validation="Strict")
    result = await calls.run(thing(), validate_create=validate, options=options)
    assert result == UpdateResult(object=thing(), created=True)
    assert calls.made == [
        ("create", thing(), CreateOptions(dry_run=["All"], field_manager="me", field_validation="Strict"))
    ]
    assert asked == [thing()]


@pytest.mark.parametrize("force", [True, False])
async def test_force_makes_no_difference(force: bool) -> None:
    assert (await Calls().run(thing(), force_allow_create=force)).created


async def test_what_is_there_is_updated() -> None:
    calls = Calls(stored=thing(data="old"))
    asked: list[Any] = []

    async def validate(obj: Any, old: Any) -> None:
        asked.append((obj.data, old.data))

    options = UpdateOptions(dry_run=["All"])
    result = await calls.run(thing(data="new"), validate_update=validate, options=options)
    assert result == UpdateResult(object=thing(data="new"), created=False)
    assert calls.made == [("update", thing(data="new"), options)]
    assert asked == [("new", "old")]


async def test_the_new_object_is_made_from_a_copy() -> None:
    calls = Calls(stored=thing(data="old"))

    async def spoil(context: RequestContext, new: Any, old: Any) -> Any:
        old.data = "spoilt"
        return thing(data="new")

    await calls.run(None, spoil)
    assert calls.stored.data == "old"


async def refuse(*_: Any) -> Any:
    raise ForbiddenError(RESOURCE, "foo", "no")


async def break_down(*_: Any) -> Any:
    raise ValueError("broken")


async def make_another(*_: Any) -> Any:
    return Detail()


@pytest.mark.parametrize("stored", [None, thing()], ids=["create", "update"])
@pytest.mark.parametrize(
    ("transformer", "validate", "message"),
    [
        (refuse, None, 'testtypes.ext.cattle.io "foo" is forbidden: no'),
        (break_down, None, "Internal error occurred: broken"),
        (
            make_another,
            None,
            "Internal error occurred: object was of type ext.Detail, not of expected type ext.TestType",
        ),
        (None, refuse, 'testtypes.ext.cattle.io "foo" is forbidden: no'),
        (None, break_down, "Internal error occurred: broken"),
    ],
)
async def test_errors_on_the_way_have_a_status(stored: Any, transformer: Any, validate: Any, message: str) -> None:
    calls = Calls(stored=stored)
    transformers = () if transformer is None else (transformer,)
    with pytest.raises(StatusError) as raised:
        await calls.run(thing(), *transformers, validate_create=validate, validate_update=validate)
    assert str(raised.value) == message
    assert calls.made == []


@pytest.mark.parametrize(
    ("what", "stored", "raw"), [("get", None, True), ("update", thing(), True), ("create", None, False)]
)
async def test_errors_of_get_and_update_pass_as_they_are(what: str, stored: Any, raw: bool) -> None:
    error = ValueError("why")
    with pytest.raises(ValueError if raw else InternalError) as raised:
        await Calls(stored=stored, error={what: error}).run(thing())
    assert (raised.value is error) is raw


@pytest.mark.parametrize(
    ("stored", "new", "message"),
    [
        (
            thing(uid="1"),
            thing(uid="2"),
            "Precondition failed: UID in precondition: 2, UID in object meta: 1",
        ),
        (thing(), thing(uid="2"), "Precondition failed: UID in precondition: 2, UID in object meta: "),
        (thing(resource_version="1"), thing(resource_version="2"), "the object has been modified; please apply"),
    ],
)
async def test_what_was_made_from_another_object_is_a_conflict(stored: Any, new: Any, message: str) -> None:
    calls = Calls(stored=stored)
    with pytest.raises(ConflictError) as raised:
        await calls.run(new)
    assert message in str(raised.value)
    assert calls.made == []


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        (thing(uid="1", resource_version="1"), thing(uid="1", resource_version="1")),
        (thing(uid="1", resource_version="1"), thing()),
        (thing(), thing(resource_version="1")),
    ],
)
async def test_what_says_nothing_else_is_no_conflict(stored: Any, new: Any) -> None:
    assert not (await Calls(stored=stored).run(new)).created
