"""Manifests as people and controllers write them: read strictly, and written as Go would."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from genericapiserver.apimachinery.describe import describe
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apis import core_v1
from genericapiserver.apis.core_v1.environment import EnvVarSource
from genericapiserver.apis.core_v1.volumes import Volume, VolumeProjection
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, REQUESTS, new_scheme
from tests.support.kubectl import Kubectl

MANIFESTS = Path(__file__).parent / "manifests"
SCHEME = new_scheme([*KINDS, *FURTHER_KINDS])
SCHEME.add_known_types(core_v1.GROUP_VERSION, core_v1.Event)
CODECS = CodecFactory(SCHEME)
EMPTY: tuple[Any, ...] = ({}, None, 0, "", "0", False)
"""What Go writes although nobody wrote it: structs, times by value, and what has no omitempty."""


def documents() -> list[dict[str, Any]]:
    return [value for path in sorted(MANIFESTS.glob("*.yaml")) for value in yaml.safe_load_all(path.read_text())]


def kind_of(value: dict[str, Any]) -> GroupVersionKind:
    return GroupVersionKind.parse(value["apiVersion"], value["kind"])


def differences(written: Any, read: Any, path: str = "") -> Iterator[str]:
    """Where *read* is not *written*, other than by empty members that were added."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key in written.keys() | read.keys():
            if key not in written:
                if read[key] not in EMPTY and list(differences({}, read[key])):
                    yield f"{path}.{key} was added: {read[key]}"
            elif key not in read:
                yield f"{path}.{key} was lost: {written[key]}"
            else:
                yield from differences(written[key], read[key], f"{path}.{key}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for place, (one, other) in enumerate(zip(written, read, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif type(written) is not type(read) or written != read:
        yield f"{path} was {written!r} and is {read!r}"


def name_of(value: dict[str, Any]) -> str:
    return f"{value['kind']}-{value['metadata']['name']}"


@pytest.mark.parametrize("manifest", documents(), ids=name_of)
def test_a_manifest_is_read_strictly_and_written_again(manifest: dict[str, Any]) -> None:
    decoded = CODECS.decode(json.dumps(manifest).encode(), strict=True)
    assert decoded.strict_errors == []
    written = CODECS.encode(decoded.object, decoded.gvk)
    assert list(differences(manifest, json.loads(written))) == []
    again = CODECS.decode(written, strict=True)
    assert again.strict_errors == []
    assert again.object == decoded.object
    assert CODECS.encode(again.object, again.gvk) == written


def test_every_kind_has_a_manifest() -> None:
    kinds = {kind.group_version_kind for kind in (*KINDS, *FURTHER_KINDS)}
    posted = {version.with_kind(cls.__name__) for version, cls in REQUESTS}
    assert {kind_of(value) for value in documents()} == kinds | posted | {core_v1.GROUP_VERSION.with_kind("Event")}


def test_the_manifests_have_a_volume_of_every_kind_and_a_variable_from_everywhere() -> None:
    pods = [value["spec"] for value in documents() if value["kind"] == "Pod"]
    volumes = [volume for spec in pods for volume in spec.get("volumes", ())]
    assert {key for volume in volumes for key in volume} == describe(Volume).by_json_name.keys()
    projected = [source for volume in volumes for source in volume.get("projected", {}).get("sources", ())]
    assert {key for source in projected for key in source} == describe(VolumeProjection).by_json_name.keys()
    variables = [one for spec in pods for container in spec["containers"] for one in container.get("env", ())]
    assert {key for one in variables for key in one.get("valueFrom", ())} == describe(EnvVarSource).by_json_name.keys()


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}


