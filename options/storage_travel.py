"""`genericapiserver storage get|list|diff|blame`: what a store was at a revision that its history still has."""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.options.flags import INT, STRING, FlagSet
from genericapiserver.options.storage_place import Place, say
from genericapiserver.storage.engine import CompactedError, FutureRevisionError
from genericapiserver.storage.tools.changes import ObjectChange, blame, store_changes
from genericapiserver.storage.tools.objects import decoded, find_key, name_of, space, unreadable
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import StoreReader, events_of, open_reader, pages

FORMATS: Final = ("", "json", "yaml")
_MARKS: Final = {"added": "+", "removed": "-", "changed": "~"}


@attrs.define
class Travel(ABC):
    """What these commands have in common."""

    place: Place = attrs.field(factory=Place)
    output: str = ""
    revision: int = 0

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("output", STRING, self, "output", "Print json or yaml instead of text.", shorthand="o")

    def add_revision(self, flags: FlagSet) -> None:
        flags.add("revision", INT, self, "revision", "The revision to look at; 0 is the newest.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        found = self.place.problems()
        if self.output not in FORMATS:
            found.append(f'--output "{self.output}" invalid, allowed values: json, yaml')
        if self.revision < 0:
            found.append("--revision can not be negative value")
        return found

    async def run(self, arguments: Sequence[str]) -> int:
        try:
            async with open_reader(self.place.config) as reader:
                await self.look(reader, list(arguments))
        except CompactedError as error:
            raise ToolError(
                f"{self.place}: {error}: history before that was forgotten. Servers keep more with a longer "
                "--etcd-compaction-interval"
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
        rev = self.revision or reader.current_rev()
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
        prefix, rev = self.place.options.prefix, self.revision or reader.current_rev()
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

    usage = "diff --from N --to M [RESOURCE]"
    summary = "Says which objects were added, changed and removed between two revisions, field by field."
    older: int = 0
    newer: int = 0

    def add_flags(self, flags: FlagSet) -> None:
        Travel.add_flags(self, flags)
        flags.add("from", INT, self, "older", "The revision to begin with; 0 is the oldest that history has.")
        flags.add("to", INT, self, "newer", "The revision to compare it with; 0 is the newest.")

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        prefix = self.place.options.prefix
        older, newer = self.older or reader.floor_rev(), self.newer or reader.current_rev()
        if older > newer:
            raise ToolError(f"--from {older} is above --to {newer}: name the older revision first")
        changes = await store_changes(reader, *space(prefix), prefix, older=older, newer=newer)
        changes = [each for each in changes if not arguments or each.name.is_of(arguments[0])]
        if self.output:
            self.document({"from": older, "to": newer, "changes": [_change(each) for each in changes]})
            return
        for each in changes:
            _say_change(each)
        say(f"{len(changes)} objects differ between revisions {older} and {newer}")


def _change(change: ObjectChange) -> dict[str, Any]:
    fields = []
    for each in change.fields:
        field: dict[str, Any] = {"path": each.path}
        if each.before:
            field["before"] = each.before[0]
        if each.after:
            field["after"] = each.after[0]
        fields.append(field)
    row = {"change": change.what, **attrs.asdict(change.name), "key": change.key, "revision": change.revision}
    return {**row, "fields": fields, **({"problem": change.note} if change.note else {})}


def _say_change(change: ObjectChange) -> None:
    revision = f" at revision {change.revision}" if change.revision else ""
    say(f"{_MARKS[change.what]} {change.name}: {change.what}{revision}" + (f" ({change.note})" if change.note else ""))
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
    summary = "Says of every field of an object which revision has made it what it is, and who manages it."

    async def look(self, reader: StoreReader, arguments: list[str]) -> None:
        key = await find_key(reader, self.place.options.prefix, arguments, rev=reader.current_rev())
        events = await events_of(reader, key)
        if not events or events[-1].value is None:
            gone = f"it was deleted at revision {events[-1].rev}" if events else "there is nothing under this key"
            raise ToolError(f"{key.decode()}: {gone}. `genericapiserver storage get --revision N` shows what it was")
        found = blame(events, reader.floor_rev(), key.decode())
        if self.output:
            fields = [{name: value for name, value in attrs.asdict(each).items() if value != ""} for each in found]
            for field in fields:
                field["beforeHistory"] = field.pop("before_history")
            self.document({"key": key.decode(), "revision": events[-1].rev, "fields": fields})
            return
        rows = [
            (f"{'<=' if each.before_history else ''}{each.revision}", each.manager or "-", each.time or "-")
            for each in found
        ]
        wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for (revision, manager, time), each in zip(rows, found, strict=True):
            value = json.dumps(each.value, ensure_ascii=False)
            say(f"{revision:>{wide[0]}}  {manager:<{wide[1]}}  {time:<{wide[2]}}  {each.path}: {value}")
