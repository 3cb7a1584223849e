"""`genericapiserver storage compact`."""

from collections.abc import Sequence

import attrs

from genericapiserver.options.flags import INT, FlagSet
from genericapiserver.options.storage import SQLITE
from genericapiserver.options.storage_place import Place, say, shows_progress
from genericapiserver.storage.engine import CompactedError, FutureRevisionError
from genericapiserver.storage.tools.compacting import compact
from genericapiserver.storage.tools.placing import ToolError


@attrs.define
class Compact:
    """`compact`."""

    usage = "compact [--revision N]"
    summary = (
        "Forgets history of a SQLite store that no server has open, and gives the room back. Servers do so themselves."
    )
    place: Place = attrs.field(factory=Place)
    revision: int = 0

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("revision", INT, self, "revision", "The oldest revision to keep; 0 is the newest there is.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        negative = ["--revision can not be negative value"] if self.revision < 0 else []
        return [*negative, *self.place.problems(SQLITE)]

    async def run(self, arguments: Sequence[str]) -> int:
        try:
            done = compact(self.place.path, self.revision, progress=shows_progress("compacted"))
        except (CompactedError, FutureRevisionError) as error:
            raise ToolError(f"{self.place}: {error}. Nothing was forgotten") from error
        say(f"history begins at revision {done.floor}, before at {done.before}")
        say(f"{done.bytes} bytes on the disk, {done.bytes_before - done.bytes} less than before")
        return 0
