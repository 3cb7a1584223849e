from typing import Any

import attrs
import pytest

from genericapiserver.options.flags import (
    BOOL,
    DURATION,
    FLOAT,
    INT,
    IP,
    STRING,
    STRINGS,
    TEXTS,
    FlagError,
    FlagSet,
    HelpRequested,
    report,
)


@attrs.define
class Options:
    port: int = 443
    rate: float = 0.0
    profiling: bool = True
    timeout: float = 60.0
    address: str = "0.0.0.0"
    prefix: str = "/registry"
    origins: list[str] = attrs.field(factory=lambda: ["default"])
    pairs: list[str] = attrs.field(factory=list)


def flag_set(options: Options) -> FlagSet:
    flags = FlagSet("server")
    flags.add("secure-port", INT, options, "port", "The port.")
    flags.add("goaway-chance", FLOAT, options, "rate", "The chance.")
    flags.add("profiling", BOOL, options, "profiling", "Serve profiles.")
    flags.add("request-timeout", DURATION, options, "timeout", "The longest a request takes.", aliases=["old-timeout"])
    flags.add("bind-address", IP, options, "address", "The address.")
    flags.add("etcd-prefix", STRING, options, "prefix", "The prefix.")
    flags.add("cors-allowed-origins", STRINGS, options, "origins", "Origins.")
    flags.add("tls-sni-cert-key", TEXTS, options, "pairs", "Pairs.")
    return flags


def parse(*arguments: str) -> Options:
    options = Options()
    flag_set(options).parse(arguments)
    return options


def test_no_flags_leave_the_defaults() -> None:
    assert parse() == Options()


@pytest.mark.parametrize(
    ("arguments", "attribute", "value"),
    [
        (["--secure-port", "6443"], "port", 6443),
        (["--secure-port=-1"], "port", -1),
        (["--goaway-chance=.02"], "rate", 0.02),
        (["--profiling=false"], "profiling", False),
        (["--profiling=F", "--profiling"], "profiling", True),
        (["--profiling", "false"], "profiling", True),
        (["--request-timeout=1m30s"], "timeout", 90.0),
        (["--old-timeout", "500ms"], "timeout", 0.5),
        (["--bind-address=127.0.0.1"], "address", "127.0.0.1"),
        (["--etcd-prefix="], "prefix", ""),
        (["--cors-allowed-origins=a,b"], "origins", ["a", "b"]),
        (["--cors-allowed-origins=a", "--cors-allowed-origins=b,c"], "origins", ["a", "b", "c"]),
        (['--cors-allowed-origins="a,b",c'], "origins", ["a,b", "c"]),
        (["--tls-sni-cert-key=a,b", "--tls-sni-cert-key=c,d:x,y"], "pairs", ["a,b", "c,d:x,y"]),
        (["ignored", "--secure-port=1", "also", "-"], "port", 1),
        (["--secure-port", "-1"], "port", -1),
        (["--etcd-prefix", "--profiling"], "prefix", "--profiling"),
        (["--etcd-prefix", "-h"], "prefix", "-h"),
        (["--etcd-prefix=a=b"], "prefix", "a=b"),
        (["--bind-address="], "address", ""),
        (["--cors-allowed-origins="], "origins", []),
        (["--secure-port=1", "--", "--secure-port=2"], "port", 1),
        (["--secure-port=1", "--secure-port=2"], "port", 2),
    ],
)
def test_flags_set_what_they_are_bound_to(arguments: list[str], attribute: str, value: Any) -> None:
    assert getattr(parse(*arguments), attribute) == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["--nope=1"], "unknown flag: --nope"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-xyz"], "unknown shorthand flag: 'x' in -xyz"),
        (["--=1"], "bad flag syntax: --=1"),
        (["---port"], "bad flag syntax: ---port"),
        (["--nope", "--secure-port=abc"], "unknown flag: --nope"),
        (
            ["--secure-port", "--profiling"],
            'invalid argument "--profiling" for "--secure-port" flag: strconv.ParseInt: parsing "--profiling": invalid '
            "syntax",
        ),
        (["--secure"], "unknown flag: --secure"),
        (["--etcd-prefix"], "flag needs an argument: --etcd-prefix"),
        (
            ["--secure-port=abc"],
            'invalid argument "abc" for "--secure-port" flag: strconv.ParseInt: parsing "abc": invalid syntax',
        ),
        (
            ["--goaway-chance=x"],
            'invalid argument "x" for "--goaway-chance" flag: strconv.ParseFloat: parsing "x": invalid syntax',
        ),
        (
            ["--profiling=maybe"],
            'invalid argument "maybe" for "--profiling" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            ["--request-timeout=10"],
            'invalid argument "10" for "--request-timeout" flag: time: missing unit in duration "10"',
        ),
        (["--bind-address=foo"], 'invalid argument "foo" for "--bind-address" flag: failed to parse IP: "foo"'),
    ],
)
def test_a_bad_flag_says_what_is_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(*arguments)
    assert str(caught.value) == message


def test_the_help_lists_every_flag_with_its_default() -> None:
    usage = flag_set(Options()).usage()
    assert usage.startswith("Usage:\n  server [flags]\n\nFlags:\n      --bind-address ip")
    assert "(default 443)" in usage
    assert "(default 1m0s)" in usage
    assert '(default "/registry")' in usage
    assert "(default [default])" in usage


def test_flags_before_a_bad_one_are_set() -> None:
    options = Options()
    with pytest.raises(FlagError):
        flag_set(options).parse(["--secure-port=1", "--nope", "--goaway-chance=0.01"])
    assert (options.port, options.rate) == (1, 0.0)


@pytest.mark.parametrize("argument", ["-h", "--help", "--help=true"])
def test_help_is_asked_for(argument: str) -> None:
    with pytest.raises(HelpRequested):
        parse("--secure-port=1", argument, "--nope")


def test_values_are_shown_as_they_would_be_given() -> None:
    flags = flag_set(Options())
    flags.parse(["--cors-allowed-origins=a,b", "--request-timeout=90s", "--profiling=F"])
    assert flags.values() == {
        "secure-port": "443",
        "goaway-chance": "0",
        "profiling": "false",
        "request-timeout": "1m30s",
        "bind-address": "0.0.0.0",
        "etcd-prefix": "/registry",
        "cors-allowed-origins": "[a,b]",
        "tls-sni-cert-key": "[]",
    }


def test_a_flag_is_defined_once() -> None:
    options = Options()
    with pytest.raises(ValueError, match=r"^flag redefined: secure-port$"):
        flag_set(options).add("secure-port", INT, options, "port", "Again.")


def test_a_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report(flag_set(Options()), "several\n  lines")
    report(flag_set(Options()), "one", hint=True)
    assert capsys.readouterr().err == "Error: several lines\nError: one (see 'server --help')\n"
