"""The most that an evaluation can cost, found from the syntax tree and the values it is evaluated on.

The engine has no counter of costs: it stops at 10,000 iterations of loops in all, holds the interpreter's lock while it
runs, and appends to a list by copying it, so that a thousand times a thousand steps are within its limit. So the cost is
bounded beforehand: each node costs what it costs in the reference (pkg/cel/library/cost.go and cel-go's defaults), a loop
costs its body times the elements there are, and a conditional the dearer branch. As it is a bound, an expression can be
refused here that the reference, which counts, would finish; none gets through that costs more than its bound.
"""

from collections.abc import Callable, Mapping
from math import ceil

from genericapiserver.cel.ast import (
    Call,
    Comprehension,
    Constant,
    Ident,
    ListLiteral,
    Node,
    Select,
    Struct,
    Tree,
)
from genericapiserver.cel.library import NAMES
from genericapiserver.cel.patterns import MOST, compile_cost
from genericapiserver.cel.safety import accumulates
from genericapiserver.cel.sizes import Effort, Size, has_parts, union

TRAVERSAL = 0.1
"""The cost of a character that is looked at."""
PATTERN = 0.25
"""The cost of a character of a regular expression, each of which may be tried at each character of a text."""
LIST_COST = 10
MAP_COST = 30
PYTHON_CALL = 20
"""What a call of a function of the libraries costs on top: about 2 microseconds, since they are written in Python."""
APPEND = 0.2
"""The cost of an element copied when a list grows by one."""
CHECK_COST = 350_000
"""The cost of an authorization check: two fit into one expression."""

MAX_TEXTS, MAX_TEXT = 64, 4096

SCALARS = frozenset({"bool", "int", "uint", "double", "null_type", "duration", "timestamp"})
CONSTANT_TIME = frozenset(
    {
        *("_&&_", "_||_", "!_", "-_", "_-_", "_*_", "_/_", "_%_", "_[_]", "_[?_]", "_?._", "_?_:_", "size"),
        *("hasValue", "value", "or", "orValue", "optional.of", "optional.none", "@not_strictly_false", "type", "dyn"),
        *("int", "uint", "double", "bool", "duration", "timestamp"),
    }
)
COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})

Estimate = tuple[int, Size]


def fixed_cost(tree: Tree) -> int | None:
    """The cost of an expression that costs the same whatever its values are; None when it depends on them."""
    count = 0
    for node in tree.walk():
        count += 1
        match node:
            case Comprehension() | ListLiteral() | Struct():
                return None
            case Call() if not _is_constant_time(tree, node):
                return None
    return count


def _is_constant_time(tree: Tree, node: Call) -> bool:
    if node.function in CONSTANT_TIME:
        return True
    if node.function in COMPARISONS:
        # Comparing stops where the shorter one ends.
        return any(isinstance(part, Constant) or tree.type_of(part).name in SCALARS for part in node.operands)
    return node.function == "_+_" and all(tree.type_of(part).name in SCALARS for part in node.operands)


