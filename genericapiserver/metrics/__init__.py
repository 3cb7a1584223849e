"""The registry handle: one prometheus registry a server, never the process-wide one; and the page written from it.

Each room keeps its own `metrics.py` with the metrics it observes, made from a `MetricsRegistry` that it is handed.
Imports nothing of the library.
"""

from genericapiserver.metrics.policy import MetricsPolicy, Release
from genericapiserver.metrics.registry import MetricsRegistry

__all__ = ["MetricsPolicy", "MetricsRegistry", "Release"]
