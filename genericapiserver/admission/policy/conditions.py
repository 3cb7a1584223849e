"""matchConditions of policies: any that is false excludes the write, else any that fails fails the policy.

Go: pkg/admission/plugin/webhook/matchconditions/matcher.go.
"""

import time
from collections.abc import Sequence

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.policy.evaluation import BudgetExhaustedError, Evaluation
from genericapiserver.admission.policy.expressions import Compiled, ExpressionError
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics


async def conditions_hold(
    conditions: Sequence[Compiled],
    evaluation: Evaluation,
    attributes: Attributes,
    *,
    policy: str,
    step: str,
    ignore_errors: bool,
    metrics: MatchConditionMetrics | None,
) -> bool:
    """Whether the write fulfils all *conditions*. Raises ExpressionError unless errors are to be ignored."""
    if not conditions:
        return True
    started = time.perf_counter()
    false, failures = await _evaluate(conditions, evaluation)
    failed = bool(failures) and not false
    if metrics is not None:
        labels = (policy, "policy", step, attributes.operation)
        metrics.observe_seconds(*labels, time.perf_counter() - started)
        for _ in failures:
            metrics.observe_error(*labels)
        if false or (failed and ignore_errors):
            metrics.observe_exclusion(*labels)
    if failed and not ignore_errors:
        raise ExpressionError(failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]")
    return not false and not failed


async def _evaluate(conditions: Sequence[Compiled], evaluation: Evaluation) -> tuple[bool, list[str]]:
    from genericapiserver.cel import MATCH_CONDITIONS_BUDGET, Budget

    budget = Budget(MATCH_CONDITIONS_BUDGET)
    failures: list[str] = []
    for condition in conditions:
        try:
            if await evaluation.run(condition, budget) is not True:
                return True, failures
        except BudgetExhaustedError as error:
            return False, [*failures, str(error)]
        except ExpressionError as error:
            failures.append(str(error))
    return False, failures
