"""The page of metrics in the Prometheus text format 0.0.4, as the reference's client writes it.

It is written here and not by prometheus-client: that renames counters without `_total` and adds a `_created` series to
each, and clients look for the reference's names.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final, Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from genericapiserver.metrics.plain import PlainFamily
from genericapiserver.metrics.values import label_text, number

_LINES: Final = 200
"""How many lines are written in one piece."""
CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


class Families(Protocol):
    """What a page shows: a registry, or what several come to together."""

    def families(self) -> Iterable[Metric]:
        """Sorted by the names they are served under; a family's `name` is that name."""


def render(page: Families) -> bytes:
    """The whole page: families by name, labels by name, values as Go prints them."""
    return b"".join(pieces(page))


def pieces(page: Families) -> Iterator[bytes]:
    """The page bit by bit: thousands of series are no work for one turn of the event loop."""
    for family in page.families():
        if isinstance(family, PlainFamily):
            yield from _plain_pieces(family)
        else:
            lines = _family_lines(family)
            while piece := "".join(islice(lines, _LINES)):
                yield piece.encode()


def _plain_pieces(family: PlainFamily) -> Iterator[bytes]:
    """A family that can be told a series at a time."""
    head = _head(family)
    for text in family.texts():
        yield (head + text).encode()
        head = ""


def _head(family: Metric) -> str:
    documentation = family.documentation.replace("\\", "\\\\").replace("\n", "\\n")
    kind = "untyped" if family.type == "unknown" else family.type
    return f"# HELP {family.name} {documentation}\n# TYPE {family.name} {kind}\n"


def served_samples(family: Metric) -> list[Sample]:
    """The samples of *family* but those that only say when a series began."""
    return [sample for sample in family.samples if not sample.name.endswith("_created")]


def _family_lines(family: Metric) -> Iterator[str]:
    name, samples = family.name, served_samples(family)
    if not samples:
        return
    yield _head(family)
    # A histogram's count comes after its sum, where prometheus-client puts it before.
    _put_sums_before_counts(samples)
    for sample in samples:
        yield _sample_line(sample, name if family.type == "counter" else sample.name)


def _put_sums_before_counts(samples: list[Sample]) -> None:
    for at, (first, second) in enumerate(pairwise(samples)):
        if first.name.endswith("_count") and second.name.endswith("_sum"):
            samples[at], samples[at + 1] = second, first


def _sample_line(sample: Sample, name: str) -> str:
    return f"{_series(name, tuple(sample.labels.items()))} {number(sample.value)}\n"


@lru_cache(maxsize=1 << 16)
def _series(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Name and labels as they are written: the same on every page."""
    if not pairs:
        return name
    # Sorted, but the bucket's bound comes last.
    texts = [label_text(pair for pair in pairs if pair[0] != "le")] if len(pairs) > 1 or pairs[0][0] != "le" else []
    texts += [f'le="{number(float(value))}"' for key, value in pairs if key == "le"]
    return f"{name}{{{','.join(texts)}}}"
