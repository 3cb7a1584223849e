"""Values as k8s.io/apiserver leaves them in etcd, made by hand after its encoders: we read them, and write the same."""

import datetime as dt
from typing import Any

import pytest

from examples.wardle import types, v1alpha1
from examples.wardle.scheme import new_scheme as new_wardle_scheme
from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError, UnknownKindError
from genericapiserver.apis import (
    admissionregistration_policies_v1,
    admissionregistration_v1,
    apiregistration_v1,
    flowcontrol_v1,
)
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, new_scheme
from tests.support.protobuf import enveloped, put

FLUNDER = (
    '{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{"name":"a","generateName":"a-",'
    '"namespace":"default","uid":"8d0cb8f8-1c6b-4b1c-8a4e-0b8f1f6a2f10","generation":2,'
    '"creationTimestamp":"2026-01-02T03:04:05Z","deletionTimestamp":"2026-01-02T03:05:05Z",'
    '"deletionGracePeriodSeconds":0,"labels":{"a":"1","b":""},'
    '"annotations":{"html":"\\u003ca href=\\"x\\"\\u003e \\u0026 \\u2028\\u2029","text":"ü\U0001f40d\\t\\u0001"},'
    '"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true}],'
    '"finalizers":["example.com/f"],'
    '"managedFields":[{"manager":"kubectl","operation":"Update","apiVersion":"wardle.example.com/v1alpha1",'
    '"time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1",'
    '"fieldsV1":{"f:spec":{"f:reference":{},"k:{\\"a\\":\\"\\u003c\\"}":{".":{}}}}}]},'
    '"spec":{"reference":"fred","referenceType":"Flunder"},"status":{}}\n'
).encode()
SCHEME = new_wardle_scheme()
OBJECT_META = put(1, "x") + put(2, "") + put(3, "ns") + put(4, "") + put(5, "uid-1") + put(6, "") + put(7, 0)
"""Go writes empty texts and zeros of what is no pointer."""
CREATED = put(8, put(1, 1767323045), put(2, 0))
METADATA = put(1, OBJECT_META + CREATED + put(11, put(1, "app"), put(2, "web")))
READ = meta.ObjectMeta(
    name="x",
    namespace="ns",
    uid="uid-1",
    creation_timestamp=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    labels={"app": "web"},
)


def flunders() -> Any:
    return CodecFactory(SCHEME).storage_codec(v1alpha1.GROUP_VERSION, types.Flunder)


def built_in(group: str, version: str, kind: str) -> Any:
    scheme: Scheme = new_scheme((*KINDS, *FURTHER_KINDS))
    for module in (
        admissionregistration_v1,
        admissionregistration_policies_v1,
        flowcontrol_v1,
        apiregistration_v1,
    ):
        if module.GROUP_VERSION.group == group:
            module.add_to_scheme(scheme)
    group_version = GroupVersion(group, version)
    return CodecFactory(scheme).storage_codec(group_version, scheme.type_for(group_version.with_kind(kind)))


def test_json_of_the_reference_is_read_and_written_byte_for_byte() -> None:
    codec = flunders()
    flunder = codec.decode(FLUNDER)
    assert flunder.metadata.annotations["html"] == '<a href="x"> & \u2028\u2029'
    assert flunder.metadata.deletion_grace_period_seconds == 0
    assert codec.encode(flunder) == FLUNDER


def test_an_object_that_says_nothing_is_written_as_go_does() -> None:
    assert flunders().encode(types.Flunder()) == (
        b'{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{},"spec":{},"status":{}}\n'
    )


def test_what_older_releases_wrote_is_read_and_written_as_today() -> None:
    """Times that were never set were null, lists could be, and there were fields that are gone."""
    codec = flunders()
    flunder = codec.decode(
        b'{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{"name":"a","namespace":"default",'
        b'"selfLink":"/apis/x","resourceVersion":"7","creationTimestamp":null,"clusterName":"c","labels":null,'
        b'"finalizers":null,"ownerReferences":[],"managedFields":null},"spec":{},"status":{}}'
    )
    assert codec.encode(flunder) == (
        b'{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{"name":"a","namespace":"default"},'
        b'"spec":{},"status":{}}\n'
    )


def test_yaml_of_the_reference_is_read() -> None:
    data = b"""apiVersion: wardle.example.com/v1alpha1
kind: Flunder
metadata:
  creationTimestamp: "2026-01-02T03:04:05Z"
  name: "1"
  namespace: "no"
spec:
  reference: fred
status: {}
"""
    flunder = flunders().decode(data)
    assert (flunder.metadata.name, flunder.metadata.namespace) == ("1", "no")
    assert flunder.spec.flunder_reference == "fred"


