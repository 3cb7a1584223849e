"""The CEL expressions of a configuration, compiled: over `claims` for mappings and rules, over `user` for user rules.

Names of claims that are no CEL identifiers are reached in their escaped form, `claims.example__dot__com`, as well as by
`claims["example.com"]`. Source: pkg/authentication/cel of k8s.io/apiserver.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from genericapiserver.cel import (
    CelError,
    Environment,
    EvaluationError,
    Program,
    ResultTypeError,
    Type,
    require_cel,
)
from genericapiserver.cel.ast import Call, Constant, Ident, Node, Select

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPE: Final = re.compile(r"__(dot|dash|slash|underscores)__")
_ESCAPED: Final = {"dot": ".", "dash": "-", "slash": "/", "underscores": "__"}
_KEYWORD: Final = re.compile(
    "__(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void"
    "|while)__"
)


class ExpressionError(ValueError):
    """An expression could not be evaluated, or gave a value of the wrong type, or a rule was not met."""


Variable = Literal["claims", "user"]

_STRINGS: Final = Type.list_of(Type.STRING)
_VARIABLES: Final[Mapping[Variable, Type]] = {
    "claims": Type.map_of(Type.STRING, Type.DYN),
    "user": Type.object(
        "kubernetes.UserInfo",
        {
            "username": Type.STRING,
            "uid": Type.STRING,
            "groups": _STRINGS,
            "extra": Type.map_of(Type.STRING, _STRINGS),
        },
    ),
}


@attrs.frozen
class Expression:
    """One expression, and the variable that it is over."""

    source: str
    variable: Variable
    program: Program
    names: Sequence[tuple[str, str]] = ()
    """Escaped names in it, and what they stand for."""

    def value(self, variable: Mapping[str, Any]) -> object:
        """What it gives. Raises ExpressionError."""
        if self.names:
            variable = _with_names(variable, self.names)
        try:
            return self.program.evaluate({self.variable: variable})
        except EvaluationError as error:
            raise ExpressionError(f"expression '{self.source}' resulted in error: {error}") from None

    def text(self, variable: Mapping[str, Any], what: str) -> str:
        """The same, where it has to be a text."""
        value = self.value(variable)
        if not isinstance(value, str):
            raise ExpressionError(f"{what} claim expression must return a string")
        return value


@attrs.frozen
class Rule:
    """An expression that has to be true."""

    expression: Expression
    message: str = ""

    def check(self, variable: Mapping[str, Any]) -> None:
        """Raise ExpressionError unless it is true."""
        value = self.expression.value(variable)
        if not isinstance(value, bool):
            raise ExpressionError("validation expression must return a boolean")
        if not value:
            raise ExpressionError(f"validation expression '{self.expression.source}' failed: {self.message}")


@attrs.frozen(kw_only=True)
class ClaimExpressions:
    """What the expressions of one JWTAuthenticator were compiled to; None and nothing where it has none."""

    username: Expression | None = None
    groups: Expression | None = None
    uid: Expression | None = None
    extra: Sequence[tuple[str, Expression]] = ()
    claim_rules: Sequence[Rule] = ()
    user_rules: Sequence[Rule] = ()

    @property
    def over_claims(self) -> bool:
        """Whether there is any over `claims`."""
        return bool(self.username or self.groups or self.uid or self.extra or self.claim_rules)


class Compiler:
    """Compiles expressions; the library that does it is only loaded for the first one."""

    def __init__(self) -> None:
        self._environments: dict[Variable, Environment] = {}

    def compile(self, source: str, *, variable: Variable = "claims", rule: bool = False) -> Expression:
        """*source* over *variable*; a *rule* has to give a boolean. Raises ExpressionError."""
        try:
            require_cel()
            environment = self._environments.get(variable)
            if environment is None:
                environment = self._environments[variable] = Environment({variable: _VARIABLES[variable]})
            program = environment.compile(source, result=Type.BOOL if rule else None)
        except ResultTypeError as error:
            raise ExpressionError(error.requirement) from None
        except CelError as error:
            raise ExpressionError(str(error)) from None
        return Expression(source, variable, program, escaped_names(source))


def string_list(value: object) -> list[str]:
    """Groups or extra values: a text or a list of them; empty texts and null count for nothing.

    Raises ExpressionError for anything else.
    """
    if value is None:
        return []
    texts: list[str] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        if not isinstance(item, str):
            raise ExpressionError("expression must return a string or a list of strings")
        if item:
            texts.append(item)
    return texts


def uses_claim(expression: Expression, claim: str) -> bool:
    """Whether *expression* selects `claims.<claim>`, or `claims.?<claim>`, or asks has() for it.

    `claims["email"]` is no selection, in the reference neither.
    """
    return any(_selects(node, claim) for node in expression.program.tree.walk())


def _selects(node: Node, claim: str) -> bool:
    match node:
        case Select(operand=Ident(name="claims"), field=field):
            return field == claim
        case Call(function="_?._", target=None, arguments=(Ident(name="claims"), Constant(value=field))):
            return field == claim
    return False


def escaped_names(source: str) -> list[tuple[str, str]]:
    """The escaped names that occur in *source*, each with the name it stands for (pkg/cel/escaping.go, Unescape)."""
    names: dict[str, str] = {}
    for name in _IDENTIFIER.findall(source):
        if (keyword := _KEYWORD.fullmatch(name)) is not None:
            names[name] = keyword[1]
        elif (plain := _ESCAPE.sub(lambda match: _ESCAPED[match[1]], name)) != name:
            names[name] = plain
    return list(names.items())


def _with_names(value: Any, names: Sequence[tuple[str, str]]) -> Any:
    """*value* with what *names* stand for under the escaped names too, at every depth."""
    if isinstance(value, Mapping):
        found = {key: _with_names(item, names) for key, item in value.items()}
        for escaped, plain in names:
            if plain in found:
                found[escaped] = found[plain]
        return found
    if isinstance(value, list | tuple):
        return [_with_names(item, names) for item in value]
    return value
