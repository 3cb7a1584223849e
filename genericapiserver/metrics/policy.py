"""Which families a page shows, and with which label values: stability, deprecation, what operators have switched off.

A help text begins with its family's stability, as the reference's do. What is deprecated is hidden some releases later:
ALPHA at once, BETA one minor and STABLE three after. That goes by the version a program was stamped with; one that is not
stamped, like the reference's own sample, hides nothing. Source: metrics/{version,opts,options,registry}.go of
k8s.io/component-base.

All of it is done while a page is written, so that counting costs nothing more. Hence two differences: a metric that is
switched off is still counted, for nobody; and what an allow-list folds together is so on the page, not in memory.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.samples import Sample

UNEXPECTED: Final = "unexpected"
"""The value of a label in place of one that the allow-list does not have."""
REGISTERED: Final = "registered_metrics_total"
DISABLED: Final = "disabled_metrics_total"
HIDDEN: Final = "hidden_metrics_total"
FOLDED: Final = "cardinality_enforcement_unexpected_categorizations_total"

Entry = tuple[str, str, Callable[[], Metric]]
"""The name a family is served under, its help text, and what makes it with its samples."""

_STABILITY: Final = re.compile(r"(?:EXPERIMENTAL: )?\[(ALPHA|BETA|STABLE|INTERNAL)\] ")
_MINORS_SHOWN: Final = {"ALPHA": 0, "INTERNAL": 0, "BETA": 1, "STABLE": 3}


@attrs.frozen(order=True)
class Release:
    """A minor release."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "Release":
        """`1.35`, `v1.35.2`. Raises ValueError."""
        match = re.match(r"v?(\d+)\.(\d+)", text)
        if match is None:
            raise ValueError(f"{text!r} is no version")
        return cls(int(match[1]), int(match[2]))

    def later(self, minors: int) -> "Release":
        return Release(self.major, self.minor + minors)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@attrs.define(eq=False)
class MetricsPolicy:
    """What *version* hides and what the operator said."""

    version: Release | None = None
    """The release the program was stamped with; None hides and marks nothing."""
    show_hidden: bool = False
    disabled: frozenset[str] = frozenset()
    allowed: Mapping[tuple[str, str], frozenset[str]] = attrs.field(factory=dict)
    """The values that a label of a metric may have, by the names of both."""
    _folded: set[tuple[str, tuple[str, ...]]] = attrs.field(factory=set, init=False)

    def is_hidden(self, stability: str, deprecated: str) -> bool:
        """Whether a family of *stability*, deprecated since the release *deprecated* ("" for never), is hidden now."""
        if not deprecated or self.version is None or self.show_hidden:
            return False
        return self.version >= Release.parse(deprecated).later(_MINORS_SHOWN.get(stability, 0))

    def apply(self, families: Iterable[Entry], deprecated: Mapping[str, str], *, about: bool) -> Iterator[Metric]:
        """What of *families* is shown, by name; *about* adds what is said of them all.

        Each family is made when it is its turn, so that whoever writes a long page can stop in between.
        """
        registered: dict[tuple[str, str], int] = {}
        shown: list[Entry] = []
        hidden = disabled = 0
        for name, text, make in families:
            match = _STABILITY.match(text)
            stability = match[1] if match else ""
            since = deprecated.get(name, "")
            if name in self.disabled:
                disabled += 1
            elif self.is_hidden(stability, since):
                hidden += 1
            else:
                if match:
                    marked = since if self._is_deprecated(since) else ""
                    registered[stability, marked] = registered.get((stability, marked), 0) + 1
                    if marked:
                        text = f"{match[0]}(Deprecated since {marked}) {text.removeprefix(match[0])}"
                shown.append((name, text, self._folding(name, make)))
        if about:
            shown += [
                (family.name, family.documentation, _gives(family))
                for family in self._about(registered, hidden, disabled)
            ]
        for name, text, make in sorted(shown, key=lambda entry: entry[0]):
            family = make()
            family.name, family.documentation = name, text
            yield family

    def _is_deprecated(self, since: str) -> bool:
        return bool(since) and self.version is not None and self.version >= Release.parse(since)

    def _folding(self, name: str, make: Callable[[], Metric]) -> Callable[[], Metric]:
        """*make*, with the values that are not allowed put together; such a family is made at once."""
        rules = {label: values for (metric, label), values in self.allowed.items() if metric == name}
        return _gives(self._folded_family(name, make(), rules)) if rules else make

    def _folded_family(self, name: str, family: Metric, rules: Mapping[str, frozenset[str]]) -> Metric:
        sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for sample in family.samples:
            labels = dict(sample.labels)
            for label, values in rules.items():
                if label in labels and labels[label] not in values:
                    self._folded.add((name, (label, labels[label])))
                    labels[label] = UNEXPECTED
            key = sample.name, tuple(labels.items())
            sums[key] = sums.get(key, 0) + sample.value
        folded = Metric(family.name, family.documentation, family.type)
        folded.samples = [Sample(each, dict(labels), value) for (each, labels), value in sums.items()]
        return folded

    def _about(self, registered: Mapping[tuple[str, str], int], hidden: int, disabled: int) -> Iterator[Metric]:
        total = CounterMetricFamily(
            REGISTERED,
            "[BETA] The count of registered metrics broken by stability level and deprecation version.",
            labels=("stability_level", "deprecated_version"),
        )
        for (stability, since), count in sorted(registered.items()):
            total.add_metric((stability, since), count)
        for name, family in (
            (REGISTERED, total),
            (DISABLED, CounterMetricFamily(DISABLED, "[BETA] The count of disabled metrics.", value=disabled)),
            (HIDDEN, CounterMetricFamily(HIDDEN, "[BETA] The count of hidden metrics.", value=hidden)),
            (
                FOLDED,
                CounterMetricFamily(
                    FOLDED,
                    "[ALPHA] The count of unexpected categorizations during cardinality enforcement.",
                    value=len(self._folded),
                ),
            ),
        ):
            family.name = name  # the library has cut the `_total` off
            yield family


def _gives(family: Metric) -> Callable[[], Metric]:
    return lambda: family
