"""admission.k8s.io/v1beta1: the older AdmissionReview, of the same shape and with laxer rules for answers.

Source: k8s.io/api/admission/v1beta1/types.go.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.admission_v1 import AdmissionRequest, AdmissionResponse

GROUP_VERSION: Final = GroupVersion("admission.k8s.io", "v1beta1")
MODEL_PACKAGE = "io.k8s.api.admission.v1beta1"


@api_type(root=True)
class AdmissionReview:
    """AdmissionReview carries a request to a webhook, and its response back."""

    request: AdmissionRequest | None = field(default=None, doc="What is asked.")
    response: AdmissionResponse | None = field(default=None, doc="What is answered.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register AdmissionReview."""
    scheme.add_known_types(GROUP_VERSION, AdmissionReview)
