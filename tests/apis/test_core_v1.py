import pytest

from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import describe
from genericapiserver.apis import core_v1
from genericapiserver.apis.core_v1 import (
    GROUP_VERSION,
    Event,
    Namespace,
    NamespaceStatus,
    ObjectReference,
    validate_event,
    validate_namespace,
)


def new_codec() -> CodecFactory:
    scheme = Scheme("test")
    core_v1.add_to_scheme(scheme)
    return CodecFactory(scheme)


@pytest.mark.parametrize(
    ("obj", "written"),
    [
        (
            Namespace(metadata=ObjectMeta(name="a"), status=NamespaceStatus(phase="Active")),
            b'{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"a"},"spec":{},"status":{"phase":"Active"}}',
        ),
        (
            Event(involved_object=ObjectReference(kind="Flunder", name="f"), reason="Painted"),
            b'{"kind":"Event","apiVersion":"v1","metadata":{},"involvedObject":{"kind":"Flunder","name":"f"},'
            b'"reason":"Painted","source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,'
            b'"reportingComponent":"","reportingInstance":""}',
        ),
    ],
    ids=["namespace", "event"],
)
def test_objects_are_written_as_the_reference_does(obj: Namespace | Event, written: bytes) -> None:
    kind = GROUP_VERSION.with_kind(type(obj).__name__)
    assert new_codec().encode(obj, kind).strip() == written


def test_the_models_have_the_names_of_the_reference() -> None:
    names = [describe(cls).model_name for cls in (Namespace, Event, ObjectReference)]
    assert names == [f"io.k8s.api.core.v1.{name}" for name in ("Namespace", "Event", "ObjectReference")]


def test_a_namespace_is_labelled_with_its_name() -> None:
    body = b'{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"a","labels":{"b":"c"}}}'
    namespace = new_codec().decode(body).object
    assert namespace.metadata.labels == {"b": "c", "kubernetes.io/metadata.name": "a"}


@pytest.mark.parametrize(("name", "errors"), [("a-b", []), ("a.b", ["metadata.name"]), ("A", ["metadata.name"])])
def test_the_name_of_a_namespace_is_a_label_of_domain_names(name: str, errors: list[str]) -> None:
    found = validate_namespace(Namespace(metadata=ObjectMeta(name=name)))
    assert [error.field for error in found] == errors


@pytest.mark.parametrize(
    ("namespace", "involved", "accepted"),
    [("a", "a", True), ("default", "", True), ("a", "", False), ("a", "b", False), ("default", "b", False)],
)
def test_an_event_lies_beside_its_object(namespace: str, involved: str, accepted: bool) -> None:
    event = Event(metadata=ObjectMeta(namespace=namespace), involved_object=ObjectReference(namespace=involved))
    errors = [str(error.field) for error in validate_event(event)]
    assert errors == ([] if accepted else ["involvedObject.namespace"])