WEBHOOK = put(
    2,
    put(1, "w.example.com"),
    put(2, put(1, put(1, "ns"), put(2, "svc"), put(4, 8443)), put(2, b"PEM")),
    put(3, put(1, "CREATE"), put(2, put(1, ""), put(2, "v1"), put(3, "pods"), put(4, "*"))),
    put(4, "Fail") + put(5, b"") + put(6, "None") + put(7, 5) + put(8, "v1") + put(9, "Exact") + put(10, b""),
)
RBAC = "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("group", "kind", "message", "expected"),
    [
        (
            "",
            "Namespace",
            put(2, put(1, "kubernetes")) + put(3, put(1, "Active")),
            '"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}',
        ),
        (
            "",
            "ConfigMap",
            put(2, put(1, "k"), put(2, "<v>")) + put(3, put(1, "b"), put(2, b"\x00\xff")),
            '"data":{"k":"\\u003cv\\u003e"},"binaryData":{"b":"AP8="}',
        ),
        (
            "",
            "Secret",
            put(2, put(1, "password"), put(2, b"s3cret")) + put(3, "Opaque") + put(5, 1),
            '"immutable":true,"data":{"password":"czNjcmV0"},"type":"Opaque"',
        ),
        (
            "coordination.k8s.io",
            "Lease",
            put(2, put(1, "me"), put(2, 15), put(4, put(1, 1767323045), put(2, 123456000))),
            '"spec":{"holderIdentity":"me","leaseDurationSeconds":15,"renewTime":"2026-01-02T03:04:05.123456Z"}',
        ),
        (
            RBAC,
            "Role",
            put(2, put(1, "get"), put(1, "list"), put(2, ""), put(3, "pods")),
            '"rules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}]',
        ),
        (
            RBAC,
            "RoleBinding",
            put(2, put(1, "User"), put(2, RBAC), put(3, "jane"), put(4, ""))
            + put(3, put(1, RBAC), put(2, "Role"), put(3, "r")),
            f'"subjects":[{{"kind":"User","apiGroup":"{RBAC}","name":"jane"}}],'
            f'"roleRef":{{"apiGroup":"{RBAC}","kind":"Role","name":"r"}}',
        ),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration",
            WEBHOOK,
            '"webhooks":[{"name":"w.example.com","clientConfig":{"service":{"namespace":"ns","name":"svc","port":8443},'
            '"caBundle":"UEVN"},"rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],'
            '"resources":["pods"],"scope":"*"}],"failurePolicy":"Fail","matchPolicy":"Exact","namespaceSelector":{},'
            '"objectSelector":{},"sideEffects":"None","timeoutSeconds":5,"admissionReviewVersions":["v1"]}]',
        ),
        (
            "apiregistration.k8s.io",
            "APIService",
            put(2, put(2, "g.example.com"), put(3, "v1"), put(4, 0), put(7, 1000), put(8, 15)) + put(3, b""),
            '"spec":{"group":"g.example.com","version":"v1","groupPriorityMinimum":1000,"versionPriority":15},"status":{}',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() and value != "" else "",
)
def test_protobuf_of_kube_apiserver_is_read_and_written_back_as_its_json(
    group: str, kind: str, message: bytes, expected: str
) -> None:
    codec = built_in(group, "v1", kind)
    api_version = f"{group}/v1" if group else "v1"
    obj = codec.decode(enveloped(api_version, kind, METADATA + message))
    assert obj.metadata == READ
    head = f'{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{{"name":"x","namespace":"ns","uid":"uid-1",'
    middle = '"creationTimestamp":"2026-01-02T03:04:05Z","labels":{"app":"web"}},'
    written = codec.encode(obj)
    assert written.decode() == f"{head}{middle}{expected}}}\n"
    assert codec.decode(written) == obj


@pytest.mark.parametrize(
    ("data", "raised", "text"),
    [
        (
            enveloped("wardle.example.com/v1alpha1", "Flunder", METADATA),
            DecodeError,
            "it is protobuf of apiVersion wardle.example.com/v1alpha1, kind Flunder, whose field numbers are not known "
            r"here. Let the server that wrote it write JSON \(--storage-media-type=application/json\)",
        ),
        (enveloped("v1", "Pod", METADATA), UnknownKindError, 'no kind "Pod" is registered for version "v1"'),
        (b"k8s\x00\x0a", DecodeError, "unexpected EOF"),
        (b"k8s", DecodeError, "stored bytes are no object"),
        (b"a: [", DecodeError, "stored bytes are no object"),
        (b"- a", DecodeError, "stored bytes are no object"),
        (b"a: b", DecodeError, "stored bytes are no object"),
        (b'{"kind":"Flunder"}', DecodeError, "stored bytes are no object: 'apiVersion' is missing"),
        (b"\xff\x00", DecodeError, "stored bytes are no object"),
    ],
    ids=[
        "unknown numbers",
        "unknown kind",
        "torn",
        "text",
        "torn YAML",
        "YAML list",
        "YAML without kind",
        "no version",
        "bytes",
    ],
)
def test_what_cannot_be_read_for_certain_is_refused(data: bytes, raised: type[Exception], text: str) -> None:
    with pytest.raises(raised, match=text):
        flunders().decode(data)


def test_a_scheme_whose_codecs_read_protobuf_reads_it_from_the_storage_too() -> None:
    codec = CodecFactory(SCHEME).with_protobuf().storage_codec(v1alpha1.GROUP_VERSION, v1alpha1.Flunder)
    data = enveloped("wardle.example.com/v1alpha1", "Flunder", METADATA + put(2, put(1, "fred"), put(2, "Flunder")))
    assert codec.decode(data).spec == v1alpha1.FlunderSpec(reference="fred", reference_type="Flunder")
