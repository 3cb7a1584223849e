"""apiserver.config.k8s.io: TracingConfiguration, the file of --tracing-config-file.

Source: k8s.io/apiserver pkg/apis/apiserver/{v1,v1beta1,v1alpha1}/types.go, k8s.io/component-base/tracing/api/v1.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import Int32, api_type, field

GROUP: Final = "apiserver.config.k8s.io"
VERSIONS: Final = ("v1", "v1beta1", "v1alpha1")
MODEL_PACKAGE = "io.k8s.apiserver.pkg.apis.apiserver.v1"


@api_type(root=True)
class TracingConfiguration:
    """TracingConfiguration says where traces go, and how many there are."""

    endpoint: str | None = field(
        default=None, doc="Where the collector listens for OTLP over gRPC, without TLS. localhost:4317."
    )
    sampling_rate_per_million: Int32 | None = field(
        default=None,
        doc="How many of a million traces that begin here are sampled. Without it, none but those that a trusted caller "
        "has sampled.",
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register TracingConfiguration in each of its versions."""
    for version in VERSIONS:
        scheme.add_known_types(GroupVersion(GROUP, version), TracingConfiguration)
