"""The expressions of one policy, compiled together: they share variables and the types of those.

Go: pkg/admission/plugin/cel/{compile,composition}.go.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from genericapiserver.admission.expressions import (
    AUTHORIZER,
    OBJECT,
    OLD_OBJECT,
    REQUEST,
    REQUEST_RESOURCE,
    request_type,
)
from genericapiserver.apis.admissionregistration_policies_v1 import Variable

if TYPE_CHECKING:
    from genericapiserver.cel import Environment, Program, Type

PARAMS: Final = "params"
NAMESPACE: Final = "namespaceObject"
VARIABLES: Final = "variables."


class ExpressionError(Exception):
    """An expression that does not compile, or could not be evaluated; the text is the reference's."""


Compiled: TypeAlias = "Program | ExpressionError"
"""An expression that does not compile fails whenever it is asked: what is stored may be older than this server."""


@cache
def policy_environment(*, params: bool, authorizer: bool) -> "Environment":
    """What a policy's expressions may speak of. Raises MissingLibraryError."""
    from genericapiserver.cel import AUTHORIZER as AUTHORIZER_TYPE
    from genericapiserver.cel import RESOURCE_CHECK, Environment, Type

    # A namespace is dyn where the reference has a type: null, as on objects of the cluster, has no fields.
    variables = {OBJECT: Type.DYN, OLD_OBJECT: Type.DYN, REQUEST: request_type(), NAMESPACE: Type.DYN}
    if params:
        variables[PARAMS] = Type.DYN
    if authorizer:
        variables |= {AUTHORIZER: AUTHORIZER_TYPE, REQUEST_RESOURCE: RESOURCE_CHECK}
    return Environment(variables)


class PolicyExpressions:
    """Compiles the expressions of one policy."""

    def __init__(self, variables: Sequence[Variable], *, params: bool) -> None:
        """Raises nothing for what does not compile: see `variables`."""
        self._params = params
        self.variables: dict[str, Compiled] = {}
        """By name, in order. A variable sees those before it."""
        self._types: dict[str, Type] = {}
        self._extended: dict[tuple[bool, int], Environment] = {}
        for variable in variables:
            compiled = self.compile(variable.expression, None)
            self.variables[variable.name] = compiled
            self._types[VARIABLES + variable.name] = _type_of(compiled)

    def compile(
        self,
        expression: str,
        result: "Type | tuple[Type, ...] | None",
        *,
        authorizer: bool = True,
        variables: bool = True,
    ) -> Compiled:
        """One expression that evaluates to one of *result*, or what is wrong with it."""
        from genericapiserver.cel import CelError

        try:
            environment = self.environment(authorizer=authorizer) if variables else self._base(authorizer)
            return environment.compile(expression, result=result)
        except CelError as error:
            return ExpressionError(str(error))

    def environment(self, *, authorizer: bool = True) -> "Environment":
        """The environment with the variables compiled so far. Raises MissingLibraryError."""
        key = (authorizer, len(self._types))
        found = self._extended.get(key)
        if found is None:
            base = self._base(authorizer)
            found = self._extended[key] = base.extend(self._types) if self._types else base
        return found

    def _base(self, authorizer: bool) -> "Environment":
        return policy_environment(params=self._params, authorizer=authorizer)


def _type_of(compiled: Compiled) -> "Type":
    from genericapiserver.cel import Type

    return Type.DYN if isinstance(compiled, ExpressionError) else compiled.result_type
