"""`genericapiserver storage check`."""

from collections.abc import Sequence

import attrs

from genericapiserver.options.flags import FlagSet
from genericapiserver.options.storage import FILE, SQLITE
from genericapiserver.options.storage_place import Place, say
from genericapiserver.storage.tools.checking import check_files, check_sqlite


@attrs.define
class Check:
    """`check`."""

    usage = "check"
    summary = "Looks for damage, and changes nothing. The exit status is 1 when something was found."
    place: Place = attrs.field(factory=Place)

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)

    def problems(self, arguments: Sequence[str]) -> list[str]:
        return self.place.problems(SQLITE, FILE)

    async def run(self, arguments: Sequence[str]) -> int:
        place = self.place
        prefix = place.options.prefix
        checked = await check_files(place.path, prefix) if place.is_files else check_sqlite(place.path, prefix)
        for problem in checked.problems:
            say(f"{problem.where}: {problem.what}\n    {problem.advice}")
        found = len(checked.problems)
        say(
            f"{checked.objects} objects at revision {checked.revision}: {found or 'no'} problem{'' if found == 1 else 's'}"
        )
        return 1 if found else 0
