"""Bodies in protobuf: what typed clients of built-in groups send."""

import datetime as dt

import pytest

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import PROTOBUF_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.protobuf import PREFIX
from genericapiserver.apis import authorization_v1, core_v1
from genericapiserver.apis.authorization_v1 import GROUP_VERSION, SubjectAccessReview


def varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a message: a number as a varint, the rest with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, message: bytes) -> bytes:
    return PREFIX + field(1, field(1, api_version) + field(2, kind)) + field(2, message)


def codecs() -> CodecFactory:
    scheme = Scheme("test")
    authorization_v1.add_to_scheme(scheme)
    core_v1.add_to_scheme(scheme)
    return CodecFactory(scheme).with_protobuf()


def decode(data: bytes) -> object:
    return codecs().decode(data, media_type=PROTOBUF_MEDIA_TYPE).object


REVIEW = GROUP_VERSION.with_kind("SubjectAccessReview")


def test_a_review_with_texts_lists_maps_and_requirements() -> None:
    requirement = field(1, "metadata.name") + field(2, "In") + field(3, "a")
    access = field(2, "list") + field(5, "pods") + field(8, field(2, requirement))
    extra = field(1, "scopes") + field(2, field(1, "x") + field(1, "y"))
    spec = field(1, access) + field(3, "bob") + field(4, "g") + field(4, "h") + field(5, extra) + field(6, "u")
    review = decode(body("authorization.k8s.io/v1", "SubjectAccessReview", field(1, b"") + field(2, spec)))
    assert isinstance(review, SubjectAccessReview)
    assert (review.spec.user, review.spec.groups, review.spec.uid) == ("bob", ["g", "h"], "u")
    assert review.spec.extra == {"scopes": ["x", "y"]}
    access_read = review.spec.resource_attributes
    assert access_read is not None
    assert (access_read.verb, access_read.resource) == ("list", "pods")
    assert access_read.field_selector is not None
    assert access_read.field_selector.requirements[0].values == ["a"]
    assert access_read.label_selector is None


def test_numbers_are_those_of_the_reference_and_not_of_the_declaration() -> None:
    status = field(1, 1) + field(4, 1) + field(2, "why") + field(3, "how")
    review = decode(body("authorization.k8s.io/v1", "SubjectAccessReview", field(3, status)))
    assert isinstance(review, SubjectAccessReview)
    read = review.status
    assert (read.allowed, read.denied, read.reason, read.evaluation_error) == (True, True, "why", "how")


def test_times_negative_numbers_and_unknown_fields() -> None:
    moment = field(1, 1_700_000_000) + field(2, 5)
    metadata = field(1, "a") + field(8, moment) + field(9, b"") + field(10, -1) + field(99, "new")
    namespace = decode(body("v1", "Namespace", field(1, metadata) + b"\x7d\x00\x00\x00\x00"))
    assert isinstance(namespace, core_v1.Namespace)
    assert namespace.metadata.creation_timestamp == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    assert namespace.metadata.deletion_timestamp is None
    assert namespace.metadata.deletion_grace_period_seconds == -1


def test_what_the_envelope_does_not_say_comes_from_the_endpoint() -> None:
    data = PREFIX + field(2, field(2, field(3, "bob")))
    decoded = codecs().decode(data, media_type=PROTOBUF_MEDIA_TYPE, default_gvk=REVIEW)
    assert decoded.gvk == REVIEW
    assert decoded.object.spec.user == "bob"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"{}", "expected prefix [107 56 115 0]", id="no prefix"),
        pytest.param(PREFIX + b"\x0a\x7f", "unexpected EOF", id="a length beyond the end"),
        pytest.param(PREFIX + b"\x0a", "unexpected EOF", id="no length"),
        pytest.param(PREFIX + b"\xff" * 11, "integer overflow", id="a varint without an end"),
        pytest.param(PREFIX + b"\x0b", "illegal wireType 3", id="a group"),
        pytest.param(PREFIX + b"\x02\x00", "illegal tag 0", id="field zero"),
        pytest.param(PREFIX + field(1, 5), "wrong wireType", id="a number for the kind"),
        pytest.param(
            body("authorization.k8s.io/v1", "SubjectAccessReview", field(2, 7)), "wrong wireType", id="no message"
        ),
        pytest.param(
            body("authorization.k8s.io/v1", "SubjectAccessReview", field(2, field(3, b"\xff"))), "UTF-8", id="no text"
        ),
        pytest.param(body("a/b/c", "X", b""), "a/b/c", id="no version"),
        pytest.param(body("v1", "Nothing", b""), 'no kind "Nothing" is registered', id="an unknown kind"),
        pytest.param(
            body("v1", "Namespace", field(1, field(8, field(1, 1 << 62)))), "out of range", id="a time beyond all times"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(data)
    assert message in str(raised.value)


def test_codecs_read_it_only_when_they_were_told_to() -> None:
    plain = CodecFactory(Scheme("test"))
    media_types = [info.media_type for info in plain.readable_media_types]
    assert PROTOBUF_MEDIA_TYPE not in media_types
    with pytest.raises(ValueError, match="no serializer"):
        plain.decode(PREFIX, media_type=PROTOBUF_MEDIA_TYPE, default_gvk=GroupVersionKind("", "v1", "Status"))
