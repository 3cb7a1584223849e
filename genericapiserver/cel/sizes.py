"""How big the values of an expression can get, found from its inputs without evaluating it."""

from collections.abc import Callable, Iterable

from genericapiserver.cel.errors import BudgetExceededError

MAX_VISITS = 200_000
"""How many values may be looked at to bound the cost of one evaluation; with more the bound itself is too expensive."""


class Effort:
    """Counts the values looked at."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_VISITS

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise BudgetExceededError(
                "operation cancelled: the values are too large to bound the cost of the expression"
            )


class Size:
    """The values that a node can have: either these, out of the inputs, or made ones with at most so many elements."""

    __slots__ = ("_deep", "_element", "_fields", "effort", "made", "values")

    def __init__(self, effort: Effort, values: list[object], made: int = 0, element: "Size | None" = None) -> None:
        self.effort = effort
        self.values = values
        self.made = made
        self._element = element
        self._fields: dict[str, Size] = {}
        self._deep = -1

    def length(self) -> int:
        """The most elements, entries, characters or bytes that a value has; 1 for what has none."""
        return max((measure(value) for value in self.values), default=0) if self.values else self.made

    def deep(self) -> int:
        """The most values and characters within a value: what comparing or converting it as a whole takes."""
        if self._deep < 0:
            if self.values:
                self._deep = max(self._weigh(value) for value in self.values)
            else:
                element = self._element.deep() if self._element is not None else 1
                self._deep = 1 + self.made * element
        return self._deep

    def _weigh(self, value: object) -> int:
        total = 0
        pending = [value]
        while pending:
            item = pending.pop()
            self.effort.spend(1)
            total += 1
            if isinstance(item, (str, bytearray)):
                total += len(item) // 8
            elif isinstance(item, dict):
                pending.extend(item.values())
                total += len(item)
            elif isinstance(item, list):
                pending.extend(item)
        return total

    def element(self, *, keys: bool = False) -> "Size":
        """Any element of a list, value of a map, or key of one."""
        if not self.values:
            return self._element if self._element is not None else Size(self.effort, [], min(self.made, 1))
        name = "\0keys" if keys else "\0element"
        return self._cached(name, lambda: [item for value in self.values for item in parts(value, keys)])

    def field(self, name: str) -> "Size":
        if not self.values:
            return self.element()
        owners = (value for value in self.values if isinstance(value, dict) and name in value)
        return self._cached(name, lambda: [value[name] for value in owners])

    def _cached(self, name: str, collect: Callable[[], list[object]]) -> "Size":
        found = self._fields.get(name)
        if found is None:
            values = collect()
            self.effort.spend(len(values))
            found = self._fields[name] = Size(self.effort, values)
        return found

    def made_size(self, length: int, element: "Size | None" = None) -> "Size":
        return Size(self.effort, [], length, element)


def measure(value: object) -> int:
    return len(value) if isinstance(value, (str, bytearray, list, dict)) else 1


def parts(value: object, keys: bool) -> Iterable[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return value.keys() if keys else value.values()
    return ()


def union(effort: Effort, sizes: Iterable[Size]) -> Size:
    """One size for values that may be any of these."""
    found = list(sizes)
    if len(found) == 1:
        return found[0]
    known = [size for size in found if size.values]
    if len(known) == len(found):
        values = [value for size in known for value in size.values]
        effort.spend(len(values))
        return Size(effort, values)
    if not found:
        return Size(effort, [])
    lengths = max(size.length() for size in found)
    elements = [size.element() for size in found if size.length() > 0 and has_parts(size)]
    return Size(effort, [], lengths, union(effort, elements) if elements else None)


def has_parts(size: Size) -> bool:
    if not size.values:
        return size._element is not None
    return any(isinstance(value, (list, dict)) for value in size.values)
