"""`genericapiserver storage COMMAND`: the flags, and what is printed. What is done is in `storage.tools`.

Exit status: 0 when it was done; 1 when it could not be, or when `check` has found something; 130 after Ctrl-C. Results go to
stdout; progress, when stderr is a terminal, and errors go to stderr. Nothing is half written when a command fails.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.config import ConfigError
from genericapiserver.options.flags import BOOL, STRING, FlagError, FlagSet, FlagType, HelpRequested, aggregate, report
from genericapiserver.options.storage import FILE, MEMORY, SQLITE, StorageOptions
from genericapiserver.options.texts import reason
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.factory import StorageConfig
from genericapiserver.storage.tools import files_backup, sqlite_backup
from genericapiserver.storage.tools.sqlite_backup import Progress, Saved

COMMAND: Final = "genericapiserver storage"
INTERRUPTED: Final = 130
_STORE_FLAGS: Final = (
    "storage-backend",
    "storage-path",
    "etcd-prefix",
    "etcd-servers",
    "etcd-keyfile",
    "etcd-certfile",
    "etcd-cafile",
)
"""Which store: a server's flags for it, with their meaning there."""


class CommandFlags(FlagSet):
    """The flags of one command, which also knows its arguments from their values."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self._booleans: set[str] = set()

    def add(self, name: str, type: FlagType, target: object, attribute: str, help: str, **more: Any) -> None:
        if type.is_bool:
            self._booleans.add(name)
        super().add(name, type, target, attribute, help, **more)

    def arguments(self, given: Sequence[str]) -> list[str]:
        """What is in *given* beside flags, wherever it stands."""
        found, rest = [], iter(given)
        for argument in rest:
            if not argument.startswith("-") or argument == "-":
                found.append(argument)
            elif argument == "--":
                found += rest
            elif "=" not in argument and self._takes_next(argument):
                next(rest, None)
        return found

    def _takes_next(self, argument: str) -> bool:
        if not argument.startswith("--"):
            return len(argument) == 2 and argument != "-h"
        return argument[2:] not in (*self._booleans, "help")


class _Chosen(FlagSet):
    """Takes over the flags of a store, with *lead* before their names."""

    def __init__(self, flags: FlagSet, lead: str) -> None:
        super().__init__("")
        self._into = flags
        self._lead = lead

    def add(self, name: str, type: FlagType, target: object, attribute: str, help: str, **more: Any) -> None:
        if name in _STORE_FLAGS:
            self._into.add(f"{self._lead}{name}", type, target, attribute, help, **more)


class Place:
    """Which store a command is about."""

    def __init__(self, lead: str = "") -> None:
        self._lead = lead
        self.options = StorageOptions(prefix="/registry", serializer=CodecFactory(Scheme()))

    def add_flags(self, flags: FlagSet) -> None:
        self.options.add_flags(_Chosen(flags, self._lead))

    def problems(self, *engines: str) -> list[str]:
        """What is wrong; *engines* are those that the command is for, without any it is for all but memory."""
        flag = f"--{self._lead}storage-backend"
        problems = [text.replace("--", f"--{self._lead}", 1) for text in self.options.validate()]
        if self.options.engine == MEMORY:
            problems.append(f"{flag}=memory keeps nothing outside its server's process: there is nothing to work on")
        elif not problems and engines and self.options.engine not in engines:
            problems.append(f"{flag}={self.options.engine}: this command is for {' and '.join(engines)}. {_ELSE}")
        return problems

    @property
    def config(self) -> StorageConfig:
        options = self.options
        return StorageConfig(type=options.engine, path=options.location, prefix=options.prefix, compaction_interval=0)

    @property
    def is_files(self) -> bool:
        return self.options.engine == FILE

    @property
    def path(self) -> Path:
        return Path(self.options.location)

    def __str__(self) -> str:
        return f"{self.options.engine} {self.options.location}"


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")


_ELSE: Final = "For etcd use etcdctl (snapshot save, snapshot restore, check), which comes with it"


def shows_progress(verb: str) -> Progress:
    """Tells on a terminal how far a command is, ten times a second at most."""
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and ((now := time.monotonic()) - last > 0.1 or done == total):
            last = now
            sys.stderr.write(f"\r{verb} {done} of {total}" + ("\n" if done == total else ""))

    return show


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
        return 0


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
}


def usage() -> str:
    """The help text of all commands."""
    rows = [(made.usage, made.summary) for made in (each() for each in COMMANDS.values())]
    lines = "".join(f"  {left}\n      {right}\n" for left, right in rows)
    return f"Usage:\n  {COMMAND} COMMAND [flags]\n\nCommands:\n{lines}\n`{COMMAND} COMMAND --help` lists the flags.\n"


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
        problems = command.problems(given)
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
    return _ended(flags, command.run(given))


def _ended(flags: FlagSet, work: Awaitable[int]) -> int:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # so that what was begun is taken away
    try:
        return asyncio.run(_awaited(work))
    except KeyboardInterrupt:
        sys.stderr.write("\nError: interrupted; nothing was left half written\n")
        return INTERRUPTED
    except (StorageError, ConfigError, OSError) as error:
        report(flags, reason(error))
        return 1
    finally:
        signal.signal(signal.SIGINT, before)


async def _awaited(work: Awaitable[int]) -> int:
    return await work
