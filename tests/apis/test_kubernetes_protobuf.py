"""Kinds in protobuf, which kubectl's `create` sends for them: structs that Go embeds are messages of their own there."""

import json
from typing import Any

from genericapiserver.apimachinery.serializer.codec import PROTOBUF_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.protobuf import PREFIX
from genericapiserver.minkapi.kinds import new_scheme

CODECS = CodecFactory(new_scheme()).with_protobuf()


def put(number: int, *contents: int | str | bytes) -> bytes:
    """A field of a message; several contents are those of a message within."""
    if len(contents) == 1 and isinstance(contents[0], int):
        return _varint(number << 3) + _varint(contents[0])
    data = b"".join(one.encode() if isinstance(one, str) else one for one in contents if not isinstance(one, int))
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def read(api_version: str, kind: str, message: bytes) -> Any:
    """The object as JSON."""
    data = PREFIX + put(1, put(1, api_version), put(2, kind)) + put(2, message)
    decoded = CODECS.decode(data, media_type=PROTOBUF_MEDIA_TYPE)
    return json.loads(CODECS.encode(decoded.object, decoded.gvk))


def test_a_pod_with_volumes_probes_and_variables_from_elsewhere() -> None:
    config_map = put(19, put(1, put(1, "settings")), put(3, 420))
    volumes = put(1, put(1, "v"), put(2, config_map)) + put(1, put(1, "w"), put(2, put(2, put(1, "Memory"))))
    selector = put(4, put(1, put(1, "keys")), put(2, "token"), put(3, 1))
    variables = put(7, put(1, "TOKEN"), put(3, selector))
    from_map = put(19, put(1, "P_"), put(2, put(1, put(1, "all"))))
    probe = put(10, put(1, put(2, put(1, "/healthz"), put(2, put(1, 1), put(2, 0), put(3, "http")))), put(4, 10))
    resources = put(8, put(2, put(1, "cpu"), put(2, put(1, "250m"))))
    container = put(2, put(1, "c"), put(2, "image"), variables, from_map, probe, resources)
    groups = put(14, put(4, 10), put(4, 20))
    pod = read("v1", "Pod", put(1, put(1, "p")) + put(2, volumes, container, groups))
    assert pod["spec"]["volumes"] == [
        {"name": "v", "configMap": {"name": "settings", "defaultMode": 420}},
        {"name": "w", "emptyDir": {"medium": "Memory"}},
    ]
    assert pod["spec"]["containers"] == [
        {
            "name": "c",
            "image": "image",
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "all"}}],
            "env": [
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token", "optional": True}}}
            ],
            "resources": {"requests": {"cpu": "250m"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
        }
    ]
    assert pod["spec"]["securityContext"] == {"supplementalGroups": [10, 20]}


def test_a_volume_with_its_source() -> None:
    source = put(2, put(22, put(1, "driver"), put(2, "handle")))
    capacity = put(1, put(1, "storage"), put(2, put(1, "5Gi")))
    volume = read("v1", "PersistentVolume", put(1, put(1, "pv")) + put(2, capacity, source, put(6, "fast")))
    assert volume["spec"] == {
        "capacity": {"storage": "5Gi"},
        "csi": {"driver": "driver", "volumeHandle": "handle"},
        "storageClassName": "fast",
    }


def test_a_binding_as_schedulers_post_it() -> None:
    binding = read("v1", "Binding", put(1, put(1, "p")) + put(2, put(1, "Node"), put(3, "node-1")))
    assert binding["target"] == {"kind": "Node", "name": "node-1"}


def test_devices_whose_settings_are_embedded() -> None:
    opaque = put(1, put(1, "driver"), put(2, put(1, b'{"a":[1,2.5]}')))
    claim = put(2, put(1, put(3, put(1, "gpu"), put(2, opaque))))
    read_claim = read("resource.k8s.io/v1", "ResourceClaim", put(1, put(1, "c")) + claim)
    assert read_claim["spec"]["devices"]["config"] == [
        {"requests": ["gpu"], "opaque": {"driver": "driver", "parameters": {"a": [1, 2.5]}}}
    ]
