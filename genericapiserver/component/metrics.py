"""What a program says about itself on its page of metrics.

The reference's components add these; its sample does not. They cost nothing, and dashboards tell releases apart by them.
Source: metrics/prometheus/{version,feature} of k8s.io/component-base.
"""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from genericapiserver.component.feature_gate import FeatureGate, Stage
from genericapiserver.component.version import BuildInfo
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.process import ConstantCollector


def show_build(registry: MetricsRegistry, info: BuildInfo) -> None:
    """`kubernetes_build_info`, 1 with what /version says as labels."""
    labels = {
        "major": info.major,
        "minor": info.minor,
        "git_version": info.git_version,
        "git_commit": info.git_commit,
        "git_tree_state": info.git_tree_state,
        "build_date": info.build_date,
        "go_version": info.go_version,
        "compiler": info.compiler,
        "platform": info.platform,
    }
    text = (
        "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, "
        "build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running."
    )
    registry.shared_collector(
        "kubernetes_build_info", lambda: ConstantCollector("kubernetes_build_info", text, 1, labels)
    )


def show_features(registry: MetricsRegistry, gate: FeatureGate) -> None:
    """`kubernetes_feature_enabled`, 1 or 0 for each gate that exists at the emulated version."""
    registry.shared_collector("kubernetes_feature_enabled", lambda: _Features(gate))


class _Features:
    def __init__(self, gate: FeatureGate) -> None:
        self._gate = gate

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "kubernetes_feature_enabled",
            "[BETA] This metric records the data about the stage and enablement of a k8s feature.",
            labels=("name", "stage"),
        )
        for name, stage, enabled in self._gate.states():
            if stage is not Stage.PRE_ALPHA:
                family.add_metric((name, stage.value), int(enabled))
        yield family

    def reset(self) -> None:
        """Gates are as they are."""
