"""authorization.k8s.io/v1: asking what somebody may do.

Source: k8s.io/api/authorization/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.meta.selectors import FieldSelectorRequirement, LabelSelectorRequirement
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import api_type, field

GROUP = "authorization.k8s.io"
GROUP_VERSION = GroupVersion(GROUP, "v1")
MODEL_PACKAGE = "io.k8s.api.authorization.v1"


@api_type
class FieldSelectorAttributes:
    """FieldSelectorAttributes narrows access by fields, as a text or as requirements, never as both."""

    raw_selector: str = field(default="", doc="The selector as it stands in a query.")
    requirements: list[FieldSelectorRequirement] = field(
        factory=list, list_type="atomic", doc="The selector as requirements that must all hold."
    )


@api_type
class LabelSelectorAttributes:
    """LabelSelectorAttributes narrows access by labels, as a text or as requirements, never as both."""

    raw_selector: str = field(default="", doc="The selector as it stands in a query.")
    requirements: list[LabelSelectorRequirement] = field(
        factory=list, list_type="atomic", doc="The selector as requirements that must all hold."
    )


@api_type
class ResourceAttributes:
    """ResourceAttributes is an access to a resource."""

    namespace: str = field(
        default="",
        doc='The namespace of the action. "" is empty for cluster-scoped resources, and means "all" for namespaced '
        "ones.",
    )
    verb: str = field(
        default="",
        doc='A verb such as get, list, watch, create, update, delete, proxy. "*" means all.',
    )
    group: str = field(default="", doc='The API group of the resource. "*" means all.')
    version: str = field(default="", doc='The API version of the resource. "*" means all.')
    resource: str = field(default="", doc='One of the existing resource types. "*" means all.')
    subresource: str = field(default="", doc='One of the existing subresources. "" means none.')
    name: str = field(default="", doc='The name of the object that is asked for. "" means all.')
    field_selector: FieldSelectorAttributes | None = field(
        default=None, doc="Narrows the access by fields. It can only limit access, never broaden it."
    )
    label_selector: LabelSelectorAttributes | None = field(
        default=None, doc="Narrows the access by labels. It can only limit access, never broaden it."
    )


@api_type
class NonResourceAttributes:
    """NonResourceAttributes is an access to a path that belongs to no resource."""

    path: str = field(default="", doc="The path of the URL.")
    verb: str = field(default="", doc="The HTTP verb in lower case.")


@api_type
class SubjectAccessReviewSpec:
    """SubjectAccessReviewSpec is an access of somebody. Exactly one kind of attributes must be set."""

    resource_attributes: ResourceAttributes | None = field(default=None, doc="The access to a resource.")
    non_resource_attributes: NonResourceAttributes | None = field(default=None, doc="The access to another path.")
    user: str = field(
        default="",
        doc="The user to test for. A user without groups is asked about as one who is a member of none.",
    )
    groups: list[str] = field(factory=list, list_type="atomic", doc="The groups to test for.")
    extra: dict[str, list[str]] = field(factory=dict, doc="What the authenticator says of the user beyond that.")
    uid: str = field(default="", doc="The UID of the user.")


@api_type
class SelfSubjectAccessReviewSpec:
    """SelfSubjectAccessReviewSpec is an access of whoever asks. Exactly one kind of attributes must be set."""

    resource_attributes: ResourceAttributes | None = field(default=None, doc="The access to a resource.")
    non_resource_attributes: NonResourceAttributes | None = field(default=None, doc="The access to another path.")


@api_type
class SubjectAccessReviewStatus:
    """SubjectAccessReviewStatus is the decision."""

    allowed: bool = field(default=False, omit_empty=False, doc="Whether the access is allowed.")
    denied: bool = field(
        default=False,
        number=4,
        doc="Whether the access is denied. When it is neither allowed nor denied the authorizer has no opinion.",
    )
    reason: str = field(default="", number=2, doc="Why it is allowed or denied.")
    evaluation_error: str = field(
        default="",
        number=3,
        doc="What went wrong while deciding. A decision may be possible all the same: RBAC can lack a role and still "
        "have enough others.",
    )


@api_type
class SubjectAccessReview(Object):
    """SubjectAccessReview checks whether a user or group can do something."""

    spec: SubjectAccessReviewSpec = field(factory=SubjectAccessReviewSpec, doc="The request being evaluated.")
    status: SubjectAccessReviewStatus = field(
        factory=SubjectAccessReviewStatus, doc="Filled in by the server: whether it is allowed."
    )


@api_type
class SelfSubjectAccessReview(Object):
    """SelfSubjectAccessReview checks whether the current user can do something. Everybody may ask that."""

    spec: SelfSubjectAccessReviewSpec = field(factory=SelfSubjectAccessReviewSpec, doc="The request being evaluated.")
    status: SubjectAccessReviewStatus = field(
        factory=SubjectAccessReviewStatus, doc="Filled in by the server: whether it is allowed."
    )


@api_type
class LocalSubjectAccessReview(Object):
    """LocalSubjectAccessReview checks whether a user or group can do something in one namespace, so that the right to
    ask can be granted for that namespace."""

    spec: SubjectAccessReviewSpec = field(
        factory=SubjectAccessReviewSpec,
        doc="The request being evaluated; its namespace must be that of the request.",
    )
    status: SubjectAccessReviewStatus = field(
        factory=SubjectAccessReviewStatus, doc="Filled in by the server: whether it is allowed."
    )


@api_type
class SelfSubjectRulesReviewSpec:
    """SelfSubjectRulesReviewSpec is where the rules are asked for."""

    namespace: str = field(default="", doc="The namespace to evaluate rules for. Required.")


@api_type
class ResourceRule:
    """ResourceRule is a list of actions on resources. The order is not significant, and there may be duplicates."""

    verbs: list[str] = field(list_type="atomic", doc='Verbs such as get and list. "*" means all.')
    api_groups: list[str] = field(
        factory=list, list_type="atomic", doc='The API groups that contain the resources. "*" means all.'
    )
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        doc='The resources the rule applies to. "*" means all, "*/foo" the subresource foo of every resource.',
    )
    resource_names: list[str] = field(
        factory=list, list_type="atomic", doc="The names that the rule applies to. Empty means that all are allowed."
    )


@api_type
class NonResourceRule:
    """NonResourceRule is a list of actions on paths that belong to no resource."""

    verbs: list[str] = field(list_type="atomic", doc='Verbs such as get and post. "*" means all.')
    non_resource_urls: list[str] = field(
        factory=list,
        name="nonResourceURLs",
        list_type="atomic",
        doc='Paths that the user has access to; a "*" is allowed as the last step. "*" means all.',
    )


@api_type
class SubjectRulesReviewStatus:
    """SubjectRulesReviewStatus is what the user may do, as far as the authorizers can tell."""

    resource_rules: list[ResourceRule] = field(
        omit_empty=False, list_type="atomic", doc="What is allowed on resources, without any order."
    )
    non_resource_rules: list[NonResourceRule] = field(
        omit_empty=False, list_type="atomic", doc="What is allowed on other paths, without any order."
    )
    incomplete: bool = field(
        default=False,
        omit_empty=False,
        doc="Whether there may be more rules, because an authorizer does not support listing them.",
    )
    evaluation_error: str = field(default="", doc="What went wrong while the rules were collected.")


@api_type
class SelfSubjectRulesReview(Object):
    """SelfSubjectRulesReview lists what the current user may do in a namespace.

    The list may be incomplete, depending on the authorizers. It is for user interfaces that show or hide actions, not for
    other systems to decide by: SubjectAccessReview is.
    """

    spec: SelfSubjectRulesReviewSpec = field(factory=SelfSubjectRulesReviewSpec, doc="The request being evaluated.")
    status: SubjectRulesReviewStatus = field(
        factory=lambda: SubjectRulesReviewStatus(resource_rules=[], non_resource_rules=[]),
        doc="Filled in by the server: what the user may do.",
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP, INTERNAL_VERSION)):
        scheme.add_known_types(
            version, SubjectAccessReview, SelfSubjectAccessReview, LocalSubjectAccessReview, SelfSubjectRulesReview
        )
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
