"""admissionregistration.k8s.io: policies in expressions, and what binds them: in v1 those that judge, in v1beta1 those that
change.

What the objects must fulfil to be stored is said by `controlplane.policy_validation`. Source:
k8s.io/api/admissionregistration/{v1,v1beta1}/types.go and pkg/apis/admissionregistration/{v1,v1beta1}/defaults.go of
k8s.io/kubernetes.
"""

from typing import Final, TypeAlias

from genericapiserver.apimachinery.meta import Condition, LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.admissionregistration_v1 import (
    FAIL,
    GROUP_VERSION,
    MatchCondition,
    MatchResources,
    set_match_resources_defaults,
)

BETA: Final = GroupVersion(GROUP_VERSION.group, "v1beta1")
MODEL_PACKAGE = "io.k8s.api.admissionregistration.v1"
_BETA_MODELS: Final = "io.k8s.api.admissionregistration.v1beta1"

DENY: Final = "Deny"
WARN: Final = "Warn"
AUDIT: Final = "Audit"
ALLOW: Final = "Allow"

APPLY_CONFIGURATION: Final = "ApplyConfiguration"
JSON_PATCH: Final = "JSONPatch"


@api_type(map_type="atomic")
class ParamKind:
    """ParamKind is the kind of the objects that a policy takes its parameters from."""

    api_version: str = field(default="", doc="The API version of the kind: rules.example.com/v1.")
    kind: str = field(default="", doc="The kind.")


@api_type(map_type="atomic")
class ParamRef:
    """ParamRef selects the objects that a binding gives to its policy as parameters: by name or by labels."""

    name: str = field(default="", doc="The name of the one object.")
    namespace: str = field(
        default="",
        doc="The namespace of the objects; left out it is that of the request. Not for kinds of the cluster.",
    )
    selector: LabelSelector | None = field(default=None, doc="Labels of the objects; every one is used on its own.")
    parameter_not_found_action: str | None = field(
        default=None, enum=["Allow", "Deny"], doc="What to do when there is no such object: Allow or Deny."
    )


@api_type(map_type="atomic")
class Variable:
    """Variable is an expression with a name, evaluated when another expression reads it as variables.<name>."""

    name: str = field(doc="The name, an identifier of CEL.")
    expression: str = field(doc="The expression; it may read the variables before it.")


@api_type
class Validation:
    """Validation is an expression that has to be true for a request to be admitted."""

    expression: str = field(
        doc="A CEL expression over object, oldObject, request, params, namespaceObject, variables and authorizer."
    )
    message: str = field(default="", doc="What is said when it is false.")
    reason: str | None = field(
        default=None,
        doc="The reason of the refusal: Unauthorized, Forbidden, Invalid or RequestEntityTooLarge. Default Invalid.",
    )
    message_expression: str = field(
        default="", doc="A CEL expression for what is said when it is false; message is said when it fails."
    )


@api_type
class AuditAnnotation:
    """AuditAnnotation is an expression whose text goes into the audit event."""

    key: str = field(doc="The last part of the annotation's key, behind the name of the policy and a slash.")
    value_expression: str = field(doc="A CEL expression that yields a string, or null for no annotation.")


@api_type
class ExpressionWarning:
    """ExpressionWarning says what is suspicious about an expression."""

    field_ref: str = field(number=2, doc="Where the expression is: spec.validations[0].expression.")
    warning: str = field(number=3, doc="What checking its types against the resources of the policy found.")


@api_type
class TypeChecking:
    """TypeChecking is what checking the types of all expressions found."""

    expression_warnings: list[ExpressionWarning] = field(
        factory=list, list_type="atomic", doc="One entry for each expression that is suspicious."
    )


