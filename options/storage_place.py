"""What the commands of `genericapiserver storage` share: which store they are about, and how they speak."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.options.flags import FlagSet, FlagType
from genericapiserver.options.storage import FILE, MEMORY, StorageOptions
from genericapiserver.storage.factory import ETCD, StorageConfig
from genericapiserver.storage.tools.sqlite_backup import Progress

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
            problems.append(
                f"{flag}={self.options.engine}: this command is for {' and '.join(engines)}"
                + (_ETCDCTL if self.options.engine == ETCD else "")
            )
        return problems

    @property
    def config(self) -> StorageConfig:
        options = self.options
        return StorageConfig(
            type=options.engine,
            path=options.location,
            prefix=options.prefix,
            compaction_interval=0,
            etcd=options.etcd_config,
        )

    @property
    def is_files(self) -> bool:
        return self.options.engine == FILE

    @property
    def path(self) -> Path:
        return Path(self.options.location)

    def __str__(self) -> str:
        options = self.options
        if options.engine == ETCD:
            return f"{options.engine} {','.join(options.etcd_servers)} {options.prefix}"
        return f"{options.engine} {options.location}"


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")


_ETCDCTL: Final = ". For etcd use etcdctl (snapshot save, snapshot restore, check), which comes with it"


def shows_progress(verb: str) -> Progress:
    """Tells on a terminal how far a command is, ten times a second at most."""
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and ((now := time.monotonic()) - last > 0.1 or done == total):
            last = now
            sys.stderr.write(f"\r{verb} {done} of {total}" + ("\n" if done == total else ""))

    return show
