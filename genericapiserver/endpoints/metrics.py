"""The request family of metrics (pkg/endpoints/metrics, pkg/endpoints/handlers/metrics).

`EndpointMetrics` holds the metrics of one server. A route asks it once, when it is installed, for a `RouteMetrics`,
which keeps the labelled children it has used: looking one up by its labels costs more than counting.

Labels follow the HTTP method, not the Kubernetes verb: a create counts as POST, a list as LIST, a watch as WATCH
whatever route it came through. Plain discovery is not measured, nor is a request that a filter turned away.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from prometheus_client import Counter, Gauge, Histogram

from genericapiserver.asgi import Handler, Message, Receive, Scope, Send, header_value, parse_query
from genericapiserver.authentication.user import API_SERVER_USER
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.reporting import (
    CONNECT_SUBRESOURCES,
    KNOWN_VERBS,
    dry_run_label,
    field_validation_label,
)

COMPONENT: Final = "apiserver"

SLI_BUCKETS: Final = (
    0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
DURATION_BUCKETS: Final = (0.005, 0.025, *SLI_BUCKETS)
SIZE_BUCKETS: Final = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)
BODY_SIZE_BUCKETS: Final = tuple(50_000 + 100_000 * step for step in range(31))
WATCH_EVENT_SIZE_BUCKETS: Final = tuple(1024 * 2**step for step in range(8))
WATCH_LIST_BUCKETS: Final = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60)

ROUTE_LABELS: Final = ("verb", "group", "version", "resource", "subresource", "scope", "component")

ROOT_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_NOT_OURS: Final = ("mutating-webhook", "validating-webhook", "apf-queue-wait")
_MAX_REMEMBERED: Final = 64


class EndpointMetrics:
    """The metrics that API routes observe, registered in *registry*."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.targets = registry.targets
        full = ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component")
        self.requests: Counter = registry.counter(
            "apiserver_request_total",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, "
            "scope, component, and HTTP response code.",
            (*full, "code"),
        )
        self.durations: Histogram = registry.histogram(
            "apiserver_request_duration_seconds",
            "[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, "
            "subresource, scope and component.",
            full,
            buckets=DURATION_BUCKETS,
        )
        self.sli_durations = registry.histogram(
            "apiserver_request_sli_duration_seconds",
            "[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait "
            "times) in seconds for each verb, group, version, resource, subresource, scope and component.",
            ROUTE_LABELS,
            buckets=SLI_BUCKETS,
        )
        registry.histogram_twin(
            "apiserver_request_slo_duration_seconds",
            "[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait "
            "times) in seconds for each verb, group, version, resource, subresource, scope and component.",
            self.sli_durations,
            deprecated="1.27.0",
        )
        self.self_requests = registry.counter(
            "apiserver_selfrequest_total",
            "[ALPHA] Counter of apiserver self-requests broken out for each verb, API resource and subresource.",
            ("verb", "group", "resource", "subresource"),
        )
        self.field_validation_durations = registry.histogram(
            "field_validation_request_duration_seconds",
            "[ALPHA] Response latency distribution in seconds for each field validation value",
            ("field_validation",),
            buckets=SLI_BUCKETS,
        )
        self.field_validations: set[str] = set()
        self.response_sizes: Histogram = registry.histogram(
            "apiserver_response_sizes",
            "[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope "
            "and component.",
            ROUTE_LABELS,
            buckets=SIZE_BUCKETS,
        )
        self.long_running: Gauge = registry.gauge(
            "apiserver_longrunning_requests",
            "[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, "
            "scope and component. Not all requests are tracked this way.",
            ROUTE_LABELS,
        )
        self.body_sizes: Histogram = registry.histogram(
            "apiserver_request_body_size_bytes",
            "[ALPHA] Apiserver request body size in bytes broken out by resource and verb.",
            ("group", "resource", "verb"),
            buckets=BODY_SIZE_BUCKETS,
        )
        self.watch_events: Counter = registry.counter(
            "apiserver_watch_events_total",
            "[ALPHA] Number of events sent in watch clients",
            ("group", "version", "resource"),
        )
        self.watch_event_sizes: Histogram = registry.histogram(
            "apiserver_watch_events_sizes",
            "[ALPHA] Watch event size distribution in bytes",
            ("group", "version", "resource"),
            buckets=WATCH_EVENT_SIZE_BUCKETS,
        )
        self.watch_list_durations: Histogram = registry.histogram(
            "apiserver_watch_list_duration_seconds",
            "[ALPHA] Response latency distribution in seconds for watch list requests broken by group, version, "
            "resource and scope.",
            ("group", "version", "resource", "scope"),
            buckets=WATCH_LIST_BUCKETS,
        )
        self.deprecated_apis: Gauge = registry.gauge(
            "apiserver_requested_deprecated_apis",
            "[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, "
            "subresource, and removed_release.",
            ("group", "version", "resource", "subresource", "removed_release"),
        )


