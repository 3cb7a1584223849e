"""Conflicts: fields that were to be applied, and that others manage (managedfields/internal/conflict.go)."""

from collections.abc import Iterable
from typing import NamedTuple

from genericapiserver.apimachinery.errors import ApplyConflictError
from genericapiserver.apimachinery.managedfields.elements import Path, path_text
from genericapiserver.apimachinery.managedfields.managers import ManagerIdentity
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.meta import StatusCause


class Conflict(NamedTuple):
    """One path that another manager owns and that would change."""

    manager: ManagerIdentity
    path: Path


class MergeConflict(Exception):  # noqa: N818 (an outcome of merging, which the caller may yet resolve)
    """Applying would change fields of others. `conflicts` is never empty."""

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__(conflict_message(self.conflicts))

    @classmethod
    def between(cls, sets: dict[ManagerIdentity, PathSet]) -> "MergeConflict":
        """The conflicts over all these paths, in the order of managers and paths."""
        return cls(
            Conflict(manager, path)
            for manager in sorted(sets, key=lambda manager: manager.order)
            for path in sets[manager]
        )

    def without(self, allowed: PathSet) -> "MergeConflict | None":
        """The conflicts over paths that are not in *allowed*; None when nothing is left."""
        left = [conflict for conflict in self.conflicts if not allowed.has(conflict.path)]
        return MergeConflict(left) if left else None

    def to_status_error(self) -> ApplyConflictError:
        """The 409 that a client gets."""
        causes = [
            StatusCause(
                reason="FieldManagerConflict",
                message=f"conflict with {conflict.manager}",
                field=path_text(conflict.path),
            )
            for conflict in self.conflicts
        ]
        return ApplyConflictError(causes, conflict_message(self.conflicts))


def conflict_message(conflicts: tuple[Conflict, ...]) -> str:
    """`Apply failed with 2 conflicts: ...`, grouped by manager."""
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {only.manager}: {path_text(only.path)}"
    by_manager: dict[ManagerIdentity, list[str]] = {}
    for conflict in conflicts:
        by_manager.setdefault(conflict.manager, []).append(f"- {path_text(conflict.path)}")
    lines = []
    for manager in sorted(by_manager, key=lambda manager: manager.order):
        lines += [f"conflicts with {manager}:", *by_manager[manager]]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
