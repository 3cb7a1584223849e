"""Flags in the grammar of pflag: Go's durations, booleans and lists, and the reference's error texts.

A flag is bound to an attribute of an options object, whose value is its default; parsing sets the attribute. Lists are
comma-separated: the first occurrence replaces the default, later ones append. A boolean takes its value only after `=`.
Positional arguments are ignored. argparse is not used: it takes `-1` and `--x` for options where pflag takes them for
values, and words its errors for one option at a time. Source: github.com/spf13/pflag, and cobra for the way errors are
reported.
"""

import csv
import ipaddress
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from genericapiserver.apimachinery.go import (
    DurationError,
    format_duration,
    format_float,
    parse_bool,
    parse_duration,
    parse_float,
    parse_int,
    quote,
)

CLASSIFIED = "CLASSIFIED"


class FlagError(ValueError):
    """A flag that does not exist, has no value, or has one it cannot take; the text is what the user reads."""


class HelpRequested(Exception):  # noqa: N818  nothing is wrong
    """The command line has -h or --help."""


def _ip(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueError(f"failed to parse IP: {quote(text)}") from None


def _list(text: str) -> list[str]:
    """One line of CSV, as pflag's string slices read it; an empty text is no item."""
    return next(csv.reader([text]), []) if text else []


def _show_list(value: Sequence[str]) -> str:
    return "[" + ",".join(value) + "]"


@attrs.frozen
class FlagType:
    """How a kind of flag is read, and how its type and default show in the help text."""

    name: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str
    appends: bool = False
    is_bool: bool = False


STRING = FlagType("string", str, quote)
INT = FlagType("int", parse_int)
FLOAT = FlagType("float", parse_float, format_float)
BOOL = FlagType("", parse_bool, lambda value: str(value).lower(), is_bool=True)
DURATION = FlagType("duration", parse_duration, format_duration)
IP = FlagType("ip", _ip)
STRINGS = FlagType("strings", _list, _show_list, appends=True)
TEXTS = FlagType("stringArray", lambda text: [text], _show_list, appends=True)
"""A list whose items are not split at commas: one flag, one item."""


@attrs.frozen
class _Flag:
    name: str
    type: FlagType
    target: object
    attribute: str
    help: str
    shorthand: str = ""
    classified: bool = False

    def set(self, text: str, *, again: bool) -> None:
        try:
            value = self.type.parse(text)
        except (ValueError, DurationError, csv.Error) as error:
            name = f"-{self.shorthand}, --{self.name}" if self.shorthand else f"--{self.name}"
            raise FlagError(f'invalid argument {quote(text)} for "{name}" flag: {error}') from error
        if self.type.appends and again:
            value = [*getattr(self.target, self.attribute), *value]
        setattr(self.target, self.attribute, value)

    def value(self) -> str:
        value = getattr(self.target, self.attribute)
        return value if isinstance(value, str) else self.type.show(value)

    def usage(self, default: Any) -> tuple[str, str]:
        shown = "" if default in (None, "", [], False, 0, 0.0) else f" (default {self.type.show(default)})"
        short = f"  -{self.shorthand}, " if self.shorthand else "      "
        return f"{short}--{self.name} {self.type.name}".rstrip(), self.help + shown


class FlagSet:
    """The flags of one command. `add` binds one; `parse` sets the attributes they are bound to."""

    def __init__(self, command: str, description: str = "") -> None:
        self.command = command
        self.description = description
        self._flags: dict[str, _Flag] = {}
        self._defaults: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}
        self._shorthands: dict[str, str] = {}
        self.given: set[str] = set()
        """The names of flags that were parsed, whatever their values."""

    def add(
        self,
        name: str,
        type: FlagType,
        target: object,
        attribute: str,
        help: str,
        *,
        aliases: Iterable[str] = (),
        shorthand: str = "",
        classified: bool = False,
    ) -> None:
        """Bind `--name`, and `-x` with one letter as *shorthand*, to `target.attribute`, whose value is the default.

        /flagz hides the value of one that is *classified*.
        """
        if name in self._flags:
            raise ValueError(f"flag redefined: {name}")
        self._flags[name] = _Flag(name, type, target, attribute, help, shorthand, classified)
        if shorthand:
            self._shorthands[shorthand] = name
        self._defaults[name] = getattr(target, attribute)
        self._aliases.update(dict.fromkeys(aliases, name))

    @property
    def names(self) -> list[str]:
        """The names of all flags, sorted, without their aliases."""
        return sorted(self._flags)

    def values(self) -> dict[str, str]:
        """Every flag and its present value as text."""
        return {name: flag.value() for name, flag in self._flags.items()}

    def shown_values(self) -> dict[str, str]:
        """The same for everybody's eyes (what /flagz shows): CLASSIFIED where the value is a secret."""
        return {name: CLASSIFIED if flag.classified else flag.value() for name, flag in self._flags.items()}

    def parse(self, arguments: Sequence[str]) -> None:
        """Set what *arguments* say, in their order. Raises FlagError at the first that is wrong, HelpRequested at -h."""
        self.given.clear()
        for option, text in self._given(arguments):
            name = self._aliases.get(option, option)
            self._flags[name].set(text, again=name in self.given)
            self.given.add(name)

    def _given(self, arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The options among *arguments* with their values as text."""
        rest = iter(arguments)
        for argument in rest:
            if argument == "--":
                return
            if not argument.startswith("-") or argument == "-":
                continue
            if not argument.startswith("--"):
                option, separator, text = self._shorthand(argument)
            else:
                option, separator, text = argument[2:].partition("=")
            if not option or option.startswith("-"):
                raise FlagError(f"bad flag syntax: {argument}")
            flag = self._flags.get(self._aliases.get(option, option))
            if flag is None:
                if option == "help":
                    raise HelpRequested
                raise FlagError(f"unknown flag: --{option}")
            if not separator:
                if flag.type.is_bool:
                    text = "true"
                elif (following := next(rest, None)) is not None:
                    text = following
                else:
                    raise FlagError(f"flag needs an argument: --{option}")
            yield option, text

    def _shorthand(self, argument: str) -> tuple[str, str, str]:
        """What `-v2`, `-v=2` or `-v`, with its value to follow, is written out."""
        name = self._shorthands.get(argument[1])
        if name is None:
            if argument[1] == "h":
                raise HelpRequested
            raise FlagError(f"unknown shorthand flag: '{argument[1]}' in {argument}")
        text = argument[2:]
        return name, "=" if text else "", text.removeprefix("=")

    def usage(self) -> str:
        """The help text: every flag, sorted by name, with its type, meaning and default."""
        rows = [self._flags[name].usage(self._defaults[name]) for name in sorted(self._flags)]
        width = max((len(left) for left, _ in rows), default=0) + 3
        lines = [f"{left:<{width}}{right}" for left, right in rows]
        return f"Usage:\n  {self.command} [flags]\n\nFlags:\n" + "\n".join(lines) + "\n"


def aggregate(problems: Sequence[str]) -> str:
    """Several errors as one text: one prints as itself, several as `[a, b]`, repeats once."""
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"


def report(flags: FlagSet, message: str, *, hint: bool = False) -> None:
    """Tell the user on stderr, in one line, what is wrong; with a *hint* also where to read on."""
    line = " ".join(message.split())  # some causes, YAML's for instance, come in several lines
    sys.stderr.write(f"Error: {line}" + (f" (see '{flags.command} --help')" if hint else "") + "\n")
