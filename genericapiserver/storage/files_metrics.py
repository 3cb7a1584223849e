"""What the file engine counts beside what every engine does: whether the files of objects keep up with their objects."""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.files import FileEngine


class ObjectFiles:
    """The files of all folders of one server together, looked at when a page is written."""

    def __init__(self) -> None:
        self._engines: list[FileEngine] = []

    def add(self, engine: FileEngine) -> None:
        self._engines.append(engine)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        pending = GaugeMetricFamily(
            "apiserver_storage_object_files_pending",
            "[ALPHA] Number of files of objects that do not yet show what is stored.",
        )
        pending.add_metric((), sum(engine.files_pending for engine in self._engines))
        yield pending
        failures = CounterMetricFamily(
            "apiserver_storage_object_file_failures_total",
            "[ALPHA] Number of times that files of objects could not be written.",
        )
        failures.add_metric((), sum(engine.file_failures for engine in self._engines))
        yield failures

    def reset(self) -> None:
        """Nothing is kept here."""


def count_files(registry: MetricsRegistry, engine: object) -> None:
    """Have the page of *registry* say how the files of *engine* are, if it is a folder of files."""
    if isinstance(engine, FileEngine):
        registry.shared_collector("object-files", ObjectFiles).add(engine)
