"""What the inspector shows of one server: its sections, put together. See the room `inspector`."""

import logging
from typing import TYPE_CHECKING, Any

from genericapiserver.certificates.report import report
from genericapiserver.connection.listener import joined
from genericapiserver.inspector import sections
from genericapiserver.routes.metrics import process_start_time

if TYPE_CHECKING:
    from genericapiserver.server import GenericAPIServer

MAX_SHOWN = 100
"""Slow requests, client errors and server errors in a document, of each."""


async def inspect(server: "GenericAPIServer") -> dict[str, Any]:
    """The document of *server*: plain JSON, without anything of a request's body, query or credentials."""
    config = server.config
    notable = config.notable_requests
    return {
        "version": 1,
        "time": config.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "server": {
            "name": server.name,
            "id": config.api_server_id,
            "version": str(config.effective_version.binary_version or ""),
            "address": joined(*server.serving.address) if server.serving is not None else config.external_address,
            "logLevel": logging.getLevelName(logging.getLogger("genericapiserver").getEffectiveLevel()),
            "worker": None if config.worker is None else config.worker.number,
            "stopping": server.lifecycle_signals.shutdown_initiated.is_set(),
            **sections.process(process_start_time()),
        },
        "connections": _connections(server),
        "watches": sections.watches(config.live_watches, config.clock.monotonic()),
        "requests": sections.requests(config.metrics),
        "inFlight": _in_flight(server),
        "storage": sections.storage(config.storage_engine, config.object_counts.backends),
        "slow": {
            "thresholdSeconds": notable.slow,
            "items": [request.document() for request in notable.slowest()[:MAX_SHOWN]],
        },
        "errors": {"items": [request.document() for request in notable.errors(MAX_SHOWN)]},
        "certificates": _certificates(server),
        "certificateProblems": _certificate_problems(server),
        "health": await sections.health(
            {
                "healthz": server.health_checks.healthz.checks,
                "livez": server.health_checks.livez.checks,
                "readyz": server.health_checks.readyz.checks,
            }
        ),
        "hooks": [
            {"name": name, "done": entry.done.is_set()} for name, entry in sorted(server.post_start_hooks.items())
        ],
    }


def _connections(server: "GenericAPIServer") -> dict[str, Any]:
    serving = server.serving
    if serving is None:
        return {"open": 0, "busy": 0, "protocols": {}}
    http = serving.server
    return {
        "open": http.connection_count,
        "busy": http.busy_connection_count,
        "protocols": dict(sorted(http.connections_by_protocol.items())),
    }


def _in_flight(server: "GenericAPIServer") -> dict[str, Any]:
    flow_control = server.config.flow_control
    if flow_control is not None:
        return {"levels": sections.priority_levels(flow_control.controller)}
    limits = server.completed.in_flight_limits
    return {
        "pools": [
            {"name": name, "executing": pool.used, "limit": pool.limit}
            for name, pool in (("read-only", limits.read_only), ("mutating", limits.mutating))
        ]
    }


def _certificates(server: "GenericAPIServer") -> list[dict[str, Any]]:
    secure = server.config.secure_serving
    if secure is None:
        return []
    pairs = [] if secure.cert is None else [("serving", secure.cert)]
    pairs += [(f"serving {' '.join(pair.sni_names)}".rstrip(), pair.content) for pair in secure.sni_certs]
    return sections.certificates(pairs, secure.client_ca)


def _certificate_problems(server: "GenericAPIServer") -> list[dict[str, Any]]:
    """Which sources hold something that cannot be used, so that what they held before is used on."""
    secure = server.config.secure_serving
    if secure is None:
        return []
    reports = report(secure.content_providers(), secure.tls_state, server.config.clock.now())
    return [{"source": one.name, "problem": one.problem} for one in reports if one.problem]
