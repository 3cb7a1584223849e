"""A page of metrics, read with the client library's parser, by the names it is served under."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

_STABILITY: Final = re.compile(r"(?:EXPERIMENTAL: )?\[(\w+)\] ")


@attrs.frozen
class Served:
    """One family of a page."""

    type: str
    help: str
    series: frozenset[tuple[tuple[str, str], ...]]
    """The labels of each series, sorted, without `le`."""
    buckets: tuple[float, ...]
    samples: tuple[tuple[str, dict[str, str], float], ...]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(name for series in self.series for name, _ in series)

    @property
    def stability(self) -> str:
        match = _STABILITY.match(self.help)
        return match[1] if match else ""

    def has(self, **labels: str) -> bool:
        """Whether a series has (at least) these labels."""
        wanted = set(labels.items())
        return any(wanted <= set(series) for series in self.series)

    def total(self, suffix: str = "", **labels: str) -> float:
        """The sum of the samples whose names end in *suffix* and that have these labels."""
        wanted = set(labels.items())
        return sum(value for name, own, value in self.samples if name.endswith(suffix) and wanted <= set(own.items()))


def read_page(text: str) -> dict[str, Served]:
    """The families of *text* that have samples, by name."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found = {}
    for family in text_string_to_metric_families(text):
        if family.samples:
            name = _served_name(family, types)
            found[name] = _served(family, types[name])
    return found


def _served_name(family: Metric, types: Iterable[str]) -> str:
    # The parser cuts `_total` off.
    return family.name if family.name in types else f"{family.name}_total"


def _served(family: Metric, type_: str) -> Served:
    samples = tuple((sample.name, dict(sample.labels), sample.value) for sample in family.samples)
    bounds = {float(labels["le"]) for _, labels, _ in samples if "le" in labels}
    return Served(
        type=type_,
        help=family.documentation,
        series=frozenset(tuple(sorted(pair for pair in labels.items() if pair[0] != "le")) for _, labels, _ in samples),
        buckets=tuple(sorted(bounds - {float("inf")})),
        samples=samples,
    )
