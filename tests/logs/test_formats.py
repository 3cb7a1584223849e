"""What a line of the log looks like, and what cannot be in one."""

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from genericapiserver.logs import V2, V4, V5, Stack, kv
from genericapiserver.logs.formats import JSONFormatter, TextFormatter
from genericapiserver.logs.served import SERVED
from genericapiserver.request import RequestContext, RequestInfo

HEAD = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} [ \d]{7} test_formats\.py:\d+\] ")


def record(level: int, message: Any, *arguments: Any, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("genericapiserver.x", level, __file__, 123, message, arguments, info)


def text(level: int, message: Any, *arguments: Any, **more: Any) -> str:
    return TextFormatter().format(record(level, message, *arguments, **more))


def as_json(level: int, message: Any, *arguments: Any, **more: Any) -> dict[str, Any]:
    line = JSONFormatter().format(record(level, message, *arguments, **more))
    assert "\n" not in line
    fields: dict[str, Any] = json.loads(line)
    return fields


@pytest.mark.parametrize(
    ("level", "severity"),
    [(V5, "I"), (V4, "I"), (logging.INFO, "I"), (logging.WARNING, "W"), (logging.ERROR, "E"), (logging.CRITICAL, "E")],
)
def test_a_line_begins_as_klogs_do(level: int, severity: str) -> None:
    line = text(level, "Loaded %s", "it")
    assert HEAD.match(line)
    assert line[0] == severity
    assert line.endswith('] "Loaded it"')


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", '"plain"'),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
        (1, "1"),
        (1.5, "1.5"),
        (float("nan"), '"nan"'),
        (True, "true"),
        (None, "<nil>"),
        (["a", 1], '["a", 1]'),
        ({"a": b"x"}, '{"a": "x"}'),
        (ValueError("no"), '"no"'),
        (Stack("one\ntwo\n"), "<\n\tone\n\ttwo\n >"),
    ],
)
def test_values(value: Any, shown: str) -> None:
    assert text(logging.INFO, kv("m", key=value)).endswith(f'] "m" key={shown}')


def test_json_has_component_bases_fields() -> None:
    fields = as_json(V2, kv("Health check failed", {"audit-ID": "x", "msg": "mine"}, checks=["etcd"], seconds=0.5))
    assert list(fields) == ["ts", "caller", "msg", "v", "audit-ID", "checks", "seconds"]
    assert isinstance(fields.pop("ts"), float)
    assert fields == {
        "caller": "logs/test_formats.py:123",
        "msg": "Health check failed",
        "v": 2,
        "audit-ID": "x",
        "checks": ["etcd"],
        "seconds": 0.5,
    }
    assert as_json(logging.WARNING, "w")["severity"] == "warning"


def test_errors_in_both_formats() -> None:
    try:
        raise ValueError("first\nsecond\x1b[31m")
    except ValueError as error:
        fields = as_json(logging.ERROR, "failed", error=error)
        line = text(logging.ERROR, "failed", error=error)
    assert (fields["msg"], fields["err"]) == ("failed", "ValueError: first\nsecond\x1b[31m")
    assert "v" not in fields
    assert fields["stacktrace"].startswith("Traceback")
    first, *rest = line.split("\n")
    assert first.endswith('"failed" err="ValueError: first\\nsecond\\x1b[31m" stack=<')
    assert all(each.startswith("\t") for each in rest[:-1])
    assert rest[-1] == " >"
    assert "\x1b" not in line


HOSTILE = ["\n", "\r\n", "\r", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", "\x0b", "\x9b"]


@pytest.mark.parametrize("ending", HOSTILE)
def test_nothing_from_clients_breaks_a_line(ending: str) -> None:
    evil = f'x"{ending}I1121 15:04:05.123456       1 fake.go:1] "forged" audit-ID="forged"'
    for message in (kv("HTTP", {f"key{ending}": evil}, URI=evil), kv(evil), evil):
        line = text(logging.INFO, message)
        assert line.isprintable()
        assert HEAD.match(line)
        assert '"forged" ' not in line.replace('\\"', "")
        encoded = JSONFormatter().format(record(logging.INFO, message))
        assert encoded.isascii()
        assert encoded.isprintable()


def test_a_client_cannot_fill_the_log_with_one_line() -> None:
    assert len(text(logging.INFO, kv("m", value="x" * 10**6))) < 20_000
    assert len(text(logging.INFO, "%s", "x" * 10**6)) < 20_000
    assert len(json.dumps(as_json(logging.INFO, kv("m", value="x" * 10**6)))) < 20_000


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer s3cr3t-value",
        "authorization: bearer s3cr3t-value",
        "bEaReR s3cr3t-value",
        "/x?ACCESS_TOKEN=s3cr3t-value",
        "base64url.bearer.authorization.k8s.io.s3cr3t-value",
        "/x?access_token=s3cr3t-value&y=1",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ.s3cr3t-value",
    ],
)
def test_tokens_are_taken_out(secret: str) -> None:
    for line in (text(logging.INFO, kv("m", header=secret)), JSONFormatter().format(record(logging.INFO, secret))):
        assert "s3cr3t" not in line
        assert "REDACTED" in line


@pytest.mark.parametrize("words", ["the bearer token, and is ignored", "no bearer token", "Bearer REDACTED"])
def test_what_only_speaks_of_tokens_stays(words: str) -> None:
    assert words in text(logging.INFO, words)


async def test_every_line_of_a_request_has_its_audit_id() -> None:
    context = RequestContext(request_info=RequestInfo(path="/", verb="get"), audit_id="a" * 70)
    token = SERVED.set(context)
    try:
        assert text(logging.INFO, "m").endswith(f'"m" audit-ID="{"a" * 64}"')
        assert as_json(logging.INFO, "m")["audit-ID"] == "a" * 64
        assert text(logging.INFO, kv("m", {"audit-ID": "own"})).endswith('"m" audit-ID="own"')
        in_thread = await asyncio.to_thread(text, logging.INFO, "m")
        in_task = await asyncio.create_task(asyncio.to_thread(text, logging.INFO, "m"))
    finally:
        SERVED.reset(token)
    assert in_thread.endswith(f'audit-ID="{"a" * 64}"')
    assert in_task.endswith(f'audit-ID="{"a" * 64}"')
    assert "audit-ID" not in text(logging.INFO, "m")
