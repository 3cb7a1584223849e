"""Expressions: compiling and evaluating CEL with a bound on its cost, and Kubernetes' function libraries.

Here: environments, programs, budgets, the functions of k8s.io/apiserver/pkg/cel/library. Not here: what expressions are for
(admission policies, match conditions, claim mappings). May import apimachinery.
"""

from genericapiserver.cel.budget import MATCH_CONDITIONS_BUDGET, PER_CALL_LIMIT, RUNTIME_BUDGET, Budget
from genericapiserver.cel.engine import require_cel
from genericapiserver.cel.environment import Activation, Environment, Program
from genericapiserver.cel.errors import (
    BudgetExceededError,
    CelError,
    CompileError,
    EvaluationError,
    MissingLibraryError,
    ResultTypeError,
)
from genericapiserver.cel.library.authorizer import (
    AUTHORIZER,
    RESOURCE_CHECK,
    Check,
    CheckResult,
    authorizer_value,
    request_resource_value,
)
from genericapiserver.cel.types import Type

__all__ = [
    "AUTHORIZER",
    "MATCH_CONDITIONS_BUDGET",
    "PER_CALL_LIMIT",
    "RESOURCE_CHECK",
    "RUNTIME_BUDGET",
    "Activation",
    "Budget",
    "BudgetExceededError",
    "CelError",
    "Check",
    "CheckResult",
    "CompileError",
    "Environment",
    "EvaluationError",
    "MissingLibraryError",
    "Program",
    "ResultTypeError",
    "Type",
    "authorizer_value",
    "request_resource_value",
    "require_cel",
]
