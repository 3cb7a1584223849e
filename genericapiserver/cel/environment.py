"""Environments: what an expression may speak of. Programs: expressions ready to be evaluated, any number of times."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from genericapiserver.cel import messages
from genericapiserver.cel.ast import Ident, Node, Select, Tree, decode, decode_parsed
from genericapiserver.cel.budget import PER_CALL_LIMIT, Budget
from genericapiserver.cel.cost import Estimator, fixed_cost
from genericapiserver.cel.engine import Engine, engine
from genericapiserver.cel.errors import BudgetExceededError, CompileError, EvaluationError, ResultTypeError
from genericapiserver.cel.library.authorizer import Check, CheckResult, Checks, current
from genericapiserver.cel.safety import TOO_DEEP, check_tree
from genericapiserver.cel.types import Type
from genericapiserver.cel.values import clean, plain

Authorize = Callable[[Check], Awaitable[CheckResult]]
"""Answers a check: the authorizer of the server, for the user of the request or the service account that is named."""

MAX_EXPRESSION_BYTES = 64 * 1024
"""Longer sources are refused before they are parsed."""
OVER_LIMIT = "operation cancelled: actual cost limit exceeded"
WHOLE = "__whole__"
"""Appended to the name of an object variable to read it as a map whose fields are not variables themselves."""


class Environment:
    """The variables and functions that expressions may use (Go: cel.Env of pkg/cel/environment).

    Making one costs about a millisecond and loads the library: make it once per kind of expression, when the first is
    configured. Raises MissingLibraryError.
    """

    def __init__(self, variables: Mapping[str, Type]) -> None:
        self.variables = dict(variables)
        self.engine: Engine = engine()
        self._names = dict(_declared(self.variables))
        self._objects = frozenset(name for name, type_ in self.variables.items() if type_.fields)
        self._checker: Any = self.engine.checker(self._names)
        self.runtime: Any = self.engine.runtime()

    def extend(self, variables: Mapping[str, Type]) -> "Environment":
        """This environment with more variables. A name may have dots: `variables.replicas`."""
        return Environment({**self.variables, **variables})

    def compile(self, expression: str, *, result: Type | tuple[Type, ...] | None = None) -> "Program":
        """Parses and type-checks an expression. `result` are the types it may evaluate to; None allows all.

        Raises CompileError with the reference's text, and ResultTypeError for a result of another type. As in the reference
        a `dyn` result satisfies only `dyn`.
        """
        if len(expression.encode(errors="replace")) > MAX_EXPRESSION_BYTES:
            raise CompileError(f"compilation failed: the expression is longer than {MAX_EXPRESSION_BYTES} bytes")
        if "\0" in expression or not _is_unicode(expression):
            raise CompileError("compilation failed: the expression has a character that is not allowed in a source")
        source = self._redirect_presence_tests(expression)
        compiled = self._parse(source)
        serialized = compiled.serialize()
        tree = _decoded(decode, serialized)
        self._check_fields(tree)
        check_tree(tree)
        _check_result(tree.type_of(tree.root), result)
        return Program(self, expression, tree, self.runtime.deserialize(serialized))

    def activation(self, values: Mapping[str, object]) -> "Activation":
        """Values bound once for several programs of this environment: each is looked at and converted once."""
        return Activation(self, values)

    def _parse(self, source: str, *, check: bool = True) -> Any:
        try:
            return self._checker.compile(source, disable_check=not check)
        except RuntimeError as error:
            raise CompileError(messages.compilation(str(error)).replace(WHOLE, "")) from None

    def _redirect_presence_tests(self, expression: str) -> str:
        """Makes `has(request.name)` ask the whole object: the library would read a dotted variable and yield its value."""
        if not self._objects or "has" not in expression:
            return expression
        tree = _decoded(decode_parsed, self._parse(expression, check=False).serialize())
        starts = [
            tree.positions[owner.id]
            for node in tree.walk()
            if isinstance(node, Select) and node.test_only and (owner := _owner(node)) and owner.name in self._objects
        ]
        for start in sorted(starts, reverse=True):
            name_end = start + next(len(name) for name in self._objects if expression.startswith(name, start))
            expression = f"{expression[:name_end]}{WHOLE}{expression[name_end:]}"
        return expression

    def _check_fields(self, tree: Tree) -> None:
        """Refuses `request.nosuchfield`, which the library, that takes objects for maps, would let through."""
        for node in tree.walk():
            if not isinstance(node, Select):
                continue
            owner = tree.references.get(node.operand.id, "").replace(WHOLE, "")
            type_ = self._names.get(owner)
            if type_ is not None and type_.fields and node.field not in type_.fields:
                raise CompileError(f"compilation failed: ERROR: <input>: undefined field '{node.field}' of {owner}")


class Activation:
    """Values of the variables of an environment. Made for one request; not for several threads."""

    def __init__(self, environment: Environment, values: Mapping[str, object]) -> None:
        self.environment = environment
        self.values = dict(values)
        self.data: dict[str, object] = {}
        """The values by declared name, as the engine has them."""
        self._clean: dict[str, object] = {}
        self._native: Any = None
        self.checks = Checks()

    def native(self, roots: frozenset[str]) -> Any:
        """The library's activation, holding at least the variables named. Raises EvaluationError for unsuitable values."""
        missing = [name for name in roots if name in self.values and name not in self._clean]
        if self._native is None or missing:
            for name in missing:
                self._clean[name] = clean(self.values[name], name)
            self.data = dict(_spread(self._clean, self.environment.variables))
            self._native = self.environment.runtime.Activation(self.data)
        return self._native


