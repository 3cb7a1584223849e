"""Admission policies: what is admitted and what is changed, said in CEL expressions.

    source       policies and bindings from informers, compiled       expressions  what they may speak of
    params       objects that bindings give to policies               evaluation   variables, budget, authorizer
    validating   ValidatingAdmissionPolicy                             mutating     MutatingAdmissionPolicy

Go: pkg/admission/plugin/policy.
"""

from genericapiserver.admission.policy.mutating import MutatingPolicies
from genericapiserver.admission.policy.validating import ValidatingPolicies

__all__ = ["MutatingPolicies", "ValidatingPolicies"]
