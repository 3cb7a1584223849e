"""Write docs/monitoring/grafana-dashboard.json and docs/monitoring/rules.yaml.

Both repeat themselves: a dashboard is forty panels of the same shape, and an error budget is watched over seven windows.
What differs stands here, one line each. tests/docs/test_monitoring.py holds the files against this script and against what
a server serves.

    .venv/bin/python scripts/monitoring.py
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "monitoring"
DASHBOARD: Final = "grafana-dashboard.json"
RULES: Final = "rules.yaml"

# ---- what is promised

TARGET: Final = 0.99
"""Of all requests, over thirty days: answered, and in time."""
READ: Final = 'verb=~"LIST|GET"'
WRITE: Final = 'verb=~"POST|PUT|PATCH|APPLY|DELETE"'
NOT_STREAMING: Final = 'subresource!~"proxy|attach|log|exec|portforward"'
IN_TIME: Final = {"resource|": 1, "namespace": 5, "cluster": 30}
"""Seconds that a read may take, by the scope of what it reads; a write may take as long as the first."""

BURN_WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


class Burn(NamedTuple):
    """An alert for a budget that goes *factor* times too fast, over a *long* window and still now."""

    factor: float
    long: str
    short: str
    wait: str
    severity: str


BURNS: Final = (
    Burn(14.4, "1h", "5m", "2m", "critical"),
    Burn(6, "6h", "30m", "15m", "critical"),
    Burn(3, "1d", "2h", "1h", "warning"),
    Burn(1, "3d", "6h", "3h", "warning"),
)


def _rate(metric: str, selector: str, window: str) -> str:
    return f"rate({metric}{{{selector}}}[{window}])"


def in_time(verbs: str, window: str) -> str:
    """How many requests a second were answered in time."""
    bucket, base = "apiserver_request_sli_duration_seconds_bucket", f"{verbs},{NOT_STREAMING}"
    parts = [_rate(bucket, f'{base},le="1"', window)]
    if verbs == READ:
        parts = [_rate(bucket, f'{base},scope=~"{scope}",le="{limit}"', window) for scope, limit in IN_TIME.items()]
    return f"sum by (job) ({' or '.join(parts)})"


def burn_rate(verbs: str, window: str) -> str:
    """The part of requests that were answered too late or with an error of the server."""
    timed = _rate("apiserver_request_sli_duration_seconds_count", f"{verbs},{NOT_STREAMING}", window)
    counted = f"sum by (job) ({timed})"
    every = f"sum by (job) ({_rate('apiserver_request_total', verbs, window)})"
    errors = _rate("apiserver_request_total", f'{verbs},code=~"5.."', window)
    failed = f"(sum by (job) ({errors}) or 0 * {every})"
    return f"(({counted} - {in_time(verbs, window)}) + {failed}) / {every}"


# ---- rules


def rules() -> dict[str, Any]:
    return {
        "groups": [
            {"name": "apiserver-burnrate.rules", "rules": list(_burn_rules())},
            {"name": "apiserver.rules", "rules": list(_recordings())},
            {"name": "apiserver-slos", "rules": list(_burn_alerts())},
            {"name": "apiserver", "rules": [_alert(*row) for row in ALERTS]},
        ]
    }


def _burn_rules() -> Iterator[dict[str, Any]]:
    for window in BURN_WINDOWS:
        for kind, verbs in (("read", READ), ("write", WRITE)):
            yield {
                "record": f"apiserver_request:burnrate{window}",
                "expr": burn_rate(verbs, window),
                "labels": {"verb": kind},
            }


def _recordings() -> Iterator[dict[str, Any]]:
    for kind, verbs in (("read", READ), ("write", WRITE)):
        yield {
            "record": "code:apiserver_request_total:rate5m",
            "expr": f"sum by (job, code) ({_rate('apiserver_request_total', verbs, '5m')})",
            "labels": {"verb": kind},
        }
        for quantile in ("0.5", "0.9", "0.99"):
            buckets = _rate("apiserver_request_sli_duration_seconds_bucket", f"{verbs},{NOT_STREAMING}", "5m")
            yield {
                "record": "apiserver_request_sli_duration_seconds:quantile5m",
                "expr": f"histogram_quantile({quantile}, sum by (job, le, resource) ({buckets}))",
                "labels": {"verb": kind, "quantile": quantile},
            }


def _burn_alerts() -> Iterator[dict[str, Any]]:
    for burn in BURNS:
        limit = f"({burn.factor} * {1 - TARGET:.5f})"
        yield {
            "alert": "APIServerErrorBudgetBurn",
            "expr": f"sum by (job) (apiserver_request:burnrate{burn.long}) > {limit} and "
            f"sum by (job) (apiserver_request:burnrate{burn.short}) > {limit}",
            "for": burn.wait,
            "labels": {"severity": burn.severity, "long": burn.long, "short": burn.short},
            "annotations": {
                "summary": "Too many requests fail or are too slow.",
                "description": f"At this rate the budget of thirty days is gone in {30 / burn.factor:.0f} days. Look at the "
                "rows Errors and Latency of the dashboard.",
            },
        }


DAY: Final = 86400
ALERTS: Final[Sequence[tuple[str, str, str, str, str, str]]] = (
    (
        "APIServerDown",
        'absent(up{job="apiserver"} == 1)',
        "15m",
        "critical",
        "No API server answers.",
        "Prometheus reaches none of its targets.",
    ),
    (
        "APIServerHealthCheckFailing",
        'min by (job, instance, name) (kubernetes_healthcheck{type="readyz"}) == 0',
        "5m",
        "warning",
        "The check {{ $labels.name }} fails.",
        "{{ $labels.instance }} says that it is not ready; /readyz/{{ $labels.name }} tells why.",
    ),
    (
        "APIServerRequestsTerminated",
        "sum by (job) (rate(apiserver_request_terminations_total[10m])) / "
        "sum by (job) (rate(apiserver_request_total[10m])) > 0.2",
        "5m",
        "warning",
        "The server turns many requests away, or cuts them off.",
        "{{ $value | humanizePercentage }} of requests end with 429 or 504.",
    ),
    (
        "APIServerFlowControlRejects",
        "sum by (job, priority_level, flow_schema, reason) "
        "(rate(apiserver_flowcontrol_rejected_requests_total[5m])) > 0.1",
        "10m",
        "warning",
        "Requests of {{ $labels.flow_schema }} find no place in {{ $labels.priority_level }}.",
        "Reason: {{ $labels.reason }}. Give the level more shares, or find out who asks so much.",
    ),
    (
        "APIServerManyRequestsWait",
        "sum by (job, instance) (apiserver_flowcontrol_current_inqueue_requests) > 100",
        "10m",
        "info",
        "More than a hundred requests wait for their turn.",
        "{{ $labels.instance }} has more to do than its limits let it.",
    ),
    *(
        (
            "APIServerClientCertificateExpiration",
            "apiserver_client_certificate_expiration_seconds_count > 0 and on (job) histogram_quantile(0.01, "
            f"sum by (job, le) (rate(apiserver_client_certificate_expiration_seconds_bucket[5m]))) < {seconds}",
            "5m",
            severity,
            "A client's certificate ends soon.",
            f"Somebody uses a certificate that ends in less than {days} days.",
        )
        for severity, days, seconds in (("warning", 7, 7 * DAY), ("critical", 1, DAY))
    ),
    *(
        (
            "APIServerServingCertificateExpiration",
            f"min by (job, instance) (apiserver_serving_certificate_expiration_timestamp_seconds) - time() < {seconds}",
            "5m",
            severity,
            "The certificate of {{ $labels.instance }} ends soon.",
            f"It ends in less than {days} days; a new file is taken in without a restart.",
        )
        for severity, days, seconds in (("warning", 7, 7 * DAY), ("critical", 1, DAY))
    ),
    (
        "APIServerCertificateNotReloaded",
        "max by (job, instance, name) (apiserver_dynamic_certificates_stale) == 1",
        "5m",
        "warning",
        "{{ $labels.instance }} goes on with an old certificate.",
        "What {{ $labels.name }} holds now cannot be used; the log says why.",
    ),
    (
        "APIServerTLSHandshakeErrors",
        "sum by (job, instance) (rate(apiserver_tls_handshake_errors_total[10m])) > 1",
        "15m",
        "info",
        "Clients fail to connect to {{ $labels.instance }}.",
        "More than one handshake a second fails: a certificate that clients do not trust, or a probe that speaks no TLS.",
    ),
    (
        "APIServerStorageErrors",
        "sum by (job, operation) (rate(etcd_request_errors_total[5m])) / "
        "sum by (job, operation) (rate(etcd_requests_total[5m])) > 0.01",
        "5m",
        "critical",
        "The store fails.",
        "{{ $value | humanizePercentage }} of calls ({{ $labels.operation }}) fail: is the disk full, or the file gone?",
    ),
    (
        "APIServerStorageSlow",
        "histogram_quantile(0.99, sum by (job, operation, le) "
        '(rate(etcd_request_duration_seconds_bucket{operation=~"create|update|delete"}[5m]))) > 0.5',
        "10m",
        "warning",
        "Writing takes long.",
        "One write in a hundred ({{ $labels.operation }}) takes more than {{ $value | humanizeDuration }}: a slow disk.",
    ),
    (
        "APIServerUnreadableObjects",
        "sum by (job, group, resource) (increase(apiserver_storage_decode_errors_total[15m])) > 0 or "
        "apiserver_resource_objects == -1",
        "5m",
        "critical",
        "Stored objects of {{ $labels.resource }} cannot be read.",
        "Lists of the resource and `genericapiserver storage check` name their keys; docs/storage.md says what can be done.",
    ),
    (
        "APIServerWatchersLeftBehind",
        "sum by (job, group, resource) (increase(apiserver_terminated_watchers_total[15m])) > 10",
        "15m",
        "warning",
        "Watches of {{ $labels.resource }} are ended because their clients are too slow.",
        "They come back with lists, which cost more. More events than memory holds, or clients without a network.",
    ),
    (
        "APIServerAuditEventsLost",
        "sum by (job, plugin) (rate(apiserver_audit_error_total[10m])) > 0 or "
        "sum by (job) (rate(apiserver_audit_requests_rejected_total[10m])) > 0",
        "10m",
        "critical",
        "Audit events are lost.",
        "A backend of the audit log fails or cannot keep up.",
    ),
    (
        "APIServerWebhookFailing",
        "sum by (job, name, type) (rate(apiserver_admission_webhook_rejection_count"
        '{error_type="calling_webhook_error"}[10m])) > 0 or '
        "sum by (job, name, type) (rate(apiserver_admission_webhook_fail_open_count[10m])) > 0",
        "10m",
        "warning",
        "The webhook {{ $labels.name }} cannot be asked.",
        "Writes are refused, or go on unchecked, as its failurePolicy says.",
    ),
    (
        "APIServerConfigurationNotReloaded",
        "sum by (job, instance) (increase(apiserver_authentication_config_controller_automatic_reloads_total"
        '{status="failure"}[15m])) > 0 or sum by (job, instance) '
        '(increase(apiserver_authorization_config_controller_automatic_reloads_total{status="failure"}[15m])) > 0',
        "5m",
        "warning",
        "{{ $labels.instance }} goes on with an old configuration.",
        "The new file is not valid; the log says where.",
    ),
    (
        "APIServerFileDescriptors",
        "process_open_fds / process_max_fds > 0.8",
        "10m",
        "critical",
        "{{ $labels.instance }} runs out of file descriptors.",
        "Then it accepts no connection.",
    ),
    (
        "APIServerDeprecatedAPIUsed",
        "group by (job, group, version, resource, removed_release) (apiserver_requested_deprecated_apis) "
        "and on (job, group, version, resource) "
        "(sum by (job, group, version, resource) (increase(apiserver_request_total[1h])) > 0)",
        "0m",
        "info",
        "Somebody uses {{ $labels.resource }} of {{ $labels.group }}/{{ $labels.version }}, which is deprecated.",
        "It goes with release {{ $labels.removed_release }}. The audit log says who: annotation k8s.io/deprecated.",
    ),
)


def _alert(name: str, expr: str, wait: str, severity: str, summary: str, description: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": wait,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": description},
    }


# ---- the dashboard

J: Final = 'job=~"$job",instance=~"$instance"'
Query = tuple[str, str]
"""An expression and the legend of its lines."""


class Panel(NamedTuple):
    title: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"


def _sum(by: str, metric: str, selector: str = "") -> str:
    rate = f"rate({metric}{{{J}{',' if selector else ''}{selector}}}[$__rate_interval])"
    return f"sum by ({by}) ({rate})" if by else f"sum({rate})"


def _quantile(quantile: float, by: str, metric: str, selector: str = "") -> str:
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({quantile}, {_sum(labels, f'{metric}_bucket', selector)})"


def _latency(metric: str, by: str, legend: str, selector: str = "") -> list[Query]:
    return [
        (_quantile(quantile, by, metric, selector), f"{legend} p{round(quantile * 100)}") for quantile in (0.5, 0.99)
    ]


REQUESTS: Final = "apiserver_request_total"
SLI: Final = "apiserver_request_sli_duration_seconds"
FLOW: Final = "apiserver_flowcontrol"
ROWS: Final[Sequence[tuple[str, Sequence[Panel]]]] = (
    (
        "Objectives",
        (
            Panel(
                "Availability, thirty days",
                "percentunit",
                [('1 - avg(avg_over_time(apiserver_request:burnrate1d{job=~"$job"}[30d]))', "")],
                "stat",
            ),
            Panel(
                "Budget that is burnt, times what is allowed",
                "none",
                [
                    (f'apiserver_request:burnrate1h{{job=~"$job",verb="{kind}"}} / {1 - TARGET:.2f}', kind)
                    for kind in ("read", "write")
                ],
            ),
            Panel("Reads", "s", _latency(SLI, "scope", "{{scope}}", f"{READ},{NOT_STREAMING}")),
            Panel("Writes", "s", _latency(SLI, "verb", "{{verb}}", f"{WRITE},{NOT_STREAMING}")),
        ),
    ),
    (
        "Requests",
        (
            Panel("By verb", "reqps", [(_sum("verb", REQUESTS), "{{verb}}")]),
            Panel(
                "By resource", "reqps", [(f"topk(10, {_sum('group, resource', REQUESTS)})", "{{resource}}.{{group}}")]
            ),
            Panel("Errors by code", "reqps", [(_sum("code", REQUESTS, 'code=~"[45].."'), "{{code}}")]),
            Panel(
                "Errors by verb", "reqps", [(_sum("verb, resource", REQUESTS, 'code=~"5.."'), "{{verb}} {{resource}}")]
            ),
            Panel(
                "Turned away or cut off",
                "reqps",
                [(_sum("code", "apiserver_request_terminations_total"), "{{code}}")],
            ),
            Panel(
                "Slowest resources (p99)",
                "s",
                [(f"topk(10, {_quantile(0.99, 'resource, verb', SLI)})", "{{verb}} {{resource}}")],
            ),
            Panel(
                "In flight",
                "none",
                [
                    (f"sum by (request_kind) (apiserver_current_inflight_requests{{{J}}})", "{{request_kind}}"),
                    (f"sum by (request_kind) (apiserver_current_inqueue_requests{{{J}}})", "{{request_kind}} waiting"),
                ],
            ),
            Panel(
                "Bodies (p99)",
                "bytes",
                [
                    (_quantile(0.99, "verb", "apiserver_response_sizes"), "{{verb}} response"),
                    (_quantile(0.99, "verb", "apiserver_request_body_size_bytes"), "{{verb}} request"),
                ],
            ),
            Panel(
                "Filters (p99)",
                "s",
                [(_quantile(0.99, "filter", "apiserver_request_filter_duration_seconds"), "{{filter}}")],
            ),
        ),
    ),
    (
        "Priority and fairness",
        (
            Panel(
                "Seats taken",
                "none",
                [(f"sum by (priority_level) ({FLOW}_current_executing_seats{{{J}}})", "{{priority_level}}")],
            ),
            Panel(
                "Seats there are",
                "none",
                [(f"sum by (priority_level) ({FLOW}_current_limit_seats{{{J}}})", "{{priority_level}}")],
            ),
            Panel(
                "Full levels (p95 of seat utilization)",
                "percentunit",
                [(_quantile(0.95, "priority_level", f"{FLOW}_priority_level_seat_utilization"), "{{priority_level}}")],
            ),
            Panel(
                "Waiting requests",
                "none",
                [(f"sum by (priority_level) ({FLOW}_current_inqueue_requests{{{J}}})", "{{priority_level}}")],
            ),
            Panel(
                "Wait (p99)",
                "s",
                [(_quantile(0.99, "priority_level", f"{FLOW}_request_wait_duration_seconds"), "{{priority_level}}")],
            ),
            Panel(
                "Refused",
                "reqps",
                [
                    (
                        _sum("flow_schema, reason", f"{FLOW}_rejected_requests_total"),
                        "{{flow_schema}} {{reason}}",
                    )
                ],
            ),
        ),
    ),
    (
        "Watches",
        (
            Panel(
                "Open",
                "none",
                [(f"sum by (resource, verb) (apiserver_longrunning_requests{{{J}}})", "{{verb}} {{resource}}")],
            ),
            Panel("Events", "ops", [(_sum("resource", "apiserver_watch_events_total"), "{{resource}}")]),
            Panel("Bytes", "Bps", [(_sum("resource", "apiserver_watch_events_sizes_sum"), "{{resource}}")]),
            Panel(
                "Ended because their clients are slow",
                "ops",
                [(_sum("resource", "apiserver_terminated_watchers_total"), "{{resource}}")],
            ),
            Panel(
                "Begun with a list (p99)",
                "s",
                [(_quantile(0.99, "resource", "apiserver_watch_list_duration_seconds"), "{{resource}}")],
            ),
            Panel("Initial events", "ops", [(_sum("resource", "apiserver_init_events_total"), "{{resource}}")]),
        ),
    ),
    (
        "Storage and cache",
        (
            Panel("Calls", "ops", [(_sum("operation", "etcd_requests_total"), "{{operation}}")]),
            Panel(
                "Calls (p99)", "s", [(_quantile(0.99, "operation", "etcd_request_duration_seconds"), "{{operation}}")]
            ),
            Panel("Failed calls", "ops", [(_sum("operation", "etcd_request_errors_total"), "{{operation}}")]),
            Panel(
                "Reads that waited for the cache (p99)",
                "s",
                [(_quantile(0.99, "resource", "apiserver_watch_cache_read_wait_seconds"), "{{resource}}")],
            ),
            Panel(
                "How far servers are behind the newest, in revisions",
                "none",
                [
                    (
                        "max by (group, resource) (apiserver_watch_cache_resource_version) "
                        f"- on (group, resource) group_right apiserver_watch_cache_resource_version{{{J}}}",
                        "{{instance}} {{resource}}",
                    )
                ],
            ),
            Panel(
                "Objects",
                "none",
                [(f"max by (group, resource) (apiserver_resource_objects{{{J}}})", "{{resource}}.{{group}}")],
            ),
            Panel("Size of the store", "bytes", [(f"apiserver_storage_size_bytes{{{J}}}", "{{instance}}")]),
            Panel(
                "Lists from the cache and from the store",
                "ops",
                [
                    (_sum("resource", "apiserver_cache_list_total"), "cache {{resource}}"),
                    (_sum("resource", "apiserver_storage_list_total"), "store {{resource}}"),
                ],
            ),
        ),
    ),
    (
        "Who asks, and with what",
        (
            Panel("Authentication", "reqps", [(_sum("result", "authentication_attempts"), "{{result}}")]),
            Panel("Authorization", "reqps", [(_sum("result", "authorization_attempts_total"), "{{result}}")]),
            Panel(
                "The serving certificate ends in",
                "s",
                [
                    (
                        f"apiserver_serving_certificate_expiration_timestamp_seconds{{{J}}} - time()",
                        "{{instance}}",
                    )
                ],
            ),
            Panel(
                "Clients' certificates end in (shortest hundredth)",
                "s",
                [(_quantile(0.01, "", "apiserver_client_certificate_expiration_seconds"), "")],
            ),
            Panel("Failed handshakes", "ops", [(_sum("", "apiserver_tls_handshake_errors_total"), "")]),
            Panel(
                "Admission (p99)",
                "s",
                [
                    (
                        _quantile(0.99, "type, operation", "apiserver_admission_step_admission_duration_seconds"),
                        "{{type}} {{operation}}",
                    ),
                    (
                        _quantile(0.99, "name", "apiserver_admission_webhook_admission_duration_seconds"),
                        "webhook {{name}}",
                    ),
                ],
            ),
            Panel(
                "Audit",
                "ops",
                [
                    (_sum("", "apiserver_audit_event_total"), "events"),
                    (_sum("plugin", "apiserver_audit_error_total"), "lost {{plugin}}"),
                ],
            ),
        ),
    ),
    (
        "Process",
        (
            Panel("CPU", "none", [(f"rate(process_cpu_seconds_total{{{J}}}[$__rate_interval])", "{{instance}}")]),
            Panel("Memory", "bytes", [(f"process_resident_memory_bytes{{{J}}}", "{{instance}}")]),
            Panel(
                "File descriptors",
                "none",
                [(f"process_open_fds{{{J}}}", "{{instance}}"), (f"process_max_fds{{{J}}}", "{{instance}} limit")],
            ),
            Panel("Tasks", "none", [(f"python_asyncio_tasks{{{J}}}", "{{instance}}")]),
            Panel(
                "Garbage collections",
                "ops",
                [(_sum("generation", "python_gc_collections_total"), "generation {{generation}}")],
            ),
            Panel("Up for", "s", [(f"time() - process_start_time_seconds{{{J}}}", "{{instance}}")], "stat"),
        ),
    ),
)

WIDTH, HEIGHT, COLUMNS = 8, 8, 24
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    return {
        "uid": "genericapiserver",
        "title": "API server",
        "description": "What a server of genericapiserver serves, and how well. Recorded names come from rules.yaml.",
        "tags": ["genericapiserver", "kubernetes"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    for name, selector in (("job", ""), ("instance", '{job=~"$job"}')):
        yield {
            "name": name,
            "type": "query",
            "datasource": DATASOURCE,
            "query": f"label_values(apiserver_request_total{selector}, {name})",
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        }


def _panels() -> Iterator[dict[str, Any]]:
    y, number = 0, 0
    for title, panels in ROWS:
        number += 1
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        y += 1
        for at, panel in enumerate(panels):
            number += 1
            x, line = at * WIDTH % COLUMNS, at * WIDTH // COLUMNS
            yield _panel(number, panel, {"x": x, "y": y + line * HEIGHT, "w": WIDTH, "h": HEIGHT})
        y += -(-len(panels) * WIDTH // COLUMNS) * HEIGHT


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto"}
            for at, (expr, legend) in enumerate(panel.queries)
        ],
    }


def files() -> dict[str, str]:
    """The text of each file by its name."""
    head = "# Written by scripts/monitoring.py. Prometheus reads it with `rule_files`.\n"
    return {
        DASHBOARD: json.dumps(dashboard(), indent=2) + "\n",
        RULES: head + yaml.safe_dump(rules(), sort_keys=False, width=120, allow_unicode=True),
    }


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
