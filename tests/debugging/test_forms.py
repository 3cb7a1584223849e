"""What profiles look like on the way out. The decoder here is written from the schema, not from the encoder."""

import gzip
import json
import re
from typing import Any

import pytest

from genericapiserver.debugging import pprof
from genericapiserver.debugging.profile import Frame, Profile, Sample, ValueType, module_name
from genericapiserver.debugging.rendering import collapsed, flame_graph
from genericapiserver.debugging.requests import describe_request
from genericapiserver.request import RequestInfo

HOSTILE = "</script><img src=x onerror=alert(1)>;\n"
INNER, OUTER = Frame("store.get", "/lib/store.py", 12), Frame("server.run", "/lib/server.py", 3)
PROFILE = Profile(
    title="A <profile>",
    value_types=(ValueType("samples", "count"), ValueType("cpu", "nanoseconds")),
    default_type="cpu",
    samples=[
        Sample([INNER, OUTER], [3, 2**40], {"request": "get widgets"}),
        Sample([Frame(HOSTILE), OUTER], [1, 7]),
        Sample([OUTER], [5, 0]),
    ],
    started=1_700_000_000_000_000_000,
    duration=2_000_000_000,
    period_type=ValueType("cpu", "nanoseconds"),
    period=10_000_000,
)


def resource(**parts: str) -> RequestInfo:
    return RequestInfo(**{"is_resource_request": True, "path": "/x", "verb": "list", "resource": "pods", **parts})  # type: ignore[arg-type]


def fields(data: bytes) -> list[tuple[int, Any]]:
    """(number, value) pairs of a message: numbers for wire type 0, bytes for 2."""
    found: list[tuple[int, Any]] = []
    while data:
        tag, data = varint(data)
        value, data = varint(data)
        if tag & 7 == 2:
            length: int = value
            value, data = data[:length], data[length:]
        else:
            assert tag & 7 == 0
        found.append((tag >> 3, value))
    return found


def varint(data: bytes) -> tuple[Any, bytes]:
    value = shift = 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[at + 1 :]
    raise AssertionError("cut off")


def packed(data: bytes) -> list[int]:
    values = []
    while data:
        value, data = varint(data)
        values.append(value)
    return values


def test_pprof() -> None:
    message = fields(gzip.decompress(pprof.encode(PROFILE)))
    strings = [value.decode() for number, value in message if number == 6]
    assert strings[0] == ""

    def several(number: int) -> list[dict[int, Any]]:
        return [dict(fields(value)) for field, value in message if field == number]

    assert [(strings[one[1]], strings[one[2]]) for one in several(1)] == [("samples", "count"), ("cpu", "nanoseconds")]
    functions = {one[1]: (strings[one[2]], strings[one.get(4, 0)]) for one in several(5)}
    locations = {}
    for one in several(4):
        line = dict(fields(one[4]))
        locations[one[1]] = (*functions[line[1]], line.get(2, 0))
    samples = several(2)
    assert [[locations[at] for at in packed(one[1])] for one in samples] == [
        [tuple(INNER), tuple(OUTER)],
        [tuple(Frame(HOSTILE)), tuple(OUTER)],
        [tuple(OUTER)],
    ]
    assert [packed(one[2]) for one in samples] == [[3, 2**40], [1, 7], [5, 0]]
    label = dict(fields(samples[0][3]))
    assert (strings[label[1]], strings[label[2]]) == ("request", "get widgets")
    numbers = {number: value for number, value in message if number in (9, 10, 12, 14)}
    assert numbers == {9: PROFILE.started, 10: PROFILE.duration, 12: PROFILE.period, 14: strings.index("cpu")}


@pytest.mark.parametrize(
    ("info", "described"),
    [
        (RequestInfo(path="/", verb="get"), "get /"),
        (RequestInfo(path="/readyz/etcd", verb="get"), "get /readyz"),
        (RequestInfo(path="/<script>/x", verb="get"), "get /other"),
        (resource(), "list pods"),
        (resource(api_group="example.com", name="secret"), "list pods.example.com"),
        (resource(subresource="status"), "list pods/status"),
        (resource(subresource="<b>"), "list pods/other"),
        (resource(resource="x" * 101), "list other"),
    ],
)
def test_requests_are_named_without_what_clients_choose(info: RequestInfo, described: str) -> None:
    assert describe_request(info) == described


@pytest.mark.parametrize(
    ("file", "module"),
    [
        (json.__file__, "json"),
        (pprof.__file__, "genericapiserver.debugging.pprof"),
        ("/nowhere/program.py", "program"),
        ("<frozen abc>", "abc"),
        ("<attrs generated init x.Y>", "attrs_generated_init_x.Y"),
    ],
)
def test_modules_are_called_as_their_importers_call_them(file: str, module: str) -> None:
    assert module_name(file) == module


def test_collapsed_stacks() -> None:
    assert collapsed(PROFILE, "samples") == (
        "server.run 5\nserver.run;</script><img src=x onerror=alert(1)>,  1\nserver.run;store.get 3\n"
    )
    assert "server.run 0" not in collapsed(PROFILE)


def test_an_unknown_type_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match='unknown sample type "wall", this profile has: samples, cpu'):
        collapsed(PROFILE, "wall")


def test_the_flame_graph_page_needs_nothing_else_and_runs_nothing_foreign() -> None:
    page, headers = flame_graph(PROFILE)
    text = page.decode()
    assert HOSTILE.strip() not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert not re.search(r"https?://", text)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    document = json.loads(found[1])
    assert [HOSTILE, ""] in document["frames"]
    assert document["samples"][0] == [[0, 1], [3, 2**40]] or document["samples"][0][1] == [3, 2**40]
    policy = dict(headers)[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 2
