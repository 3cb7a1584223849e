"""admissionregistration.k8s.io/v1: which writes are sent to which webhooks, and the selections that policies share.

Defaults are those of the reference, filled in by functions because some of them lie inside lists. What the objects must
fulfil to be stored is said by `controlplane.admissionregistration`. Source: k8s.io/api/admissionregistration/v1/types.go and
pkg/apis/admissionregistration/v1/defaults.go of k8s.io/kubernetes.
"""

from typing import Final

from genericapiserver.apimachinery.meta import LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, api_type, field

GROUP_VERSION: Final = GroupVersion("admissionregistration.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.admissionregistration.v1"

FAIL: Final = "Fail"
IGNORE: Final = "Ignore"

EXACT: Final = "Exact"
EQUIVALENT: Final = "Equivalent"

ALL_SCOPES: Final = "*"
CLUSTER_SCOPE: Final = "Cluster"
NAMESPACED_SCOPE: Final = "Namespaced"

SIDE_EFFECTS_UNKNOWN: Final = "Unknown"
SIDE_EFFECTS_NONE: Final = "None"
SIDE_EFFECTS_SOME: Final = "Some"
SIDE_EFFECTS_NONE_ON_DRY_RUN: Final = "NoneOnDryRun"

REINVOKE_NEVER: Final = "Never"
REINVOKE_IF_NEEDED: Final = "IfNeeded"

DEFAULT_TIMEOUT_SECONDS: Final = 10
DEFAULT_SERVICE_PORT: Final = 443


@api_type
class Rule:
    """Rule selects resources by group, version, name and scope."""

    api_groups: list[str] = field(factory=list, list_type="atomic", doc="API groups; * alone is every group.")
    api_versions: list[str] = field(factory=list, list_type="atomic", doc="API versions; * alone is every version.")
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        doc="Resources: pods, pods/log, * (no subresources), pods/* (with all subresources), */scale, */*.",
    )
    scope: str | None = field(
        default=None, enum=["Cluster", "Namespaced", "*"], doc="Cluster, Namespaced or *. Default *."
    )


@api_type
class RuleWithOperations:
    """RuleWithOperations selects operations on resources."""

    operations: list[str] = field(
        factory=list, list_type="atomic", doc="CREATE, UPDATE, DELETE, CONNECT; * alone is every operation."
    )
    # Go embeds Rule; what is embedded comes flat on the wire.
    api_groups: list[str] = field(
        factory=list, list_type="atomic", inlined=2, number=1, doc="API groups; * alone is every group."
    )
    api_versions: list[str] = field(
        factory=list, list_type="atomic", inlined=2, number=2, doc="API versions; * alone is every version."
    )
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        inlined=2,
        number=3,
        doc="Resources: pods, pods/log, * (no subresources), pods/* (with all subresources), */scale, */*.",
    )
    scope: str | None = field(
        default=None,
        enum=["Cluster", "Namespaced", "*"],
        inlined=2,
        number=4,
        doc="Cluster, Namespaced or *. Default *.",
    )


@api_type(map_type="atomic")
class NamedRuleWithOperations:
    """NamedRuleWithOperations selects operations on resources, or on single objects of them."""

    resource_names: list[str] = field(
        factory=list, list_type="atomic", doc="Names of objects; none given are all objects."
    )
    operations: list[str] = field(
        factory=list,
        list_type="atomic",
        inlined=2,
        number=1,
        doc="CREATE, UPDATE, DELETE, CONNECT; * alone is every operation.",
    )
    api_groups: list[str] = field(
        factory=list, list_type="atomic", inlined=(2, 2), number=1, doc="API groups; * alone is every group."
    )
    api_versions: list[str] = field(
        factory=list, list_type="atomic", inlined=(2, 2), number=2, doc="API versions; * alone is every version."
    )
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        inlined=(2, 2),
        number=3,
        doc="Resources: pods, pods/log, * (no subresources), pods/* (with all subresources), */scale, */*.",
    )
    scope: str | None = field(
        default=None,
        enum=["Cluster", "Namespaced", "*"],
        inlined=(2, 2),
        number=4,
        doc="Cluster, Namespaced or *. Default *.",
    )