class Estimator:
    """Bounds the cost of one evaluation on `values`, which are by declared name."""

    def __init__(self, tree: Tree, values: Mapping[str, object]) -> None:
        self.tree = tree
        self.values = values
        self.effort = Effort()
        self.nothing = Size(self.effort, [], 1)
        self.inputs: dict[str, Size] = {}

    def cost(self) -> int:
        """Raises BudgetExceededError when the values are too large even to look at."""
        return self._estimate(self.tree.root, {})[0]

    def _estimate(self, node: Node, locals_: Mapping[str, Size]) -> Estimate:
        match node:
            case Constant():
                return 0, Size(self.effort, [node.value])
            case Ident() | Select() if node.id in self.tree.references:
                return 1, self._input(self.tree.references[node.id], locals_)
            case Ident():
                return 1, locals_.get(node.name, self.nothing)
            case Select():
                cost, owner = self._estimate(node.operand, locals_)
                return cost + 1, self.nothing if node.test_only else owner.field(node.field)
            case Call():
                return self._call(node, locals_)
            case ListLiteral():
                cost, parts = self._all(node.elements, locals_)
                return cost + LIST_COST, self.nothing.made_size(len(parts), union(self.effort, parts))
            case Struct():
                keys, _ = self._all(tuple(entry.key for entry in node.entries if isinstance(entry.key, Node)), locals_)
                cost, values = self._all(tuple(entry.value for entry in node.entries), locals_)
                return keys + cost + MAP_COST, self.nothing.made_size(len(values), union(self.effort, values))
            case Comprehension():
                return self._loop(node, locals_)
        raise TypeError(f"a node of an unknown kind: {node!r}")

    def _all(self, nodes: tuple[Node, ...], locals_: Mapping[str, Size]) -> tuple[int, list[Size]]:
        estimates = [self._estimate(node, locals_) for node in nodes]
        return sum(cost for cost, _ in estimates), [size for _, size in estimates]

    def _input(self, name: str, locals_: Mapping[str, Size]) -> Size:
        if name in locals_:
            return locals_[name]
        found = self.inputs.get(name)
        if found is None:
            found = Size(self.effort, [self.values[name]]) if name in self.values else self.nothing
            self.inputs[name] = found
        return found

    def _call(self, node: Call, locals_: Mapping[str, Size]) -> Estimate:
        if node.function == "_?_:_":
            condition, *branches = [self._estimate(part, locals_) for part in node.operands]
            return condition[0] + max(cost for cost, _ in branches) + 1, union(
                self.effort, [size for _, size in branches]
            )
        cost, sizes = self._all(node.operands, locals_)
        if node.function in ("_[_]", "_[?_]", "_?._"):
            key = node.operands[1]
            name = key.value if isinstance(key, Constant) else None
            return cost + 1, sizes[0].field(name) if isinstance(name, str) else sizes[0].element()
        if _is_constant_time(self.tree, node):
            return cost + 1, self._passed_on(node, sizes)
        rule = _RULES.get(node.function, _whole)
        own, result = rule(sizes)
        if node.function in NAMES:
            own += PYTHON_CALL + 2 * sum(size.deep() for size in sizes)
        return cost + own, result

    def _passed_on(self, node: Call, sizes: list[Size]) -> Size:
        if node.function in ("or", "orValue"):
            return union(self.effort, sizes)
        if node.function in ("value", "optional.of", "dyn"):
            return sizes[0]
        return self.nothing

    def _loop(self, node: Comprehension, locals_: Mapping[str, Size]) -> Estimate:
        kind = accumulates(node)
        if kind == "bind":
            cost, bound = self._estimate(node.init, locals_)
            body, result = self._estimate(node.result, {**locals_, node.accumulator: bound})
            return cost + body, result
        cost, over = self._estimate(node.range, locals_)
        count = over.length()
        inner = {**locals_, node.variable: union(self.effort, [over.element(keys=True)])}
        inner[node.accumulator] = self.nothing.made_size(0) if kind == "list" else self.nothing
        condition, _ = self._estimate(node.condition, inner)
        step, made = self._estimate(node.step, inner)
        cost += 1 + count * (condition + step)
        if kind != "list":
            return cost, self.nothing
        return cost + LIST_COST + ceil(count * count * APPEND), self.nothing.made_size(count, made.element())


def _traverse(factor: float = 1.0) -> Callable[[list[Size]], Estimate]:
    """Reads the first text once and yields one no longer than `factor` times."""

    def rule(sizes: list[Size]) -> Estimate:
        length = sizes[0].length()
        return 1 + ceil(length * TRAVERSAL * max(factor, 1.0)), sizes[0].made_size(ceil(length * factor) + 2)

    return rule


def _whole(sizes: list[Size]) -> Estimate:
    """Reads all there is in its operands, and yields no more."""
    total = sum(size.deep() for size in sizes) or 1
    maker = sizes[0] if sizes else None
    return 1 + total, maker.made_size(total, maker.element()) if maker else Size(Effort(), [], 1)


def _compare(sizes: list[Size]) -> Estimate:
    return 1 + min(size.deep() for size in sizes), sizes[0].made_size(1)


def _every_pair(sizes: list[Size]) -> Estimate:
    first, second = sizes[0], sizes[1]
    pairs = (first.length() + 1) * (second.length() + 1)
    return 1 + 2 * pairs * min(first.element().deep(), second.element().deep()) * PYTHON_CALL, first.made_size(1)


