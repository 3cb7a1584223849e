"""How long admission takes and how often it refuses. Names and buckets: component stability metrics of the reference.

Go: pkg/admission/metrics. The `_summary` twin of the step histogram has no quantiles there: it is a sum and a count, which
the histogram has as well, so it is written from those when the page is asked for.
"""

from collections.abc import Iterable
from typing import Final, Literal

from prometheus_client import Histogram
from prometheus_client.metrics_core import Metric, SummaryMetricFamily

from genericapiserver.admission.operation import Operation
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainHistogram

STEP_DURATION: Final = "apiserver_admission_step_admission_duration_seconds"
CONTROLLER_DURATION: Final = "apiserver_admission_controller_admission_duration_seconds"
BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)

Step = Literal["admit", "validate"]


_STEP_LABELS: Final = ("type", "operation", "rejected")


class _StepSummary:
    """Shows the sums and counts of the histogram of steps."""

    def __init__(self, step: Histogram) -> None:
        self._step = step

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        family = SummaryMetricFamily(
            f"{STEP_DURATION}_summary",
            "[ALPHA] Admission sub-step latency summary in seconds, broken out for each operation and API resource and step "
            "type (validate or admit).",
        )
        for sample in next(iter(self._step.collect())).samples:
            for end in ("_count", "_sum"):
                if sample.name == STEP_DURATION + end:
                    family.add_sample(f"{STEP_DURATION}_summary{end}", sample.labels, sample.value)
        yield family

    def reset(self) -> None:
        """The histogram is reset."""


class StepTimer:
    """The two children of one histogram that one place in the chain observes, each made with its first observation."""

    __slots__ = ("_accepted", "_histogram", "_labels", "_rejected")

    def __init__(self, histogram: PlainHistogram, *labels: str) -> None:
        self._histogram = histogram
        self._labels = labels
        self._accepted: PlainHistogram | None = None
        self._rejected: PlainHistogram | None = None

    def observe(self, seconds: float, *, rejected: bool) -> None:
        child = self._rejected if rejected else self._accepted
        if child is None:
            child = self._histogram.labels(*self._labels, "true" if rejected else "false")
            if rejected:
                self._rejected = child
            else:
                self._accepted = child
        child.observe(seconds)


class AdmissionMetrics:
    """The admission metrics of one server; hands out timers with their labels filled in."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        self._step = metrics.histogram(
            STEP_DURATION,
            "[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation and API resource and "
            "step type (validate or admit).",
            _STEP_LABELS,
            buckets=BUCKETS,
        )
        metrics.shared_collector(f"{STEP_DURATION}_summary", lambda: _StepSummary(self._step))
        self._controller = metrics.histogram(
            CONTROLLER_DURATION,
            "[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each "
            "operation and API resource and type (validate or admit).",
            ("name", "type", "operation", "rejected"),
            buckets=BUCKETS,
        )

    def step(self, step: Step, operation: Operation) -> StepTimer:
        """Times a whole walk of the chain."""
        return StepTimer(self._step, step, operation.value)

    def controller(self, name: str, step: Step, operation: Operation) -> StepTimer:
        """Times one plugin."""
        return StepTimer(self._controller, name, step, operation.value)


class WebhookCertificateMetrics:
    """The metrics of webhooks' serving certificates. Go: pkg/util/webhook/metrics.go."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        self.missing_san = metrics.counter(
            "apiserver_webhooks_x509_missing_san_total",
            "[ALPHA] Counts the number of requests to servers missing SAN extension in their serving certificate OR the "
            "number of connection failures due to the lack of x509 certificate SAN extension missing (either/or, based on "
            "the runtime environment)",
        )
        self.insecure_sha1 = metrics.counter(
            "apiserver_webhooks_x509_insecure_sha1_total",
            "[ALPHA] Counts the number of requests to servers with insecure SHA1 signatures in their serving certificate OR "
            "the number of connection failures due to the insecure SHA1 signatures (either/or, based on the runtime "
            "environment)",
        )
