"""What stays in memory of stored objects: few of them decoded, equal attributes once, encodings."""

from typing import Any

import attrs

from genericapiserver.storage import attribute_sharing
from genericapiserver.storage.attribute_sharing import LONGEST, AttributeSharing
from genericapiserver.storage.stored import DecodedObjects, ObjectForm, StoredObject
from tests.conformance.storage_harness import FORM, Pod, key_of, new_pod


def new_form(limit: int) -> ObjectForm[Pod]:
    """A form of its own that keeps so many stored bytes decoded."""
    return attrs.evolve(FORM, decoded=DecodedObjects(limit), sharing=AttributeSharing())


def stored_pod(path: str, form: ObjectForm[Pod], **labels: str) -> StoredObject[Pod]:
    pod = new_pod(path, node="n1", labels_=labels)
    return StoredObject(key_of(path), 7, form.codec.encode(pod), form)


def is_decoded(stored: StoredObject[Pod]) -> bool:
    return stored._shared is not None


def test_only_the_newest_objects_stay_decoded() -> None:
    size = len(stored_pod("ns/0", FORM).value)
    form = new_form(3 * size)
    objects = [stored_pod(f"ns/{number}", form) for number in range(5)]
    for stored in objects:
        assert stored.shared.metadata.name == stored.key[-1]
    assert [is_decoded(stored) for stored in objects] == [False, False, True, True, True]
    assert objects[0].shared.metadata.name == "0"
    assert [is_decoded(stored) for stored in objects] == [True, False, False, True, True]


def test_an_object_larger_than_the_limit_stays_until_the_next_one_comes() -> None:
    form = new_form(1)
    large, next_one = stored_pod("ns/a", form), stored_pod("ns/b", form)
    assert large.shared is large.shared
    assert next_one.shared is next_one.shared
    assert not is_decoded(large)


def test_what_was_made_of_an_object_outlives_its_decoding() -> None:
    form = new_form(1)
    one, other = stored_pod("ns/a", form, app="x"), stored_pod("ns/b", form, app="x")
    attributes, made = one.attributes, one.representation("json", lambda pod: pod.metadata.name.encode())
    _ = other.shared
    assert not is_decoded(one)
    assert one.attributes is attributes
    assert one.representation("json", lambda pod: b"made again") is made
    assert not is_decoded(one)


def test_who_has_a_decoded_object_keeps_it() -> None:
    form = new_form(1)
    one = stored_pod("ns/a", form)
    mine = one.shared
    _ = stored_pod("ns/b", form).shared
    assert mine.metadata.name == "a"
    assert one.shared is not mine


def test_equal_labels_and_values_of_fields_are_the_same_objects() -> None:
    form = new_form(10**6)
    one, other = (stored_pod(path, form, app="x", tier="y").attributes for path in ("ns/a", "ns/b"))
    assert one.labels is other.labels
    for name in ("metadata.namespace", "spec.nodeName"):
        assert one.fields[name] is other.fields[name]
    assert (one.fields["metadata.name"], other.fields["metadata.name"]) == ("a", "b")


def test_labels_that_differ_stay_different() -> None:
    sharing = AttributeSharing()
    assert sharing.labels({"a": "b"}) == {"a": "b"}
    assert sharing.labels({"a": "c"}) == {"a": "c"}
    assert sharing.labels({}) == {}


def test_values_of_fields_that_are_no_texts_are_left_alone() -> None:
    values: Any = {"spec.replicas": 3, "spec.paused": None, "spec.color": "red"}
    assert AttributeSharing().fields(values) == values


def test_what_is_shared_is_bounded() -> None:
    sharing = AttributeSharing()
    for number in range(attribute_sharing.SHARED * 2 + 5):
        assert sharing.labels({"app": f"{number}"}) == {"app": f"{number}"}
    assert len(sharing._labels) <= attribute_sharing.SHARED
    assert len(sharing._texts) <= attribute_sharing.SHARED
    before = len(sharing._texts)
    sharing.fields({"spec.text": "x" * (LONGEST + 1)})
    assert len(sharing._texts) == before
