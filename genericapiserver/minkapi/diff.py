"""What differs between two views: objects that one has and the other has not, and fields that are not the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from genericapiserver.minkapi.kinds import ServedKind
from genericapiserver.minkapi.objects import ObjectName

_BOOKKEEPING: Final = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
"""Of metadata: what a server fills in, so that it differs wherever something was written, and nobody means."""
ABSENT: Final = None


@attrs.frozen
class FieldChange:
    """One field, by its path in JSON (`spec.nodeName`, `spec.containers[0].image`). None: it is not there."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


@attrs.frozen
class ObjectDiff:
    """One object that differs. `change` is `added`, `removed` or `changed`; fields are those of a changed one."""

    change: str
    kind: ServedKind
    name: ObjectName
    fields: tuple[FieldChange, ...] = ()

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.change]
        lines = [f"{sign} {self.kind.plural} {self.name}", *(f"    {field}" for field in self.fields)]
        return "\n".join(lines)


@attrs.frozen
class ViewDiff:
    """What has to happen to the first view to make it the second, by kind and name."""

    objects: tuple[ObjectDiff, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.objects)

    def __str__(self) -> str:
        return "\n".join(map(str, self.objects))

    @property
    def added(self) -> tuple[ObjectDiff, ...]:
        return self._of("added")

    @property
    def removed(self) -> tuple[ObjectDiff, ...]:
        return self._of("removed")

    @property
    def changed(self) -> tuple[ObjectDiff, ...]:
        return self._of("changed")

    def _of(self, change: str) -> tuple[ObjectDiff, ...]:
        return tuple(each for each in self.objects if each.change == change)


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Where two objects of one kind differ, as plain JSON values; what any write changes is left out."""
    return tuple(_changes(_meant(before), _meant(after), ""))


def _meant(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _BOOKKEEPING}
    return {**obj, "metadata": metadata}


def _changes(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), _below(path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _item_changes(before, after, path)
    else:
        yield FieldChange(path, before, after)


def _item_changes(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[FieldChange]:
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else ABSENT
        new = after[index] if index < len(after) else ABSENT
        yield from _changes(old, new, f"{path}[{index}]")


def _below(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}[{key!r}]" if "." in key or "/" in key else f"{path}.{key}"


def _shown(value: Any) -> str:
    return "(none)" if value is ABSENT else repr(value)
