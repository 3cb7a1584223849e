"""`genericapiserver storage COMMAND`: the flags, and what is printed. What is done is in `storage.tools`.

Exit status: 0 when it was done; 1 when it could not be, or when `check` has found something; 130 after Ctrl-C, 143 after
SIGTERM. Results go to stdout; progress, when stderr is a terminal, and errors go to stderr. Nothing is half written when a
command fails.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.config import ConfigError
from genericapiserver.options.flags import BOOL, STRING, FlagError, FlagSet, HelpRequested, aggregate, report
from genericapiserver.options.storage import FILE, SQLITE
from genericapiserver.options.storage_check import Check
from genericapiserver.options.storage_compact import Compact
from genericapiserver.options.storage_moving import Copy
from genericapiserver.options.storage_place import CommandFlags, Place, say, shows_progress
from genericapiserver.options.storage_rewrite import Rewrite
from genericapiserver.options.storage_travel import Blame, Diff, Get, List
from genericapiserver.options.texts import reason
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.tools import files_backup, sqlite_backup
from genericapiserver.storage.tools.sqlite_backup import Saved

COMMAND: Final = "genericapiserver storage"
SIGNALLED: Final = 128
"""The exit status after a signal is this and its number, as in a shell."""


@attrs.define
class Backup:
    """`backup`."""

    usage = "backup --to FILE"
    summary = "Writes the whole store, in use or not, as it is at one revision, to a file."
    place: Place = attrs.field(factory=Place)
    to: str = ""
    force: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("to", STRING, self, "to", "The file to write.")
        flags.add("force", BOOL, self, "force", "Overwrite a file that is there.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        missing = [] if self.to else ["--to is missing: the file to write"]
        return [*missing, *self.place.problems(SQLITE, FILE)]

    async def run(self, arguments: Sequence[str]) -> int:
        progress, place, target = shows_progress("copied"), self.place, Path(self.to)
        if place.is_files:
            saved = await files_backup.back_up(place.path, target, force=self.force, progress=progress)
        else:
            saved = sqlite_backup.back_up(place.path, target, force=self.force, progress=progress)
        say(f"wrote {self.to}: {saved.objects} objects at revision {saved.revision}, {saved.bytes} bytes")
        if saved.damaged:
            say(f"{saved.damaged} rows of the store are damaged, and so they are in the backup: see `{COMMAND} check`")
        return 1 if saved.damaged else 0


@attrs.define
class Restore:
    """`restore`."""

    usage = "restore --from FILE"
    summary = "Makes a store from a backup. Revisions go on above all that were given out before: clients list anew."
    place: Place = attrs.field(factory=Place)
    source: str = ""
    force: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add("from", STRING, self, "source", "The backup to read.")
        flags.add("force", BOOL, self, "force", "Replace a store that is there; it is kept beside the new one.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        missing = [] if self.source else ["--from is missing: the backup to read"]
        return [*missing, *self.place.problems(SQLITE, FILE)]

    async def run(self, arguments: Sequence[str]) -> int:
        restore: Callable[..., Saved] = files_backup.restore if self.place.is_files else sqlite_backup.restore
        path = self.place.path
        saved = restore(path, Path(self.source), force=self.force, progress=shows_progress("copied"))
        say(f"restored {path}: {saved.objects} objects; it goes on above revision {saved.revision}")
        if saved.aside is not None:
            say(f"what was there is kept as {saved.aside}")
        return 0


COMMANDS: Final[Mapping[str, Callable[[], Any]]] = {
    "backup": Backup,
    "restore": Restore,
    "check": Check,
    "compact": Compact,
    "copy": Copy,
    "rewrite": Rewrite,
    "get": Get,
    "list": List,
    "diff": Diff,
    "blame": Blame,
}


_WITHOUT_ARGUMENTS: Final = frozenset({"backup", "restore", "check", "compact", "copy"})


def usage() -> str:
    """The help text of all commands."""
    rows = [(made.usage, made.summary) for made in (each() for each in COMMANDS.values())]
    lines = "".join(f"  {left}\n      {right}\n" for left, right in rows)
    return f"Usage:\n  {COMMAND} COMMAND [flags]\n\nCommands:\n{lines}\n`{COMMAND} COMMAND --help` lists the flags.\n"


def _strays(name: str, given: Sequence[str]) -> list[str]:
    """Complains of what stands where nothing is looked for: the path of a store that is not the one meant, perhaps."""
    if name not in _WITHOUT_ARGUMENTS or not given:
        return []
    return [f"unexpected argument {given[0]!r}: places are named with flags, such as --storage-path"]


def run_storage(arguments: Sequence[str]) -> int:
    """Do what *arguments* say; the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(usage())
        return 0 if arguments else 2
    make = COMMANDS.get(arguments[0])
    if make is None:
        sys.stderr.write(f'Error: unknown command "{arguments[0]}": one of {", ".join(COMMANDS)}\n')
        return 2
    command = make()
    flags = CommandFlags(f"{COMMAND} {arguments[0]}")
    command.add_flags(flags)
    given = flags.arguments(arguments[1:])
    try:
        flags.parse(arguments[1:])
        problems = [*_strays(arguments[0], given), *command.problems(given)]
    except HelpRequested:
        sys.stdout.write(
            f"{command.summary}\n\n{flags.usage().replace(flags.command, f'{COMMAND} {command.usage}', 1)}"
        )
        return 0
    except FlagError as error:
        problems = [str(error)]
    if problems:
        report(flags, aggregate(problems), hint=True)
        return 1
    return _ended(flags, partial(command.run, given))


def _ended(flags: FlagSet, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    # Both interrupt the work itself, so that what was begun is taken away. asyncio's own handler waits for the next await.
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return asyncio.run(work())
    except _Interrupted as interrupted:
        sys.stderr.write("\nError: interrupted; nothing was left half written\n")
        return SIGNALLED + interrupted.number
    except (StorageError, ConfigError, OSError) as error:
        report(flags, reason(error))
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Interrupted(KeyboardInterrupt):
    """A signal has come."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _interrupt(number: int, frame: object) -> None:
    raise _Interrupted(number)
