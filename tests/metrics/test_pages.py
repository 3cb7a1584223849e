"""The page in its two forms, read by a decoder of the tests' own."""

import struct
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.delimited import CONTENT_TYPE as DELIMITED
from genericapiserver.metrics.delimited import render_delimited
from genericapiserver.metrics.text import CONTENT_TYPE, render
from genericapiserver.routes.metrics import negotiated

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

Value = int | float | bytes


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of one message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        match key & 7:
            case 0:
                number, at = varint(data, at)
                yield key >> 3, number
            case 1:
                yield key >> 3, struct.unpack_from("<d", data, at)[0]
                at += 8
            case 2:
                size, at = varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def message(value: Value) -> dict[int, list[Value]]:
    assert isinstance(value, bytes)
    found: dict[int, list[Value]] = {}
    for field, content in fields(value):
        found.setdefault(field, []).append(content)
    return found


def families(data: bytes) -> dict[str, dict[int, list[Value]]]:
    at, found = 0, {}
    while at < len(data):
        size, at = varint(data, at)
        family = message(data[at : at + size])
        name = family[1][0]
        assert isinstance(name, bytes)
        found[name.decode()] = family
        at += size
    return found


def test_the_messages_say_what_the_text_says() -> None:
    registry = MetricsRegistry()
    registry.counter("asked", "[ALPHA] Asked.", ["who"]).labels("\u00e4" * 100).inc(300)
    registry.gauge("level", "Level.").set(-1.5)
    registry.gauge("silent", "Never.", ["a"])
    took = registry.histogram("took_seconds", "Took.", buckets=[0.5, 2])
    for seconds in (0.1, 1, 1, 9):
        took.observe(seconds)
    found = families(render_delimited(registry))
    assert list(found) == ["asked", "level", "took_seconds"]
    [counter], [gauge], [histogram] = (found[name][4] for name in found)
    assert [found[name][3] for name in found] == [[0], [1], [4]]
    assert found["asked"][2] == [b"[ALPHA] Asked."]
    assert message(message(counter)[1][0]) == {1: [b"who"], 2: [("\u00e4" * 100).encode()]}
    assert message(message(counter)[3][0]) == {1: [300.0]}
    assert message(message(gauge)[2][0]) == {1: [-1.5]}
    distribution = message(message(histogram)[7][0])
    assert (distribution[1], distribution[2]) == ([4], [11.1])
    buckets = [message(bucket) for bucket in distribution[3]]
    assert [(bucket[1], bucket[2]) for bucket in buckets] == [([1], [0.5]), ([3], [2.0]), ([4], [float("inf")])]


def test_the_text_is_read_by_the_usual_parser() -> None:
    registry = MetricsRegistry()
    registry.histogram("took_seconds", "Took.", ["verb"], buckets=[0.5]).labels("GET").observe(1)
    [family] = text_string_to_metric_families(render(registry).decode())
    assert (family.name, family.type) == ("took_seconds", "histogram")
    assert {(sample.name, sample.value) for sample in family.samples} == {
        ("took_seconds_bucket", 0.0),
        ("took_seconds_bucket", 1.0),
        ("took_seconds_sum", 1.0),
        ("took_seconds_count", 1.0),
    }


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", CONTENT_TYPE),
        ("*/*", CONTENT_TYPE),
        ("text/html", CONTENT_TYPE),
        (PROTOBUF, DELIMITED),
        (PROTOBUF.replace(";", " ; "), DELIMITED),
        (PROTOBUF.replace("delimited", "text"), CONTENT_TYPE),
        ("application/vnd.google.protobuf", CONTENT_TYPE),
        ("application/openmetrics-text;version=1.0.0", CONTENT_TYPE),
        (f"text/plain;version=0.0.4;q=0.3,{PROTOBUF};q=0.7", DELIMITED),
        (f"text/plain;version=0.0.4;q=0.8,{PROTOBUF};q=0.7", CONTENT_TYPE),
        (f"application/openmetrics-text;version=1.0.0;q=0.9,{PROTOBUF};q=0.7,*/*;q=0.1", DELIMITED),
        ("text/plain;version=0.0.4;escaping=allow-utf-8", CONTENT_TYPE.replace(b"underscores", b"allow-utf-8")),
        ("text/plain;version=0.0.4;escaping=x\r\ny", CONTENT_TYPE),
        ("text/plain;q=nan", CONTENT_TYPE),
        (";;;,,=;q=", CONTENT_TYPE),
    ],
)
def test_what_a_scraper_gets(accept: str, content_type: bytes) -> None:
    assert negotiated(accept) == content_type
