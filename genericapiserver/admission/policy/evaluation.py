"""Evaluating the expressions of one policy on one write, with one set of parameters.

Values are handed to the engine once. A variable is evaluated when an expression that reads it is, and once; one that fails
fails what depends on its value, in the reference's words.

Go: pkg/admission/plugin/cel/{condition,activation,composition}.go.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.admission.expressions import ExpressionAuthorizer
from genericapiserver.admission.policy.expressions import (
    VARIABLES,
    Compiled,
    ExpressionError,
    PolicyExpressions,
)

if TYPE_CHECKING:
    from genericapiserver.cel import Budget, Program


TURN_COST: Final = 20_000
"""After an expression that may have taken some milliseconds, other requests have their turn."""


class BudgetExhaustedError(ExpressionError):
    """The budget of all the expressions together is spent: none of them is evaluated any more."""


class Evaluation:
    """One policy on one write. Raises ExpressionError where the library for expressions is missing."""

    def __init__(
        self, expressions: PolicyExpressions, values: Mapping[str, Any], authorizer: ExpressionAuthorizer
    ) -> None:
        self._expressions = expressions
        self._authorizer = authorizer
        from genericapiserver.cel import CelError

        try:
            self._activation = expressions.environment().activation(values)
        except CelError as error:
            raise ExpressionError(str(error)) from None
        self._activation.checks.answers = authorizer.answers
        self._failed: dict[str, str] = {}
        self._done: set[str] = set()

    async def run(self, compiled: Compiled, budget: "Budget", *, written: str = "") -> object:
        """The value of an expression, which errors show as *written* where it was rewritten before it was compiled.

        Raises ExpressionError when it has none, and BudgetExhaustedError when *budget* does not suffice.
        """
        if isinstance(compiled, ExpressionError):
            raise ExpressionError(f"compilation error: {compiled}")
        try:
            return await self._evaluate(compiled, budget)
        except ExpressionError as error:
            if isinstance(error, BudgetExhaustedError):
                raise
            shown = written or compiled.expression
            raise ExpressionError(f"expression '{shown}' resulted in error: {error}") from None

    async def _evaluate(self, program: "Program", budget: "Budget") -> object:
        from genericapiserver.cel import BudgetExceededError, EvaluationError

        for name in self._expressions.variables:
            if VARIABLES + name in program.references and name not in self._done:
                await self._evaluate_variable(name, budget)
        remaining = budget.remaining
        try:
            found = await program.evaluate_async(self._activation, budget, self._authorizer)
            if remaining - budget.remaining > TURN_COST:
                await asyncio.sleep(0)
            return found
        except BudgetExceededError as error:
            if budget.remaining == 0 and remaining:
                raise BudgetExhaustedError(str(error)) from None
            raise ExpressionError(str(error)) from None
        except EvaluationError as error:
            raise ExpressionError(self._explained(str(error))) from None

    async def _evaluate_variable(self, name: str, budget: "Budget") -> None:
        """A variable that fails has no value: what reads it fails, unless it does not depend on it (`true || it`)."""
        self._done.add(name)
        compiled = self._expressions.variables[name]
        if isinstance(compiled, ExpressionError):
            self._failed[name] = f'composited variable "{name}" fails to compile: {compiled}'
            return
        try:
            self._activation.values[VARIABLES + name] = await self._evaluate(compiled, budget)
        except BudgetExhaustedError:
            raise
        except ExpressionError as error:
            self._failed[name] = f'composited variable "{name}" fails to evaluate: {error}'

    def _explained(self, text: str) -> str:
        missing = text.removeprefix("no such key: ")
        return self._failed.get(missing, text) if missing != text else text
