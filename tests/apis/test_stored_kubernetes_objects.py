"""What Kubernetes' own codec stores of its kinds is read here, and is written as it writes it.

testdata/kubernetes_objects.jsonl.xz has one object of each kind with every field filled (k8s.io/apimachinery
pkg/api/apitesting/roundtrip fills them), in protobuf and in JSON as the codec of k8s.io/api v0.34.1 has encoded it. Each
line is JSON; bytes of protobuf are the characters of the same number.
"""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.storage_codec import StorageCodec
from genericapiserver.apis import core_v1, flowcontrol_v1
from genericapiserver.controlplane import admissionregistration
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, new_scheme

RECORDED = [
    json.loads(line)
    for line in lzma.decompress(
        (Path(__file__).parent / "testdata" / "kubernetes_objects.jsonl.xz").read_bytes()
    ).splitlines()
]
SCHEME = new_scheme((*KINDS, *FURTHER_KINDS))
admissionregistration.register(SCHEME)
flowcontrol_v1.add_to_scheme(SCHEME)
for version in ("v1", INTERNAL_VERSION):
    SCHEME.add_known_types(GroupVersion("", version), core_v1.Event)
CODECS = CodecFactory(SCHEME)


def codec_of(recorded: dict[str, str]) -> StorageCodec[Any]:
    version = GroupVersion.parse(recorded["apiVersion"])
    kind = GroupVersionKind(version.group, version.version, recorded["kind"])
    return CODECS.storage_codec(version, SCHEME.type_for(kind))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda found: f"{found['apiVersion']}-{found['kind']}")
def test_every_field_is_read_and_written_as_kubernetes_does(recorded: dict[str, str]) -> None:
    codec = codec_of(recorded)
    for stored in (recorded["protobuf"].encode("latin-1"), recorded["json"].encode()):
        assert codec.encode(codec.decode(stored)).decode() == recorded["json"]
