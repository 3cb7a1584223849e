from typing import Any

import attrs
import pytest

from genericapiserver.options.flags import BOOL, DURATION, FLOAT, INT, IP, STRING, STRINGS, TEXTS, FlagError, FlagSet


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
        (["ignored", "--secure-port=1", "also"], "port", 1),
    ],
)
def test_flags_set_what_they_are_bound_to(arguments: list[str], attribute: str, value: Any) -> None:
    assert getattr(parse(*arguments), attribute) == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["--nope=1"], "unknown flag: --nope"),
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
