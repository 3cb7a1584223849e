"""Flags in the grammar of pflag, on argparse: Go's durations, booleans and lists, and the reference's error texts.

A flag is bound to an attribute of an options object, whose value is its default; parsing sets the attribute. Lists are
comma-separated: the first occurrence replaces the default, later ones append. A boolean takes its value only after `=`.
Positional arguments are ignored. Source: github.com/spf13/pflag, and cobra for the way errors are reported.
"""

import argparse
import csv
import ipaddress
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import attrs

from genericapiserver.apimachinery.go import (
    DurationError,
    format_duration,
    parse_bool,
    parse_duration,
    parse_float,
    parse_int,
    quote,
)


class FlagError(ValueError):
    """A flag that does not exist, has no value, or has one it cannot take; the text is what the user reads."""


def _ip(text: str) -> str:
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
FLOAT = FlagType("float", parse_float)
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

    def set(self, text: str, *, again: bool) -> None:
        try:
            value = self.type.parse(text)
        except (ValueError, DurationError, csv.Error) as error:
            raise FlagError(f'invalid argument {quote(text)} for "--{self.name}" flag: {error}') from error
        if self.type.appends and again:
            value = [*getattr(self.target, self.attribute), *value]
        setattr(self.target, self.attribute, value)

    def usage(self, default: Any) -> tuple[str, str]:
        shown = "" if default in (None, "", [], False, 0, 0.0) else f" (default {self.type.show(default)})"
        return f"      --{self.name} {self.type.name}".rstrip(), self.help + shown


class _Parser(argparse.ArgumentParser):
    """argparse without its own way to end the process."""

    def error(self, message: str) -> NoReturn:
        name = message.removeprefix("argument ").partition(":")[0]
        raise FlagError(f"flag needs an argument: {name}" if "expected one argument" in message else message)


class FlagSet:
    """The flags of one command. `add` binds one; `parse` sets the attributes they are bound to."""

    def __init__(self, command: str, description: str = "") -> None:
        self.command = command
        self.description = description
        self._flags: dict[str, _Flag] = {}
        self._defaults: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}

    def add(
        self, name: str, type: FlagType, target: object, attribute: str, help: str, *, aliases: Iterable[str] = ()
    ) -> None:
        """Bind `--name` to `target.attribute`, whose present value is the default."""
        if name in self._flags:
            raise ValueError(f"flag redefined: {name}")
        self._flags[name] = _Flag(name, type, target, attribute, help)
        self._defaults[name] = getattr(target, attribute)
        self._aliases.update(dict.fromkeys(aliases, name))

    def values(self) -> dict[str, str]:
        """Every flag and its present value as text (what /flagz shows)."""
        return {name: flag.type.show(getattr(flag.target, flag.attribute)) for name, flag in self._flags.items()}

    def parse(self, arguments: Sequence[str]) -> None:
        """Set what *arguments* say. Raises FlagError at the first that is wrong; nothing after it is set."""
        parser = _Parser(prog=self.command, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
        found: list[tuple[str, str]] = []

        class Collect(argparse.Action):
            def __call__(self, _parser: Any, _namespace: Any, values: Any, _option: str | None = None) -> None:
                found.append((self.dest, values))

        for option in (*self._flags, *self._aliases):
            parser.add_argument(f"--{option}", dest=option, action=Collect)
        _, unknown = parser.parse_known_args([self._explicit(argument) for argument in arguments])
        for argument in unknown:
            if argument.startswith("--") and len(argument) > 2:
                raise FlagError(f"unknown flag: {argument.partition('=')[0]}")
            if argument.startswith("-") and len(argument) > 1 and argument != "--":
                raise FlagError(f"unknown shorthand flag: {quote(argument[1])[1:-1]!r} in {argument}")
        seen: set[str] = set()
        for option, text in found:
            name = self._aliases.get(option, option)
            self._flags[name].set(text, again=name in seen)
            seen.add(name)

    def usage(self) -> str:
        """The help text: every flag, sorted by name, with its type, meaning and default."""
        rows = [self._flags[name].usage(self._defaults[name]) for name in sorted(self._flags)]
        width = max((len(left) for left, _ in rows), default=0) + 3
        lines = [f"{left:<{width}}{right}" for left, right in rows]
        return f"Usage:\n  {self.command} [flags]\n\nFlags:\n" + "\n".join(lines) + "\n"

    def _explicit(self, argument: str) -> str:
        """A bare boolean flag means true; it never takes the next argument."""
        name = argument.removeprefix("--")
        flag = self._flags.get(self._aliases.get(name, name)) if argument.startswith("--") else None
        return f"{argument}=true" if flag is not None and flag.type.is_bool else argument


def aggregate(problems: Sequence[str]) -> str:
    """Several errors as one text: one prints as itself, several as `[a, b]`, repeats once."""
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"


def report(flags: FlagSet, message: str) -> None:
    """Tell the user on stderr what is wrong, in one line, and where to read on."""
    sys.stderr.write(f"Error: {message}\nRun '{flags.command} --help' for the flags.\n")
