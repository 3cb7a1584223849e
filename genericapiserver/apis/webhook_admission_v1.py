"""apiserver.config.k8s.io/v1: WebhookAdmissionConfiguration, the part of an admission configuration for webhook plugins.

Also under its older name, WebhookAdmission of v1alpha1. Source: pkg/admission/plugin/webhook/config/apis/webhookadmission.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.types import api_type, field

GROUP_VERSION: Final = GroupVersion("apiserver.config.k8s.io", "v1")
GROUP_VERSION_ALPHA: Final = GroupVersion("apiserver.config.k8s.io", "v1alpha1")
MODEL_PACKAGE = "io.k8s.apiserver.config.v1"


@api_type(root=True)
class WebhookAdmissionConfiguration:
    """WebhookAdmissionConfiguration says as whom webhooks are called."""

    kube_config_file: str = field(default="", omit_empty=False, doc="The absolute path of a kubeconfig file.")


@api_type(root=True)
class WebhookAdmission:
    """WebhookAdmission says as whom webhooks are called."""

    kube_config_file: str = field(default="", omit_empty=False, doc="The absolute path of a kubeconfig file.")
