"""Expressions and patterns that would hold up the server: refused by what they may cost, before they have cost it."""

import time

import pytest

from genericapiserver.cel import BudgetExceededError, Environment, EvaluationError, Type

BAD_PATTERN = "(a+)+$"


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment({"object": Type.DYN})


def test_three_nested_loops_over_120_items_are_a_budget_error(environment: Environment) -> None:
    program = environment.compile("object.all(x, object.all(y, object.all(z, x + y + z >= 0)))")
    started = time.process_time()
    with pytest.raises(BudgetExceededError):
        program.evaluate({"object": list(range(120))})
    assert time.process_time() - started < 1


@pytest.mark.parametrize("call", ["matches", "find"])
def test_a_pattern_that_makes_others_backtrack_is_linear(environment: Environment, call: str) -> None:
    outcome = {"matches": "false", "find": "''"}[call]
    program = environment.compile(f"object.{call}('{BAD_PATTERN}') == {outcome}")
    started = time.process_time()
    assert program.evaluate({"object": "a" * 10_000 + "!"}) is True
    assert time.process_time() - started < 1


def test_a_pattern_that_grows_when_compiled_is_an_error(environment: Environment) -> None:
    program = environment.compile(r"object.matches('((a{99}){99}){99}')")
    started = time.process_time()
    with pytest.raises((BudgetExceededError, EvaluationError)):
        program.evaluate({"object": "a"})
    assert time.process_time() - started < 1
