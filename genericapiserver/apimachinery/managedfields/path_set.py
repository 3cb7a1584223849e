"""Sets of paths, kept as tries (structured-merge-diff fieldpath/set.go).

A node has *members*, the steps that end a path here, and *children*, the steps that go on. A path and what lies below it
are independent: `spec` may be in the set without `spec.color`, and the other way round. Children are never empty.

Operations return new sets that may share nodes with their operands: build a set with `insert`, and leave it alone once
another has seen it.
"""

from collections.abc import Iterable, Iterator
from typing import Self

from genericapiserver.apimachinery.managedfields.elements import Path, PathElement, path_text, sorted_elements


class PathSet:
    """A set of paths. Truthy when it holds any."""

    __slots__ = ("children", "members")

    def __init__(
        self, members: set[PathElement] | None = None, children: dict[PathElement, "PathSet"] | None = None
    ) -> None:
        self.members: set[PathElement] = set() if members is None else members
        self.children: dict[PathElement, PathSet] = {} if children is None else children

    @classmethod
    def of(cls, *paths: Path) -> Self:
        """The set of these paths."""
        made = cls()
        for path in paths:
            made.insert(path)
        return made

    def insert(self, path: Path) -> None:
        """Add *path*. The empty one stands for the whole object, which nobody owns, and is passed over."""
        if not path:
            return
        node = self
        for element in path[:-1]:
            child = node.children.get(element)
            if child is None:
                child = node.children[element] = PathSet()
            node = child
        node.members.add(path[-1])

    def has(self, path: Path) -> bool:
        """Whether *path* itself is in the set."""
        if not path:
            return False
        node = self
        for element in path[:-1]:
            child = node.children.get(element)
            if child is None:
                return False
            node = child
        return path[-1] in node.members

    def __bool__(self) -> bool:
        return bool(self.members or self.children)

    def __len__(self) -> int:
        return len(self.members) + sum(map(len, self.children.values()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PathSet):
            return NotImplemented
        return self is other or (self.members == other.members and self.children == other.children)

    # A set grows while it is built.
    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Path]:
        """The paths: members of a node in their order first, then its children's."""
        return self._paths(())

    def _paths(self, prefix: Path) -> Iterator[Path]:
        for element in sorted_elements(self.members):
            yield (*prefix, element)
        for element in sorted_elements(self.children):
            yield from self.children[element]._paths((*prefix, element))

    def __repr__(self) -> str:
        return f"PathSet({', '.join(map(path_text, self))})"

    def union(self, other: "PathSet") -> "PathSet":
        """Paths of either."""
        if not other or other is self:
            return self
        if not self:
            return other
        children = dict(self.children)
        for element, theirs in other.children.items():
            ours = children.get(element)
            children[element] = theirs if ours is None else ours.union(theirs)
        return PathSet(self.members | other.members, children)

    def intersection(self, other: "PathSet") -> "PathSet":
        """Paths of both."""
        children = {}
        for element, ours in self.children.items():
            theirs = other.children.get(element)
            if theirs is not None and (both := ours.intersection(theirs)):
                children[element] = both
        return PathSet(self.members & other.members, children)

    def difference(self, other: "PathSet") -> "PathSet":
        """Paths of this one that *other* has not. Taking away a path leaves what is below it."""
        if not other or not self:
            return self
        children = {}
        for element, ours in self.children.items():
            theirs = other.children.get(element)
            left = ours if theirs is None else ours.difference(theirs)
            if left:
                children[element] = left
        return PathSet(self.members - other.members, children)

    def recursive_difference(self, other: "PathSet") -> "PathSet":
        """Paths of this one that are neither in *other* nor below one of its paths."""
        if not other or not self:
            return self
        children = {}
        for element, ours in self.children.items():
            if element in other.members:
                continue
            theirs = other.children.get(element)
            left = ours if theirs is None else ours.recursive_difference(theirs)
            if left:
                children[element] = left
        return PathSet(self.members - other.members, children)


def union_of(sets: Iterable[PathSet]) -> PathSet:
    """Paths of any of them."""
    result = PathSet()
    for each in sets:
        result = result.union(each)
    return result
