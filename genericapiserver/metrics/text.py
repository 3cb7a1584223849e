"""The page of metrics in the Prometheus text format 0.0.4, as the reference's client writes it.

It is written here and not by prometheus-client: that renames counters without `_total` and adds a `_created` series to
each, and clients look for the reference's names.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final, Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


class Families(Protocol):
    """What a page shows: a registry, or what several come to together."""

    def families(self) -> Iterable[Metric]:
        """Sorted by the names they are served under; a family's `name` is that name."""


def render(page: Families) -> bytes:
    """The whole page: families by name, labels by name, values as Go prints them."""
    return b"".join(pieces(page))


def pieces(page: Families) -> Iterator[bytes]:
    """The page family by family: thousands of series are no work for one turn of the event loop."""
    for family in page.families():
        yield "".join(_family_lines(family)).encode()


def served_samples(family: Metric) -> list[Sample]:
    """The samples of *family* but those that only say when a series began."""
    return [sample for sample in family.samples if not sample.name.endswith("_created")]


def _family_lines(family: Metric) -> Iterator[str]:
    name, samples = family.name, served_samples(family)
    if not samples:
        return
    documentation = family.documentation.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {name} {documentation}\n# TYPE {name} {'untyped' if family.type == 'unknown' else family.type}\n"
    # A histogram's count comes after its sum, where prometheus-client puts it before.
    _put_sums_before_counts(samples)
    for sample in samples:
        yield _sample_line(sample, name if family.type == "counter" else sample.name)


def _put_sums_before_counts(samples: list[Sample]) -> None:
    for at, (first, second) in enumerate(pairwise(samples)):
        if first.name.endswith("_count") and second.name.endswith("_sum"):
            samples[at], samples[at + 1] = second, first


def _sample_line(sample: Sample, name: str) -> str:
    return f"{_series(name, tuple(sample.labels.items()))} {_number(sample.value)}\n"


@lru_cache(maxsize=1 << 16)
def _series(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Name and labels as they are written: the same on every page."""
    if not pairs:
        return name
    # Sorted, but the bucket's bound comes last.
    texts = [f'{key}="{_escape(value)}"' for key, value in sorted(pairs) if key != "le"]
    texts += [f'le="{_number(float(value))}"' for key, value in pairs if key == "le"]
    return f"{name}{{{','.join(texts)}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@lru_cache(maxsize=4096)
def _number(value: float) -> str:
    """A float as strconv.FormatFloat(value, 'g', -1, 64) writes it."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    decimal = Decimal(repr(value)).normalize()
    sign, digits, _ = decimal.as_tuple()
    power = decimal.adjusted()
    if -4 <= power < 6:
        return f"{decimal:f}"
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
