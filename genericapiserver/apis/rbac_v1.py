"""rbac.authorization.k8s.io/v1: roles, and bindings that give them to users.

Source: k8s.io/api/rbac/v1/types.go and pkg/apis/rbac/v1/defaults.go of k8s.io/kubernetes.
"""

from typing import Final

from genericapiserver.apimachinery.meta import LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import api_type, field

GROUP: Final = "rbac.authorization.k8s.io"
GROUP_VERSION = GroupVersion(GROUP, "v1")
MODEL_PACKAGE = "io.k8s.api.rbac.v1"

ALL: Final = "*"
USER, GROUP_KIND, SERVICE_ACCOUNT = "User", "Group", "ServiceAccount"
ROLE, CLUSTER_ROLE = "Role", "ClusterRole"
AUTO_UPDATE_ANNOTATION: Final = "rbac.authorization.kubernetes.io/autoupdate"


@api_type
class PolicyRule:
    """PolicyRule says which verbs are allowed on what. There is no way to forbid."""

    verbs: list[str] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="atomic",
        doc='Verbs such as get and list. "*" stands for all.',
    )
    api_groups: list[str] = field(
        factory=list,
        list_type="atomic",
        doc='The API groups that contain the resources. "" is the core group, "*" stands for all.',
    )
    resources: list[str] = field(
        factory=list,
        list_type="atomic",
        doc='Resources, and subresources as resource/subresource. "*" stands for all, "*/scale" for the subresource '
        "scale of every resource.",
    )
    resource_names: list[str] = field(
        factory=list, list_type="atomic", doc="Names that the rule is limited to. Empty: every name."
    )
    non_resource_urls: list[str] = field(
        factory=list,
        name="nonResourceURLs",
        list_type="atomic",
        doc='Paths that belong to no resource, in cluster roles only; a "*" may be the last character.',
    )


@api_type(map_type="atomic")
class Subject:
    """Subject is a user, a group or a service account."""

    kind: str = field(default="", omit_empty=False, doc='"User", "Group" or "ServiceAccount".')
    api_group: str = field(
        default="", doc='The API group of the subject: "" for service accounts, rbac.authorization.k8s.io for others.'
    )
    name: str = field(default="", omit_empty=False, doc="The name of the subject.")
    namespace: str = field(default="", doc="The namespace of a service account.")


@api_type(map_type="atomic")
class RoleRef:
    """RoleRef names a role."""

    api_group: str = field(default="", omit_empty=False, required=False, doc="The API group of the role.")
    kind: str = field(default="", omit_empty=False, doc='"Role" or "ClusterRole".')
    name: str = field(default="", omit_empty=False, doc="The name of the role.")


@api_type
class AggregationRule:
    """AggregationRule says of which other cluster roles a cluster role is made."""

    cluster_role_selectors: list[LabelSelector] = field(
        factory=list,
        list_type="atomic",
        doc="Cluster roles that any of these selects add their rules.",
    )


@api_type
class Role(Object):
    """Role is a set of rules that holds in its namespace, for those whom a RoleBinding names."""

    rules: list[PolicyRule] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="The rules of this role.",
    )


@api_type
class RoleBinding(Object):
    """RoleBinding gives a role to subjects: a Role of its namespace, or a ClusterRole, limited to its namespace."""

    subjects: list[Subject] = field(factory=list, list_type="atomic", doc="Who gets the role.")
    role_ref: RoleRef = field(factory=RoleRef, required=True, doc="The role. It cannot be changed.")


@api_type
class ClusterRole(Object):
    """ClusterRole is a set of rules that holds everywhere, or where a RoleBinding names it."""

    rules: list[PolicyRule] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="The rules of this role.",
    )
    aggregation_rule: AggregationRule | None = field(
        default=None,
        doc="How the rules are put together from other cluster roles. If set, the rules are kept by a controller, and "
        "changes of others are overwritten.",
    )


@api_type
class ClusterRoleBinding(Object):
    """ClusterRoleBinding gives a ClusterRole to subjects, in every namespace and outside of them."""

    subjects: list[Subject] = field(factory=list, list_type="atomic", doc="Who gets the role.")
    role_ref: RoleRef = field(factory=RoleRef, required=True, doc="The role. It cannot be changed.")


def set_binding_defaults(binding: RoleBinding | ClusterRoleBinding) -> None:
    """Roles, users and groups are of this group; service accounts are of the core group, whose name is empty."""
    if not binding.role_ref.api_group:
        binding.role_ref.api_group = GROUP
    for subject in binding.subjects:
        if not subject.api_group and subject.kind in (USER, GROUP_KIND):
            subject.api_group = GROUP


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP, INTERNAL_VERSION)):
        scheme.add_known_types(version, Role, RoleBinding, ClusterRole, ClusterRoleBinding)
    scheme.add_defaulting_func(RoleBinding, set_binding_defaults)
    scheme.add_defaulting_func(ClusterRoleBinding, set_binding_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
