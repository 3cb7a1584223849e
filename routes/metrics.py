"""Metrics at /metrics and /metrics/slis, as text or as protobuf messages. Mirrors pkg/server/routes/metrics.go.

Whatever a scraper asks for it gets: text of the format 0.0.4 unless it prefers delimited protobuf. OpenMetrics is not
offered, as in the reference, whose counters without `_total` have no name in it.
"""

import asyncio
import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send, header_value, send_response, send_text
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.delimited import CONTENT_TYPE as DELIMITED
from genericapiserver.metrics.delimited import MEDIA_TYPE, MESSAGE, delimited_pieces
from genericapiserver.metrics.exposition import Page, exposition
from genericapiserver.metrics.process import LoopCollector, start_time_collector
from genericapiserver.metrics.text import CONTENT_TYPE, Families, pieces, render
from genericapiserver.mux import PathRecorderMux
from genericapiserver.workers import Worker, WorkerError

__all__ = ["CONTENT_TYPE", "install_metrics", "install_slis", "process_start_time", "render"]

TURN: Final = 0.002
"""Seconds that the page is written for before others get their turn."""

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_GZIP_WINDOW: Final = 31  # zlib.MAX_WBITS with a gzip header and trailer
_ESCAPING: Final = frozenset({"allow-utf-8", "underscores", "dots", "values"})


def install_metrics(
    mux: PathRecorderMux, registry: MetricsRegistry, *, resettable: bool = False, worker: Worker | None = None
) -> None:
    """Serve *registry* and the figures of the process at /metrics; *resettable* lets DELETE start it over.

    With *worker* the page is that of all workers together.
    """
    registry.describes_itself = True
    with contextlib.suppress(ValueError):  # another server with the same registry has done it
        ProcessCollector(registry=registry.collectors)
        PlatformCollector(registry=registry.collectors)
        GCCollector(registry=registry.collectors)
        registry.add_collector(LoopCollector())
    mux.handle("/metrics", _page("metrics", registry, resettable, worker))


def install_slis(
    mux: PathRecorderMux, registry: MetricsRegistry, *, resettable: bool = False, worker: Worker | None = None
) -> None:
    """Serve *registry*, which holds the health checks' metrics, at /metrics/slis; as `install_metrics` does."""
    registry.add_collector(start_time_collector(process_start_time()))
    mux.handle("/metrics/slis", _page("slis", registry, resettable, worker))


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


def _page(name: str, registry: MetricsRegistry, resettable: bool, worker: Worker | None) -> Handler:
    started = b"%d" % process_start_time()
    if worker is not None:
        worker.publish(name, partial(exposition, registry), registry.reset)

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if resettable and scope["method"] == "DELETE":
            if worker is None:
                registry.reset()
            else:
                worker.reset(name)
            await send_text(send, 200, "metrics reset\n", [_NOSNIFF])
            return
        content_type = negotiated(header_value(scope, b"accept") or "")
        page: Families = registry
        if worker is not None:
            try:
                page = Page(await worker.gather(name))
            except WorkerError as error:  # a page that lacks workers would look like counters that went back
                await send_text(send, 503, f"the metrics of the other workers are missing: {error}\n", [_NOSNIFF])
                return
        make = delimited_pieces if content_type.startswith(MEDIA_TYPE.encode()) else pieces
        made = make(page)
        headers: RawHeaders = [(b"process-start-time-unix", started)]
        if _accepts_gzip(header_value(scope, b"accept-encoding") or ""):
            made = _compressed(made)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        body = await _in_turns(made)
        await send_response(send, 200, body, content_type, headers)

    return metrics


def _compressed(made: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
    for piece in made:
        yield compressor.compress(piece)
    yield compressor.flush()


async def _in_turns(made: Iterator[bytes]) -> bytes:
    """All that is *made*, with a turn for others after every few milliseconds."""
    parts: list[bytes] = []
    begun = time.perf_counter()
    for piece in made:
        parts.append(piece)
        if time.perf_counter() - begun > TURN:
            await asyncio.sleep(0)
            begun = time.perf_counter()
    return b"".join(parts)


def negotiated(accept: str) -> bytes:
    """The content type for what *accept* likes best and there is; text for everything else.

    Source: expfmt.Negotiate of prometheus/common. Names here need no escaping, so that the scraper's way is as good as any.
    """
    clauses = [_clause(text) for text in accept.split(",")]
    for _, media_type, parameters in sorted(clauses, key=lambda clause: -clause[0]):
        chosen = b""
        if media_type == MEDIA_TYPE and (parameters.get("proto"), parameters.get("encoding")) == (MESSAGE, "delimited"):
            chosen = DELIMITED
        elif media_type == "text/plain" and parameters.get("version", "") in ("", "0.0.4"):
            chosen = CONTENT_TYPE
        if chosen:
            escaping = parameters.get("escaping", "")
            return chosen.replace(b"underscores", escaping.encode()) if escaping in _ESCAPING else chosen
    return CONTENT_TYPE


def _clause(text: str) -> tuple[float, str, dict[str, str]]:
    """Quality, media type and parameters of one part of an Accept header."""
    media_type, *rest = (part.strip() for part in text.split(";"))
    parameters = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in rest)}
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 1.0
    return quality if quality == quality else 1.0, media_type.lower(), parameters


def _accepts_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.split(","):
        name, _, parameters = coding.partition(";")
        if name.strip() == "gzip":
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