@attrs.define(eq=False, slots=True)
class _Children:
    """The children of one verb and dry-run value of a route."""

    labels: tuple[str, ...]
    duration: Histogram
    sli_duration: Histogram | None
    response_size: Histogram | None
    requests: dict[int, Counter] = attrs.field(factory=dict)
    self_requests: Counter | None = None


class RouteMetrics:
    """What one route counts. *scope* is `resource`, `namespace` or `cluster`, or "" for a route of no resource.

    *method* is the HTTP method the route serves; *registered_as* is the action it was installed as, which decides for
    the legacy watch paths.
    """

    def __init__(
        self,
        metrics: EndpointMetrics,
        *,
        method: str,
        registered_as: str,
        group: str,
        version: str,
        resource: str,
        subresource: str = "",
        scope: str = "",
        removed_release: str | None = None,
        component: str = COMPONENT,
    ) -> None:
        self._metrics = metrics
        self._registered_as = registered_as
        self._method = method.upper()
        self._target = (group, version, resource, subresource, scope, component)
        metrics.targets.add((group, version, resource, subresource))
        self._measures_size = registered_as in ("GET", "LIST")
        self.long_running_route = registered_as == "CONNECT"
        self._children: dict[tuple[str, str], _Children] = {}
        self._long_running: dict[str, Gauge] = {}
        self._connects = subresource in CONNECT_SUBRESOURCES
        self._scope = scope
        self._removed_release = removed_release
        self._deprecated: Gauge | None = None
        self._plain = self._verb(False, False)

    def _verb(self, watch: bool, apply: bool) -> str:
        if self._connects:
            return "CONNECT"
        if self._registered_as in ("WATCH", "WATCHLIST"):
            return "WATCH"
        verb = self._method
        if verb in ("GET", "HEAD"):
            verb = "LIST" if self._scope not in ("resource", "") else "GET"
            if watch:
                verb = "WATCH"
        elif apply:
            verb = "APPLY"
        return verb if verb in KNOWN_VERBS else "other"

    def verb(self, query: bytes, content_type: bytes) -> str:
        """The `verb` label of one request to this route."""
        watch = False
        if b"watch" in query and self._method == "GET":
            values = parse_query(query).get("watch")
            watch = values is not None and values[0].lower() not in ("0", "false")
        apply = content_type == b"application/apply-patch+yaml"
        return self._verb(watch, apply) if watch or apply else self._plain

    def observe(self, request: APIRequest, status: int, size: int) -> None:
        """Count one answered request; *size* is that of its response's body."""
        self.count(request.context, request.query, request.content_type, status, size)

    def count(self, context: RequestContext, query: bytes, content_type: bytes, status: int, size: int) -> None:
        """The same for a request whose headers nobody has looked at."""
        verb = self.verb(query, content_type)
        dry_run = dry_run_label(query)
        children = self._children.get((verb, dry_run)) or self._make(verb, dry_run)
        counter = children.requests.get(status)
        if counter is None:
            counter = children.requests[status] = self._metrics.requests.labels(*children.labels, str(status))
        counter.inc()
        user = context.user
        if user is not None and user.name == API_SERVER_USER:
            self._count_self_request(children, verb)
        elapsed = time.monotonic() - context.received_monotonic
        children.duration.observe(elapsed)
        if children.sli_duration is not None:
            latencies = context.latencies
            children.sli_duration.observe(elapsed if latencies is None else elapsed - _waited_elsewhere(latencies))
        if children.response_size is not None:
            children.response_size.observe(size)
        if self._removed_release is not None:
            self._mark_deprecated(self._removed_release)
        validation = field_validation_label(query)
        if validation not in self._metrics.field_validations:
            # As in the reference: there is a series for what was asked for, and nothing is observed in it.
            self._metrics.field_validations.add(validation)
            self._metrics.field_validation_durations.labels(validation)

    def _mark_deprecated(self, removed_release: str) -> None:
        """Say that somebody has used a deprecated API. Rules look for the series: it must not be there before."""
        if self._deprecated is None:
            target = self._target[:4]
            self._deprecated = self._metrics.deprecated_apis.labels(*target, removed_release)
        self._deprecated.set(1)

    def _count_self_request(self, children: _Children, verb: str) -> None:
        if children.self_requests is None:
            group, _, resource, subresource, _, _ = self._target
            children.self_requests = self._metrics.self_requests.labels(verb, group, resource, subresource)
        children.self_requests.inc()

    def _make(self, verb: str, dry_run: str) -> _Children:
        group, version, resource, subresource, scope, component = self._target
        labels = (verb, dry_run, group, version, resource, subresource, scope, component)
        route = (verb, *self._target)
        children = _Children(
            labels,
            self._metrics.durations.labels(*labels),
            self._metrics.sli_durations.labels(*route) if not dry_run and verb != "WATCH" else None,
            self._metrics.response_sizes.labels(*route) if self._measures_size else None,
        )
        if len(self._children) >= _MAX_REMEMBERED:
            self._children.clear()
        self._children[verb, dry_run] = children
        return children

    def long_running(self, request: APIRequest) -> Gauge:
        """The gauge to hold up while a long-running request of this route is served."""
        verb = self.verb(request.query, request.content_type)
        gauge = self._long_running.get(verb)
        if gauge is None:
            gauge = self._long_running[verb] = self._metrics.long_running.labels(verb, *self._target)
        return gauge


