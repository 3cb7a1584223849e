"""apiserver.config.k8s.io/v1: the files that configure admission plugins, and what they hold for webhook plugins.

Each kind has an older version that reads the same. Source: pkg/apis/apiserver and
pkg/admission/plugin/webhook/config/apis/webhookadmission of k8s.io/apiserver.
"""

from typing import Final

from genericapiserver.apimachinery.meta import UNVERSIONED, Status
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import RawJSON, api_type, field

GROUP_VERSION: Final = GroupVersion("apiserver.config.k8s.io", "v1")
ADMISSION_ALPHA: Final = GroupVersion("apiserver.k8s.io", "v1alpha1")
WEBHOOK_ALPHA: Final = GroupVersion("apiserver.config.k8s.io", "v1alpha1")
MODEL_PACKAGE = "io.k8s.apiserver.config.v1"


@api_type
class AdmissionPluginConfiguration:
    """AdmissionPluginConfiguration configures one plugin."""

    name: str = field(doc="The name of the plugin.")
    path: str = field(default="", omit_empty=False, doc="The file with its configuration, if that is not given here.")
    configuration: RawJSON = field(default=None, omit_empty=False, doc="Its configuration; goes before path.")


@api_type(root=True)
class AdmissionConfiguration:
    """AdmissionConfiguration configures admission plugins."""

    plugins: list[AdmissionPluginConfiguration] = field(
        factory=list, omit_empty=False, list_type="atomic", doc="The plugins that have something to configure."
    )


@api_type(root=True)
class WebhookAdmissionConfiguration:
    """WebhookAdmissionConfiguration says as whom webhooks are called."""

    kube_config_file: str = field(default="", omit_empty=False, doc="The absolute path of a kubeconfig file.")


@api_type(root=True)
class WebhookAdmission:
    """WebhookAdmission says as whom webhooks are called."""

    kube_config_file: str = field(default="", omit_empty=False, doc="The absolute path of a kubeconfig file.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kinds in all their versions."""
    scheme.add_known_types(GROUP_VERSION, AdmissionConfiguration, WebhookAdmissionConfiguration)
    scheme.add_known_types(ADMISSION_ALPHA, AdmissionConfiguration)
    scheme.add_known_types(WEBHOOK_ALPHA, WebhookAdmission)
    scheme.add_unversioned_types(UNVERSIONED, Status)
