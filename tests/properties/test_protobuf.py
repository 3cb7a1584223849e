"""Whatever bytes come as protobuf: an object, or an error that the client is told."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import PROTOBUF_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.protobuf import PREFIX
from genericapiserver.apis import apps_v1, core_v1, rbac_v1
from tests.properties.widgets import QUICK

SCHEME = Scheme("test")
core_v1.add_to_scheme(SCHEME)
rbac_v1.add_to_scheme(SCHEME)
apps_v1.add_to_scheme(SCHEME)
SCHEME.add_known_types(core_v1.GROUP_VERSION, core_v1.Pod, core_v1.PersistentVolume)
CODECS = CodecFactory(SCHEME).with_protobuf()
KINDS = [
    *(core_v1.GROUP_VERSION.with_kind(kind) for kind in ("Namespace", "Event", "Pod", "PersistentVolume")),
    apps_v1.GROUP_VERSION.with_kind("Deployment"),
    *(rbac_v1.GROUP_VERSION.with_kind(kind) for kind in ("ClusterRole", "RoleBinding")),
]


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


CONTENTS = st.recursive(
    st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=8), st.text(max_size=4).map(str.encode)),
    lambda inner: st.lists(st.builds(field, st.integers(1, 18), inner), max_size=5).map(b"".join),
    max_leaves=20,
)
MESSAGES = st.lists(st.builds(field, st.integers(1, 4), CONTENTS), max_size=5).map(b"".join)


@QUICK
@given(st.sampled_from(KINDS), st.one_of(MESSAGES, st.binary(max_size=60)))
def test_every_message_is_an_object_or_an_error(kind: GroupVersionKind, message: bytes) -> None:
    try:
        decoded = CODECS.decode(PREFIX + field(2, message), media_type=PROTOBUF_MEDIA_TYPE, default_gvk=kind)
    except DecodeError:
        return
    assert decoded.gvk == kind
    CODECS.encode(decoded.object, kind)


@QUICK
@given(st.binary(max_size=60))
def test_every_envelope_is_an_object_or_an_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        CODECS.decode(PREFIX + data, media_type=PROTOBUF_MEDIA_TYPE, default_gvk=KINDS[0])
