"""Expressions that ask an authorizer."""

import asyncio

import pytest

from genericapiserver.cel import (
    AUTHORIZER,
    RESOURCE_CHECK,
    Budget,
    BudgetExceededError,
    Check,
    CheckResult,
    Environment,
    EvaluationError,
    Type,
    authorizer_value,
    request_resource_value,
)


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment({"object": Type.DYN, "authorizer": AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK})


VALUES = {
    "object": {"name": "a", "admins": ["x", "y"]},
    "authorizer": authorizer_value(),
    "authorizer.requestResource": request_resource_value("apps", "deployments", "scale", "ns", "web"),
}


class Authorizer:
    """Allows what is listed, and remembers what it was asked."""

    def __init__(self, *allowed: Check) -> None:
        self.allowed = allowed
        self.asked: list[Check] = []

    async def __call__(self, check: Check) -> CheckResult:
        self.asked.append(check)
        await asyncio.sleep(0)
        if check.verb == "fail":
            return CheckResult(False, error="boom")
        return CheckResult(check in self.allowed, "as listed")


@pytest.mark.parametrize(
    ("expression", "check"),
    [
        ("authorizer.path('/healthz').check('get')", Check("get", path="/healthz")),
        (
            "authorizer.group('apps').resource('deployments').subresource('status').namespace('n').name('m').check('get')",
            Check("get", group="apps", resource="deployments", subresource="status", namespace="n", name="m"),
        ),
        (
            "authorizer.group('').resource('pods').fieldSelector('a=b').labelSelector('c=d').check('list')",
            Check("list", resource="pods", field_selector="a=b", label_selector="c=d"),
        ),
        (
            "authorizer.serviceAccount('ns', 'robot').group('').resource('pods').check('list')",
            Check("list", resource="pods", service_account=("ns", "robot")),
        ),
        (
            "authorizer.requestResource.check('update')",
            Check("update", group="apps", resource="deployments", subresource="scale", namespace="ns", name="web"),
        ),
    ],
)
async def test_what_is_asked(environment: Environment, expression: str, check: Check) -> None:
    program = environment.compile(f"{expression}.allowed()", result=Type.BOOL)
    authorizer = Authorizer(check)
    assert await program.evaluate_async(VALUES, None, authorizer) is True
    assert authorizer.asked == [check]
    assert await program.evaluate_async(VALUES, None, Authorizer()) is False


async def test_reason_and_error(environment: Environment) -> None:
    reason = environment.compile("authorizer.path('/a').check('get').reason()")
    assert await reason.evaluate_async(VALUES, None, Authorizer()) == "as listed"
    failing = environment.compile(
        "authorizer.path('/a').check('fail').errored() ? authorizer.path('/a').check('fail').error() : ''"
    )
    authorizer = Authorizer()
    assert await failing.evaluate_async(VALUES, None, authorizer) == "boom"
    assert len(authorizer.asked) == 1


async def test_a_check_that_does_not_matter_is_not_asked(environment: Environment) -> None:
    program = environment.compile("authorizer.path('/a').check('get').allowed() || object.name == 'a'")
    authorizer = Authorizer()
    assert await program.evaluate_async(VALUES, None, authorizer) is True
    assert authorizer.asked == []


async def test_answers_last_as_long_as_the_activation(environment: Environment) -> None:
    program = environment.compile("authorizer.path('/a').check('get').allowed()")
    authorizer, activation = Authorizer(), environment.activation(VALUES)
    await program.evaluate_async(activation, None, authorizer)
    await program.evaluate_async(activation, None, authorizer)
    assert len(authorizer.asked) == 1


async def test_two_checks_fit_into_an_expression(environment: Environment) -> None:
    budget = Budget()
    checks = [f"authorizer.path('/{number}').check('get').allowed()" for number in range(3)]
    await environment.compile(" || ".join(checks[:2])).evaluate_async(VALUES, budget, Authorizer())
    assert 700_000 < budget.limit - budget.remaining < 701_000
    with pytest.raises(BudgetExceededError):
        await environment.compile(" || ".join(checks)).evaluate_async(VALUES, None, Authorizer())


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("authorizer.path(' ').check('get').allowed()", "path must not be empty"),
        ("authorizer.group('').resource('').check('get').allowed()", "resource must not be empty"),
        ("authorizer.serviceAccount('ns', '_').path('/').check('get').allowed()", "Invalid service account name"),
        ("authorizer.serviceAccount('_', 'a').path('/').check('get').allowed()", "Invalid service account namespace"),
    ],
)
async def test_errors(environment: Environment, expression: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=f"^{message}$"):
        await environment.compile(expression).evaluate_async(VALUES, None, Authorizer())


def test_without_an_authorizer_a_check_fails(environment: Environment) -> None:
    with pytest.raises(EvaluationError, match="no authorizer is available"):
        environment.compile("authorizer.path('/a').check('get').allowed()").evaluate(VALUES)
