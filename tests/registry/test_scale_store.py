from typing import Any

import pytest

from genericapiserver.apimachinery.errors import BadRequestError, ConflictError, InvalidError, NotFoundError
from genericapiserver.apimachinery.meta import (
    GetOptions,
    LabelSelector,
    LabelSelectorRequirement,
    ManagedFieldsEntry,
    Object,
    ObjectMeta,
    UpdateOptions,
)
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.apis.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus
from genericapiserver.registry import rest
from genericapiserver.registry.rest import DefaultUpdatedObjectInfo
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.registry.status_store import SpecStatusStrategy
from tests.registry.support import (
    GADGETS,
    GROUP_VERSION,
    SCHEME,
    Gadget,
    create,
    new_context,
    new_gadget,
    new_store,
    plain,
    read,
    update,
)


class Scalable(SpecStatusStrategy):
    """Takes updates without a version and lets them create, as kinds that scale mostly do."""

    allow_unconditional_update = True
    allow_create_on_update = True


async def gadgets(size: int = 2) -> tuple[Any, ScaleStore]:
    """A store with the gadget `a`, whose size counts as its replicas, and the store of its scale."""
    store = new_store(Scalable(SCHEME))
    gadget = new_gadget()
    gadget.spec.size = size
    await create(store, gadget)
    return store, ScaleStore(
        store, ScaleFields(spec_replicas="spec.size", status_replicas="metadata.generation", selector="metadata.name")
    )


async def scale_to(scales: ScaleStore, obj: Any, name: str = "a", **arguments: Any) -> Scale:
    result = await scales.update(
        new_context(),
        name,
        DefaultUpdatedObjectInfo(obj),
        validate_create=None,
        validate_update=arguments.pop("validate", None),
        force_allow_create=True,
        options=UpdateOptions(**arguments),
    )
    assert not result.created
    scale: Scale = plain(result.object)
    return scale


def scale(replicas: int, **metadata: Any) -> Scale:
    return Scale(metadata=ObjectMeta(name="a", namespace="ns", **metadata), spec=ScaleSpec(replicas=replicas))


@api_type
class Flock(Object):
    """Has a selector in every form there is."""

    replicas: Int32 = field(default=2)
    text: str = field(default="")
    labels: dict[str, str] = field(factory=dict)
    selector: LabelSelector | None = field(default=None)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"text": "a in (1,2)"}, "a in (1,2)"),
        ({"labels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"labels": {}}, ""),
        ({"selector": LabelSelector(match_labels={"a": "1"})}, "a=1"),
        ({"selector": LabelSelector(match_expressions=[LabelSelectorRequirement(key="a", operator="Exists")])}, "a"),
        ({"selector": LabelSelector()}, ""),
        ({"selector": None}, ""),
    ],
)
async def test_a_selector_is_shown_as_text_whatever_form_it_has(given: dict[str, Any], text: str) -> None:
    store, _ = await gadgets()
    (path,) = given
    scales = ScaleStore(store, ScaleFields(spec_replicas="replicas", status_replicas="replicas", selector=path))
    assert scales.scale_of(Flock(**given)).status.selector == text


async def test_a_selector_that_cannot_be_is_told_of() -> None:
    store, _ = await gadgets()
    scales = ScaleStore(store, ScaleFields(spec_replicas="replicas", status_replicas="replicas", selector="selector"))
    wrong = LabelSelector(match_expressions=[LabelSelectorRequirement(key="a", operator="Like")])
    with pytest.raises(BadRequestError, match="Like"):
        scales.scale_of(Flock(selector=wrong))


async def test_a_scale_shows_the_numbers_and_the_identity_of_its_object() -> None:
    store, scales = await gadgets()
    found = await scales.get(new_context(), "a", GetOptions())
    gadget = await read(store)
    assert found.spec == ScaleSpec(replicas=2)
    assert found.status == ScaleStatus(replicas=1, selector="a")
    assert found.metadata == ObjectMeta(
        name="a",
        namespace="ns",
        uid=gadget.metadata.uid,
        resource_version=gadget.metadata.resource_version,
        creation_timestamp=gadget.metadata.creation_timestamp,
    )


async def test_changing_the_scale_changes_the_object_by_its_own_rules() -> None:
    store, scales = await gadgets()
    changed = await scale_to(scales, scale(5))
    gadget = await read(store)
    assert changed.spec.replicas == gadget.spec.size == 5
    assert changed.metadata.resource_version == gadget.metadata.resource_version
    assert gadget.metadata.generation == 2


