"""How much evaluating may cost. A unit is about one step of the evaluator, as in the reference (pkg/apis/cel/config.go)."""

from genericapiserver.cel.errors import BudgetExceededError

PER_CALL_LIMIT = 1_000_000
"""The most that one evaluation of one expression may cost."""
RUNTIME_BUDGET = 10_000_000
"""The most that all expressions of one policy binding (and one parameter object) may cost in one request."""
MATCH_CONDITIONS_BUDGET = 2_500_000
"""The most that the match conditions of one webhook or policy binding may cost in one request."""


class Budget:
    """What is left to spend on a group of expressions evaluated one after the other."""

    __slots__ = ("limit", "remaining")

    def __init__(self, limit: int = RUNTIME_BUDGET) -> None:
        self.limit = limit
        self.remaining = limit

    def spend(self, cost: int) -> None:
        """Takes `cost` off. Raises BudgetExceededError, and leaves nothing, when there is less."""
        if cost > self.remaining:
            self.remaining = 0
            raise BudgetExceededError(
                "validation failed due to running out of cost budget, no further validation rules will be run"
            )
        self.remaining -= cost
