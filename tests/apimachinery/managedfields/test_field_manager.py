"""The rules around the bookkeeping, one by one."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.errors import ApplyConflictError, BadRequestError, StatusError
from genericapiserver.apimachinery.managedfields import manager_from
from genericapiserver.apimachinery.managedfields.field_manager import keep_times_of_no_change
from genericapiserver.apimachinery.meta import ManagedFieldsEntry
from tests.apimachinery.managedfields.kinds import V1ALPHA1, V1BETA1, Flunder
from tests.apimachinery.managedfields.world import World, flunders, widgets

REFERENCE = {"spec": {"flunderReference": "x"}}
FLUNDER = {"metadata": {"name": "a"}, "spec": {"flunderReference": "x", "referenceType": "Flunder"}}


def entry(manager: str, fields: Any, **values: Any) -> ManagedFieldsEntry:
    made = ManagedFieldsEntry(
        manager=manager,
        operation="Update",
        api_version="wardle.example.com/v1beta1",
        fields_type="FieldsV1",
        fields_v1=fields,
    )
    for name, value in values.items():
        setattr(made, name, value)
    return made


class TestOwnership:
    def test_writing_the_same_value_gives_no_ownership(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        world.patch(REFERENCE, "two")
        assert world.managers() == ["one"]

    def test_whoever_changes_a_field_takes_it(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        world.patch({"spec": {"flunderReference": "y"}}, "two")
        assert world.owned_by("one") == {"f:spec": {"f:referenceType": {}}}
        assert world.owned_by("two") == {"f:spec": {"f:flunderReference": {}}}

    def test_losing_every_child_leaves_the_container(self) -> None:
        world = flunders()
        world.create({"metadata": {"name": "a", "labels": {"a": "1", "b": "2"}}}, "one")
        world.patch({"metadata": {"labels": {"a": "2", "b": "3"}}}, "two")
        assert world.owned_by("one") == {"f:metadata": {"f:labels": {}}}
        assert world.owned_by("two") == {"f:metadata": {"f:labels": {"f:a": {}, "f:b": {}}}}

    def test_what_is_removed_is_nobodys(self) -> None:
        world = flunders()
        world.create({"metadata": {"name": "a", "labels": {"a": "1"}}, "spec": {"flunderReference": "x"}}, "one")
        world.patch({"metadata": {"labels": None}}, "two")
        assert world.entries() == [("one", "Update", "v1beta1", "", {"f:spec": {"f:flunderReference": {}}})]

    def test_an_apply_owns_what_it_says_even_where_it_changes_nothing(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        world.apply(REFERENCE, "two")
        assert world.owned_by("two") == {"f:spec": {"f:flunderReference": {}}}
        assert world.owned_by("one") == {"f:spec": {"f:flunderReference": {}, "f:referenceType": {}}}

    def test_server_fields_are_owned_as_applied_unless_nobody_may(self) -> None:
        world = flunders()
        world.apply(
            {
                "metadata": {
                    "generateName": "g-",
                    "deletionTimestamp": "2026-01-01T00:00:00Z",
                    "namespace": "n",
                    "uid": None,
                    "labels": {},
                    "annotations": None,
                    "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u1"}],
                    "finalizers": [],
                }
            },
            "one",
        )
        assert world.owned_by("one") == {
            "f:metadata": {
                "f:annotations": {},
                "f:deletionTimestamp": {},
                "f:generateName": {},
                "f:labels": {},
                "f:ownerReferences": {'k:{"uid":"u1"}': {}},
            }
        }
        assert world.stored.metadata.deletion_timestamp == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def test_an_applier_that_owns_nothing_is_forgotten(self) -> None:
        world = flunders()
        world.apply({}, "one")
        assert world.stored.metadata.managed_fields is None

    def test_an_applier_of_another_version_replaces_its_own_entry(self) -> None:
        world = flunders()
        world.apply({"spec": {"flunderReference": "x", "referenceType": "Flunder"}}, "one")
        world.apply({"spec": {"reference": "x"}}, "one", version=V1ALPHA1)
        assert world.entries() == [("one", "Apply", "v1alpha1", "", {"f:spec": {"f:reference": {}}})]

    def test_conflicts_are_found_across_versions(self) -> None:
        world = flunders()
        world.apply({"spec": {"reference": "x"}}, "old", version=V1ALPHA1)
        with pytest.raises(ApplyConflictError) as caught:
            world.apply({"spec": {"flunderReference": "y"}}, "new")
        # The hub's reference type decides which of the references is shown, so both of the old ones would change or not.
        assert caught.value.message == 'Apply failed with 1 conflict: conflict with "old": .spec.reference'

    def test_moving_to_another_version_prunes_by_the_rules_of_the_old_one(self) -> None:
        world = flunders(V1ALPHA1)
        world.apply({"spec": {"reference": "r"}}, "one")
        shown = world.apply({"spec": {"flunderReference": "r"}}, "one", version=V1BETA1)
        assert shown["spec"] == {"referenceType": "Flunder"}

    def test_list_keys_are_defaulted(self) -> None:
        world = widgets()
        with pytest.raises(StatusError) as caught:
            world.apply({"metadata": {"ownerReferences": [{"name": "a"}, {"name": "b"}]}}, "one")
        assert caught.value.message == (
            "failed to create typed patch object (/a; demo.example.com/v1, Kind=Widget): "
            '.metadata.ownerReferences: duplicate entries for key [uid=""]'
        )

    def test_a_name_that_is_no_text_is_not_shown(self) -> None:
        world = widgets()
        with pytest.raises(StatusError) as caught:
            world.apply({"metadata": {"name": 1}}, "one")
        assert caught.value.message == (
            "failed to create typed patch object (/; demo.example.com/v1, Kind=Widget): "
            ".metadata.name: expected string, got &value.valueUnstructured{Value:1}"
        )

    def test_live_duplicates_do_not_hinder_an_apply(self) -> None:
        world = widgets()
        owner = {"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u"}
        world.create({"metadata": {"name": "a", "ownerReferences": [owner, owner]}, "spec": {"color": "red"}}, "one")
        assert world.owned_by("one")["f:metadata"] == {"f:ownerReferences": {".": {}, 'k:{"uid":"u"}': {}}}
        world.apply({"metadata": {"labels": {"a": "1"}}}, "two")
        assert len(world.stored.metadata.owner_references) == 2
        world.apply({"metadata": {"ownerReferences": [{**owner, "name": "other"}]}}, "two", force=True)
        assert [owner.name for owner in world.stored.metadata.owner_references] == ["other"]


class TestTimes:
    def test_entries_get_whole_seconds(self) -> None:
        world = flunders()
        world.clock.time = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone(dt.timedelta(hours=2)))
        world.create(FLUNDER, "one")
        assert world.times() == {"one": dt.datetime(2026, 1, 2, 1, 4, 5, tzinfo=dt.UTC)}

    def test_an_update_that_wins_nothing_keeps_its_time(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        before = world.times()
        world.patch(REFERENCE, "one")
        assert world.times() == before
        world.patch({"spec": {"flunderReference": "z"}}, "one")
        assert world.times() != before

    def test_a_new_co_owner_has_no_time(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        world.apply(REFERENCE, "two")
        assert world.times()["two"] is None

    def test_an_apply_that_changes_only_ownership_keeps_its_time(self) -> None:
        world = flunders()
        world.apply(FLUNDER, "one")
        world.apply(FLUNDER, "two")
        before = world.times()
        world.apply(REFERENCE, "one")
        assert world.times() == before
        assert world.owned_by("one") == {"f:spec": {"f:flunderReference": {}}}

    def test_another_spelling_is_a_change_but_not_one_to_write(self) -> None:
        world = flunders()
        empty = {"spec": {"flunderReference": "x", "fischerReference": ""}}
        first = world.apply(empty, "one")
        assert world.apply(empty, "one") == first

    def test_another_spelling_is_written_where_the_kind_is_its_own_hub(self) -> None:
        world = widgets()
        first = world.apply({"spec": {"color": "red", "selector": ""}}, "one")
        again = world.apply({"spec": {"color": "red", "selector": ""}}, "one")
        assert again["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
        assert again["metadata"]["managedFields"][0]["time"] > first["metadata"]["managedFields"][0]["time"]

    def test_old_times_come_back_when_nothing_else_differs(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        new = deep_copy(world.stored)
        new.metadata.managed_fields[0].time += dt.timedelta(hours=1)
        assert keep_times_of_no_change(world.stored, deep_copy(new)) == world.stored
        changed = deep_copy(new)
        changed.spec.flunder_reference = "y"
        assert keep_times_of_no_change(world.stored, deep_copy(changed)) == changed
        fewer = deep_copy(new)
        fewer.metadata.managed_fields[0].fields_v1 = {}
        assert keep_times_of_no_change(world.stored, deep_copy(fewer)) == fewer


class TestSentManagedFields:
    @pytest.fixture
    def world(self) -> World:
        world = flunders()
        world.create(FLUNDER, "one")
        return world

    def update(self, world: World, entries: list[ManagedFieldsEntry] | None, **options: Any) -> World:
        live = deep_copy(world.stored)
        new = deep_copy(world.stored)
        new.metadata.managed_fields = entries
        new.spec.flunder_reference = "y"
        world.stored = world.manager(**options).update(live, new, "two")
        return world

    def test_none_keep_what_is_live(self, world: World) -> None:
        assert self.update(world, None).managers() == ["one", "two"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"operation": "Delete"},
            {"api_version": ""},
            {"fields_type": ""},
            {"fields_type": "FieldsV2"},
            {"fields_v1": []},
            {"fields_v1": {"bad": {}}},
        ],
    )
    def test_what_cannot_be_read_keeps_what_is_live(self, world: World, changes: dict[str, Any]) -> None:
        assert self.update(world, [entry("x", {"f:spec": {}}, **changes)]).managers() == ["one", "two"]

    @pytest.mark.parametrize("entries", [[], [ManagedFieldsEntry()]])
    def test_an_explicit_reset_ends_the_tracking(self, world: World, entries: list[ManagedFieldsEntry]) -> None:
        assert self.update(world, entries).entries() == []
        assert self.update(world, None).entries() == []

    def test_an_apply_begins_the_tracking_anew(self, world: World) -> None:
        self.update(world, [])
        world.apply({"metadata": {"labels": {"a": "1"}}}, "me")
        assert world.managers() == ["me", "before-first-apply"]
        assert world.owned_by("before-first-apply") == {"f:spec": {"f:flunderReference": {}, "f:referenceType": {}}}

    def test_what_can_be_read_is_the_starting_point(self, world: World) -> None:
        fields: dict[str, Any] = {"f:spec": {"f:referenceType": {}, "f:flunderReference": {}}}
        self.update(world, [entry("sent", fields, time=None)])
        assert world.managers() == ["sent", "two"]
        assert world.owned_by("sent") == {"f:spec": {"f:referenceType": {}}}

    def test_entries_of_nothing_and_of_other_versions_vanish(self, world: World) -> None:
        fields: dict[str, Any] = {"f:spec": {"f:referenceType": {}}}
        self.update(
            world,
            [
                entry("empty", {}),
                entry("gone", fields, api_version="wardle.example.com/v1alpha0"),
                entry("foreign", fields, api_version="demo.example.com/v1beta1"),
                entry("kept", fields, api_version="wardle.example.com/v1alpha1"),
            ],
        )
        assert world.managers() == ["kept", "two"]

    def test_of_two_entries_of_one_identity_the_later_counts(self, world: World) -> None:
        self.update(
            world,
            [entry("m", {"f:spec": {"f:referenceType": {}}}), entry("m", {"f:metadata": {"f:labels": {}}})],
        )
        assert world.owned_by("m") == {"f:metadata": {"f:labels": {}}}

    def test_through_a_subresource_they_are_ignored(self, world: World) -> None:
        self.update(world, [], subresource="status")
        assert world.managers() == ["one", "two"]

    def test_on_create_they_lose_all_that_is_there(self) -> None:
        world = flunders()
        new = world.hub(FLUNDER)
        new.metadata.managed_fields = [
            entry("sent", {"f:spec": {"f:flunderReference": {}}, "f:metadata": {"f:name": {}}}, operation="Apply")
        ]
        world.stored = world.manager().update(None, new, "me")
        assert world.managers() == ["me"]

    def test_an_unreadable_version_leaves_the_object_untracked(self, world: World) -> None:
        self.update(world, [entry("m", {"f:spec": {"f:referenceType": {}}}, api_version="a/b/c")])
        assert world.stored.metadata.managed_fields is None


class TestBeforeFirstApply:
    def test_what_was_there_is_somebodys(self) -> None:
        world = flunders()
        world.create({**FLUNDER, "metadata": {"name": "a", "labels": {"a": "1"}}}, "one")
        world.stored.metadata.managed_fields = None
        with pytest.raises(ApplyConflictError) as caught:
            world.apply({"spec": {"flunderReference": "y"}}, "me")
        assert caught.value.message == (
            'Apply failed with 1 conflict: conflict with "before-first-apply" using wardle.example.com/v1beta1: '
            ".spec.flunderReference"
        )
        world.apply(REFERENCE, "me")
        assert world.owned_by("before-first-apply") == {
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:spec": {"f:flunderReference": {}, "f:referenceType": {}},
        }

    def test_the_endpoints_subresource_and_reset_fields_count(self) -> None:
        world = widgets()
        world.create({"spec": {"color": "red"}}, "one")
        world.patch({"status": {"phase": "Ready"}}, "ctl", subresource="status")
        world.stored.metadata.managed_fields = None
        world.apply({"status": {"phase": "Ready"}}, "me", subresource="status")
        assert world.entries() == [
            ("me", "Apply", "v1", "status", {"f:status": {"f:phase": {}}}),
            ("before-first-apply", "Update", "v1", "status", {"f:status": {"f:phase": {}}}),
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("document", "message"),
        [
            (b"", "invalid object type: /, Kind="),
            (b"null", "invalid object type: /, Kind="),
            (b"{}", "invalid object type: /, Kind="),
            (b"kind: Flunder", "invalid object type: /, Kind=Flunder"),
            (b"apiVersion: v1\nkind: Pod", "invalid object type: /v1, Kind=Pod"),
            (b"apiVersion: a/b/c\nkind: Flunder", "invalid object type: /, Kind="),
            (
                b"apiVersion: wardle.example.com/v1alpha1\nkind: Flunder",
                "invalid object type: wardle.example.com/v1alpha1, Kind=Flunder",
            ),
            (
                b"apiVersion: wardle.example.com/v1beta1\nkind: Flunder\nmetadata:\n  managedFields: []",
                "metadata.managedFields must be nil",
            ),
            (
                b"[]",
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array "
                "into Go value of type map[string]interface {}",
            ),
            (
                b"5",
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal number "
                "into Go value of type map[string]interface {}",
            ),
        ],
    )
    def test_documents_that_cannot_be_applied_here(self, document: bytes, message: str) -> None:
        with pytest.raises(BadRequestError) as caught:
            flunders().apply(document, "m")
        assert caught.value.message == message

    def test_text_that_is_no_yaml(self) -> None:
        with pytest.raises(
            BadRequestError, match=r"^error decoding YAML: error converting YAML to JSON: yaml: line 1: "
        ):
            flunders().apply(b"a: [", "m")

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            ({"spec": {"zz": 1}}, ".spec.zz: field not declared in schema"),
            (
                {"spec": {"flunderReference": 1}},
                ".spec.flunderReference: expected string, got &value.valueUnstructured{Value:1}",
            ),
            ({"metadata": {"managedFields": {}}}, ".metadata.managedFields: expected list, got &{map[]}"),
        ],
    )
    def test_documents_that_do_not_fit_the_type(self, document: dict[str, Any], problem: str) -> None:
        with pytest.raises(StatusError) as caught:
            flunders().apply({**document, "metadata": {"namespace": "ns", **document.get("metadata", {})}}, "m")
        assert (caught.value.code, caught.value.reason) == (500, "")
        assert caught.value.message == (
            f"failed to create typed patch object (ns/a; wardle.example.com/v1beta1, Kind=Flunder): {problem}"
        )

    @pytest.mark.parametrize("spec", [{"size": "abc"}, {"port": 1.5}, {"start": "x"}, {"replicas": 1.5}])
    def test_values_that_fit_the_shape_but_not_the_type(self, spec: dict[str, Any]) -> None:
        with pytest.raises(StatusError) as caught:
            widgets().apply({"spec": {"color": "red", **spec}}, "m")
        assert (caught.value.code, caught.value.reason) == (500, "")
        assert caught.value.message.startswith(
            "failed to convert new object (/a; demo.example.com/v1, Kind=Widget) to proper version: "
            "unable to convert unstructured object to demo.example.com/v1, Kind=Widget: "
        )

    def test_whole_floats_are_integers(self) -> None:
        world = widgets()
        world.apply({"spec": {"color": "red", "replicas": 2.0}}, "m")
        assert world.stored.spec.replicas == 2

    def test_managed_fields_of_null_are_none(self) -> None:
        flunders().apply({"metadata": {"managedFields": None}}, "m")

    def test_a_status_without_fields_takes_anything(self) -> None:
        world = flunders()
        world.apply({"status": {"what": {"ever": 1}}}, "m")
        assert world.owned_by("m") == {"f:status": {"f:what": {".": {}, "f:ever": {}}}}

    def test_unreadable_live_entries_stop_an_apply(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        world.stored.metadata.managed_fields[0].operation = "x"
        with pytest.raises(StatusError, match="failed to decode managed fields: operation must be `Apply` or `Update`"):
            world.apply(REFERENCE, "m")


class TestPurity:
    def test_neither_live_nor_the_document_is_changed(self) -> None:
        world = widgets()
        world.create({"spec": {"color": "red", "parts": [{"name": "x"}], "tags": ["t"]}}, "one")
        live = world.stored
        before = deep_copy(live)
        document = {
            "apiVersion": "demo.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "a", "labels": {"l": "1"}},
            "spec": {"parts": [{"name": "y", "count": 1.0}]},
        }
        new = world.manager().apply(live, document, "two", force=False)
        new.spec.parts.clear()
        new.metadata.labels["x"] = "y"
        new.metadata.managed_fields[0].fields_v1.clear()
        assert live == before
        assert document["metadata"] == {"name": "a", "labels": {"l": "1"}}

    def test_an_unchanged_object_is_a_copy(self) -> None:
        world = flunders()
        world.create(FLUNDER, "one")
        new = world.manager().apply(world.stored, {**world.shown(), "metadata": {"name": "a"}}, "two", force=False)
        new.metadata.labels["x"] = "y"
        assert world.stored.metadata.labels == {}


@pytest.mark.parametrize(
    ("option", "user_agent", "manager"),
    [
        ("me", "kubectl/v1", "me"),
        ("", "kubectl/v1.32 (linux)", "kubectl"),
        ("", "Mozilla 5.0", "Mozilla 5.0"),
        ("", "", "unknown"),
        ("", "/x", "unknown"),
        ("", "a\x00\tb\u200bc", "abc"),
        ("", "x" * 200, "x" * 128),
        ("", "x" * 127 + "é", "x" * 127),
        ("", "\udcff", "\ufffd"),
    ],
)
def test_the_manager_of_a_request(option: str, user_agent: str, manager: str) -> None:
    assert manager_from(option, user_agent) == manager


def test_an_empty_manager_is_unknown() -> None:
    world = flunders()
    world.create(FLUNDER, "")
    assert world.managers() == ["unknown"]


parts = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}, optional={"count": st.integers(1, 3)}),
    min_size=1,  # an empty list is another spelling of none, hence a change
    max_size=3,
    unique_by=lambda part: part["name"],
)
specs = st.fixed_dictionaries(
    {"color": st.sampled_from(["red", "blue"])},
    optional={
        "replicas": st.integers(1, 2),
        "parts": parts,
        "tags": st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
        "order": st.lists(st.sampled_from("ab"), min_size=1, max_size=2),
        "options": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), min_size=1, max_size=2),
        "limits": st.fixed_dictionaries({"low": st.integers(1, 2)}),
    },
)
managers = st.sampled_from(["one", "two", "three"])


@given(st.lists(st.tuples(st.sampled_from(["apply", "patch"]), managers, specs), max_size=4), managers, specs)
def test_applying_the_same_configuration_twice_changes_nothing(
    writes: list[tuple[str, str, dict[str, Any]]], manager: str, spec: dict[str, Any]
) -> None:
    world = widgets()
    world.create({"spec": {"color": "red"}}, "creator")
    for write, who, what in writes:
        if write == "apply":
            world.apply({"spec": what}, who, force=True)
        else:
            world.patch({"spec": what}, who)
    once = world.apply({"spec": spec}, manager, force=True)
    assert world.apply({"spec": spec}, manager) == once


@given(st.lists(st.tuples(managers, specs), min_size=1, max_size=5))
def test_a_forced_configuration_is_what_comes_out(writes: list[tuple[str, dict[str, Any]]]) -> None:
    world = widgets()
    for manager, spec in writes:
        shown = world.apply({"spec": spec}, manager, force=True)["spec"]
        for name in ("color", "replicas", "order", "limits"):
            assert name not in spec or shown[name] == spec[name]
        tags = spec.get("tags", [])
        assert [tag for tag in shown.get("tags", []) if tag in tags] == tags
        assert spec.get("options", {}).items() <= shown.get("options", {}).items()


def test_hub_objects_of_either_type_are_taken() -> None:
    world = flunders()
    external = world.scheme.convert(world.hub(FLUNDER), world.scheme.type_for(V1BETA1.with_kind("Flunder")))
    new = world.manager().update(None, external, "me")
    assert new is external
    assert [each.manager for each in new.metadata.managed_fields or []] == ["me"]
    assert not isinstance(new, Flunder)
