"""What has changed between versions of objects: field by field, and since which revision a field is as it is."""

import json
from collections.abc import Iterator
from typing import Any

import attrs

from genericapiserver.storage.engine import EngineEvent, KeyValue
from genericapiserver.storage.tools.objects import StoredName, decoded, name_of, unreadable
from genericapiserver.storage.tools.reading import StoreReader, events_between

Path = tuple[str | int, ...]


def shown(path: Path) -> str:
    """*path* as people write it: `spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "").replace("-", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field that has none below it, with its value. metadata.managedFields is bookkeeping, and left out."""
    if isinstance(value, dict) and value:
        for name, child in value.items():
            if (*path, name) != ("metadata", "managedFields"):
                yield from leaves(child, (*path, name))
    elif isinstance(value, list) and value:
        for number, child in enumerate(value):
            yield from leaves(child, (*path, number))
    else:
        yield path, value


@attrs.frozen
class FieldChange:
    """A field; `before` and `after` are lists of no or one value. `manager` has it now, as far as the object says."""

    path: str
    before: list[Any]
    after: list[Any]
    manager: str = ""


def field_changes(before: Any, after: Any) -> list[FieldChange]:
    """The fields that differ, in the order of their paths."""
    old, new = dict(leaves(before)), dict(leaves(after))
    managers = _managers(after)
    found = []
    for path in sorted(old.keys() | new.keys(), key=shown):
        was, now = ([old[path]] if path in old else []), ([new[path]] if path in new else [])
        if was != now or (was and type(was[0]) is not type(now[0])):
            found.append(FieldChange(shown(path), was, now, _manager_of(path, managers)[0] if now else ""))
    return found


@attrs.frozen
class ObjectChange:
    """An object that was written between two revisions, `revision` last, `writes` times."""

    what: str
    """added, changed, removed, or unchanged: it came and went, or was changed back."""
    name: StoredName
    key: str
    revision: int
    writes: int
    fields: list[FieldChange]
    managers: list[str]
    """Who has what is new, as far as the object says."""
    note: str = ""
    """Why its fields cannot be told."""


@attrs.define
class _Writes:
    """What was written to one key: how often, and what was there last."""

    number: int = 0
    revision: int = 0
    value: bytes = b""


async def store_changes(
    reader: StoreReader, start: bytes, end: bytes, prefix: str, *, older: int, newer: int
) -> list[ObjectChange]:
    """Every object that was written after *older* up to *newer*. Raises CompactedError, FutureRevisionError."""
    writes: dict[bytes, _Writes] = {}
    async for event in events_between(reader, start, end, older=older, newer=newer):
        seen = writes.setdefault(event.key, _Writes())
        seen.number += 1
        seen.revision, seen.value = event.rev, event.value or event.prev_value or seen.value
    found = []
    for key in sorted(writes):
        was, now = (await reader.get(key, rev=older)).kv, (await reader.get(key, rev=newer)).kv
        found.append(_change(key, was, now, writes[key], prefix))
    return found


def _change(key: bytes, was: KeyValue | None, now: KeyValue | None, writes: _Writes, prefix: str) -> ObjectChange:
    what = "removed" if now is None else "added" if was is None else "changed"
    if (was.value if was else None) == (now.value if now else None):
        what = "unchanged"
    note = next((problem for kv in (was, now) if kv is not None and (problem := unreadable(kv.value))), "")
    fields: list[FieldChange] = []
    managers: set[str] = set()
    if not note and now is not None:
        after = decoded(now.value, "")
        if was is not None:
            fields = field_changes(decoded(was.value, ""), after)
            managers = {each.manager for each in fields}
        else:
            managers = {manager for manager, *_ in _managers(after)}
    return ObjectChange(
        what,
        name_of(key, writes.value, prefix),
        key.decode(errors="replace"),
        writes.revision,
        writes.number,
        fields,
        sorted(managers - {""}),
        note,
    )


@attrs.frozen
class Blamed:
    """Since when a field is as it is, and who manages it, as far as the object itself says."""

    path: str
    value: Any
    revision: int
    before_history: bool
    """It has been so at least since this revision, where history begins."""
    manager: str
    time: str


def blame(events: list[EngineEvent], floor: int, where: str) -> list[Blamed]:
    """Every field of the object whose history is *events*, oldest first. Raises ToolError for what cannot be read."""
    since: dict[Path, int] = {}
    known: dict[Path, Any] = {}
    for event in events:
        now = {} if event.value is None else dict(leaves(decoded(event.value, f"{where} at revision {event.rev}")))
        since = {
            path: since[path] if path in known and _same(known[path], value) else event.rev
            for path, value in now.items()
        }
        known = now
    last = events[-1]
    managers = _managers(decoded(last.value, where)) if last.value is not None else []
    begins = events[0].rev if events[0].rev <= floor else 0
    return [
        Blamed(shown(path), known[path], since[path], since[path] == begins, *_manager_of(path, managers))
        for path in sorted(known, key=shown)
    ]


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _managers(obj: dict[str, Any]) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Each entry of managedFields: the manager, its time, its fields and the object they are of; the newest first."""
    metadata = obj.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    found = [
        (str(entry.get("manager", "")), str(entry.get("time", "")), entry["fieldsV1"], obj)
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict)
    ]
    return sorted(found, key=lambda each: each[1], reverse=True)


def _manager_of(path: Path, managers: list[tuple[str, str, dict[str, Any], dict[str, Any]]]) -> tuple[str, str]:
    for manager, time, fields, obj in managers:
        if _manages(fields, path, obj):
            return manager, time
    return "", ""


def _manages(fields: dict[str, Any], path: Path, value: Any) -> bool:
    """Whether *fields* (FieldsV1) have *path* of *value*, or something that it is a part of."""
    for step in path:
        child = _below(fields, step, value)
        if child is None:
            return False
        if not child or child.keys() == {"."}:
            return True
        fields = child
        value = value[step]
    return "." in fields or not fields


def _below(fields: dict[str, Any], step: str | int, value: Any) -> dict[str, Any] | None:
    if isinstance(step, str):
        return fields.get(f"f:{step}")
    item = value[step]
    for element, child in fields.items():
        try:
            if _stands_for(element, step, item):
                return child if isinstance(child, dict) else {}
        except ValueError:
            continue
    return None


def _stands_for(element: str, index: int, item: Any) -> bool:
    """Whether *element* of FieldsV1 means *item*, which is at *index* of a list."""
    kind, _, text = element.partition(":")
    match kind:
        case "i":
            return int(text) == index
        case "v":
            return _same(json.loads(text), item)
        case "k":
            keys = json.loads(text)
            return isinstance(item, dict) and all(item.get(name) == value for name, value in keys.items())
        case _:
            return False