@api_type
class ValidatingAdmissionPolicySpec:
    """ValidatingAdmissionPolicySpec says what a policy demands, and of which requests."""

    param_kind: ParamKind | None = field(default=None, doc="The kind of the parameters, if the policy has any.")
    match_constraints: MatchResources | None = field(default=None, doc="Which requests the policy is about.")
    validations: list[Validation] = field(
        factory=list, list_type="atomic", doc="Expressions that have to be true; each is evaluated."
    )
    failure_policy: str | None = field(
        default=None,
        enum=["Fail", "Ignore"],
        doc="What to do when an expression or the configuration fails: Ignore or Fail. Default Fail.",
    )
    audit_annotations: list[AuditAnnotation] = field(
        factory=list, list_type="atomic", doc="Expressions for the audit event."
    )
    match_conditions: list[MatchCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="Expressions that must all be true for the policy to be evaluated; at most 64.",
    )
    variables: list[Variable] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="Expressions with names, for the others to share.",
    )


@api_type
class ValidatingAdmissionPolicyStatus:
    """ValidatingAdmissionPolicyStatus says what was found in a policy."""

    observed_generation: int = field(default=0, doc="The generation that was looked at.")
    type_checking: TypeChecking | None = field(default=None, doc="What checking types found, if it was done.")
    conditions: list[Condition] = field(
        factory=list, list_type="map", list_map_keys=["type"], doc="The state of the policy."
    )


@api_type
class ValidatingAdmissionPolicy(Object):
    """ValidatingAdmissionPolicy says in expressions which objects are admitted. It counts where a binding says so."""

    spec: ValidatingAdmissionPolicySpec = field(
        factory=ValidatingAdmissionPolicySpec, doc="What is demanded, and of which requests."
    )
    status: ValidatingAdmissionPolicyStatus = field(
        factory=ValidatingAdmissionPolicyStatus, doc="What was found in the policy."
    )


@api_type
class ValidatingAdmissionPolicyBindingSpec:
    """ValidatingAdmissionPolicyBindingSpec says where a policy counts, with which parameters, and what follows."""

    policy_name: str = field(default="", doc="The name of the policy; without such a policy the binding does nothing.")
    param_ref: ParamRef | None = field(default=None, doc="The parameters.")
    match_resources: MatchResources | None = field(
        default=None, doc="Which of the policy's requests the binding is about. Default: all of them."
    )
    validation_actions: list[str] = field(
        factory=list, list_type="set", doc="What follows from a validation that is false: Deny, Warn, Audit."
    )


@api_type
class ValidatingAdmissionPolicyBinding(Object):
    """ValidatingAdmissionPolicyBinding puts a policy into effect."""

    spec: ValidatingAdmissionPolicyBindingSpec = field(
        factory=ValidatingAdmissionPolicyBindingSpec, doc="Which policy, where, and with which parameters."
    )


@api_type(model_name=f"{_BETA_MODELS}.ApplyConfiguration")
class ApplyConfiguration:
    """ApplyConfiguration is an expression that yields what an object is to have."""

    expression: str = field(
        default="", doc="A CEL expression that yields an Object{...}, merged as by server-side apply."
    )


@api_type(model_name=f"{_BETA_MODELS}.JSONPatch")
class JSONPatch:
    """JSONPatch is an expression that yields the operations of a JSON patch."""

    expression: str = field(default="", doc="A CEL expression that yields a list of JSONPatch{op, path, from, value}.")


@api_type(model_name=f"{_BETA_MODELS}.Mutation")
class Mutation:
    """Mutation is one change that a policy makes."""

    patch_type: str = field(
        default="",
        omit_empty=False,
        enum=["ApplyConfiguration", "JSONPatch"],
        number=2,
        doc="ApplyConfiguration or JSONPatch.",
    )
    apply_configuration: ApplyConfiguration | None = field(
        default=None, number=3, doc="What is merged into the object."
    )
    json_patch: JSONPatch | None = field(default=None, number=4, doc="How the object is patched.")


