"""The page of metrics as length-delimited protobuf messages (io.prometheus.client.MetricFamily), for scrapers that ask.

Field numbers: prometheus/client_model, io/prometheus/client/metrics.proto.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from genericapiserver.metrics.plain import PlainFamily
from genericapiserver.metrics.text import Families, served_samples

MEDIA_TYPE: Final = "application/vnd.google.protobuf"
MESSAGE: Final = "io.prometheus.client.MetricFamily"
CONTENT_TYPE: Final = f"{MEDIA_TYPE}; proto={MESSAGE}; encoding=delimited; escaping=underscores".encode()

_TYPES: Final = {"counter": 0, "gauge": 1, "summary": 2, "unknown": 3, "histogram": 4}
_VALUE_FIELDS: Final = {"gauge": 2, "counter": 3, "unknown": 5}
_SUMMARY_FIELD: Final = 4
_HISTOGRAM_FIELD: Final = 7

Labels = tuple[tuple[str, str], ...]


def render_delimited(page: Families) -> bytes:
    """Every family with samples, each with its length in front."""
    return b"".join(delimited_pieces(page))


def delimited_pieces(page: Families) -> Iterator[bytes]:
    """The same, family by family; nothing after each series, so that whoever writes a long page can stop in between."""
    for family in page.families():
        message = bytearray()
        for series in _metrics(family):
            if not message:
                message += _text(1, family.name) + _text(2, family.documentation)
                message += _number(3, _TYPES.get(family.type, 3))
            message += _message(4, series)
            yield b""
        if message:
            yield _varint(len(message)) + message


def _metrics(family: Metric) -> Iterator[bytes]:
    """The message of each series."""
    for labels, samples in _series(family):
        pairs = b"".join(_message(1, _text(1, name) + _text(2, value)) for name, value in labels)
        if family.type == "histogram":
            yield pairs + _message(_HISTOGRAM_FIELD, _distribution(samples))
        elif family.type == "summary":
            yield pairs + _message(_SUMMARY_FIELD, _distribution(samples))
        else:
            field = _VALUE_FIELDS.get(family.type, _VALUE_FIELDS["unknown"])
            yield pairs + _message(field, _double(1, samples[-1].value))


def _series(family: Metric) -> Iterator[tuple[Labels, list[Sample]]]:
    if isinstance(family, PlainFamily):
        return ((tuple(sorted(labels.items())), samples) for labels, samples in family.series())
    return iter(_by_labels(served_samples(family)).items())


def _by_labels(samples: Iterable[Sample]) -> dict[Labels, list[Sample]]:
    series: dict[Labels, list[Sample]] = {}
    for sample in samples:
        labels = tuple(sorted(pair for pair in sample.labels.items() if pair[0] != "le"))
        series.setdefault(labels, []).append(sample)
    return series


def _distribution(samples: Iterable[Sample]) -> bytes:
    """Count, sum and buckets; a summary has the first two."""
    count, total, buckets = 0.0, 0.0, b""
    for sample in samples:
        if sample.name.endswith("_count"):
            count = sample.value
        elif sample.name.endswith("_sum"):
            total = sample.value
        else:
            bound = float(sample.labels["le"])
            buckets += _message(3, _number(1, int(sample.value)) + _double(2, bound))
    return _number(1, int(count)) + _double(2, total) + buckets


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())
