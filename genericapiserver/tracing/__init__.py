"""What an operation consists of and how long its parts take: for the log of slow ones, and for OpenTelemetry.

    trace      operations, nested; steps; the line about a slow one (k8s.io/utils/trace)
    span       what operations need of a tracing library, and the headers that outgoing requests carry
    exporter   the same on OpenTelemetry's SDK, imported where --tracing-config-file asks for it

A request that nobody traces pays for two clock readings and a small object an operation. Imports `logs` only.
"""

from genericapiserver.tracing.span import RequestTracer, Span, outgoing
from genericapiserver.tracing.trace import CURRENT, Trace, record, step

__all__ = ["CURRENT", "RequestTracer", "Span", "Trace", "outgoing", "record", "step"]