@api_type(model_name=f"{_BETA_MODELS}.MutatingAdmissionPolicySpec")
class MutatingAdmissionPolicySpec:
    """MutatingAdmissionPolicySpec says what a policy changes, and in which requests."""

    param_kind: ParamKind | None = field(default=None, doc="The kind of the parameters, if the policy has any.")
    match_constraints: MatchResources | None = field(default=None, doc="Which requests the policy is about.")
    variables: list[Variable] = field(
        factory=list, list_type="atomic", doc="Expressions with names, for the others to share."
    )
    mutations: list[Mutation] = field(factory=list, list_type="atomic", doc="Changes, made one after the other.")
    failure_policy: str | None = field(
        default=None,
        enum=["Fail", "Ignore"],
        doc="What to do when an expression or the configuration fails: Ignore or Fail. Default Fail.",
    )
    match_conditions: list[MatchCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="Expressions that must all be true for the policy to be evaluated; at most 64.",
    )
    reinvocation_policy: str = field(
        default="",
        enum=["IfNeeded", "Never"],
        doc="Whether the policy runs again when something changed the object after it: Never or IfNeeded.",
    )


@api_type(model_name=f"{_BETA_MODELS}.MutatingAdmissionPolicy")
class MutatingAdmissionPolicy(Object):
    """MutatingAdmissionPolicy says in expressions how objects are changed. It counts where a binding says so."""

    spec: MutatingAdmissionPolicySpec = field(
        factory=MutatingAdmissionPolicySpec, doc="What is changed, and in which requests."
    )


@api_type(model_name=f"{_BETA_MODELS}.MutatingAdmissionPolicyBindingSpec")
class MutatingAdmissionPolicyBindingSpec:
    """MutatingAdmissionPolicyBindingSpec says where a policy counts, and with which parameters."""

    policy_name: str = field(default="", doc="The name of the policy; without such a policy the binding does nothing.")
    param_ref: ParamRef | None = field(default=None, doc="The parameters.")
    match_resources: MatchResources | None = field(
        default=None, doc="Which of the policy's requests the binding is about. Default: all of them."
    )


@api_type(model_name=f"{_BETA_MODELS}.MutatingAdmissionPolicyBinding")
class MutatingAdmissionPolicyBinding(Object):
    """MutatingAdmissionPolicyBinding puts a policy into effect."""

    spec: MutatingAdmissionPolicyBindingSpec = field(
        factory=MutatingAdmissionPolicyBindingSpec, doc="Which policy, where, and with which parameters."
    )


Policy: TypeAlias = ValidatingAdmissionPolicy | MutatingAdmissionPolicy
Binding: TypeAlias = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding

VALIDATING: Final = (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)
MUTATING: Final = (MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding)


def add_to_scheme(scheme: Scheme) -> None:
    """Register the policies and bindings, each its own hub, with their defaults."""
    internal = GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)
    for version, types in ((GROUP_VERSION, VALIDATING), (BETA, MUTATING)):
        scheme.add_known_types(version, *types)
        scheme.add_known_types(internal, *types)
    scheme.add_defaulting_func(ValidatingAdmissionPolicy, set_policy_defaults)
    scheme.add_defaulting_func(MutatingAdmissionPolicy, set_policy_defaults)
    scheme.add_defaulting_func(ValidatingAdmissionPolicyBinding, set_binding_defaults)
    scheme.add_defaulting_func(MutatingAdmissionPolicyBinding, set_binding_defaults)
    add_to_group_version(scheme, BETA)
    scheme.set_version_priority(GROUP_VERSION, BETA)


def set_policy_defaults(policy: Policy) -> None:
    """Fill in what a policy leaves out."""
    if policy.spec.failure_policy is None:
        policy.spec.failure_policy = FAIL
    if policy.spec.match_constraints is not None:
        set_match_resources_defaults(policy.spec.match_constraints)


def set_binding_defaults(binding: Binding) -> None:
    """Fill in what a binding leaves out."""
    if binding.spec.match_resources is not None:
        set_match_resources_defaults(binding.spec.match_resources)
    if binding.spec.param_ref is not None and binding.spec.param_ref.parameter_not_found_action is None:
        binding.spec.param_ref.parameter_not_found_action = DENY
