"""What admission policies and their bindings must fulfil to be stored, in the reference's words.

Every expression is compiled as it will be when the policy is in effect, so that a mistake is told to who makes it.
Source: pkg/apis/admissionregistration/validation of k8s.io/kubernetes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from genericapiserver.admission.policy import mutating, validating
from genericapiserver.admission.policy.expressions import Compiled, ExpressionError
from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.validation.labels import validate_label_selector
from genericapiserver.apimachinery.validation.names import (
    dns_1035_label,
    dns_1123_subdomain,
    path_segment_name,
    qualified_name,
)
from genericapiserver.apis.admissionregistration_policies_v1 import (
    ALLOW,
    APPLY_CONFIGURATION,
    AUDIT,
    DENY,
    JSON_PATCH,
    WARN,
    AuditAnnotation,
    Binding,
    MutatingAdmissionPolicy,
    Mutation,
    ParamKind,
    ParamRef,
    Policy,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    Validation,
)
from genericapiserver.apis.admissionregistration_v1 import MatchResources, NamedRuleWithOperations
from genericapiserver.controlplane.webhook_validation import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION_POLICIES,
    validate_match_conditions,
    validate_rule,
)

REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
ACTIONS: Final = (AUDIT, DENY, WARN)
PATCH_TYPES: Final = (APPLY_CONFIGURATION, JSON_PATCH)
MAX_AUDIT_ANNOTATIONS: Final = 20
MAX_VALUE_EXPRESSION_BYTES: Final = 5 * 1024
_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED: Final = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import"),
        *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
_SPEC: Final = Path("spec")


def validate_validating_policy(policy: ValidatingAdmissionPolicy) -> list[FieldError]:
    """Everything that is wrong with *policy* but its name."""
    compiled = validating.compile_policy(policy)
    found = _common(policy, compiled.expressions.variables, compiled.conditions)
    spec = policy.spec
    if not spec.validations and not spec.audit_annotations:
        text = "validations or auditAnnotations must contain at least one item"
        return [*found, *(errors.required(_SPEC.child(name), text) for name in ("validations", "auditAnnotations"))]
    for index, validation in enumerate(spec.validations):
        path = _SPEC.child("validations").index(index)
        found += _validation(validation, compiled.validations[index], compiled.messages[index], path)
    path = _SPEC.child("auditAnnotations")
    if len(spec.audit_annotations) > MAX_AUDIT_ANNOTATIONS:
        text = f"must not have more than {MAX_AUDIT_ANNOTATIONS} auditAnnotations"
        found.append(errors.invalid(path, len(spec.audit_annotations), text))
    keys: set[str] = set()
    for index, annotation in enumerate(spec.audit_annotations):
        found += _annotation(policy.metadata.name, annotation, compiled.annotations[index], path.index(index))
        if annotation.key in keys:
            found.append(errors.duplicate(path.index(index).child("key"), annotation.key))
        keys.add(annotation.key)
    return found


def validate_mutating_policy(policy: MutatingAdmissionPolicy) -> list[FieldError]:
    """Everything that is wrong with *policy* but its name."""
    compiled = mutating.compile_policy(policy)
    found = _common(policy, compiled.expressions.variables, compiled.conditions)
    spec = policy.spec
    if not spec.mutations:
        found.append(errors.required(_SPEC.child("mutations"), "mutations must contain at least one item"))
    for index, mutation in enumerate(spec.mutations):
        found += _mutation(mutation, compiled.mutations[index], _SPEC.child("mutations").index(index))
    path = _SPEC.child("reinvocationPolicy")
    if not spec.reinvocation_policy:
        found.append(errors.required(path))
    elif spec.reinvocation_policy not in REINVOCATION_POLICIES:
        found.append(errors.not_supported(path, spec.reinvocation_policy, REINVOCATION_POLICIES))
    return found


def validate_binding(binding: Binding) -> list[FieldError]:
    """Everything that is wrong with *binding* but its name."""
    spec = binding.spec
    found: list[FieldError] = []
    path = _SPEC.child("policyName")
    if not spec.policy_name:
        found.append(errors.required(path))
    else:
        found += [errors.invalid(path, spec.policy_name, text) for text in dns_1123_subdomain(spec.policy_name)]
    if spec.param_ref is not None:
        found += _param_ref(spec.param_ref, _SPEC.child("paramRef"))
    if spec.match_resources is not None:
        # The reference writes the field like this.
        found += _match_resources(spec.match_resources, _SPEC.child("matchResouces"))
    if isinstance(binding, ValidatingAdmissionPolicyBinding):
        found += _actions(binding.spec.validation_actions, _SPEC.child("validationActions"))
    return found


def _common(policy: Policy, variables: dict[str, Compiled], conditions: Sequence[Compiled]) -> list[FieldError]:
    """What both kinds of policies have in common."""
    spec = policy.spec
    found: list[FieldError] = []
    if spec.failure_policy is None:
        found.append(errors.required(_SPEC.child("failurePolicy")))
    elif spec.failure_policy not in FAILURE_POLICIES:
        found.append(errors.not_supported(_SPEC.child("failurePolicy"), spec.failure_policy, FAILURE_POLICIES))
    if spec.param_kind is not None:
        found += _param_kind(spec.param_kind, _SPEC.child("paramKind"))
    path = _SPEC.child("matchConstraints")
    if spec.match_constraints is None:
        found.append(errors.required(path))
    else:
        found += _match_resources(spec.match_constraints, path)
        if not spec.match_constraints.resource_rules:
            found.append(errors.required(path.child("resourceRules")))
    found += validate_match_conditions(
        spec.match_conditions, _SPEC.child("matchConditions"), _problems(spec.match_conditions, conditions)
    )
    for index, variable in enumerate(spec.variables):
        here = _SPEC.child("variables").index(index)
        if not variable.name.strip():
            found.append(errors.required(here.child("name"), "name is not specified"))
        elif not _IDENTIFIER.fullmatch(variable.name) or variable.name in _RESERVED:
            found.append(errors.invalid(here.child("name"), variable.name, "name is not a valid CEL identifier"))
        elif any(other.name == variable.name for other in spec.variables[:index]):
            found.append(errors.duplicate(here.child("name"), variable.name))
        else:
            compiled = variables[variable.name]
            found += _expression(variable.expression, compiled, here.child("expression"), "expression is not specified")
    return found


def _problems(conditions: Sequence[object], compiled: Sequence[Compiled]) -> Callable[[str], str]:
    """What is wrong with each of the conditions, by expression."""
    found = {
        getattr(condition, "expression", "").strip(): str(result) if isinstance(result, ExpressionError) else ""
        for condition, result in zip(conditions, compiled, strict=True)
    }
    return lambda expression: found.get(expression, "")


def _expression(expression: str, compiled: "Compiled | None", path: Path, missing: str) -> list[FieldError]:
    if not expression.strip():
        return [errors.required(path, missing)]
    return [errors.invalid(path, expression, str(compiled))] if isinstance(compiled, ExpressionError) else []


def _validation(validation: Validation, compiled: Compiled, message: "Compiled | None", path: Path) -> list[FieldError]:
    found = _expression(validation.expression, compiled, path.child("expression"), "expression is not specified")
    here = path.child("messageExpression")
    if validation.message_expression and not validation.message_expression.strip():
        found.append(errors.invalid(here, validation.message_expression, "must be non-empty if specified"))
    elif validation.message_expression:
        found += _expression(validation.message_expression, message, here, "")
    text = validation.message.strip()
    if validation.message and not text:
        found.append(
            errors.invalid(path.child("message"), validation.message, "message must be non-empty if specified")
        )
    elif "\n" in text or "\r" in text:
        found.append(errors.invalid(path.child("message"), validation.message, "message must not contain line breaks"))
    if validation.reason is not None and validation.reason not in REASONS:
        found.append(errors.not_supported(path.child("reason"), validation.reason, REASONS))
    return found


def _annotation(name: str, annotation: AuditAnnotation, compiled: Compiled, path: Path) -> list[FieldError]:
    key = path.child("key")
    found: list[FieldError] = []
    if not name:
        found.append(errors.invalid(key, annotation.key, "requires metadata.name be non-empty"))
    else:
        full = f"{name}/{annotation.key}"
        found += [errors.invalid(key, full, text) for text in qualified_name(full)]
    here = path.child("valueExpression")
    if len(annotation.value_expression.strip().encode()) > MAX_VALUE_EXPRESSION_BYTES:
        return [*found, errors.required(here, f"must not exceed {MAX_VALUE_EXPRESSION_BYTES} bytes in length")]
    return found + _expression(annotation.value_expression, compiled, here, "valueExpression is not specified")


def _mutation(mutation: Mutation, compiled: Compiled, path: Path) -> list[FieldError]:
    here = path.child("patchType")
    if not mutation.patch_type:
        return [errors.required(here)]
    if mutation.patch_type not in PATCH_TYPES:
        return [errors.not_supported(here, mutation.patch_type, PATCH_TYPES)]
    parts = {APPLY_CONFIGURATION: mutation.apply_configuration, JSON_PATCH: mutation.json_patch}
    fields = {APPLY_CONFIGURATION: "applyConfiguration", JSON_PATCH: "jsonPatch"}
    (other,) = set(PATCH_TYPES) - {mutation.patch_type}
    found: list[FieldError] = []
    if parts[other] is not None:
        text = f"must not be specified when patchType is {mutation.patch_type}"
        found.append(errors.forbidden(path.child(fields[other]), text))
    here, part = path.child(fields[mutation.patch_type]), parts[mutation.patch_type]
    if part is None:
        return [*found, errors.required(here, f"must be specified when patchType is {mutation.patch_type}")]
    return found + _expression(part.expression, compiled, here.child("expression"), "expression is not specified")


def _param_kind(kind: ParamKind, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    version_path = path.child("apiVersion")
    group, slash, version = kind.api_version.rpartition("/")
    if not kind.api_version:
        found.append(errors.required(version_path))
    elif "/" in group:
        found.append(
            errors.invalid(version_path, kind.api_version, f"unexpected GroupVersion string: {kind.api_version}")
        )
    else:
        problems = ",".join(dns_1123_subdomain(group)) if slash else ""
        if problems:
            found.append(errors.invalid(version_path, group, problems))
        if not version:
            found.append(errors.invalid(version_path, kind.api_version, "version must be specified"))
        elif problems := ",".join(dns_1035_label(version)):
            found.append(errors.invalid(version_path, version, problems))
    if not kind.kind:
        found.append(errors.required(path.child("kind")))
    elif problems := ",".join(dns_1035_label(kind.kind.lower())):
        text = f"may have mixed case, but should otherwise match: {problems}"
        found.append(errors.invalid(path.child("kind"), kind.kind, text))
    return found


def _param_ref(ref: ParamRef, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    both = "name and selector are mutually exclusive"
    if ref.name:
        found += [errors.invalid(path.child("name"), ref.name, text) for text in path_segment_name(ref.name)]
        if ref.selector is not None:
            found.append(errors.forbidden(path.child("name"), both))
    if ref.selector is not None:
        found += validate_label_selector(ref.selector, path.child("selector"))
        if ref.name:
            found.append(errors.forbidden(path.child("selector"), both))
    if not ref.name and ref.selector is None:
        found.append(errors.required(path, "one of name or selector must be specified"))
    here = path.child("parameterNotFoundAction")
    if not ref.parameter_not_found_action:
        found.append(errors.required(here))
    elif ref.parameter_not_found_action not in (DENY, ALLOW):
        found.append(errors.not_supported(here, ref.parameter_not_found_action, (DENY, ALLOW)))
    return found


def _match_resources(match: MatchResources, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if match.match_policy is None:
        found.append(errors.required(path.child("matchPolicy")))
    elif match.match_policy not in MATCH_POLICIES:
        found.append(errors.not_supported(path.child("matchPolicy"), match.match_policy, MATCH_POLICIES))
    found += validate_label_selector(match.namespace_selector, path.child("namespaceSelector"))
    found += validate_label_selector(match.object_selector, path.child("objectSelector"))
    for name, rules in (
        ("resourceRules", match.resource_rules),
        ("excludeResourceRules", match.exclude_resource_rules),
    ):
        for index, rule in enumerate(rules):
            found += _named_rule(rule, path.child(name).index(index))
    return found


def _named_rule(rule: NamedRuleWithOperations, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, name in enumerate(rule.resource_names):
        here = path.child("resourceNames").index(index)
        found += [errors.invalid(here, name, text) for text in path_segment_name(name)]
        if name in rule.resource_names[:index]:
            found.append(errors.duplicate(here, name))
    return found + validate_rule(rule, path)


def _actions(actions: Sequence[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, action in enumerate(actions):
        if action not in ACTIONS:
            found.append(errors.not_supported(path.index(index), action, ACTIONS))
        if action in actions[:index]:
            found.append(errors.duplicate(path.index(index), action))
    if DENY in actions and WARN in actions:
        text = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
            "headers serves no purpose)"
        )
        found.append(errors.invalid(path, list(actions), text))
    if not actions:
        found.append(errors.required(path, "at least one validation action is required"))
    return found
