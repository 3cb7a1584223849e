"""apiserver.config.k8s.io: AuthorizationConfiguration, the file of --authorization-config.

Source: k8s.io/apiserver pkg/apis/apiserver/{v1,v1beta1}/{types,defaults}.go. Durations are texts here, read by the
validation.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import api_type, field

GROUP: Final = "apiserver.config.k8s.io"
VERSIONS: Final = ("v1", "v1beta1")
MODEL_PACKAGE = "io.k8s.apiserver.pkg.apis.apiserver.v1"

WEBHOOK: Final = "Webhook"
KUBECONFIG_FILE, IN_CLUSTER_CONFIG = "KubeConfigFile", "InClusterConfig"
NO_OPINION, DENY = "NoOpinion", "Deny"
DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL = "5m0s", "30s"


@api_type
class WebhookConnectionInfo:
    """WebhookConnectionInfo says how to reach the server that decides."""

    type: str = field(default="", omit_empty=False, doc="KubeConfigFile or InClusterConfig.")
    kube_config_file: str | None = field(default=None, doc="The absolute path of the kubeconfig, for KubeConfigFile.")


@api_type
class WebhookMatchCondition:
    """WebhookMatchCondition is what has to be true of a request for the webhook to be asked."""

    expression: str = field(
        default="", omit_empty=False, doc="A CEL expression over request, the spec of a SubjectAccessReview, to a bool."
    )


@api_type
class WebhookConfiguration:
    """WebhookConfiguration is a server that decides, by SubjectAccessReview."""

    authorized_ttl: str = field(
        default="", name="authorizedTTL", omit_empty=False, doc="How long to remember what it allowed. 5m0s."
    )
    cache_authorized_requests: bool | None = field(default=None, doc="Whether to remember that. True.")
    unauthorized_ttl: str = field(
        default="", name="unauthorizedTTL", omit_empty=False, doc="How long to remember what it did not allow. 30s."
    )
    cache_unauthorized_requests: bool | None = field(default=None, doc="Whether to remember that. True.")
    timeout: str = field(default="", omit_empty=False, doc="How long one question may take; at most 30s. Required.")
    subject_access_review_version: str = field(default="", omit_empty=False, doc="v1 or v1beta1. Required.")
    match_condition_subject_access_review_version: str = field(
        default="", omit_empty=False, doc="v1. Required with match conditions."
    )
    failure_policy: str = field(
        default="", omit_empty=False, doc="What to think when it cannot be asked: NoOpinion or Deny. Required."
    )
    connection_info: WebhookConnectionInfo = field(factory=WebhookConnectionInfo, doc="How to reach it. Required.")
    match_conditions: list[WebhookMatchCondition] = field(
        factory=list,
        omit_empty=False,
        doc="At most 64. It is asked when all are true, and skipped when one is false; when one fails and none is false, "
        "the failure policy counts.",
    )


@api_type
class AuthorizerConfiguration:
    """AuthorizerConfiguration is one authorizer of the chain."""

    type: str = field(default="", omit_empty=False, doc="AlwaysAllow, AlwaysDeny, RBAC or Webhook.")
    name: str = field(default="", omit_empty=False, doc="Its name in metrics; a DNS subdomain. Required and unique.")
    webhook: WebhookConfiguration | None = field(default=None, doc="For Webhook, where it is required.")


@api_type(root=True)
class AuthorizationConfiguration:
    """AuthorizationConfiguration is the ordered list of authorizers."""

    authorizers: list[AuthorizerConfiguration] = field(
        factory=list, omit_empty=False, doc="Asked in this order until one allows or denies."
    )


def set_defaults(configuration: AuthorizationConfiguration) -> None:
    """Times to remember, and that decisions are remembered at all."""
    for authorizer in configuration.authorizers:
        if (webhook := authorizer.webhook) is None:
            continue
        webhook.authorized_ttl = webhook.authorized_ttl or DEFAULT_AUTHORIZED_TTL
        webhook.unauthorized_ttl = webhook.unauthorized_ttl or DEFAULT_UNAUTHORIZED_TTL
        if webhook.cache_authorized_requests is None:
            webhook.cache_authorized_requests = True
        if webhook.cache_unauthorized_requests is None:
            webhook.cache_unauthorized_requests = True


def add_to_scheme(scheme: Scheme) -> None:
    """Register AuthorizationConfiguration in each of its versions."""
    for version in VERSIONS:
        scheme.add_known_types(GroupVersion(GROUP, version), AuthorizationConfiguration)
    scheme.add_defaulting_func(AuthorizationConfiguration, set_defaults)
