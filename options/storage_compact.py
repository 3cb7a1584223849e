"""`genericapiserver storage compact`."""

import time
from collections.abc import Sequence

import attrs

from genericapiserver.options.flags import DURATION, INT, FlagSet
from genericapiserver.options.storage import FILE, SQLITE
from genericapiserver.options.storage_place import Place, say, shows_progress
from genericapiserver.storage.engine import CompactedError, FutureRevisionError
from genericapiserver.storage.tools import files_compacting, sqlite_compacting
from genericapiserver.storage.tools.moments import revision_to_keep
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import open_reader


@attrs.define
class Compact:
    """`compact`."""

    usage = "compact [--revision N | --keep 24h]"
    summary = "Forgets history of a store that no server has open, and gives the room back. Servers do so themselves."
    place: Place = attrs.field(factory=Place)
    revision: int = 0
    keep: float = 0.0

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("revision", INT, self, "revision", "The oldest revision to keep; 0 is the newest there is.")
        flags.add("keep", DURATION, self, "keep", "Keep what the store was in this time up to now.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        found = [
            f"--{flag} can not be negative value"
            for flag, value in (("revision", self.revision), ("keep", self.keep))
            if value < 0
        ]
        if self.revision and self.keep:
            found.append("--revision and --keep can not both be given")
        return [*found, *self.place.problems(SQLITE, FILE)]

    async def run(self, arguments: Sequence[str]) -> int:
        place, progress = self.place, shows_progress("compacted")
        revision = await self._oldest() if self.keep else self.revision
        try:
            if place.is_files:
                done = files_compacting.compact(place.path, place.options.prefix, revision, progress=progress)
            else:
                done = sqlite_compacting.compact(place.path, revision, progress=progress)
        except (CompactedError, FutureRevisionError) as error:
            raise ToolError(f"{place}: {error}. Nothing was forgotten") from error
        say(f"history begins at revision {done.floor}, before at {done.before}")
        say(f"{done.bytes} bytes on the disk, {done.bytes_before - done.bytes} less than before")
        return 0

    async def _oldest(self) -> int:
        async with open_reader(self.place.config) as reader:
            return revision_to_keep(reader, self.keep, time.time())
