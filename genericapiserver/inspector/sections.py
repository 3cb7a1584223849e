"""The sections of the inspector's document. Each is plain JSON, made anew at each request from what the server knows.

Figures that only grow (requests, their durations) are given as they are: whoever asks twice can tell the rate, and several
processes' can be added up.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.asgi import Scope, header_value
from genericapiserver.certificates import CAContentProvider, CertKeyContentProvider
from genericapiserver.certificates.pem import parse_certificates
from genericapiserver.endpoints.live_watches import LiveWatch, LiveWatches
from genericapiserver.flowcontrol.controller import FlowController
from genericapiserver.healthz import HealthChecker
from genericapiserver.inspector.notable import client_address
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.interface import StorageBackend

REQUESTS: Final = "apiserver_request_total"
DURATIONS: Final = "apiserver_request_duration_seconds"
CHECK_TIMEOUT: Final = 2.0
"""Seconds for one health check; the page is for times when something hangs."""
MAX_WATCHES: Final = 1000

_ROUTE: Final = ("verb", "group", "resource", "subresource")


def watches(live: LiveWatches, now: float) -> dict[str, Any]:
    """Open watches, oldest first. *now* is on the event loop's clock."""
    shown = [_watch(watch, now) for _, watch in zip(range(MAX_WATCHES), live, strict=False)]
    return {"count": len(live), "items": shown}


def _watch(watch: LiveWatch, now: float) -> dict[str, Any]:
    context = watch.context
    info = context.request_info
    selectors = [info.label_selector and f"labels: {info.label_selector}"]
    selectors.append(info.field_selector and f"fields: {info.field_selector}")
    return {
        "resource": str(GroupResource(info.api_group, info.resource)),
        "namespace": info.namespace,
        "name": info.name,
        "selector": ", ".join(filter(None, selectors)),
        "user": context.user.name if context.user is not None else "",
        "userAgent": header_value(watch.scope, b"user-agent") or "",
        "client": client_address(watch.scope),
        "protocol": "websocket" if watch.scope["type"] == "websocket" else f"HTTP/{watch.scope['http_version']}",
        "seconds": round(now - context.received_monotonic, 3),
        "startRevision": watch.start_revision,
        "revision": watch.revision,
        "events": watch.events,
        "bytesQueued": watch.sending,
        "pending": watch.pending,
        "lagSeconds": watch.lag,
        "auditID": context.audit_id,
    }


def requests(registry: MetricsRegistry) -> dict[str, Any]:
    """Requests to resources since the start, by verb and resource: codes, and a histogram of their durations."""
    names = [REQUESTS, *(f"{DURATIONS}_{suffix}" for suffix in ("bucket", "sum", "count"))]
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    bounds: set[float] = set()
    for family in registry.collectors.restricted_registry(names).collect():
        for sample in family.samples:
            key = tuple(sample.labels.get(label, "") for label in _ROUTE)
            row = rows.setdefault(key, {"count": 0, "sum": 0.0, "codes": {}, "buckets": {}})
            if sample.name == REQUESTS:
                _add(row["codes"], sample.labels.get("code", ""), int(sample.value))
            elif sample.name == f"{DURATIONS}_bucket":
                bound = float(sample.labels["le"])
                bounds.add(bound)
                _add(row["buckets"], bound, int(sample.value))
            elif sample.name == f"{DURATIONS}_count":
                row["count"] += int(sample.value)
            elif sample.name == f"{DURATIONS}_sum":
                row["sum"] += sample.value
    ordered = sorted(bounds)
    return {
        "bounds": [bound for bound in ordered if bound != float("inf")],
        "items": [
            {
                "verb": verb,
                "resource": str(GroupResource(group, resource)) + (f"/{subresource}" if subresource else ""),
                **row,
                "buckets": [row["buckets"].get(bound, 0) for bound in ordered],
            }
            for (verb, group, resource, subresource), row in sorted(rows.items())
        ],
    }


def _add(into: dict[Any, int], key: Any, number: int) -> None:
    into[key] = into.get(key, 0) + number


