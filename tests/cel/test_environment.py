"""Compiling and evaluating expressions: types, texts, results."""

import pytest

from genericapiserver.cel import (
    BudgetExceededError,
    CompileError,
    Environment,
    EvaluationError,
    ResultTypeError,
    Type,
)

USER_INFO = Type.object(
    "UserInfo",
    {
        "username": Type.STRING,
        "groups": Type.list_of(Type.STRING),
        "extra": Type.map_of(Type.STRING, Type.list_of(Type.STRING)),
    },
)
REQUEST = Type.object("Request", {"operation": Type.STRING, "userInfo": USER_INFO})
VALUES = {
    "object": {"name": "a", "replicas": 3, "ratio": 0.5, "on": True, "items": [1, 2, 3], "nothing": None},
    "request": {"operation": "CREATE", "userInfo": {"username": "tim", "groups": ["humans"]}},
}


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment({"object": Type.DYN, "request": REQUEST})


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("object.name == 'a'", True),
        ("object.replicas + 1", 4),
        ("object.replicas > 2.5", True),
        ("object.ratio * 2.0", 1.0),
        ("object.items.all(i, i > 0)", True),
        ("object.items.exists(i, i == 9)", False),
        ("object.items.filter(i, i > 1).map(i, i * 2)", [4, 6]),
        ("has(object.missing)", False),
        ("object.nothing", None),
        ("[null]", [None]),
        ("object.?missing.orValue('x')", "x"),
        ("object.?missing.hasValue()", False),
        ("'a-b'.split('-')", ["a", "b"]),
        ("b'\\x00a'", b"\x00a"),
        ("{'a': b'b'}", {"a": b"b"}),
        ("cel.bind(x, object.replicas, x * x)", 9),
        ("request.operation", "CREATE"),
        ("request.userInfo.groups.exists(g, g == 'humans')", True),
        ("has(request.userInfo.extra) && true", False),
        ("has(request.userInfo.username) && has(request.operation)", True),
        ("has(request.userInfo)", True),
        ("1 / 0 == 1 || true", True),
    ],
)
def test_results(environment: Environment, expression: str, result: object) -> None:
    assert environment.compile(expression).evaluate(VALUES) == result


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("missing", "ERROR: <input>:1:1: undeclared reference to 'missing' (in container '')\n | missing\n | ^"),
        ("'a' + 1", "found no matching overload for '_+_' applied to '(string, int)'"),
        ("object.a +", "ERROR: <input>:1:11: Syntax error: mismatched input '<EOF>'"),
        ("request.nothing", "undefined field 'nothing' of request"),
        ("has(request.nothing)", "undefined field 'nothing' of request"),
        ("request.userInfo.nothing", "undefined field 'nothing' of request.userInfo"),
        ("has(request.userInfo) + 1", "applied to '(bool, int)'\n | has(request.userInfo) + 1\n"),
        ("object.?a", "must not evaluate to optional_type(dyn)"),
        ("'" + "a" * 70_000 + "'", "longer than"),
        ("'\ud800'", "a character that is not allowed"),
        ("'a\0'", "a character that is not allowed"),
    ],
)
def test_what_does_not_compile(environment: Environment, expression: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        environment.compile(expression)
    assert str(caught.value).startswith("compilation failed: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "wanted", "message"),
    [
        ("1", Type.BOOL, "must evaluate to bool but got int"),
        ("object.on", Type.BOOL, "must evaluate to bool but got dyn"),
        ("[[1]]", (Type.BOOL, Type.STRING), "must evaluate to one of [bool string] but got list(list(int))"),
    ],
)
def test_the_type_of_the_result(
    environment: Environment, expression: str, wanted: Type | tuple[Type, ...], message: str
) -> None:
    with pytest.raises(ResultTypeError) as caught:
        environment.compile(expression, result=wanted)
    assert str(caught.value) == message
    assert message.startswith(f"{caught.value.requirement} but got")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("object.missing", "no such key: missing"),
        ("request.userInfo.extra['a']", "no such key: extra"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("[1][3]", "index out of bounds: 3"),
        ("object.name + 1", "no such overload"),
    ],
)
def test_what_fails_when_it_is_evaluated(environment: Environment, expression: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        environment.compile(expression).evaluate(VALUES)
    assert str(caught.value) == message


def test_a_variable_without_a_value(environment: Environment) -> None:
    with pytest.raises(EvaluationError, match=r"^no such attribute: object$"):
        environment.compile("object.a").evaluate({})


@pytest.mark.parametrize("value", ["a\0b", "\ud800", {"a\0": 1}, ["\udfff"], {1.5: 1}, object()])
def test_values_that_the_library_cannot_carry_are_refused(environment: Environment, value: object) -> None:
    with pytest.raises(EvaluationError, match=r"^object.*(cannot be used in an expression|must be a string)"):
        environment.compile("object.a").evaluate({"object": {"a": value}})


def test_values_that_are_converted(environment: Environment) -> None:
    class Name(str):
        __slots__ = ()

    value = {"a": [1 << 70, (1, 2), b"1\0", Name("x"), None, {True: 1}]}
    assert environment.compile("object.a").evaluate({"object": value}) == [
        float(1 << 70),
        [1, 2],
        b"1\0",
        "x",
        None,
        {True: 1},
    ]


def test_nulls_do_not_wear_out_the_interpreter(environment: Environment) -> None:
    program = environment.compile("object")
    for _ in range(20):
        assert program.evaluate({"object": [None] * 1000}) == [None] * 1000


def test_three_nested_loops_over_120_items_are_too_much(environment: Environment) -> None:
    program = environment.compile("object.all(x, object.all(y, object.all(z, x + y + z > 0)))")
    with pytest.raises(BudgetExceededError, match="cost limit exceeded"):
        program.evaluate({"object": [1] * 120})


def test_programs_share_the_conversion_of_an_activation(environment: Environment) -> None:
    activation = environment.activation(VALUES)
    assert environment.compile("object.name").evaluate(activation) == "a"
    assert environment.compile("request.operation").evaluate(activation) == "CREATE"


def test_an_extended_environment_has_dotted_variables(environment: Environment) -> None:
    extended = environment.extend({"variables.replicas": Type.INT})
    program = extended.compile("variables.replicas + 1", result=Type.INT)
    assert program.references == {"variables.replicas"}
    assert program.evaluate({"variables.replicas": 2}) == 3
    with pytest.raises(CompileError, match=r"undeclared reference to 'variables\.other'"):
        extended.compile("variables.other")
