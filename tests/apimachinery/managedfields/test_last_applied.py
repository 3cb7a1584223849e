import json
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import ApplyConflictError
from genericapiserver.apimachinery.managedfields.last_applied import LAST_APPLIED
from tests.apimachinery.managedfields.world import World, flunders

API = {"apiVersion": "wardle.example.com/v1beta1", "kind": "Flunder"}


def document(reference: str, **labels: str) -> dict[str, Any]:
    return {**API, "metadata": {"name": "a", "labels": labels}, "spec": {"flunderReference": reference}}


def client_side_applied(reference: str = "x", annotation: str | None = None, **labels: str) -> World:
    """An object as `kubectl apply` leaves it."""
    world = flunders()
    config = document(reference, **labels)
    text = json.dumps(config) if annotation is None else annotation
    stored = {**config, "metadata": {**config["metadata"], "annotations": {LAST_APPLIED: text, "other": "1"}}}
    world.create(stored, "kubectl-client-side-apply")
    return world


def annotation_of(world: World) -> str | None:
    text: str | None = world.stored.metadata.annotations.get(LAST_APPLIED)
    return text


def test_kubectl_takes_over_what_it_applied_before() -> None:
    world = client_side_applied(a="1")
    world.apply(document("y", a="2"), "kubectl")
    assert world.shown()["spec"] == {"flunderReference": "y"}
    assert world.owned_by("kubectl") == {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:flunderReference": {}}}


def test_others_conflict_all_the_same() -> None:
    with pytest.raises(ApplyConflictError):
        client_side_applied().apply(document("y"), "somebody")


def test_what_has_changed_since_is_a_conflict() -> None:
    world = client_side_applied(a="1", b="1")
    world.patch({"metadata": {"labels": {"a": "changed"}}}, "editor")
    with pytest.raises(ApplyConflictError) as caught:
        world.apply(document("y", a="2", b="2"), "kubectl")
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "editor" using wardle.example.com/v1beta1: .metadata.labels.a'
    )


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        "no json",
        "[]",
        json.dumps({**document("x"), "kind": ""}),
        json.dumps({**document("x"), "apiVersion": "wardle.example.com/v1alpha1"}),
        json.dumps({**document("x"), "unknown": 1}),
    ],
)
def test_an_annotation_of_no_use_covers_nothing(annotation: str) -> None:
    with pytest.raises(ApplyConflictError):
        client_side_applied(annotation=annotation).apply(document("y"), "kubectl")


def test_the_annotation_is_kept_up_to_date() -> None:
    world = client_side_applied()
    world.apply(document("y", a="<1>"), "kubectl")
    assert annotation_of(world) == (
        '{"apiVersion":"wardle.example.com/v1beta1","kind":"Flunder","metadata":{"labels":{"a":"\\u003c1\\u003e"},'
        '"name":"a"},"spec":{"flunderReference":"y"}}\n'
    )


def test_the_annotation_does_not_hold_itself() -> None:
    world = client_side_applied()
    config = document("x")
    config["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(document("x")), "other": "1"}
    world.apply(config, "kubectl")
    assert json.loads(annotation_of(world) or "")["metadata"] == {
        "annotations": {"other": "1"},
        "labels": {},
        "name": "a",
    }


def test_no_annotation_is_made_and_others_leave_it_alone() -> None:
    world = flunders()
    world.apply(document("x"), "kubectl")
    assert annotation_of(world) is None
    world = client_side_applied()
    before = annotation_of(world)
    world.apply(document("x", a="1"), "somebody")
    assert annotation_of(world) == before


def test_it_is_dropped_where_annotations_would_grow_too_big() -> None:
    world = client_side_applied()
    world.patch({"metadata": {"annotations": {"big": "x" * (256 * 1024 - 300)}}}, "editor")
    world.apply(document("x", a="1"), "kubectl")
    assert annotation_of(world) is not None
    world.apply(document("x", a="1" * 300), "kubectl")
    assert annotation_of(world) is None
    assert world.stored.metadata.annotations["other"] == "1"
