"""Metrics in the Prometheus text format 0.0.4, at /metrics and /metrics/slis. Mirrors pkg/server/routes/metrics.go.

The page is written here and not by prometheus-client: that renames counters without `_total` and adds a `_created` series
to each, and clients look for the reference's names.
"""

import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send, header_value, send_response, send_text
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.mux import PathRecorderMux

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_GZIP_WINDOW: Final = 31  # zlib.MAX_WBITS with a gzip header and trailer


def install_metrics(mux: PathRecorderMux, registry: MetricsRegistry, *, resettable: bool = False) -> None:
    """Serve *registry* and the figures of the process at /metrics; *resettable* lets DELETE start it over."""
    with contextlib.suppress(ValueError):  # another server with the same registry has done it
        ProcessCollector(registry=registry.collectors)
    mux.handle("/metrics", _page(registry, resettable))


def install_slis(mux: PathRecorderMux, registry: MetricsRegistry, *, resettable: bool = False) -> None:
    """Serve *registry*, which holds the health checks' metrics, at /metrics/slis."""
    start = registry.gauge(
        "process_start_time_seconds", "[ALPHA] Start time of the process since unix epoch in seconds."
    )
    start.set(process_start_time())
    mux.handle("/metrics/slis", _page(registry, resettable))


def render(registry: MetricsRegistry) -> bytes:
    """The whole page: families by name, labels by name, values as Go prints them."""
    lines: list[str] = []
    for family in sorted(registry.collectors.collect(), key=lambda family: family.name):
        lines += _family_lines(family, _exposed_name(family, registry))
    return "".join(lines).encode()


@lru_cache(maxsize=1)
def process_start_time() -> float:
    """When this process began, in seconds since 1970, as the kernel knows it; else when this was first asked."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(
            float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime ")
        )
        return boot + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return time.time()


def _page(registry: MetricsRegistry, resettable: bool) -> Handler:
    started = b"%d" % process_start_time()

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if resettable and scope["method"] == "DELETE":
            registry.reset()
            await send_text(send, 200, "metrics reset\n", [_NOSNIFF])
            return
        body = render(registry)
        headers: RawHeaders = [(b"process-start-time-unix", started)]
        if _accepts_gzip(header_value(scope, b"accept-encoding") or ""):
            compressor = zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
            body = compressor.compress(body) + compressor.flush()
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        await send_response(send, 200, body, CONTENT_TYPE, headers)

    return metrics


def _accepts_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.split(","):
        name, _, parameters = coding.partition(";")
        if name.strip() == "gzip":
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _exposed_name(family: Metric, registry: MetricsRegistry) -> str:
    """The name a counter was made with: prometheus-client cuts `_total` off and puts it back on whether it was there."""
    if family.type == "counter":
        total = f"{family.name}_total"
        return family.name if registry.has(family.name) and not registry.has(total) else total
    return family.name


def _family_lines(family: Metric, name: str) -> Iterator[str]:
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
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
    if not sample.labels:
        return f"{name} {_number(sample.value)}\n"
    # Sorted, but the bucket's bound comes last.
    labels = sorted((key, value) for key, value in sample.labels.items() if key != "le")
    pairs = [f'{key}="{_escape(value)}"' for key, value in labels]
    if "le" in sample.labels:
        pairs.append(f'le="{_number(float(sample.labels["le"]))}"')
    return f"{name}{{{','.join(pairs)}}} {_number(sample.value)}\n"


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
