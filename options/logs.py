"""LoggingOptions: how much is logged, and how it is written down.

Source: k8s.io/component-base/logs/api/v1 (options.go, pflags.go). Deviation: what is alpha there (split streams and
their buffer) needs no feature gate here.
"""

import os
from typing import Final

import attrs

from genericapiserver.apimachinery.go import parse_uint, quote
from genericapiserver.apimachinery.quantity import Quantity, QuantityError
from genericapiserver.logs.formats import FORMATS
from genericapiserver.logs.levels import ModuleVerbosity
from genericapiserver.logs.setup import FLUSH_PERIOD, LogConfig
from genericapiserver.options.flags import BOOL, DURATION, STRING, FlagSet, FlagType

LEVEL_VARIABLE: Final = "GENERICAPISERVER_LOG_LEVEL"
"""DEBUG in this variable is what `--v=4` is; the flag wins."""


def _level(text: str) -> int:
    return parse_uint(text, bits=31)


def _modules(text: str) -> list[ModuleVerbosity]:
    modules = []
    for part in text.split(","):
        if not part:
            continue
        pattern, separator, verbosity = part.partition("=")
        if not (pattern and separator and verbosity) or "=" in verbosity:
            raise ValueError(f"{quote(part)} does not have the pattern=N format")
        try:
            modules.append(ModuleVerbosity(pattern, _level(verbosity)))
        except ValueError as error:
            raise ValueError(f"parsing verbosity in {quote(part)}: {error}") from error
    return modules


def _size(text: str) -> int:
    try:
        return Quantity.parse(text).value
    except QuantityError as error:
        raise ValueError(str(error)) from error


def _show_modules(modules: list[ModuleVerbosity]) -> str:
    return ",".join(f"{module.pattern}={module.verbosity}" for module in modules)


LEVEL = FlagType("Level", _level)
MODULES = FlagType("pattern=N,...", _modules, _show_modules, appends=True)
SIZE = FlagType("quantity", _size)


def _default_verbosity() -> int:
    return 4 if os.environ.get(LEVEL_VARIABLE, "").upper() == "DEBUG" else 0


@attrs.define(kw_only=True)
class LoggingOptions:
    """The flags of the log. They belong to the process, so a command adds them once, whatever it serves."""

    format: str = "text"
    verbosity: int = attrs.field(factory=_default_verbosity)
    modules: list[ModuleVerbosity] = attrs.field(factory=list)
    flush_frequency: float = FLUSH_PERIOD
    text_split_stream: bool = False
    text_info_buffer_size: int = 0
    json_split_stream: bool = False
    json_info_buffer_size: int = 0

    def add_flags(self, flags: FlagSet) -> None:
        flags.add("logging-format", STRING, self, "format", 'Sets the log format. Permitted formats: "json", "text".')
        flags.add("v", LEVEL, self, "verbosity", "number for the log level verbosity", shorthand="v")
        flags.add(
            "vmodule",
            MODULES,
            self,
            "modules",
            "comma-separated list of pattern=N settings for file-filtered logging (only works for text log format)",
        )
        flags.add(
            "log-flush-frequency",
            DURATION,
            self,
            "flush_frequency",
            "Maximum number of seconds between log flushes, where lines are buffered",
        )
        for format, name in (("text", "text"), ("json", "JSON")):
            flags.add(
                f"log-{format}-split-stream",
                BOOL,
                self,
                f"{format}_split_stream",
                f"In {name} format, write error messages to stderr and info messages to stdout. The default is to write a "
                "single stream to stderr.",
            )
            flags.add(
                f"log-{format}-info-buffer-size",
                SIZE,
                self,
                f"{format}_info_buffer_size",
                f"In {name} format with split output streams, the info messages can be buffered for a while to increase "
                "performance. The default value of zero bytes disables buffering. The size can be specified as number of "
                "bytes (512), multiples of 1000 (1k), multiples of 1024 (2Ki), or powers of those (3M, 4G, 5Mi, 6Gi).",
            )

    def validate(self) -> list[str]:
        problems = []
        if self.format not in FORMATS:
            problems.append(f"format: Invalid value: {quote(self.format)}: Unsupported log format")
        if self.modules and self.format != "text":
            problems.append("vmodule: Forbidden: Only supported for text log format")
        if min(self.text_info_buffer_size, self.json_info_buffer_size) < 0:
            problems.append("--log-text-info-buffer-size and --log-json-info-buffer-size must not be negative")
        if self.flush_frequency <= 0:
            problems.append("--log-flush-frequency must be positive")
        return problems

    def config(self) -> LogConfig:
        """What the flags say."""
        json = self.format == "json"
        return LogConfig(
            format=self.format,
            verbosity=self.verbosity,
            modules=self.modules,
            split=self.json_split_stream if json else self.text_split_stream,
            buffer_size=self.json_info_buffer_size if json else self.text_info_buffer_size,
            flush_period=self.flush_frequency,
        )
