"""What the reference server was seen to do, step by step; each name is that of the recorded scenario."""

from typing import Any

import pytest

from genericapiserver.apimachinery.errors import ApplyConflictError, StatusError
from tests.apimachinery.managedfields.kinds import V1ALPHA1, Fischer, wardle_scheme
from tests.apimachinery.managedfields.world import World, flunders, widgets

Fields = dict[str, Any]

INSTANT = "2026-01-01T00:00:00Z"
CREATED: Fields = {"f:spec": {"f:flunderReference": {}, "f:referenceType": {}}}


def flunder(reference: str = "x", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", **metadata}, "spec": {"flunderReference": reference, "referenceType": "Flunder"}}


def widget(**spec: Any) -> dict[str, Any]:
    return {"spec": {"color": "red", **spec}}


def conflict_of(world: World, document: dict[str, Any], manager: str, **options: Any) -> str:
    with pytest.raises(ApplyConflictError) as caught:
        world.apply(document, manager, **options)
    assert caught.value.code == 409
    return caught.value.message


class TestCreate:
    def test_namespaced(self) -> None:
        world = flunders()
        world.create(flunder(labels={"app": "x"}, namespace="c1"), "unknown")
        assert world.entries() == [
            ("unknown", "Update", "v1beta1", "", {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, **CREATED})
        ]

    def test_generate_name(self) -> None:
        world = flunders()
        world.create(flunder(generateName="gen-"), "unknown")
        assert world.owned_by("unknown") == {"f:metadata": {"f:generateName": {}}, **CREATED}

    def test_server_fields(self) -> None:
        world = flunders()
        world.create(
            flunder(selfLink="/x", generation=7, uid="sent", creationTimestamp="2026-01-01T00:00:00Z"), "unknown"
        )
        assert world.owned_by("unknown") == CREATED

    def test_cluster_scoped(self) -> None:
        world = World(wardle_scheme(), "Fischer", Fischer, V1ALPHA1)
        world.create({"metadata": {"name": "f1"}, "disallowedFlunders": ["banned"]}, "unknown")
        assert world.owned_by("unknown") == {"f:disallowedFlunders": {}}

    @pytest.mark.parametrize("version", [V1ALPHA1, None])
    def test_defaulting_of_nothing(self, version: Any) -> None:
        world = flunders()
        world.create({"metadata": {"name": "d1"}, "spec": {}}, "unknown", version=version)
        assert world.stored.metadata.managed_fields is None

    def test_every_field_round_trips(self) -> None:
        world = widgets()
        world.create(
            widget(
                replicas=2,
                selector="app=a",
                parts=[{"name": "x", "count": 2, "labels": {"l": "1"}}, {"name": "y"}],
                tags=["t1", "t2"],
                order=["b", "a"],
                options={"o": "1"},
                limits={"low": 1, "high": 2},
                size="1.5Gi",
                port=8080,
                start="2026-01-01T02:00:00+02:00",
                weight=1.5,
                paused=True,
                payload="aGVsbG8=",
            ),
            "unknown",
        )
        part_x: Fields = {".": {}, "f:count": {}, "f:labels": {".": {}, "f:l": {}}, "f:name": {}}
        assert world.owned_by("unknown") == {
            "f:spec": {
                "f:color": {},
                "f:limits": {},
                "f:options": {".": {}, "f:o": {}},
                "f:order": {},
                "f:parts": {
                    ".": {},
                    'k:{"name":"x"}': part_x,
                    'k:{"name":"y"}': {".": {}, "f:count": {}, "f:name": {}},
                },
                "f:paused": {},
                "f:payload": {},
                "f:port": {},
                "f:replicas": {},
                "f:selector": {},
                "f:size": {},
                "f:start": {},
                "f:tags": {".": {}, 'v:"t1"': {}, 'v:"t2"': {}},
                "f:weight": {},
            }
        }

    def test_defaults(self) -> None:
        world = widgets()
        empty: dict[str, Any] = {"options": {}, "parts": [], "tags": [], "order": [], "limits": {}}
        world.create(widget(replicas=0, weight=0, paused=False, **empty), "unknown")
        assert world.owned_by("unknown") == {"f:spec": {"f:color": {}, "f:limits": {}, "f:replicas": {}}}


class TestUpdate:
    def test_basic(self) -> None:
        world = flunders()
        world.create(flunder(), "unknown")
        world.put(flunder("two"), "unknown")
        assert world.entries() == [("unknown", "Update", "v1beta1", "", CREATED)]

    def test_no_op_keeps_version(self) -> None:
        world = flunders()
        world.create(flunder(), "unknown")
        before = world.shown()
        assert world.put(flunder(), "somebody else") == before

    def test_labels_by_merge_patch(self) -> None:
        world = flunders()
        world.create(flunder(labels={"k": "v", "x": "y"}), "unknown")
        world.patch({"metadata": {"labels": {"k": None, "z": "1"}}, "spec": {"flunderReference": "mp"}}, "unknown")
        labels: Fields = {"f:metadata": {"f:labels": {".": {}, "f:x": {}, "f:z": {}}}}
        assert world.owned_by("unknown") == {**labels, **CREATED}

    def test_finalizers(self) -> None:
        world = flunders()
        world.create(flunder(finalizers=["ex.com/a", "ex.com/b"]), "unknown")
        world.patch({"metadata": {"finalizers": ["ex.com/c", "ex.com/a"]}}, "unknown")
        finalizers: Fields = {".": {}, 'v:"ex.com/a"': {}, 'v:"ex.com/c"': {}}
        assert world.owned_by("unknown") == {"f:metadata": {"f:finalizers": finalizers}, **CREATED}
        world.patch({"metadata": {"finalizers": None}}, "unknown")
        assert world.owned_by("unknown") == CREATED

    def test_through_another_version(self) -> None:
        world = flunders()
        world.create({"metadata": {"name": "o"}, "spec": {"reference": "one"}}, "unknown", version=V1ALPHA1)
        assert world.owned_by("unknown") == {"f:spec": {"f:reference": {}, "f:referenceType": {}}}
        world.patch({"spec": {"flunderReference": "two"}}, "unknown")
        assert world.entries() == [
            ("unknown", "Update", "v1alpha1", "", {"f:spec": {"f:referenceType": {}}}),
            ("unknown", "Update", "v1beta1", "", {"f:spec": {"f:flunderReference": {}}}),
        ]

    def test_clear_managed_fields(self) -> None:
        world = flunders()
        world.create(flunder(), "creator")
        world.patch({"metadata": {"managedFields": [{}]}}, "unknown")
        assert world.stored.metadata.managed_fields is None
        world.patch({"spec": {"flunderReference": "later"}}, "later")
        assert world.stored.metadata.managed_fields is None

    def test_status_apart(self) -> None:
        world = widgets()
        world.create({**widget(), "status": {"phase": "Ignored", "replicas": 7}}, "unknown")
        spec: tuple[Any, ...] = ("unknown", "Update", "v1", "", {"f:spec": {"f:color": {}, "f:replicas": {}}})
        assert world.entries() == [spec]
        ready = {"phase": "Ready", "replicas": 1, "observedGeneration": 1}
        world.put({"spec": {"color": "blue"}, "status": ready}, "unknown", subresource="status")
        status: Fields = {"f:observedGeneration": {}, "f:phase": {}, "f:replicas": {}}
        assert world.entries() == [spec, ("unknown", "Update", "v1", "status", {"f:status": status})]
        world.clock.step *= 0  # what follows happens within one second
        world.put({"spec": {"color": "green"}, "status": {"phase": "Lost", "replicas": 9}}, "unknown")
        assert sorted(world.entries()) == sorted([spec, ("unknown", "Update", "v1", "status", {"f:status": status})])
        world.patch(
            {"status": {"phase": "Patched"}, "spec": {"color": "blue"}, "metadata": {"labels": {"via": "status"}}},
            "unknown",
            subresource="status",
        )
        labels: Fields = {"f:metadata": {"f:labels": {".": {}, "f:via": {}}}}
        assert world.entries() == [spec, ("unknown", "Update", "v1", "status", {**labels, "f:status": status})]


class TestApply:
    def test_create_own_conflict_force(self) -> None:
        world = flunders()
        first = world.apply(flunder(labels={"l": "1"}), "one")
        assert world.owned_by("one") == {"f:metadata": {"f:labels": {"f:l": {}}}, **CREATED}
        assert world.apply(flunder(labels={"l": "1"}), "one") == first
        other = {"spec": {"flunderReference": "y"}}
        assert conflict_of(world, other, "two") == (
            'Apply failed with 1 conflict: conflict with "one": .spec.flunderReference'
        )
        world.apply(other, "two", force=True)
        one = {"f:metadata": {"f:labels": {"f:l": {}}}, "f:spec": {"f:referenceType": {}}}
        assert world.entries() == [
            ("one", "Apply", "v1beta1", "", one),
            ("two", "Apply", "v1beta1", "", {"f:spec": {"f:flunderReference": {}}}),
        ]
        world.apply({"spec": {"referenceType": "Flunder"}}, "one")
        assert "labels" not in world.shown()["metadata"]
        assert world.owned_by("one") == {"f:spec": {"f:referenceType": {}}}
        world.apply({"metadata": {"labels": {"m": "2"}}, "spec": {"flunderReference": "y"}}, "two")
        assert world.shown()["metadata"]["labels"] == {"m": "2"}
        shown = world.apply({"spec": {"flunderReference": "y"}}, "two")
        assert "labels" not in shown["metadata"]
        assert shown["spec"] == {"flunderReference": "y", "referenceType": "Flunder"}

    def test_mixed_managers(self) -> None:
        world = flunders()
        world.create(flunder(labels={"x": "1"}), "creator")
        mine = {"metadata": {"labels": {"y": "2"}}}
        world.apply(mine, "applier")
        created = {"f:metadata": {"f:labels": {".": {}, "f:x": {}}}, **CREATED}
        applied: Fields = {"f:metadata": {"f:labels": {"f:y": {}}}}
        assert world.entries() == [
            ("applier", "Apply", "v1beta1", "", applied),
            ("creator", "Update", "v1beta1", "", created),
        ]
        world.patch({"metadata": {"labels": {"y": "3"}}}, "patcher")
        assert world.managers() == ["creator", "patcher"]
        assert world.owned_by("patcher") == applied
        assert conflict_of(world, mine, "applier") == (
            'Apply failed with 1 conflict: conflict with "patcher" using wardle.example.com/v1beta1: .metadata.labels.y'
        )
        world.apply(mine, "applier", force=True)
        assert world.managers() == ["applier", "creator"]
        shown = world.apply({}, "applier")
        assert shown["metadata"]["labels"] == {"x": "1"}
        assert world.entries() == [("creator", "Update", "v1beta1", "", created)]

    def test_yaml_body(self) -> None:
        world = flunders()
        body = (
            b"apiVersion: wardle.example.com/v1beta1\nkind: Flunder\nmetadata:\n  name: yam\n"
            b"spec:\n  referenceType: Flunder\n  flunderReference: yaml\n"
        )
        world.apply(body, "k")
        assert world.owned_by("k") == CREATED

    def test_list_as_map(self) -> None:
        world = widgets()
        whole: Fields = {".": {}, "f:count": {}, "f:name": {}}
        world.apply(widget(parts=[{"name": "x", "count": 1}, {"name": "y", "count": 2}]), "one")
        both = {'k:{"name":"x"}': whole, 'k:{"name":"y"}': whole}
        assert world.owned_by("one") == {"f:spec": {"f:color": {}, "f:parts": both}}
        shown = world.apply(widget(parts=[{"name": "z", "count": 3}]), "two")
        assert [part["name"] for part in shown["spec"]["parts"]] == ["x", "y", "z"]
        nine = widget(parts=[{"name": "x", "count": 9}])
        assert conflict_of(world, nine, "two") == (
            'Apply failed with 1 conflict: conflict with "one": .spec.parts[name="x"].count'
        )
        shown = world.apply(nine, "two", force=True)
        assert shown["spec"]["parts"] == [{"name": "x", "count": 9}, {"name": "y", "count": 2}]
        one = {'k:{"name":"x"}': {".": {}, "f:name": {}}, 'k:{"name":"y"}': whole}
        assert world.owned_by("one") == {"f:spec": {"f:color": {}, "f:parts": one}}
        assert world.owned_by("two") == {"f:spec": {"f:color": {}, "f:parts": {'k:{"name":"x"}': whole}}}
        shown = world.apply(widget(parts=[{"name": "y", "count": 2}]), "one")
        assert [part["name"] for part in shown["spec"]["parts"]] == ["x", "y"]
        with pytest.raises(StatusError) as caught:
            world.apply(widget(parts=[{"name": "y"}, {"name": "y"}]), "one")
        assert (caught.value.code, caught.value.reason) == (500, "")
        assert caught.value.message == (
            "failed to create typed patch object (/a; demo.example.com/v1, Kind=Widget): "
            '.spec.parts: duplicate entries for key [name="y"]'
        )

    def test_list_as_set_and_atomic_list(self) -> None:
        world = widgets()
        world.apply(widget(tags=["a", "b"], order=["1", "2"]), "one")
        assert world.owned_by("one") == {"f:spec": {"f:color": {}, "f:order": {}, "f:tags": {'v:"a"': {}, 'v:"b"': {}}}}
        shown = world.apply(widget(tags=["b", "c"]), "two")
        assert shown["spec"]["tags"] == ["a", "b", "c"]
        assert conflict_of(world, widget(tags=["b", "c"], order=["3"]), "two").endswith('"one": .spec.order')
        world.apply(widget(tags=["b", "c"], order=["3"]), "two", force=True)
        assert world.owned_by("one") == {"f:spec": {"f:color": {}, "f:tags": {'v:"a"': {}, 'v:"b"': {}}}}
        shown = world.apply(widget(tags=["b"]), "one")
        assert (shown["spec"]["tags"], shown["spec"]["order"]) == (["b", "c"], ["3"])

    def test_maps_and_atomic_structs(self) -> None:
        world = widgets()
        world.apply(widget(options={"a": "1", "b": "2"}, limits={"low": 1}), "one")
        assert world.owned_by("one") == {"f:spec": {"f:color": {}, "f:limits": {}, "f:options": {"f:a": {}, "f:b": {}}}}
        world.apply(widget(options={"c": "3"}), "two")
        assert conflict_of(world, widget(options={"a": "9", "c": "3"}), "two").endswith('"one": .spec.options.a')
        both = widget(options={"c": "3"}, limits={"high": 5})
        assert conflict_of(world, both, "two").endswith('"one": .spec.limits')
        shown = world.apply(both, "two", force=True)
        assert shown["spec"]["limits"] == {"high": 5}
        shown = world.apply(widget(), "one")
        assert shown["spec"] == {"replicas": 1, "color": "red", "options": {"c": "3"}, "limits": {"high": 5}}
        assert world.owned_by("one") == {"f:spec": {"f:color": {}}}

    def test_defaults_and_scalars(self) -> None:
        world = widgets()
        shown = world.apply(widget(), "one")
        assert shown["spec"] == {"replicas": 1, "color": "red"}
        assert world.owned_by("one") == {"f:spec": {"f:color": {}}}
        world.apply(widget(replicas=3), "two")
        # Somebody scales, and the storage of the scale leaves the owners as they were.
        world.stored.spec.replicas = 6
        shown = world.apply(widget(replicas=3), "two")
        assert shown["spec"]["replicas"] == 3
        shown = world.apply(widget(), "two")
        assert shown["spec"]["replicas"] == 1
        world.apply(widget(size="1Gi", port="http", start="2026-01-01T00:00:00Z"), "three")
        assert world.owned_by("three") == {"f:spec": {"f:color": {}, "f:port": {}, "f:size": {}, "f:start": {}}}
        assert conflict_of(world, widget(size="1024Mi"), "four").endswith('"three": .spec.size')

    def test_status_is_reset_through_the_main_resource(self) -> None:
        world = widgets()
        shown = world.apply({**widget(), "status": {"phase": "no"}}, "one")
        assert shown["status"] == {"replicas": 0}
        assert world.owned_by("one") == {"f:spec": {"f:color": {}}}
        world.patch({"status": {"phase": "yes"}}, "ctl", subresource="status")
        again = {"spec": {"color": "blue"}, "status": {"phase": "again"}}
        assert conflict_of(world, again, "ctl", subresource="status") == (
            'Apply failed with 1 conflict: conflict with "ctl" with subresource "status" using demo.example.com/v1: '
            ".status.phase"
        )

    def test_conditions_merge_by_type(self) -> None:
        world = widgets()
        world.create(widget(), "unknown")
        condition = {
            "type": "A",
            "status": "True",
            "reason": "Ok",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        world.patch({"status": {"conditions": [condition]}}, "unknown", subresource="status")
        whole: Fields = {".": {}, **{f"f:{name}": {} for name in sorted(condition)}}
        assert world.entries()[1][-1] == {"f:status": {"f:conditions": {".": {}, 'k:{"type":"A"}': whole}}}
        world.apply({"status": {"conditions": [{**condition, "type": "B"}]}}, "ctl", subresource="status")
        assert world.owned_by("ctl") == {"f:status": {"f:conditions": {'k:{"type":"B"}': whole}}}
        changed = {"status": {"conditions": [{**condition, "type": "B", "status": "False"}]}}
        assert conflict_of(world, changed, "ctl2", subresource="status") == (
            'Apply failed with 1 conflict: conflict with "ctl" with subresource "status": '
            '.status.conditions[type="B"].status'
        )

    def test_update_then_apply_keeps_others_fields(self) -> None:
        world = widgets()
        world.create(widget(parts=[{"name": "x"}], tags=["t"], options={"k": "v"}), "kubectl-create")
        five = widget(parts=[{"name": "x", "count": 5}])
        assert conflict_of(world, five, "kubectl") == (
            'Apply failed with 1 conflict: conflict with "kubectl-create" using demo.example.com/v1: '
            '.spec.parts[name="x"].count'
        )
        world.apply(five, "kubectl", force=True)
        part: Fields = {".": {}, "f:name": {}}
        assert world.owned_by("kubectl-create")["f:spec"]["f:parts"] == {".": {}, 'k:{"name":"x"}': part}
        shown = world.apply(widget(), "kubectl")
        assert shown["spec"]["parts"] == [{"name": "x", "count": 1}]
        assert world.owned_by("kubectl") == {"f:spec": {"f:color": {}}}
