"""Bodies in protobuf: what typed clients of built-in groups send."""

import datetime as dt

import pytest

from genericapiserver.apimachinery.errors import InvalidError, TooManyRequestsError
from genericapiserver.apimachinery.field import Path, invalid, required
from genericapiserver.apimachinery.meta import ListMeta, Object, Status, StatusCause, StatusDetails
from genericapiserver.apimachinery.schema import GroupKind, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.serializer.codec import PROTOBUF_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.protobuf import PREFIX, to_json, unwrap
from genericapiserver.apimachinery.serializer.protobuf_status import encode_status
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.apis import authorization_v1, core_v1
from genericapiserver.apis.authorization_v1 import GROUP_VERSION, SubjectAccessReview


def varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def encoded(number: int, value: int | str | bytes) -> bytes:
    """One field of a message: a number as a varint, the rest with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, message: bytes) -> bytes:
    return PREFIX + encoded(1, encoded(1, api_version) + encoded(2, kind)) + encoded(2, message)


def codecs() -> CodecFactory:
    scheme = Scheme("test")
    authorization_v1.add_to_scheme(scheme)
    core_v1.add_to_scheme(scheme)
    return CodecFactory(scheme).with_protobuf()


def decode(data: bytes) -> object:
    return codecs().decode(data, media_type=PROTOBUF_MEDIA_TYPE).object


REVIEW = GROUP_VERSION.with_kind("SubjectAccessReview")


def test_a_review_with_texts_lists_maps_and_requirements() -> None:
    requirement = encoded(1, "metadata.name") + encoded(2, "In") + encoded(3, "a")
    access = encoded(2, "list") + encoded(5, "pods") + encoded(8, encoded(2, requirement))
    extra = encoded(1, "scopes") + encoded(2, encoded(1, "x") + encoded(1, "y"))
    spec = (
        encoded(1, access) + encoded(3, "bob") + encoded(4, "g") + encoded(4, "h") + encoded(5, extra) + encoded(6, "u")
    )
    review = decode(body("authorization.k8s.io/v1", "SubjectAccessReview", encoded(1, b"") + encoded(2, spec)))
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
    status = encoded(1, 1) + encoded(4, 1) + encoded(2, "why") + encoded(3, "how")
    review = decode(body("authorization.k8s.io/v1", "SubjectAccessReview", encoded(3, status)))
    assert isinstance(review, SubjectAccessReview)
    read = review.status
    assert (read.allowed, read.denied, read.reason, read.evaluation_error) == (True, True, "why", "how")


def test_times_negative_numbers_and_unknown_fields() -> None:
    moment = encoded(1, 1_700_000_000) + encoded(2, 5)
    metadata = encoded(1, "a") + encoded(8, moment) + encoded(9, b"") + encoded(10, -1) + encoded(99, "new")
    namespace = decode(body("v1", "Namespace", encoded(1, metadata) + b"\x7d\x00\x00\x00\x00"))
    assert isinstance(namespace, core_v1.Namespace)
    assert namespace.metadata.creation_timestamp == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    assert namespace.metadata.deletion_timestamp is None
    assert namespace.metadata.deletion_grace_period_seconds == -1


def test_what_the_envelope_does_not_say_comes_from_the_endpoint() -> None:
    data = PREFIX + encoded(2, encoded(2, encoded(3, "bob")))
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
        pytest.param(PREFIX + encoded(1, 5), "wrong wireType", id="a number for the kind"),
        pytest.param(
            body("authorization.k8s.io/v1", "SubjectAccessReview", encoded(2, 7)), "wrong wireType", id="no message"
        ),
        pytest.param(
            body("authorization.k8s.io/v1", "SubjectAccessReview", encoded(2, encoded(3, b"\xff"))),
            "UTF-8",
            id="no text",
        ),
        pytest.param(body("a/b/c", "X", b""), "a/b/c", id="no version"),
        pytest.param(body("v1", "Nothing", b""), 'no kind "Nothing" is registered', id="an unknown kind"),
        pytest.param(
            body("v1", "Namespace", encoded(1, encoded(8, encoded(1, 1 << 62)))),
            "out of range",
            id="a time beyond all times",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(data)
    assert message in str(raised.value)


def test_what_go_embeds_lies_in_a_message_of_its_own() -> None:
    @api_type
    class Mount(Object):
        path: str = field(default="", inlined=2, number=1)
        read_only: bool = field(default=False, inlined=2, number=3)
        size: Int32 = field(default=0, number=3)

    scheme = Scheme("test")
    scheme.add_known_types(GroupVersion("demo.example.com", "v1"), Mount)
    message = encoded(1, encoded(1, "m")) + encoded(2, encoded(1, "/tmp") + encoded(3, 1)) + encoded(3, 7)
    data = body("demo.example.com/v1", "Mount", message)
    mount = CodecFactory(scheme).with_protobuf().decode(data, media_type=PROTOBUF_MEDIA_TYPE).object
    assert (mount.metadata.name, mount.path, mount.read_only, mount.size) == ("m", "/tmp", True, 7)


def test_codecs_read_it_only_when_they_were_told_to() -> None:
    plain = CodecFactory(Scheme("test"))
    media_types = [info.media_type for info in plain.readable_media_types]
    assert PROTOBUF_MEDIA_TYPE not in media_types
    with pytest.raises(ValueError, match="no serializer"):
        plain.decode(PREFIX, media_type=PROTOBUF_MEDIA_TYPE, default_gvk=GroupVersionKind("", "v1", "Status"))


@pytest.mark.parametrize(
    "status",
    [
        Status(),
        Status(status="Failure", message="no", reason="NotFound", code=404),
        InvalidError(
            GroupKind("example.com", "Thing"), "näme", [required(Path("spec")), invalid(Path("a"), 1, "small")]
        ).status(),
        TooManyRequestsError("later", 7).status(),
        Status(metadata=ListMeta(continue_token="more", remaining_item_count=-1), details=StatusDetails(uid="1")),
    ],
)
def test_a_status_can_be_written(status: Status) -> None:
    kind, message = unwrap(encode_status(status))
    assert str(kind) == "/v1, Kind=Status"
    scheme = Scheme("test")
    add_to_group_version(scheme, GroupVersion("", "v1"))
    assert CodecFactory(scheme).from_unstructured(to_json(Status, message), Status)[0] == status


def test_a_status_has_the_numbers_of_the_reference() -> None:
    status = Status(code=404, details=StatusDetails(uid="u", causes=[StatusCause(field="f")], retry_after_seconds=1))
    details = encoded(4, encoded(3, "f")) + encoded(5, 1) + encoded(6, "u")
    assert encode_status(status) == body("v1", "Status", encoded(1, b"") + encoded(5, details) + encoded(6, 404))