def _waited_elsewhere(latencies: Mapping[str, float]) -> float:
    """The seconds of a request that no promise about latency covers: webhooks, and the queue."""
    return sum(latencies.get(part, 0.0) for part in _NOT_OURS)


def with_root_metrics(path: str, handler: Handler, metrics: EndpointMetrics) -> Handler:
    """Count the requests of *handler*, which serves the page *path* of no group: health pages (InstrumentHandlerFunc)."""
    by_method: dict[str, RouteMetrics] = {}
    metrics.targets.add(("", "", "", path))

    def of(method: str) -> RouteMetrics:
        method = method.upper()
        if method not in ROOT_METHODS:
            method = "OTHER"
        route = by_method.get(method)
        if route is None:
            route = by_method[method] = RouteMetrics(
                metrics,
                method=method,
                registered_as="GET",
                group="",
                version="",
                resource="",
                subresource=path,
                component="",
            )
        return route

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def send_and_measure(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            await send(message)

        await handler(scope, receive, send_and_measure)
        context = request_context(scope)
        content_type = header_value(scope, b"content-type") or ""
        of(scope["method"]).count(
            context, scope["query_string"], content_type.encode("latin-1"), context.response_status, size
        )

    return counted


class BodySizeMetrics:
    """The sizes of the request bodies of one resource, by verb."""

    def __init__(self, metrics: EndpointMetrics, *, group: str, resource: str) -> None:
        self._metric = metrics.body_sizes
        self._resource = (group, resource)
        self._children: dict[str, Histogram] = {}

    def observe(self, verb: str, size: int) -> None:
        """*verb* is create, update, patch, delete or delete_collection."""
        child = self._children.get(verb)
        if child is None:
            child = self._children[verb] = self._metric.labels(*self._resource, verb)
        child.observe(size)


class WatchMetrics:
    """What the watches of one resource version count."""

    def __init__(self, metrics: EndpointMetrics, *, group: str, version: str, resource: str) -> None:
        self._metrics = metrics
        self._children: tuple[Counter, Histogram] | None = None
        self._list_durations = metrics.watch_list_durations
        self._labels = (group, version, resource)

    def observe(self, frames: Sequence[bytes]) -> None:
        """*frames* are sent, one event each."""
        children = self._children
        if children is None:
            children = self._children = (
                self._metrics.watch_events.labels(*self._labels),
                self._metrics.watch_event_sizes.labels(*self._labels),
            )
        events, sizes = children
        events.inc(len(frames))
        observe = sizes.observe
        for frame in frames:
            observe(len(frame))

    def observe_watch_list(self, scope: str, started: float) -> None:
        """All initial events of a watch that began at *started* on the monotonic clock have been sent."""
        self._list_durations.labels(*self._labels, scope).observe(time.monotonic() - started)