class Program:
    """A compiled expression. Immutable; may be evaluated by several threads and requests at once."""

    def __init__(self, environment: Environment, expression: str, tree: Tree, compiled: Any) -> None:
        self.environment = environment
        self.expression = expression
        self.tree = tree
        self.result_type = tree.type_of(tree.root)
        self.references = frozenset(tree.references.values()) & environment._names.keys()
        """The variables that are read, by their declared names."""
        self._roots = frozenset(_root(name, environment.variables) for name in self.references)
        self._compiled = compiled
        self.fixed_cost = fixed_cost(tree)
        """What each evaluation costs, when that does not depend on values."""

    def evaluate(self, values: "Mapping[str, object] | Activation", budget: Budget | None = None) -> object:
        """The result as a plain Python value.

        Raises BudgetExceededError, before anything is evaluated, when it may cost more than is allowed, and EvaluationError
        when the expression fails on these values.
        """
        activation = values if isinstance(values, Activation) else Activation(self.environment, values)
        native = activation.native(self._roots)
        self._charge(activation, budget)
        try:
            found = self._compiled.eval(native)
        except RuntimeError as error:
            raise _failure(str(error)) from None
        finally:
            self.environment.engine.caller.release()
        if found.type().name() == "ERROR":
            raise _failure(found.plain_value())
        return plain(found.plain_value())

    async def evaluate_async(
        self, values: "Mapping[str, object] | Activation", budget: Budget | None, authorize: Authorize
    ) -> object:
        """`evaluate` for an expression that may ask an authorizer. Raises what `evaluate` raises.

        An evaluation that lacks the answer to a check is repeated when it is there. A result that did not need the missing
        answers stands. `authorize` must answer, not raise.
        """
        activation = values if isinstance(values, Activation) else Activation(self.environment, values)
        checks = activation.checks
        while True:
            checks.pending.clear()
            current.checks = checks
            try:
                return self.evaluate(activation, budget)
            except BudgetExceededError:
                raise
            except EvaluationError:
                if not checks.pending:
                    raise
            finally:
                current.checks = None
            for check in dict.fromkeys(checks.pending):
                checks.answers[check] = await authorize(check)
            budget = None  # The checks were paid for with the first evaluation.

    def _charge(self, activation: "Activation", budget: Budget | None) -> None:
        cost = self.fixed_cost
        if cost is None:
            cost = Estimator(self.tree, activation.data).cost()
        if cost > PER_CALL_LIMIT:
            raise BudgetExceededError(OVER_LIMIT)
        if budget is not None:
            budget.spend(cost)


def _decoded(read: Callable[[bytes], Tree], serialized: bytes) -> Tree:
    try:
        return read(serialized)
    except RecursionError:
        raise CompileError(TOO_DEEP) from None


def _failure(text: str) -> EvaluationError:
    if messages.OUT_OF_BUDGET in text:
        return BudgetExceededError(OVER_LIMIT)
    return EvaluationError(messages.evaluation(text))


def _declared(variables: Mapping[str, Type]) -> list[tuple[str, Type]]:
    """Every variable, and every field of an object as a variable with a dotted name, so that it keeps its type."""
    found: list[tuple[str, Type]] = []
    for name, type_ in variables.items():
        found.append((name, type_))
        if type_.fields:
            found.append((name + WHOLE, Type.map_of(Type.STRING, Type.DYN)))
        found.extend(_declared({f"{name}.{field}": part for field, part in type_.fields.items()}))
    return found


def _spread(values: Mapping[str, object], variables: Mapping[str, Type]) -> list[tuple[str, object]]:
    """The values for `_declared`: an object, and each field it has."""
    found: list[tuple[str, object]] = []
    for name, value in values.items():
        found.append((name, value))
        fields = variables[name].fields if name in variables else {}
        if fields and isinstance(value, dict):
            found.append((name + WHOLE, value))
            parts = {field: value[field] for field in fields if field in value}
            prefixed = {f"{name}.{field}": part for field, part in parts.items()}
            found.extend(_spread(prefixed, {f"{name}.{field}": fields[field] for field in parts}))
    return found


def _root(name: str, variables: Mapping[str, Type]) -> str:
    """The variable that a declared name belongs to."""
    name = name.replace(WHOLE, "")
    while name not in variables:
        name = name.rpartition(".")[0]
    return name


def _owner(node: Node) -> Ident | None:
    """The variable that a chain of selections begins with."""
    while isinstance(node, Select):
        node = node.operand
    return node if isinstance(node, Ident) else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_result(got: Type, wanted: Type | tuple[Type, ...] | None) -> None:
    if got.name == "optional_type":
        raise CompileError(f"compilation failed: an expression must not evaluate to {got}: use orValue() or value()")
    if got.name == "type":
        raise CompileError(f"compilation failed: an expression must not evaluate to {got}: compare it with a type")
    if wanted is None:
        return
    allowed = wanted if isinstance(wanted, tuple) else (wanted,)
    if got not in allowed:
        raise ResultTypeError(map(str, allowed), str(got))
