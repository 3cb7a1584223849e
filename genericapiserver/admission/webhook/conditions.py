"""matchConditions: expressions that all have to be true for a webhook to be called.

    any is false                 the webhook is not called
    else any cannot be decided   with the policy Fail the write is refused, with Ignore the webhook is not called
    all are true                 the webhook is called

Go: pkg/admission/plugin/webhook/matchconditions/matcher.go.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.expressions import (
    OBJECT,
    OLD_OBJECT,
    REQUEST,
    ExpressionAuthorizer,
    authorizer_values,
    match_environment,
    request_values,
)
from genericapiserver.admission.matching import Match
from genericapiserver.admission.versioned import VersionedObjects
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics
from genericapiserver.apis.admissionregistration_v1 import MatchCondition
from genericapiserver.authorization import Authorizer

if TYPE_CHECKING:
    from genericapiserver.cel import Program


class ConditionError(Exception):
    """No condition was false, and at least one could not be decided; the text says which and why."""


def expression_problem(expression: str) -> str:
    """What is wrong with the expression of a match condition, "" when nothing is."""
    try:
        _compile(expression)
    except ConditionError as error:
        return str(error)
    return ""


def _compile(expression: str) -> "Program":
    """Raises ConditionError, also where the library is missing: a condition is never taken for true unseen."""
    from genericapiserver.cel import CelError, Type

    try:
        return match_environment().compile(expression, result=Type.BOOL)
    except CelError as error:
        raise ConditionError(str(error)) from error


class MatchConditions:
    """The conditions of one webhook or policy, compiled. One that does not compile fails whenever it is asked."""

    def __init__(
        self,
        conditions: Sequence[MatchCondition],
        *,
        name: str,
        kind: str,
        step: str,
        fails: bool,
        authorizer: Authorizer | None = None,
        metrics: MatchConditionMetrics | None = None,
    ) -> None:
        self._name, self._kind, self._step = name, kind, step
        self._fails = fails
        self._authorizer = authorizer
        self._metrics = metrics
        self._programs: list[Program | ConditionError] = []
        for condition in conditions:
            try:
                self._programs.append(_compile(condition.expression.strip()))
            except ConditionError as error:
                self._programs.append(error)

    async def hold(self, attributes: Attributes, match: Match, objects: VersionedObjects) -> bool:
        """Whether the write fulfils all of them. Raises ConditionError."""
        started = time.perf_counter()
        false, failures = await self._evaluate(attributes, match, objects)
        failed = bool(failures) and not false
        if (metrics := self._metrics) is not None:
            labels = (self._name, self._kind, self._step, attributes.operation)
            metrics.observe_seconds(*labels, time.perf_counter() - started)
            for _ in failures:
                metrics.observe_error(*labels)
            if false or (failed and not self._fails):
                metrics.observe_exclusion(*labels)
        if failed and self._fails:
            raise ConditionError(failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]")
        return not false and not failed

    async def _evaluate(
        self, attributes: Attributes, match: Match, objects: VersionedObjects
    ) -> tuple[bool, list[str]]:
        """Whether a condition is false, and what is wrong with those before it that cannot be decided."""
        from genericapiserver.cel import MATCH_CONDITIONS_BUDGET, Budget, BudgetExceededError, EvaluationError

        values = {
            OBJECT: objects.object,
            OLD_OBJECT: objects.old_object,
            REQUEST: request_values(attributes, match.kind, match.resource),
            **authorizer_values(attributes),
        }
        authorize = ExpressionAuthorizer(self._authorizer, attributes.user)
        activation = None
        budget = Budget(MATCH_CONDITIONS_BUDGET)
        failures: list[str] = []
        for program in self._programs:
            if isinstance(program, ConditionError):
                failures.append(f"compilation error: {program}")
                continue
            activation = activation or program.environment.activation(values)
            try:
                result = await program.evaluate_async(activation, budget, authorize)
            except BudgetExceededError as error:
                failures.append(f"expression '{program.expression}' resulted in error: {error}")
                if not budget.remaining:
                    break  # nothing is left for the others
                continue
            except EvaluationError as error:
                failures.append(f"expression '{program.expression}' resulted in error: {error}")
                continue
            if result is not True:
                return True, failures
        return False, failures
