"""What roles and bindings have to be like. Source: pkg/apis/rbac/validation of k8s.io/kubernetes."""

from collections.abc import Sequence
from typing import Final

from genericapiserver.apimachinery import field, labels
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.validation.labels import validate_label_selector
from genericapiserver.apimachinery.validation.names import dns_1123_subdomain, path_segment_name
from genericapiserver.apimachinery.validation.object_meta import validate_object_meta, validate_object_meta_update
from genericapiserver.apis.rbac_v1 import (
    CLUSTER_ROLE,
    GROUP,
    GROUP_KIND,
    ROLE,
    SERVICE_ACCOUNT,
    USER,
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    Subject,
)

_SELECTORS: Final = Path("aggregationRule", "clusterRoleSelectors")
_ROLE_REF: Final = Path("roleRef")


def validate_role(role: Role | ClusterRole) -> list[FieldError]:
    """Metadata, rules, and the selectors of an aggregated cluster role."""
    namespaced = isinstance(role, Role)
    errors = _metadata_errors(role.metadata, namespaced)
    for index, rule in enumerate(role.rules):
        errors += _rule_errors(rule, namespaced, Path("rules").index(index))
    if isinstance(role, ClusterRole) and role.aggregation_rule is not None:
        errors += _aggregation_errors(role.aggregation_rule)
    return errors


def validate_role_update(role: Role | ClusterRole, old: Role | ClusterRole) -> list[FieldError]:
    return validate_role(role) + validate_object_meta_update(role.metadata, old.metadata)


def validate_binding(binding: RoleBinding | ClusterRoleBinding) -> list[FieldError]:
    """Metadata, the reference to a role, and subjects."""
    namespaced = isinstance(binding, RoleBinding)
    errors = _metadata_errors(binding.metadata, namespaced)
    role_ref = binding.role_ref
    if role_ref.api_group != GROUP:
        errors.append(field.not_supported(_ROLE_REF.child("apiGroup"), role_ref.api_group, [GROUP]))
    kinds = (ROLE, CLUSTER_ROLE) if namespaced else (CLUSTER_ROLE,)
    if role_ref.kind not in kinds:
        errors.append(field.not_supported(_ROLE_REF.child("kind"), role_ref.kind, kinds))
    name = _ROLE_REF.child("name")
    if not role_ref.name:
        errors.append(field.required(name))
    else:
        errors += [field.invalid(name, role_ref.name, text) for text in path_segment_name(role_ref.name)]
    for index, subject in enumerate(binding.subjects):
        errors += _subject_errors(subject, namespaced, Path("subjects").index(index))
    return errors


def validate_binding_update(
    binding: RoleBinding | ClusterRoleBinding, old: RoleBinding | ClusterRoleBinding
) -> list[FieldError]:
    """The same, and the role stays what it is: who may change subjects need not hold another role."""
    errors = validate_binding(binding) + validate_object_meta_update(binding.metadata, old.metadata)
    if binding.role_ref != old.role_ref:
        ref = binding.role_ref
        shown = {"APIGroup": ref.api_group, "Kind": ref.kind, "Name": ref.name}
        errors.append(field.invalid(_ROLE_REF, shown, "cannot change roleRef"))
    return errors


def _metadata_errors(metadata: ObjectMeta, namespaced: bool) -> list[FieldError]:
    return validate_object_meta(metadata, requires_namespace=namespaced, name_validator=path_segment_name)


def _rule_errors(rule: PolicyRule, namespaced: bool, path: Path) -> list[FieldError]:
    errors: list[FieldError] = []
    if not rule.verbs:
        errors.append(field.required(path.child("verbs"), "verbs must contain at least one value"))
    if rule.non_resource_urls:
        urls = path.child("nonResourceURLs")
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            errors.append(field.invalid(urls, rule.non_resource_urls, detail))
        if rule.api_groups or rule.resources or rule.resource_names:
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(field.invalid(urls, rule.non_resource_urls, detail))
        return errors
    if not rule.api_groups:
        errors.append(field.required(path.child("apiGroups"), "resource rules must supply at least one api group"))
    if not rule.resources:
        errors.append(field.required(path.child("resources"), "resource rules must supply at least one resource"))
    return errors


def _aggregation_errors(rule: AggregationRule) -> list[FieldError]:
    if not rule.cluster_role_selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        return [field.required(_SELECTORS, detail)]
    errors: list[FieldError] = []
    for index, selector in enumerate(rule.cluster_role_selectors):
        path = _SELECTORS.index(index)
        found = validate_label_selector(selector, path)
        if not found:
            try:
                labels.from_label_selector(selector)
            except ValueError as error:
                detail = f"invalid label selector for aggregation rule: {error}"
                found = [field.invalid(path, str(selector), detail)]
        errors += found
    return errors


def _subject_errors(subject: Subject, namespaced: bool, path: Path) -> list[FieldError]:
    errors: list[FieldError] = []
    name, group = path.child("name"), path.child("apiGroup")
    if not subject.name:
        errors.append(field.required(name))
    if subject.kind == SERVICE_ACCOUNT:
        if subject.name:
            errors += [field.invalid(name, subject.name, text) for text in dns_1123_subdomain(subject.name)]
        if subject.api_group:
            errors.append(field.not_supported(group, subject.api_group, [""]))
        if not namespaced and not subject.namespace:
            errors.append(field.required(path.child("namespace")))
    elif subject.kind in (USER, GROUP_KIND):
        if not subject.name:
            errors.append(field.invalid(name, subject.name, f"{subject.kind.lower()} name cannot be empty"))
        if subject.api_group != GROUP:
            errors.append(field.not_supported(group, subject.api_group, [GROUP]))
    else:
        kinds: Sequence[str] = (SERVICE_ACCOUNT, USER, GROUP_KIND)
        errors.append(field.not_supported(path.child("kind"), subject.kind, kinds))
    return errors
