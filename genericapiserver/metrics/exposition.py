"""What a metrics page shows, as data: read from a registry, and put together from the registries of several processes.

Counters and histograms add up. What a gauge of several processes comes to depends on what it measures: seats in use add
up, a revision does not. The table below has those that do not.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import attrs
from prometheus_client.metrics_core import Metric

from genericapiserver.metrics.plain import PlainFamily
from genericapiserver.metrics.text import Families, served_samples

Labels = tuple[tuple[str, str], ...]
CUMULATIVE: Final = ("counter", "histogram")
"""Kinds whose values must not go down when a process ends."""

_LOWEST: Final = (
    "process_start_time_seconds",
    "process_max_fds",
    "process_virtual_memory_max_bytes",
    "kubernetes_healthcheck",
    r".*_expiration(_timestamp)?_seconds",
    r".*_not_after(_timestamp)?_seconds",
)
"""The least of all: limits, beginnings, ends, and health, which is that of the worst."""
_HIGHEST: Final = (
    r".*_(build_)?info",
    "kubernetes_feature_enabled",
    "registered_metrics_total",
    r".*_revision",
    r".*_resource_version",
    r".*_hash(_timestamp_seconds)?",
    r".*_timestamp_seconds",
    r"apiserver_storage_(objects|size_bytes|db_total_size_in_bytes)",
    r"apiserver_resource_(objects|size_estimate_bytes)",
    "apiserver_requested_deprecated_apis",
    r".*_(lag|age)(_seconds)?",
    r".*_ratio",
)
"""The most of all: what every process measures of the same thing, or of how far it is."""
_BOUND: Final = "le"
_RULES: Final = ((re.compile("|".join(_LOWEST)), min), (re.compile("|".join(_HIGHEST)), max))


@attrs.frozen
class Family:
    """A metric under the name that the page has for it. Samples are (name, labels in their order, value)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, Labels, float]]


def exposition(page: Families) -> list[Family]:
    """Everything that *page* shows."""
    families = []
    for family in page.families():
        if isinstance(family, PlainFamily):
            samples = list(family.rows())
        else:
            samples = [
                (sample.name, tuple(sample.labels.items()), float(sample.value)) for sample in served_samples(family)
            ]
        if samples:
            families.append(Family(family.name, family.type, family.documentation, samples))
    return families


class Page:
    """*families* as a page to be rendered."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def families(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for name, labels, value in family.samples:
                metric.add_sample(name, dict(labels), value)
            yield metric


def merged(processes: Iterable[Sequence[Family]]) -> list[Family]:
    """The page of all *processes* together."""
    found: dict[str, tuple[Family, dict[tuple[str, Labels], float]]] = {}
    for families in processes:
        for family in families:
            kept, values = found.setdefault(family.name, (family, {}))
            if kept.kind != family.kind:  # processes of two versions, in the middle of an upgrade
                continue
            together = combining(family)
            for name, labels, value in family.samples:
                known = values.get((name, labels))
                values[name, labels] = value if known is None else together((known, value))
    return [
        attrs.evolve(family, samples=[(name, labels, value) for (name, labels), value in values.items()])
        for _, (family, values) in sorted(found.items())
    ]


def combining(family: Family) -> Any:
    """What makes one value of several: sum, min or max."""
    if family.kind != "gauge":
        return sum
    return next((function for rule, function in _RULES if rule.fullmatch(family.name)), sum)


def cumulative(families: Iterable[Family]) -> list[Family]:
    """What of *families* counts on although its process has ended."""
    return [family for family in families if family.kind in CUMULATIVE]


def to_json(families: Iterable[Family]) -> list[Any]:
    """*families* for another process: the labels of a series once, and what its lines are called once for all like it.

    A page of a hundred resources has sixty thousand lines, which written out are fifteen megabytes for the event loops of
    two processes to go through.
    """
    return [[family.name, family.kind, family.help, *_packed(family.samples)] for family in families]


def from_json(document: Iterable[Any]) -> list[Family]:
    """What `to_json` was given."""
    return [Family(name, kind, help, _unpacked(shapes, series)) for name, kind, help, shapes, series in document]


def _packed(samples: Iterable[tuple[str, Labels, float]]) -> tuple[list[Any], list[Any]]:
    """Names and bounds by the number of their shape; labels, shape and values of each series."""
    shapes: dict[tuple[tuple[str, str], ...], int] = {}
    series: list[Any] = []
    for labels, group in groupby(samples, _labels_of_series):
        lines = list(group)
        shape = tuple([(name, each[-1][1] if each and each[-1][0] == _BOUND else "") for name, each, _ in lines])
        series.append([labels, shapes.setdefault(shape, len(shapes)), [value for _, _, value in lines]])
    return list(shapes), series


def _unpacked(shapes: Sequence[Any], series: Iterable[Any]) -> list[tuple[str, Labels, float]]:
    samples: list[tuple[str, Labels, float]] = []
    for pairs, shape, values in series:
        labels = tuple([(key, text) for key, text in pairs])
        samples += [
            (name, (*labels, (_BOUND, bound)) if bound else labels, value)
            for (name, bound), value in zip(shapes[shape], values, strict=True)
        ]
    return samples


def _labels_of_series(sample: tuple[str, Labels, float]) -> Labels:
    """The labels but a bucket's bound, which is the last."""
    labels = sample[1]
    return labels[:-1] if labels and labels[-1][0] == _BOUND else labels