@api_type(map_type="atomic")
class MatchResources:
    """MatchResources selects the requests that a policy, or a binding of it, is about."""

    namespace_selector: LabelSelector | None = field(
        default=None, doc="Labels of the object's namespace. Default: every namespace."
    )
    object_selector: LabelSelector | None = field(
        default=None, doc="Labels of the object or the old object. Default: every object."
    )
    resource_rules: list[NamedRuleWithOperations] = field(
        factory=list, list_type="atomic", doc="What is matched; one of the rules is enough."
    )
    exclude_resource_rules: list[NamedRuleWithOperations] = field(
        factory=list, list_type="atomic", doc="What is not matched, whatever resourceRules say."
    )
    match_policy: str | None = field(
        default=None,
        enum=["Equivalent", "Exact"],
        number=7,
        doc="Whether rules also match the same resource in other versions and groups. Default Equivalent.",
    )


@api_type
class MatchCondition:
    """MatchCondition is an expression that has to be true for a request to be sent on."""

    name: str = field(doc="The name of the condition, for audit annotations and messages.")
    expression: str = field(doc="A CEL expression over object, oldObject, request and authorizer.")


@api_type
class ServiceReference:
    """ServiceReference names a service by which a webhook is reached."""

    namespace: str = field(doc="The namespace of the service.")
    name: str = field(doc="The name of the service.")
    path: str | None = field(default=None, doc="The path of the URL.")
    port: Int32 | None = field(default=None, doc="The port of the service. Default 443.")


@api_type
class WebhookClientConfig:
    """WebhookClientConfig says how to reach a webhook: by url or by service."""

    url: str | None = field(default=None, number=3, doc="scheme://host:port/path, with the scheme https.")
    service: ServiceReference | None = field(default=None, number=1, doc="The service, when it runs in the cluster.")
    ca_bundle: bytes = field(
        default=b"", number=2, doc="PEM certificates of who signs for the webhook. Default: the system's."
    )


@api_type
class ValidatingWebhook:
    """ValidatingWebhook is a webhook that says yes or no."""

    name: str = field(doc="A full name: imagepolicy.example.com.")
    client_config: WebhookClientConfig = field(factory=WebhookClientConfig, doc="How to reach it.")
    rules: list[RuleWithOperations] = field(factory=list, list_type="atomic", doc="What it is asked about.")
    failure_policy: str | None = field(
        default=None, enum=["Fail", "Ignore"], doc="What to do when it cannot be asked: Ignore or Fail. Default Fail."
    )
    match_policy: str | None = field(
        default=None,
        enum=["Equivalent", "Exact"],
        number=9,
        doc="Whether rules also match the same resource in other versions and groups. Default Equivalent.",
    )
    namespace_selector: LabelSelector | None = field(
        default=None, number=5, doc="Labels of the object's namespace. Default: every namespace."
    )
    object_selector: LabelSelector | None = field(
        default=None, number=10, doc="Labels of the object or the old object. Default: every object."
    )
    side_effects: str | None = field(
        default=None,
        omit_empty=False,
        enum=["None", "NoneOnDryRun", "Some", "Unknown"],
        number=6,
        doc="Whether calls change anything elsewhere: None or NoneOnDryRun.",
    )
    timeout_seconds: Int32 | None = field(default=None, number=7, doc="Seconds a call may take, 1 to 30. Default 10.")
    admission_review_versions: list[str] = field(
        factory=list,
        omit_empty=False,
        list_type="atomic",
        number=8,
        doc="Versions of AdmissionReview that it understands.",
    )
    match_conditions: list[MatchCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=11,
        doc="Expressions that must all be true for it to be asked; at most 64.",
    )


