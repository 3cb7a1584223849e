"""Kinds in protobuf, which kubectl's `create` sends for them: structs that Go embeds are messages of their own there."""

import json
from typing import Any

import pytest

from genericapiserver.apimachinery.describe import describe
from genericapiserver.apimachinery.serializer.codec import PROTOBUF_MEDIA_TYPE, CodecFactory
from genericapiserver.apis import (
    admissionregistration_policies_v1,
    admissionregistration_v1,
    apiregistration_v1,
    flowcontrol_v1,
)
from genericapiserver.minkapi.kinds import new_scheme
from tests.support.protobuf import enveloped, put

CODECS = CodecFactory(new_scheme()).with_protobuf()


def read(api_version: str, kind: str, message: bytes) -> Any:
    """The object as JSON."""
    decoded = CODECS.decode(enveloped(api_version, kind, message), media_type=PROTOBUF_MEDIA_TYPE)
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


NUMBERS = """
Rule apiGroups=1 apiVersions=2 resources=3 scope=4
RuleWithOperations operations=1 apiGroups=2.1 apiVersions=2.2 resources=2.3 scope=2.4
NamedRuleWithOperations resourceNames=1 operations=2.1 apiGroups=2.2.1 apiVersions=2.2.2 resources=2.2.3 scope=2.2.4
MatchResources namespaceSelector=1 objectSelector=2 resourceRules=3 excludeResourceRules=4 matchPolicy=7
MatchCondition name=1 expression=2
ServiceReference namespace=1 name=2 path=3 port=4
WebhookClientConfig url=3 service=1 caBundle=2
ValidatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4 matchPolicy=9 namespaceSelector=5 objectSelector=10
  sideEffects=6 timeoutSeconds=7 admissionReviewVersions=8 matchConditions=11
MutatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4 matchPolicy=9 namespaceSelector=5 objectSelector=11
  sideEffects=6 timeoutSeconds=7 admissionReviewVersions=8 reinvocationPolicy=10 matchConditions=12
ValidatingWebhookConfiguration metadata=1 webhooks=2
MutatingWebhookConfiguration metadata=1 webhooks=2

ParamKind apiVersion=1 kind=2
ParamRef name=1 namespace=2 selector=3 parameterNotFoundAction=4
Variable name=1 expression=2
Validation expression=1 message=2 reason=3 messageExpression=4
AuditAnnotation key=1 valueExpression=2
ExpressionWarning fieldRef=2 warning=3
TypeChecking expressionWarnings=1
ValidatingAdmissionPolicySpec paramKind=1 matchConstraints=2 validations=3 failurePolicy=4 auditAnnotations=5
  matchConditions=6 variables=7
ValidatingAdmissionPolicyStatus observedGeneration=1 typeChecking=2 conditions=3
ValidatingAdmissionPolicy metadata=1 spec=2 status=3
ValidatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3 validationActions=4
ValidatingAdmissionPolicyBinding metadata=1 spec=2
ApplyConfiguration expression=1
JSONPatch expression=1
Mutation patchType=2 applyConfiguration=3 jsonPatch=4
MutatingAdmissionPolicySpec paramKind=1 matchConstraints=2 variables=3 mutations=4 failurePolicy=5 matchConditions=6
  reinvocationPolicy=7
MutatingAdmissionPolicy metadata=1 spec=2
MutatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3
MutatingAdmissionPolicyBinding metadata=1 spec=2

UserSubject name=1
GroupSubject name=1
ServiceAccountSubject namespace=1 name=2
Subject kind=1 user=2 group=3 serviceAccount=4
ResourcePolicyRule verbs=1 apiGroups=2 resources=3 clusterScope=4 namespaces=5
NonResourcePolicyRule verbs=1 nonResourceURLs=6
PolicyRulesWithSubjects subjects=1 resourceRules=2 nonResourceRules=3
FlowDistinguisherMethod type=1
PriorityLevelConfigurationReference name=1
FlowSchemaSpec priorityLevelConfiguration=1 matchingPrecedence=2 distinguisherMethod=3 rules=4
FlowSchemaCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
FlowSchemaStatus conditions=1
FlowSchema metadata=1 spec=2 status=3
QueuingConfiguration queues=1 handSize=2 queueLengthLimit=3
LimitResponse type=1 queuing=2
LimitedPriorityLevelConfiguration nominalConcurrencyShares=1 limitResponse=2 lendablePercent=3 borrowingLimitPercent=4
ExemptPriorityLevelConfiguration nominalConcurrencyShares=1 lendablePercent=2
PriorityLevelConfigurationSpec type=1 limited=2 exempt=3
PriorityLevelConfigurationCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
PriorityLevelConfigurationStatus conditions=1
PriorityLevelConfiguration metadata=1 spec=2 status=3

ServiceReference namespace=1 name=2 port=3
APIServiceSpec service=1 group=2 version=3 insecureSkipTLSVerify=4 caBundle=5 groupPriorityMinimum=7 versionPriority=8
APIServiceCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
APIServiceStatus conditions=1
APIService metadata=1 spec=2 status=3
"""
"""Names and numbers of the generated.proto files of the groups that kubernetes_types.txt does not have."""


@pytest.mark.parametrize(
    ("module", "part"),
    list(
        zip(
            (admissionregistration_v1, admissionregistration_policies_v1, flowcontrol_v1, apiregistration_v1),
            NUMBERS.split("\n\n"),
            strict=True,
        )
    ),
    ids=lambda value: "" if isinstance(value, str) else value.__name__.rpartition(".")[2],
)
def test_fields_have_the_numbers_that_kubernetes_gave_them(module: Any, part: str) -> None:
    for line in part.replace("\n  ", " ").strip().splitlines():
        name, *expected = line.split()
        fields = describe(getattr(module, name)).fields
        assert {f"{field.json_name}={'.'.join(map(str, (*field.inlined, field.number)))}" for field in fields} == set(
            expected
        ), name
