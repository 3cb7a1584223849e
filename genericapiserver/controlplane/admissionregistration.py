"""admissionregistration.k8s.io on a server that stands alone: webhooks are registered where they take effect.

The admission plugins of this very server follow the configurations through informers on the loopback client, so that
`kubectl apply -f webhook.yaml` counts for the writes after it. The rules (`webhook_validation`) are imported with the first
write that is checked: most servers know no webhooks. Source: pkg/registry/admissionregistration of
k8s.io/kubernetes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.apis import admissionregistration_policies_v1, admissionregistration_v1
from genericapiserver.apis.admissionregistration_v1 import (
    GROUP_VERSION,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from genericapiserver.config import ConfigError
from genericapiserver.controlplane.admission_policies import policy_storages
from genericapiserver.features import MUTATING_ADMISSION_POLICY
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer

if TYPE_CHECKING:
    from genericapiserver.controlplane.webhook_validation import WebhookConfiguration

CATEGORY: Final = "api-extensions"
COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn(
        "Webhooks",
        lambda configuration: len(configuration.webhooks),
        type="integer",
        doc="Webhooks indicates the number of webhooks registered in this configuration",
    ),
    age(),
)


class WebhookConfigurationStrategy(DefaultStrategy):
    """A configuration is of the cluster, has a generation, and is checked as a whole."""

    namespace_scoped = False

    def prepare_for_create(self, context: RequestContext, obj: "WebhookConfiguration") -> None:
        obj.metadata.generation = 1

    def prepare_for_update(
        self, context: RequestContext, obj: "WebhookConfiguration", old: "WebhookConfiguration"
    ) -> None:
        changed: bool = obj.webhooks != old.webhooks
        obj.metadata.generation = old.metadata.generation + (1 if changed else 0)

    def validate(self, context: RequestContext, obj: "WebhookConfiguration") -> Sequence[FieldError]:
        from genericapiserver.admission.webhook.conditions import expression_problem
        from genericapiserver.controlplane.webhook_validation import Strictness, validate_configuration

        found = validate_configuration(obj, Strictness(), check_expression=expression_problem)
        return [*validate_dns_name(obj.metadata), *found]

    def validate_update(
        self, context: RequestContext, obj: "WebhookConfiguration", old: "WebhookConfiguration"
    ) -> Sequence[FieldError]:
        from genericapiserver.admission.webhook.conditions import expression_problem
        from genericapiserver.controlplane.webhook_validation import Strictness, validate_configuration

        return validate_configuration(obj, Strictness.for_update(obj, old), check_expression=expression_problem)


def register(scheme: Scheme) -> None:
    """Add the kinds to *scheme*, with their defaults."""
    admissionregistration_v1.add_to_scheme(scheme)
    admissionregistration_policies_v1.add_to_scheme(scheme)


def api_group(getter: RESTOptionsGetter, serializer: CodecFactory, *, mutating_policies: bool = False) -> APIGroupInfo:
    """The group, kept where *getter* says; the scheme of *serializer* has the kinds by `register`.

    *mutating_policies* are a beta: their version of the group is there when they are.
    """
    group = APIGroupInfo.for_group(GROUP_VERSION.group, scheme=serializer.scheme, serializer=serializer)
    storages: dict[str, Any] = {}
    for object_type in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
        singular = object_type.__name__.lower()
        storages[f"{singular}s"] = _store(getter, object_type, singular, serializer.scheme)
    group.versioned_resources_storage[GROUP_VERSION.version] = storages
    policies = policy_storages(getter, serializer.scheme, mutating=mutating_policies)
    for version, more in policies.items():
        group.versioned_resources_storage.setdefault(version, {}).update(more)
    served = [each for each in group.prioritized_versions if group.versioned_resources_storage.get(each.version)]
    return attrs.evolve(group, prioritized_versions=served)


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve the group at *server*. Raises ConfigError, APIGroupError."""
    getter = server.config.rest_options_getter
    if getter is None:
        raise ConfigError("there is no storage to keep webhook configurations in")
    gate = server.config.feature_gate
    server.install_api_group(api_group(getter, serializer, mutating_policies=gate.enabled(MUTATING_ADMISSION_POLICY)))


def _store(getter: RESTOptionsGetter, object_type: type[Any], singular: str, scheme: Scheme) -> Store:
    return store_for(
        getter,
        object_type=object_type,
        qualified_resource=GroupResource(GROUP_VERSION.group, f"{singular}s"),
        singular_name=singular,
        strategy=WebhookConfigurationStrategy(scheme),
        categories=(CATEGORY,),
        table_columns=COLUMNS,
    )