@pytest.mark.parametrize(
    ("written", "kept"),
    [(0.5, "500m"), ("1000m", "1"), (2, "2"), ("1.5Gi", "1536Mi"), ("0.1", "100m"), ("1e3", "1e3"), ("64Mi", "64Mi")],
)
def test_amounts_are_kept_as_go_writes_them(written: Any, kept: str) -> None:
    container = {"name": "c", "resources": {"limits": {"cpu": written}}}
    decoded = CODECS.decode(json.dumps({**POD, "spec": {"containers": [container]}}).encode(), strict=True)
    read = json.loads(CODECS.encode(decoded.object, decoded.gvk))
    assert read["spec"]["containers"][0]["resources"] == {"limits": {"cpu": kept}}


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"containers": [{"name": "c", "imge": "x"}]}, 'unknown field "spec.containers[0].imge"'),
        (
            {"volumes": [{"name": "v", "hostpath": {}}, {"name": "w", "nfs": {"Server": "s"}}]},
            'unknown field "spec.volumes[0].hostpath"',
        ),
        ({"tolerations": [{"keys": "a"}]}, 'unknown field "spec.tolerations[0].keys"'),
    ],
    ids=["container", "volume", "toleration"],
)
def test_a_misspelt_field_is_named(spec: dict[str, Any], error: str) -> None:
    decoded = CODECS.decode(json.dumps({**POD, "spec": spec}).encode(), strict=True)
    assert error in decoded.strict_errors


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (
            {"containers": [{"name": "c", "ports": [{"containerPort": "80"}]}]},
            "cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            {"terminationGracePeriodSeconds": 1.5},
            "cannot unmarshal number 1.5 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64",
        ),
        (
            {"containers": {"name": "c"}},
            "cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            {"containers": [{"name": "c", "resources": {"limits": {"cpu": "much"}}}]},
            "quantities must match the regular expression",
        ),
    ],
    ids=["a text for a number", "half a second", "no list", "no quantity"],
)
def test_a_value_that_does_not_fit_is_named(spec: dict[str, Any], error: str) -> None:
    with pytest.raises(DecodeError) as raised:
        CODECS.decode(json.dumps({**POD, "spec": spec}).encode(), strict=True)
    assert error in str(raised.value)


GENERATED = [
    "deployment d --image=nginx --replicas=3 --port=80",
    "configmap cm --from-literal=b=2 --from-literal=a=1",
    "secret generic s --from-literal=a=b",
    "service clusterip s --tcp=80:8080",
    "service nodeport n --tcp=80:http",
    "service externalname e --external-name=db.example.com",
    "serviceaccount sa",
    "poddisruptionbudget p --selector=a=b --min-available=1",
    "priorityclass pc --value=10 --description=d",
    "namespace n",
    "rolebinding rb --role=r --user=u --serviceaccount=a:b",
    "clusterrolebinding x --clusterrole=r --group=g",
]


@pytest.mark.parametrize("command", GENERATED, ids=lambda command: command.split()[0])
def test_what_a_go_program_writes_is_written_byte_for_byte(command: str, tmp_path: Path) -> None:
    # Older programs write a time of creation that was never set; Go's newer ones leave it out.
    unset = "creationTimestamp: null"
    kubectl = Kubectl(tmp_path, ["--server=http://127.0.0.1:9"])
    text = kubectl("create", *command.split(), "--dry-run=client", "-o", "yaml")
    written = "".join(line for line in text.splitlines(keepends=True) if line.strip() != unset)
    decoded = CODECS.decode(text.encode(), media_type=YAML_MEDIA_TYPE, strict=True)
    assert decoded.strict_errors == []
    assert CODECS.encode(decoded.object, decoded.gvk, media_type=YAML_MEDIA_TYPE).decode() == written


def test_fields_stand_in_the_order_of_go(tmp_path: Path) -> None:
    kubectl = Kubectl(tmp_path, ["--server=http://127.0.0.1:9"])
    text = kubectl("create", *GENERATED[0].split(), "--dry-run=client", "-o", "json")
    written = json.loads(
        text, object_pairs_hook=lambda pairs: [pair for pair in pairs if pair != ("creationTimestamp", None)]
    )
    decoded = CODECS.decode(text.encode())
    assert json.loads(CODECS.encode(decoded.object, decoded.gvk), object_pairs_hook=list) == written