async def test_a_resource_version_has_to_be_the_stored_one() -> None:
    store, scales = await gadgets()
    seen = (await read(store)).metadata.resource_version
    assert (await scale_to(scales, scale(3, resource_version=seen))).spec.replicas == 3
    with pytest.raises(ConflictError, match="the object has been modified"):
        await scale_to(scales, scale(4, resource_version=seen))


async def test_a_uid_has_to_be_that_of_the_object() -> None:
    _, scales = await gadgets()
    with pytest.raises(ConflictError, match="Precondition failed"):
        await scale_to(scales, scale(3, uid="another"))


async def test_a_negative_number_is_refused_as_a_scale() -> None:
    _, scales = await gadgets()
    with pytest.raises(
        InvalidError, match=r'^Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: '
    ) as raised:
        await scale_to(scales, scale(-1))
    assert raised.value.details is not None
    assert raised.value.details.group == "autoscaling"


async def test_something_else_is_no_scale() -> None:
    _, scales = await gadgets()
    with pytest.raises(BadRequestError, match="expected input object type to be Scale"):
        await scale_to(scales, Gadget())


async def test_a_scale_never_creates() -> None:
    _, scales = await gadgets()
    for missing in (scales.get(new_context(), "b", GetOptions()), scale_to(scales, scale(3), "b")):
        with pytest.raises(NotFoundError, match=f'^{GADGETS} "b" not found$'):
            await missing


async def test_a_dry_run_changes_nothing() -> None:
    store, scales = await gadgets()
    assert (await scale_to(scales, scale(7), dry_run=["All"])).spec.replicas == 7
    assert (await read(store)).spec.size == 2


async def test_admission_sees_scales() -> None:
    _, scales = await gadgets()
    seen = []

    async def validate(new: Any, old: Any) -> None:
        seen.append((new.spec.replicas, old.spec.replicas))

    await scale_to(scales, scale(3), validate=validate)
    assert seen == [(3, 2)]


async def test_a_race_is_run_again_from_the_newer_object() -> None:
    store, scales = await gadgets()
    raced: list[int] = []

    async def race(context: Any, new: Any, old: Any) -> Any:
        if not raced:
            raced.append(old.spec.replicas)
            gadget = await read(store)
            gadget.spec.size = 9
            gadget.metadata.labels = {"raced": "yes"}
            await update(store, gadget)
        old.spec.replicas += 1
        return old

    result = await scales.update(
        new_context(),
        "a",
        DefaultUpdatedObjectInfo(None, race),
        validate_create=None,
        validate_update=None,
        options=UpdateOptions(),
    )
    assert raced == [2]
    assert plain(result.object).spec.replicas == 10
    assert (await read(store)).metadata.labels == {"raced": "yes"}


def owner(manager: str, field: str, version: str, subresource: str = "") -> ManagedFieldsEntry:
    return ManagedFieldsEntry(
        manager=manager,
        operation="Update",
        api_version=version,
        fields_type="FieldsV1",
        fields_v1={"f:spec": {f"f:{field}": {}}},
        subresource=subresource,
    )


@pytest.mark.parametrize(
    ("versions", "seen", "after"),
    [
        ([], None, [owner("a", "size", "things.example.com/v1")]),
        (
            [GROUP_VERSION],
            [owner("a", "replicas", "autoscaling/v1")],
            [owner("hpa", "size", "things.example.com/v1", "scale")],
        ),
    ],
    ids=["not tracked", "tracked"],
)
async def test_who_scales_manages_the_replicas_where_versions_are_told(versions: Any, seen: Any, after: Any) -> None:
    store = new_store(Scalable(SCHEME))
    await create(store, new_gadget(managed_fields=[owner("a", "size", "things.example.com/v1")]))
    fields = ScaleFields(spec_replicas="spec.size", status_replicas="metadata.generation")
    presented = []

    async def track(context: Any, new: Any, old: Any) -> Any:
        presented.append(old.metadata.managed_fields)
        new.metadata.managed_fields = [owner("hpa", "replicas", "autoscaling/v1", "scale")]
        return new

    result = await ScaleStore(store, fields, versions=versions).update(
        new_context(),
        "a",
        DefaultUpdatedObjectInfo(scale(3), track),
        validate_create=None,
        validate_update=None,
        options=UpdateOptions(),
    )
    assert presented == [seen]
    assert (await read(store)).metadata.managed_fields == after
    assert plain(result.object).metadata.managed_fields is None


async def test_it_can_be_read_and_patched_and_nothing_more() -> None:
    _, scales = await gadgets()
    assert isinstance(scales, rest.Patcher)
    assert not isinstance(scales, rest.Creator | rest.Lister | rest.Watcher | rest.GracefulDeleter)
    kind = scales.group_version_kind(GroupVersion("things.example.com", "v1"))
    assert str(kind.group_version) == "autoscaling/v1"
