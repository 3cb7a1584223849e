"""Flags of the log (component-base's logs/api/v1)."""

import pytest

from genericapiserver.logs import ModuleVerbosity
from genericapiserver.logs.setup import LogConfig
from genericapiserver.options.flags import FlagError, FlagSet
from genericapiserver.options.logs import LoggingOptions


def parsed(*arguments: str) -> LoggingOptions:
    options, flags = LoggingOptions(), FlagSet("server")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


@pytest.mark.parametrize("arguments", [["-v4"], ["-v=4"], ["-v", "4"], ["--v=4"], ["--v", "4"]])
def test_the_verbosity_is_given_in_many_ways(arguments: list[str]) -> None:
    assert parsed(*arguments).config() == LogConfig(verbosity=4, modules=[])


def test_all_flags() -> None:
    options = parsed(
        "--logging-format=json",
        "--log-json-split-stream",
        "--log-json-info-buffer-size=4Ki",
        "--log-flush-frequency=1s",
        "--log-text-info-buffer-size=1k",
    )
    assert options.validate() == []
    assert options.config() == LogConfig(format="json", modules=[], split=True, buffer_size=4096, flush_period=1.0)
    modules = [ModuleVerbosity("a*", 1), ModuleVerbosity("b", 2), ModuleVerbosity("c", 3)]
    assert parsed("--vmodule=a*=1,b=2,", "--vmodule=c=3").config().modules == modules


def test_the_environment_is_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENERICAPISERVER_LOG_LEVEL", "debug")
    assert parsed().verbosity == 4
    assert parsed("-v=1").verbosity == 1


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--logging-format=xml"], 'format: Invalid value: "xml": Unsupported log format'),
        (["--logging-format=json", "--vmodule=a=1"], "vmodule: Forbidden: Only supported for text log format"),
        (["-v=x"], 'invalid argument "x" for "-v, --v" flag: strconv.ParseUint: parsing "x": invalid syntax'),
        (["-v", "-1"], 'invalid argument "-1" for "-v, --v" flag: strconv.ParseUint: parsing "-1": invalid syntax'),
        (["--vmodule=a"], 'invalid argument "a" for "--vmodule" flag: "a" does not have the pattern=N format'),
        (
            ["--vmodule=a=b"],
            'invalid argument "a=b" for "--vmodule" flag: parsing verbosity in "a=b": strconv.ParseUint: parsing "b": '
            "invalid syntax",
        ),
        (["--log-flush-frequency=0s"], "--log-flush-frequency must be positive"),
    ],
)
def test_flags_that_cannot_be(flags: list[str], problem: str) -> None:
    options, given = LoggingOptions(), FlagSet("server")
    options.add_flags(given)
    try:
        given.parse(flags)
        problems = options.validate()
    except FlagError as error:
        problems = [str(error)]
    assert problems == [problem]
