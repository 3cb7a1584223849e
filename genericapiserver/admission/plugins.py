"""The plugins that come with this library, under the reference's names. Go: pkg/server/plugins.go."""

from typing import Final

from genericapiserver.admission import lifecycle
from genericapiserver.admission.lifecycle import NamespaceLifecycle
from genericapiserver.admission.policy import MutatingPolicies, ValidatingPolicies
from genericapiserver.admission.policy import mutating as mutating_policies
from genericapiserver.admission.policy import validating as validating_policies
from genericapiserver.admission.registry import PluginRegistry
from genericapiserver.admission.webhook import (
    MutatingWebhooks,
    ServiceResolver,
    ValidatingWebhooks,
    mutating,
    validating,
)
from genericapiserver.apis import admissionregistration_v1, core_v1

CORE: Final = core_v1.GROUP_VERSION.group
REGISTRATION: Final = admissionregistration_v1.GROUP_VERSION.group


def register_all(registry: PluginRegistry, *, services: ServiceResolver | None = None) -> None:
    """Make every plugin of the library buildable. *services* says where webhooks of service references are."""
    registry.register(lifecycle.NAME, lambda configuration: NamespaceLifecycle(), reads=(CORE,))
    registry.register(
        mutating.NAME,
        lambda configuration: MutatingWebhooks.from_configuration(configuration, services),
        reads=(REGISTRATION,),
    )
    registry.register(mutating_policies.NAME, lambda configuration: MutatingPolicies(), reads=(REGISTRATION,))
    registry.register(validating_policies.NAME, lambda configuration: ValidatingPolicies(), reads=(REGISTRATION,))
    registry.register(
        validating.NAME,
        lambda configuration: ValidatingWebhooks.from_configuration(configuration, services),
        reads=(REGISTRATION,),
    )


def default_plugins(*, services: ServiceResolver | None = None) -> PluginRegistry:
    """A registry with every plugin of the library."""
    registry = PluginRegistry()
    register_all(registry, services=services)
    return registry