@api_type
class MutatingWebhook:
    """MutatingWebhook is a webhook that may change what is written."""

    name: str = field(doc="A full name: imagepolicy.example.com.")
    client_config: WebhookClientConfig = field(factory=WebhookClientConfig, doc="How to reach it.")
    rules: list[RuleWithOperations] = field(factory=list, list_type="atomic", doc="What it is asked about.")
    failure_policy: str | None = field(
        default=None, enum=["Fail", "Ignore"], doc="What to do when it cannot be asked: Ignore or Fail. Default Fail."
    )
    match_policy: str | None = field(
        default=None,
        enum=["Equivalent", "Exact"],
        number=9,
        doc="Whether rules also match the same resource in other versions and groups. Default Equivalent.",
    )
    namespace_selector: LabelSelector | None = field(
        default=None, number=5, doc="Labels of the object's namespace. Default: every namespace."
    )
    object_selector: LabelSelector | None = field(
        default=None, number=11, doc="Labels of the object or the old object. Default: every object."
    )
    side_effects: str | None = field(
        default=None,
        omit_empty=False,
        enum=["None", "NoneOnDryRun", "Some", "Unknown"],
        number=6,
        doc="Whether calls change anything elsewhere: None or NoneOnDryRun.",
    )
    timeout_seconds: Int32 | None = field(default=None, number=7, doc="Seconds a call may take, 1 to 30. Default 10.")
    admission_review_versions: list[str] = field(
        factory=list,
        omit_empty=False,
        list_type="atomic",
        number=8,
        doc="Versions of AdmissionReview that it understands.",
    )
    reinvocation_policy: str | None = field(
        default=None,
        enum=["IfNeeded", "Never"],
        number=10,
        doc="Whether it is asked again when a later plugin changed the object: Never or IfNeeded. Default Never.",
    )
    match_conditions: list[MatchCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=12,
        doc="Expressions that must all be true for it to be asked; at most 64.",
    )


@api_type
class ValidatingWebhookConfiguration(Object):
    """ValidatingWebhookConfiguration is a list of webhooks that accept or reject objects, and do not change them."""

    webhooks: list[ValidatingWebhook] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="The webhooks and what they are asked about.",
    )


@api_type
class MutatingWebhookConfiguration(Object):
    """MutatingWebhookConfiguration is a list of webhooks that accept or reject objects, and may change them."""

    webhooks: list[MutatingWebhook] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="The webhooks and what they are asked about.",
    )


WEBHOOK_CONFIGURATIONS: Final = (ValidatingWebhookConfiguration, MutatingWebhookConfiguration)


def add_to_scheme(scheme: Scheme) -> None:
    """Register the webhook configurations, each its own hub, with their defaults."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, *WEBHOOK_CONFIGURATIONS)
    scheme.add_defaulting_func(ValidatingWebhookConfiguration, set_configuration_defaults)
    scheme.add_defaulting_func(MutatingWebhookConfiguration, set_configuration_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)


def set_configuration_defaults(
    configuration: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
) -> None:
    """Fill in what the webhooks leave out."""
    for webhook in configuration.webhooks:
        set_webhook_defaults(webhook)


def set_webhook_defaults(webhook: ValidatingWebhook | MutatingWebhook) -> None:
    """Fill in what a webhook leaves out. sideEffects has no default: who writes a webhook has to think about it."""
    if webhook.failure_policy is None:
        webhook.failure_policy = FAIL
    if webhook.match_policy is None:
        webhook.match_policy = EQUIVALENT
    if webhook.namespace_selector is None:
        webhook.namespace_selector = LabelSelector()
    if webhook.object_selector is None:
        webhook.object_selector = LabelSelector()
    if webhook.timeout_seconds is None:
        webhook.timeout_seconds = DEFAULT_TIMEOUT_SECONDS
    if isinstance(webhook, MutatingWebhook) and webhook.reinvocation_policy is None:
        webhook.reinvocation_policy = REINVOKE_NEVER
    service = webhook.client_config.service
    if service is not None and service.port is None:
        service.port = DEFAULT_SERVICE_PORT
    for rule in webhook.rules:
        set_rule_defaults(rule)


def set_rule_defaults(rule: Rule | RuleWithOperations | NamedRuleWithOperations) -> None:
    """A rule without a scope is about every scope."""
    if rule.scope is None:
        rule.scope = ALL_SCOPES


def set_match_resources_defaults(match: MatchResources) -> None:
    """Fill in what a policy or a binding leaves out of its selection."""
    if match.match_policy is None:
        match.match_policy = EQUIVALENT
    if match.namespace_selector is None:
        match.namespace_selector = LabelSelector()
    if match.object_selector is None:
        match.object_selector = LabelSelector()
    for rule in (*match.resource_rules, *match.exclude_resource_rules):
        set_rule_defaults(rule)
