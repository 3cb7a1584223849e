"""`genericapiserver storage copy`: from one engine to another."""

from collections.abc import Sequence

import attrs

from genericapiserver.options.flags import BOOL, FlagSet
from genericapiserver.options.storage_place import Place, say, shows_progress
from genericapiserver.storage.factory import open_engine
from genericapiserver.storage.tools.copying import copy
from genericapiserver.storage.tools.reading import open_reader


@attrs.define
class Copy:
    """`copy`."""

    usage = "copy --from-storage-path PATH --to-storage-backend ENGINE --to-storage-path PATH"
    summary = "Copies all objects of a store, identity kept, into another one, of another engine for instance."
    source: Place = attrs.field(factory=lambda: Place("from-"))
    target: Place = attrs.field(factory=lambda: Place("to-"))
    resume: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        self.source.add_flags(flags)
        self.target.add_flags(flags)
        flags.add("resume", BOOL, self, "resume", "Go on with a copy that was interrupted.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        found = [*self.source.problems(), *self.target.problems()]
        if not found and str(self.source) == str(self.target):
            found.append(f"source and target are the same: {self.source}: name another place with --to-...")
        return found

    async def run(self, arguments: Sequence[str]) -> int:
        async with open_reader(self.source.config) as reader:
            engine = await open_engine(self.target.config)
            try:
                copied = await copy(
                    reader,
                    engine,
                    source_prefix=self.source.options.prefix,
                    target_prefix=self.target.options.prefix,
                    resume=self.resume,
                    progress=shows_progress("copied"),
                )
                revision = engine.current_rev()
            finally:
                await engine.aclose()
        say(f"copied {copied.objects} objects, {copied.bytes} bytes, as of revision {copied.revision}; all are equal")
        if copied.already:
            say(f"{copied.already} of them were there before")
        if copied.expired:
            say(f"{copied.expired} objects have expired and were left out")
        say(f"resourceVersions are the target's own, now {revision}; history was not copied, so clients list anew")
        return 0
