"""The feature gates of the generic server, and how they stand at each version of Kubernetes.

Only gates that switch something here are listed; the reference's other names are accepted by `--feature-gates` of a
server that registers them. Source: pkg/features/kube_features.go of k8s.io/apiserver.
"""

from genericapiserver.component import FeatureGate, FeatureSpec, Stage, Version

KUBE_VERSION = Version(1, 35)
"""The version of Kubernetes whose behaviour this library mirrors."""
KUBE_FLOOR = Version(1, 32)
"""The oldest one that may be emulated."""

AGGREGATED_DISCOVERY_REMOVE_BETA_TYPE = "AggregatedDiscoveryRemoveBetaType"
API_RESPONSE_COMPRESSION = "APIResponseCompression"
API_SERVER_IDENTITY = "APIServerIdentity"
COMPONENT_FLAGZ = "ComponentFlagz"
COMPONENT_STATUSZ = "ComponentStatusz"
CONSTRAINED_IMPERSONATION = "ConstrainedImpersonation"
MUTATING_ADMISSION_POLICY = "MutatingAdmissionPolicy"
SIZE_BASED_LIST_COST_ESTIMATE = "SizeBasedListCostEstimate"
UNAUTHENTICATED_HTTP2_DOS_MITIGATION = "UnauthenticatedHTTP2DOSMitigation"

_ON = FeatureSpec(version=Version(1, 32), default=True, stage=Stage.BETA)
_PAGE = FeatureSpec(version=Version(1, 32), default=False, stage=Stage.ALPHA)

SPECS: dict[str, list[FeatureSpec]] = {
    AGGREGATED_DISCOVERY_REMOVE_BETA_TYPE: [
        FeatureSpec(version=Version(1, 32), default=False, stage=Stage.DEPRECATED),
        FeatureSpec(version=Version(1, 33), default=True, stage=Stage.DEPRECATED),
    ],
    API_RESPONSE_COMPRESSION: [_ON],
    API_SERVER_IDENTITY: [_ON],
    COMPONENT_FLAGZ: [_PAGE],
    COMPONENT_STATUSZ: [_PAGE],
    CONSTRAINED_IMPERSONATION: [FeatureSpec(version=Version(1, 35), default=False, stage=Stage.ALPHA)],
    MUTATING_ADMISSION_POLICY: [
        FeatureSpec(version=Version(1, 32), default=False, stage=Stage.ALPHA),
        FeatureSpec(version=Version(1, 34), default=False, stage=Stage.BETA),
    ],
    SIZE_BASED_LIST_COST_ESTIMATE: [FeatureSpec(version=Version(1, 34), default=True, stage=Stage.BETA)],
    UNAUTHENTICATED_HTTP2_DOS_MITIGATION: [_ON],
}


def default_feature_gate() -> FeatureGate:
    """A new gate with the generic server's features at their defaults."""
    gate = FeatureGate(KUBE_VERSION)
    gate.add(SPECS)
    return gate
