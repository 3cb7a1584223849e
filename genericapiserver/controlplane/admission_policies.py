"""How admission policies and their bindings are stored: part of admissionregistration.k8s.io.

The rules (`policy_validation`) are imported with the first write that is checked: most servers keep no policies.
Source: pkg/registry/admissionregistration/{validating,mutating}admissionpolicy{,binding} of k8s.io/kubernetes.
"""

import abc
from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.apis.admissionregistration_policies_v1 import (
    BETA,
    Binding,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    Policy,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
)
from genericapiserver.apis.admissionregistration_v1 import GROUP_VERSION
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStore, StatusStrategy
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext

CATEGORY: Final = "api-extensions"
UNSET: Final = "<unset>"


def _param_kind(policy: Policy) -> str:
    kind = policy.spec.param_kind
    return UNSET if kind is None else f"{kind.api_version}/{kind.kind}"


def _param_ref(binding: Binding) -> str:
    ref = binding.spec.param_ref
    if ref is None:
        return UNSET
    name = ref.name or "*"
    return f"{ref.namespace}/{name}" if ref.namespace else name


POLICY_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Validations", lambda policy: len(policy.spec.validations), type="integer", doc="How many there are."),
    TableColumn("ParamKind", _param_kind, doc="The kind of the parameters."),
    age(),
)
MUTATING_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Mutations", lambda policy: len(policy.spec.mutations), type="integer", doc="How many there are."),
    TableColumn("ParamKind", _param_kind, doc="The kind of the parameters."),
    age(),
)
BINDING_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("PolicyName", lambda binding: binding.spec.policy_name, doc="The policy that is put into effect."),
    TableColumn("ParamRef", _param_ref, doc="The parameters."),
    age(),
)


class ValidatingPolicyStrategy(SpecStatusStrategy):
    """A policy is of the cluster; its expressions are compiled before it is stored."""

    namespace_scoped = False

    def validate(self, context: RequestContext, obj: ValidatingAdmissionPolicy) -> Sequence[FieldError]:
        from genericapiserver.controlplane.policy_validation import validate_validating_policy

        return [*validate_dns_name(obj.metadata), *validate_validating_policy(obj)]

    def validate_update(
        self, context: RequestContext, obj: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy
    ) -> Sequence[FieldError]:
        from genericapiserver.controlplane.policy_validation import validate_validating_policy

        # What was let in once may stay: another server may know functions that this one does not.
        return [] if obj.spec == old.spec else validate_validating_policy(obj)


class SpecStrategy(DefaultStrategy, abc.ABC):
    """The rules of kinds with a spec and a generation and without a status."""

    namespace_scoped = False

    @abc.abstractmethod
    def check(self, obj: Any) -> list[FieldError]:
        """What is wrong with *obj*."""

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        obj.metadata.generation = old.metadata.generation + (1 if obj.spec != old.spec else 0)

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        return [*validate_dns_name(obj.metadata), *self.check(obj)]

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        return [] if obj.spec == old.spec else self.check(obj)


class MutatingPolicyStrategy(SpecStrategy):
    """A policy is of the cluster; its expressions are compiled before it is stored."""

    def check(self, obj: Any) -> list[FieldError]:
        from genericapiserver.controlplane.policy_validation import validate_mutating_policy

        return validate_mutating_policy(obj)


class BindingStrategy(SpecStrategy):
    """A binding is of the cluster; its policy need not exist yet."""

    def check(self, obj: Any) -> list[FieldError]:
        from genericapiserver.controlplane.policy_validation import validate_binding

        return validate_binding(obj)


def policy_storages(getter: RESTOptionsGetter, scheme: Scheme, *, mutating: bool) -> dict[str, dict[str, Any]]:
    """The storages by version and resource. Policies that mutate are there when their feature is on."""
    strategy = ValidatingPolicyStrategy(scheme, versions=[GROUP_VERSION])
    policies = _store(getter, ValidatingAdmissionPolicy, "validatingadmissionpolicies", strategy, POLICY_COLUMNS)
    status = StatusStore(policies, StatusStrategy(strategy, scheme, versions=[GROUP_VERSION]))
    bindings = BindingStrategy(scheme)
    found: dict[str, dict[str, Any]] = {
        GROUP_VERSION.version: {
            "validatingadmissionpolicies": policies,
            "validatingadmissionpolicies/status": status,
            "validatingadmissionpolicybindings": _store(
                getter,
                ValidatingAdmissionPolicyBinding,
                "validatingadmissionpolicybindings",
                bindings,
                BINDING_COLUMNS,
            ),
        }
    }
    if mutating:
        mutators = MutatingPolicyStrategy(scheme)
        found[BETA.version] = {
            "mutatingadmissionpolicies": _store(
                getter, MutatingAdmissionPolicy, "mutatingadmissionpolicies", mutators, MUTATING_COLUMNS
            ),
            "mutatingadmissionpolicybindings": _store(
                getter, MutatingAdmissionPolicyBinding, "mutatingadmissionpolicybindings", bindings, BINDING_COLUMNS
            ),
        }
    return found


def _store(
    getter: RESTOptionsGetter,
    object_type: type[Any],
    resource: str,
    strategy: DefaultStrategy,
    columns: Sequence[TableColumn],
) -> Store:
    return store_for(
        getter,
        object_type=object_type,
        qualified_resource=GroupResource(GROUP_VERSION.group, resource),
        singular_name=object_type.__name__.lower(),
        strategy=strategy,
        categories=(CATEGORY,),
        table_columns=columns,
    )