def priority_levels(controller: FlowController) -> list[dict[str, Any]]:
    """What is served and what waits, by priority level."""
    return [
        {
            "name": name,
            "executing": len(level.queues.executing),
            "waiting": level.queues.waiting,
            "seatsInUse": level.queues.seats_in_use,
            "seats": level.current,
            "dispatched": level.queues.dispatched,
            "rejected": level.queues.rejected,
            "timedOut": level.queues.timed_out,
            "cancelled": level.queues.cancelled,
        }
        for name, level in sorted(controller.levels.items())
    ]


def storage(engine: StorageEngine | None, backends: Mapping[GroupResource, StorageBackend[Any]]) -> dict[str, Any]:
    """The engine's revision and size, and for each resource what its cache knows and how far it is behind."""
    current = 0 if engine is None else engine.current_rev()
    return {
        "engine": "" if engine is None else type(engine).__name__,
        "revision": current,
        "oldestRevision": 0 if engine is None else engine.floor_rev(),
        "compactedRevision": 0 if engine is None else engine.compact_rev(),
        "bytes": None if engine is None else engine.size_bytes(),
        "resources": [_resource(resource, backends[resource]) for resource in sorted(backends, key=str)],
    }


def _resource(resource: GroupResource, backend: StorageBackend[Any]) -> dict[str, Any]:
    if not isinstance(backend, Cacher):
        return {"resource": str(resource), "cached": False, "filled": False}
    status = backend.status()
    return {
        "resource": str(resource),
        "cached": True,
        "filled": status.filled,
        "revision": status.revision,
        # Against its own engine: not all resources need be in the same one, and revisions of several say nothing together.
        "lag": backend.store.engine.current_rev() - status.revision if status.filled else None,
        "oldestRevision": status.oldest_revision,
        "objects": status.objects,
        "bytes": status.value_bytes,
        "changes": status.changes,
        "watches": status.watches,
    }


def certificates(
    pairs: Iterable[tuple[str, CertKeyContentProvider]], bundle: CAContentProvider | None
) -> list[dict[str, Any]]:
    """Every certificate that is served or trusted, with its end. *pairs* are named for what they are for."""
    found = []
    for use, pair in pairs:
        found += _certificates(use, pair.name, pair.current_cert_key().certificate_pem)
    if bundle is not None:
        found += _certificates("client authority", bundle.name, bundle.current_ca_bundle() or b"")
    return found


def _certificates(use: str, name: str, pem: bytes) -> list[dict[str, Any]]:
    try:
        parsed = parse_certificates(pem) if pem else []
    except ValueError:
        parsed = []
    return [
        {
            "use": use,
            "source": name,
            "subject": one.subject.rfc4514_string(),
            "issuer": one.issuer.rfc4514_string(),
            "names": _names(one),
            "notBefore": one.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "notAfter": one.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for one in parsed
    ]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        *found.get_values_for_type(x509.DNSName),
        *(str(address) for address in found.get_values_for_type(x509.IPAddress)),
    ]


async def health(pages: Mapping[str, Iterable[HealthChecker]]) -> list[dict[str, Any]]:
    """Every check of the *pages*, by name: whether it passes, why not, and on which pages it counts."""
    on: dict[str, list[str]] = {}
    checks: dict[str, HealthChecker] = {}
    for page, listed in pages.items():
        for check in listed:
            on.setdefault(check.name, []).append(page)
            checks.setdefault(check.name, check)
    names = sorted(checks)
    problems = await asyncio.gather(*(_problem(checks[name]) for name in names))
    return [
        {"name": name, "pages": on[name], "ok": problem is None, "problem": problem or ""}
        for name, problem in zip(names, problems, strict=True)
    ]


async def _problem(check: HealthChecker) -> str | None:
    scope: Scope = {"type": "http", "path": "/readyz", "query_string": b"", "headers": []}
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check.check(scope)
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:.0f} seconds"
    except Exception as error:  # noqa: BLE001  whatever a check raises is its way to say no
        return str(error) or type(error).__name__
    return None


def process(started: float) -> dict[str, Any]:
    """Which process this is, and what it uses. *started* is in seconds since 1970."""
    times = os.times()
    figures: dict[str, Any] = {
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "seconds": round(time.time() - started, 1),
        "cpuSeconds": round(times.user + times.system, 2),
    }
    try:
        figures["residentBytes"] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        figures["openFiles"] = len(os.listdir("/proc/self/fd"))
    except (OSError, ValueError, IndexError):
        return figures  # a system without /proc
    return figures
