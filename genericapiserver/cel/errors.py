"""What can go wrong with an expression: when it is compiled, when it is evaluated, and when it asks for too much."""

from collections.abc import Iterable


class CelError(Exception):
    """The base of everything this room raises."""


class MissingLibraryError(CelError):
    """An expression is configured but the library that evaluates expressions is not installed."""


class CompileError(CelError):
    """An expression that is no CEL, has a wrong type, or uses what is not available here. The text is the reference's."""


class ResultTypeError(CompileError):
    """An expression that compiles but does not evaluate to what its place asks for.

    `requirement` is the first half of the text ("must evaluate to bool"), which is all that some callers of the reference
    print (pkg/authentication/cel/compile.go).
    """

    def __init__(self, wanted: Iterable[str], got: str) -> None:
        names = list(wanted)
        self.requirement = (
            f"must evaluate to {names[0]}" if len(names) == 1 else f"must evaluate to one of [{' '.join(names)}]"
        )
        self.got = got
        super().__init__(f"{self.requirement} but got {got}")


class EvaluationError(CelError):
    """An expression that could not be evaluated on these values: a missing key, a division by zero, an unsuitable value."""


class BudgetExceededError(EvaluationError):
    """Evaluating costs, or may cost, more than it is allowed to (Go: ErrOutOfBudget). It was stopped, or never begun."""
