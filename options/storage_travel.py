"""`genericapiserver storage get|list|diff|blame`: what a store was at a revision that its history still has."""

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.options.flags import INT, STRING, FlagSet
from genericapiserver.options.storage_place import Place, say
from genericapiserver.storage.engine import CompactedError, FutureRevisionError
from genericapiserver.storage.history_times import HistoryTimes
from genericapiserver.storage.tools.changes import Blamed, ObjectChange, blame, store_changes
from genericapiserver.storage.tools.moments import TooOldError, revision_at, shown_time, times_of
from genericapiserver.storage.tools.objects import decoded, find_key, name_of, space, unreadable
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import StoreReader, events_of, open_reader, pages

FORMATS: Final = ("", "json", "yaml")
_MARKS: Final = {"added": "+", "removed": "-", "changed": "~", "unchanged": "="}
_POINT: Final = "A revision, a time such as 2026-01-02T03:04:05Z, or how long ago, such as 20m"


@attrs.define
class Travel(ABC):
    """What these commands have in common."""

    place: Place = attrs.field(factory=Place)
    output: str = ""
    revision: int = 0
    at: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("output", STRING, self, "output", "Print json or yaml instead of text.", shorthand="o")

    def add_revision(self, flags: FlagSet) -> None:
        flags.add("revision", INT, self, "revision", "The revision to look at; 0 is the newest.")
        flags.add("at", STRING, self, "at", f"{_POINT}: the store as it was then.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        found = self.place.problems()
        if self.output not in FORMATS:
            found.append(f'--output "{self.output}" invalid, allowed values: json, yaml')
        if self.revision < 0:
            found.append("--revision can not be negative value")
        if self.revision and self.at:
            found.append("--revision and --at can not both be given")
        return found

    def chosen(self, reader: StoreReader) -> int:
        """The revision to look at. Raises ToolError."""
        if self.at:
            return revision_at(reader, self.at, time.time())
        return self.revision or reader.current_rev()

    async def run(self, arguments: Sequence[str]) -> int:
        try:
            async with open_reader(self.place.config) as reader:
                await self.look(reader, list(arguments))
        except CompactedError as error:
            raise ToolError(
                f"{self.place}: {error}: history before that was forgotten. Servers keep more with "
                "--storage-history-retention, or for etcd with a longer --etcd-compaction-interval"
            ) from error
        except FutureRevisionError as error:
            raise ToolError(f"{self.place}: {error}") from error
        return 0

    @abstractmethod
    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        """Print what *arguments* ask for. Raises ToolError, CompactedError, FutureRevisionError."""

    def document(self, value: Any) -> None:
        """Print *value* as `output` says, JSON without it."""
        text = encode_yaml(value).decode() if self.output == "yaml" else json.dumps(value, indent=2, ensure_ascii=False)
        sys.stdout.write(text.rstrip("\n") + "\n")


@attrs.define
class Get(Travel):
    """`get`."""

    usage = "get KEY | RESOURCE [NAMESPACE/]NAME"
    summary = "Prints an object as it was at a revision, YAML unless -o says json."

    def add_flags(self, flags: FlagSet) -> None:
        self.output = "yaml"
        Travel.add_flags(self, flags)
        self.add_revision(flags)

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        rev = self.chosen(reader)
        key = await find_key(reader, self.place.options.prefix, arguments, rev=rev)
        kv = (await reader.get(key, rev=rev)).kv
        if kv is None:
            raise ToolError(f"{key.decode()}: it does not exist at revision {rev}")
        obj = decoded(kv.value, f"{key.decode()} at revision {kv.mod_rev}")
        if isinstance(obj.get("metadata"), dict):
            obj["metadata"]["resourceVersion"] = str(kv.mod_rev)
        self.document(obj)


@attrs.define
class List(Travel):
    """`list`."""

    usage = "list [RESOURCE]"
    summary = "Lists the objects that there were at a revision, or those of one resource."

    def add_flags(self, flags: FlagSet) -> None:
        Travel.add_flags(self, flags)
        self.add_revision(flags)

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        prefix, rev = self.place.options.prefix, self.chosen(reader)
        found = []
        async for page in pages(reader, *space(prefix), rev=rev):
            for kv in page:
                named = name_of(kv.key, kv.value, prefix)
                if not arguments or named.is_of(arguments[0]):
                    row = {**attrs.asdict(named), "key": kv.key.decode(errors="replace"), "revision": kv.mod_rev}
                    problem = unreadable(kv.value)
                    found.append((named, {**row, "problem": problem} if problem else row))
        if self.output:
            self.document({"revision": rev, "objects": [row for _, row in found]})
            return
        for named, row in found:
            say(f"{row['revision']}  {named}" + (f"  ({row['problem']})" if "problem" in row else ""))
        say(f"{len(found)} objects at revision {rev}; history begins at {reader.floor_rev()}")


@attrs.define
class Diff(Travel):
    """`diff`."""

    usage = "diff --since 20m | --from N [--to M] [RESOURCE]"
    summary = "Says which objects were added, changed and removed between two revisions or times, field by field."
    older: str = ""
    newer: str = ""
    since: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        Travel.add_flags(self, flags)
        flags.add("since", STRING, self, "since", "How long ago to begin, up to now: the same as --from.")
        flags.add("from", STRING, self, "older", f"{_POINT}: where to begin. Without it, where history does.")
        flags.add("to", STRING, self, "newer", f"{_POINT}: where to end. Without it, at the newest one.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        both = ["--since and --from can not both be given"] if self.since and self.older else []
        return [*both, *Travel.problems(self, arguments)]

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        prefix, now = self.place.options.prefix, time.time()
        begin, note = self.since or self.older, ""
        try:
            older = (revision_at(reader, begin, now) if begin else 0) or reader.floor_rev()
        except TooOldError as error:
            older, note = reader.floor_rev(), f"{error}. What is older is not shown"
        newer = (revision_at(reader, self.newer, now) if self.newer else 0) or reader.current_rev()
        if older > newer:
            raise ToolError(f"--from (revision {older}) is above --to (revision {newer}): name the older one first")
        changes = await store_changes(reader, *space(prefix), prefix, older=older, newer=newer)
        changes = [each for each in changes if not arguments or each.name.is_of(arguments[0])]
        times = times_of(reader)
        if self.output:
            rows = [_change(each, times) for each in changes]
            self.document({"from": older, "to": newer, "changes": rows, **({"incomplete": note} if note else {})})
            return
        for each in changes:
            _say_change(each, times)
        differ = sum(each.what != "unchanged" for each in changes)
        say(f"{differ} objects differ between revisions {older} and {newer}")
        if note:
            say(note)


def _time_of(times: HistoryTimes | None, revision: int) -> str:
    """When *revision* was written; nothing when that is not known."""
    written = times.written_at(revision) if times is not None else None
    return shown_time(written) if written is not None else ""


def _change(change: ObjectChange, times: HistoryTimes | None) -> dict[str, Any]:
    fields = []
    for each in change.fields:
        field: dict[str, Any] = {"path": each.path}
        if each.before:
            field["before"] = each.before[0]
        if each.after:
            field["after"] = each.after[0]
        if each.manager:
            field["manager"] = each.manager
        fields.append(field)
    row = {"change": change.what, **attrs.asdict(change.name), "key": change.key, "revision": change.revision}
    if written := _time_of(times, change.revision):
        row["time"] = written
    row |= {"writes": change.writes, "managers": change.managers}
    return {**row, "fields": fields, **({"problem": change.note} if change.note else {})}


def _say_change(change: ObjectChange, times: HistoryTimes | None) -> None:
    what = change.what if change.what != "unchanged" else f"as before, after {change.writes} writes, the last one"
    when = ", ".join(filter(None, (f"at revision {change.revision}", _time_of(times, change.revision))))
    by = f", by {', '.join(change.managers)}" if change.managers else ""
    note = f" ({change.note})" if change.note else ""
    say(f"{_MARKS[change.what]} {change.name}: {what} {when}{by}{note}")
    for each in change.fields:
        before, after = (json.dumps(side[0], ensure_ascii=False) if side else "" for side in (each.before, each.after))
        if not each.before:
            say(f"    + {each.path}: {after}")
        elif not each.after:
            say(f"    - {each.path}: {before}")
        else:
            say(f"    ~ {each.path}: {before} -> {after}")


@attrs.define
class Blame(Travel):
    """`blame`."""

    usage = "blame KEY | RESOURCE [NAMESPACE/]NAME"
    summary = "Says of every field of an object which revision has made it what it is, when, and who manages it."

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        key = await find_key(reader, self.place.options.prefix, arguments, rev=reader.current_rev())
        events = await events_of(reader, key)
        if not events or events[-1].value is None:
            gone = f"it was deleted at revision {events[-1].rev}" if events else "there is nothing under this key"
            raise ToolError(f"{key.decode()}: {gone}. `genericapiserver storage get --revision N` shows what it was")
        found = blame(events, reader.floor_rev(), key.decode())
        times = times_of(reader)
        if self.output:
            self.document(
                {
                    "key": key.decode(),
                    "revision": events[-1].rev,
                    "fields": [_blamed(each, _time_of(times, each.revision)) for each in found],
                }
            )
            return
        rows = [
            (
                f"{'<=' if each.before_history else ''}{each.revision}",
                _time_of(times, each.revision) or (f"<={each.time}" if each.time else "-"),
                each.manager or "-",
            )
            for each in found
        ]
        wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for (revision, written, manager), each in zip(rows, found, strict=True):
            value = json.dumps(each.value, ensure_ascii=False)
            say(f"{revision:>{wide[0]}}  {written:<{wide[1]}}  {manager:<{wide[2]}}  {each.path}: {value}")


def _blamed(each: Blamed, written: str) -> dict[str, Any]:
    """`time` is when the revision was written, `managerTime` when its manager has last written one of its fields."""
    field = {"path": each.path, "value": each.value, "revision": each.revision, "beforeHistory": each.before_history}
    more = {"time": written, "manager": each.manager, "managerTime": each.time}
    return field | {name: text for name, text in more.items() if text}
