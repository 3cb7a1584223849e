"""The plugins that come with this library, under the reference's names. Go: pkg/server/plugins.go."""

from typing import TYPE_CHECKING, Final

from genericapiserver.admission import lifecycle
from genericapiserver.admission.lifecycle import NamespaceLifecycle
from genericapiserver.admission.plugin import AdmissionPlugin
from genericapiserver.admission.registry import PluginRegistry

if TYPE_CHECKING:
    from genericapiserver.admission.webhook import ServiceResolver

CORE: Final = ""
REGISTRATION: Final = "admissionregistration.k8s.io"


def register_all_admission_plugins(registry: PluginRegistry, *, services: "ServiceResolver | None" = None) -> None:
    """Make every plugin of the library buildable. *services* says where webhooks of service references are.

    Webhooks and policies are imported when their plugin is built: a server where they are off need not load them.
    """

    def mutating_policies(configuration: bytes | None) -> AdmissionPlugin:
        from genericapiserver.admission.policy import MutatingPolicies

        return MutatingPolicies()

    def mutating_webhooks(configuration: bytes | None) -> AdmissionPlugin:
        from genericapiserver.admission.webhook import MutatingWebhooks

        return MutatingWebhooks.from_configuration(configuration, services)

    def validating_policies(configuration: bytes | None) -> AdmissionPlugin:
        from genericapiserver.admission.policy import ValidatingPolicies

        return ValidatingPolicies()

    def validating_webhooks(configuration: bytes | None) -> AdmissionPlugin:
        from genericapiserver.admission.webhook import ValidatingWebhooks

        return ValidatingWebhooks.from_configuration(configuration, services)

    registry.register(lifecycle.NAME, lambda configuration: NamespaceLifecycle(), reads=(CORE,))
    registry.register("MutatingAdmissionPolicy", mutating_policies, reads=(REGISTRATION,))
    registry.register("MutatingAdmissionWebhook", mutating_webhooks, reads=(REGISTRATION,))
    registry.register("ValidatingAdmissionPolicy", validating_policies, reads=(REGISTRATION,))
    registry.register("ValidatingAdmissionWebhook", validating_webhooks, reads=(REGISTRATION,))


def default_plugins(*, services: "ServiceResolver | None" = None) -> PluginRegistry:
    """A registry with every plugin of the library."""
    registry = PluginRegistry()
    register_all_admission_plugins(registry, services=services)
    return registry