def _in(sizes: list[Size]) -> Estimate:
    item, container = sizes
    return 1 + (container.length() + 1) * min(item.deep(), container.element().deep()), item.made_size(1)


def _search(sizes: list[Size]) -> Estimate:
    if has_parts(sizes[0]):
        return _in([sizes[1], sizes[0]])
    text, part = sizes[0].length(), sizes[1].length()
    return 1 + ceil((text + 1) * TRAVERSAL) * ceil((part + 1) * TRAVERSAL), sizes[0].made_size(1)


def _match(sizes: list[Size]) -> Estimate:
    text, pattern = sizes[0].length(), sizes[1].length()
    patterns = [value for value in sizes[1].values if isinstance(value, str)]
    compiling = max(map(compile_cost, patterns)) if patterns else MOST
    return compiling + ceil((text + 1) * TRAVERSAL) * ceil((pattern + 1) * PATTERN), sizes[0].made_size(text)


def _find_all(sizes: list[Size]) -> Estimate:
    cost, text = _match(sizes)
    length = sizes[0].length()
    return cost + 2 * length, text.made_size(length + 1, text)


def _concatenate(sizes: list[Size]) -> Estimate:
    length = sizes[0].length() + sizes[1].length()
    cost = 1 + ceil(length * TRAVERSAL)
    if found := _texts(sizes):
        return cost, Size(sizes[0].effort, found)
    element = union(sizes[0].effort, [size.element() for size in sizes])
    return cost, sizes[0].made_size(length, element)


def _texts(sizes: list[Size]) -> list[object]:
    """The texts that two few and short texts make, which may be a pattern; none otherwise."""
    first, second = ([value for value in size.values if isinstance(value, str)] for size in sizes)
    few = len(first) * len(second) <= MAX_TEXTS and sizes[0].length() + sizes[1].length() <= MAX_TEXT
    whole = len(first) == len(sizes[0].values) and len(second) == len(sizes[1].values)
    return [one + other for one in first for other in second] if few and whole else []


def _replace(sizes: list[Size]) -> Estimate:
    text, old, new = (size.length() for size in sizes[:3])
    # An empty text to replace is found before each character and after the last.
    never_empty = old > 0 and sizes[1].values and "" not in sizes[1].values
    length = text + (text if never_empty else text + 1) * new
    return 1 + ceil((text + length) * TRAVERSAL), sizes[0].made_size(length)


def _split(sizes: list[Size]) -> Estimate:
    length = sizes[0].length()
    return 1 + ceil(length * 2 * TRAVERSAL) + length, sizes[0].made_size(length + 1, sizes[0].made_size(length))


def _join(sizes: list[Size]) -> Estimate:
    separator = sizes[1].length() if len(sizes) > 1 else 0
    length = sizes[0].length() * (sizes[0].element().length() + separator)
    return 1 + ceil(length * 2 * TRAVERSAL), sizes[0].made_size(length)


FORMATTED = 1400
"""The longest that `%f` makes of a number: 309 digits and the engine's limit of a thousand behind the point."""


def _format(sizes: list[Size]) -> Estimate:
    template, arguments = sizes
    length = template.length() + arguments.length() * FORMATTED + 16 * arguments.deep()
    return 1 + ceil(length * TRAVERSAL), template.made_size(length)


def _check(sizes: list[Size]) -> Estimate:
    return CHECK_COST, sizes[0].made_size(sizes[0].deep())


_TEXT = _traverse()
_RULES: dict[str, Callable[[list[Size]], Estimate]] = {
    **dict.fromkeys(COMPARISONS, _compare),
    **dict.fromkeys(("contains", "indexOf", "lastIndexOf"), _search),
    **dict.fromkeys(("matches", "find"), _match),
    **dict.fromkeys(("lowerAscii", "upperAscii", "trim", "substring", "charAt", "reverse"), _TEXT),
    **dict.fromkeys(("sets.contains", "sets.equivalent", "sets.intersects"), _every_pair),
    "startsWith": _compare,
    "endsWith": _compare,
    "@in": _in,
    "_+_": _concatenate,
    "replace": _replace,
    "split": _split,
    "join": _join,
    "format": _format,
    "strings.quote": _traverse(6.0),
    "jsonpatch.escapeKey": _traverse(2.0),
    "findAll": _find_all,
    "check": _check,
}
