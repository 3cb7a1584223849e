"""What filters count. Names, labels and buckets are the reference's (pkg/endpoints/metrics/metrics.go)."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Gauge, Histogram

from genericapiserver.apimachinery.go import format_duration
from genericapiserver.asgi import Scope
from genericapiserver.logs.served import SERVED
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, RequestInfo
from genericapiserver.request.reporting import dry_run_label, reported_verb, request_scope

_REQUEST_LABELS: Final = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_FILTER_BUCKETS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30)

API_SERVER_COMPONENT: Final = "apiserver"
NO_TARGET: Final = ("", "", "", "")
OTHER: Final = ("", "", "", "other")
"""Group, version, resource and subresource of what nobody serves."""
SLOW_FILTER: Final = 0.1
"""Seconds in one filter that the log line of a request is told of."""


class RequestMetrics:
    """Requests that a filter ended: dropped, timed out or broken off. The family is shared with the API handlers."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._known = registry.targets
        self._requests = registry.counter(
            "apiserver_request_total",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, "
            "scope, component, and HTTP response code.",
            ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code"),
        )
        self._terminations = registry.counter(
            "apiserver_request_terminations_total",
            "[ALPHA] Number of requests which apiserver terminated in self-defense.",
            (*_REQUEST_LABELS, "code"),
        )
        self._aborts = registry.counter(
            "apiserver_request_aborts_total",
            "[ALPHA] Number of requests which apiserver aborted possibly due to a timeout, for each group, version, "
            "verb, resource, subresource and scope",
            ("verb", "group", "version", "resource", "subresource", "scope"),
        )
        self._post_timeout = registry.counter(
            "apiserver_request_post_timeout_total",
            "[ALPHA] Tracks the activity of the request handlers after the associated requests have been timed out by the "
            "apiserver",
            ("source", "status"),
        )

    def dropped(self, context: RequestContext, scope: Scope) -> None:
        """A request was refused with 429 to protect the server."""
        info = context.request_info
        query = scope["query_string"]
        self._requests.labels(
            reported_verb(context.method, info, query),
            dry_run_label(query),
            *(self._target(info) if info.is_resource_request else NO_TARGET),
            request_scope(info),
            API_SERVER_COMPONENT,
            "429",
        ).inc()
        self.terminated(context, scope, 429)

    def terminated(
        self, context: RequestContext, scope: Scope, code: int, *, component: str = API_SERVER_COMPONENT
    ) -> None:
        """A request was ended by the server: 429 for one that it refused, 504 for one that took too long.

        *component* is the part of the server that did it.
        """
        info = context.request_info
        self._terminations.labels(
            reported_verb(context.method, info, scope["query_string"]),
            *self._target(info),
            request_scope(info),
            component,
            str(code),
        ).inc()

    def ended_after_timeout(self, *, failed: bool) -> None:
        """A handler that was cut off has ended, by itself or with an exception of its own."""
        self._post_timeout.labels("timeout-handler", "panic" if failed else "ok").inc()

    def aborted(self, context: RequestContext, scope: Scope) -> None:
        """A response was broken off after it had begun."""
        info = context.request_info
        self._aborts.labels(
            reported_verb(context.method, info, scope["query_string"]),
            *(self._target(info) if info.is_resource_request else NO_TARGET),
            request_scope(info),
        ).inc()

    def _target(self, info: RequestInfo) -> tuple[str, str, str, str]:
        """What the request is for, or OTHER when nothing of that name is served.

        The reference takes these labels from the URL as they are, and a request can be ended before anybody has looked who
        sends it (`?timeout=1ns`): that would let everybody make any number of series.
        """
        if info.is_resource_request:
            target = info.api_group, info.api_version, info.resource, info.subresource
        else:
            target = "", "", "", info.path
        return target if target in self._known else OTHER


class InFlightMetrics:
    """How many requests the max-in-flight filter served at once."""

    def __init__(self, registry: MetricsRegistry) -> None:
        gauge = registry.gauge(
            "apiserver_current_inflight_requests",
            "[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in "
            "last second.",
            ["request_kind"],
        )
        self._gauge = gauge
        self._registry = registry
        self._waiting: Gauge | None = None

    def publish(self, *, read_only: int, mutating: int) -> None:
        self._gauge.labels("readOnly").set(read_only)
        self._gauge.labels("mutating").set(mutating)

    def publish_waiting(self, *, read_only: int, mutating: int) -> None:
        """How many waited for their turn, where requests are queued."""
        if self._waiting is None:
            self._waiting = self._registry.gauge(
                "apiserver_current_inqueue_requests",
                "[ALPHA] Maximal number of queued requests in this apiserver per request kind in last second.",
                ["request_kind"],
            )
        self._waiting.labels("readOnly").set(read_only)
        self._waiting.labels("mutating").set(mutating)


class FilterMetrics:
    """The time that single filters take before they hand a request on."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._durations = registry.histogram(
            "apiserver_request_filter_duration_seconds",
            "[ALPHA] Request filter latency distribution in seconds, for each filter type",
            ["filter"],
            buckets=_FILTER_BUCKETS,
        )

    def observe(self, name: str) -> Callable[[float], None]:
        """The function that takes the seconds of filter *name*."""
        child: Histogram | None = None

        def observe(seconds: float) -> None:
            nonlocal child
            if child is None:
                child = self._durations.labels(name)
            child.observe(seconds)
            if seconds > SLOW_FILTER and (request := SERVED.get()) is not None:
                request.add_log_pair(f"fl_{name}", format_duration(seconds))

        return observe
