"""Every family of the reference, under its name, type, labels, buckets and stability; or named as left out."""

import re
from pathlib import Path

import pytest

from genericapiserver.admission.metrics import AdmissionMetrics
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.policy.metrics import MutatingPolicyMetrics, ValidatingPolicyMetrics
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics, WebhookMetrics
from genericapiserver.aio import SystemClock
from genericapiserver.authentication.metrics import AuthenticationMetrics, DelegationMetrics, TokenCacheMetrics
from genericapiserver.authentication.oidc.metrics import JWTMetrics
from genericapiserver.authorization.metrics import AuthorizationMetrics
from genericapiserver.authorization.metrics import WebhookMetrics as AuthorizationWebhookMetrics
from genericapiserver.client.metrics import ClientMetrics
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.filters.metrics import FilterMetrics, InFlightMetrics, RequestMetrics
from genericapiserver.filters.utilization import ReadWriteUtilization
from genericapiserver.flowcontrol.bootstrap import mandatory_levels
from genericapiserver.flowcontrol.metrics import FlowControlMetrics
from genericapiserver.flowcontrol.priority_level import PriorityLevel
from genericapiserver.flowcontrol.queue_set import QUEUE_FULL, QueuingConfig
from genericapiserver.flowcontrol.work import WorkEstimate
from genericapiserver.healthz import HealthMetrics
from genericapiserver.metrics import MetricsPolicy, MetricsRegistry, Release
from genericapiserver.metrics.text import render
from genericapiserver.options.config_metrics import ConfigReloadMetrics
from genericapiserver.registry.generic.metrics import comparison_observer
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.metrics import EngineSize, StorageMetrics
from tests.server.servers import new_config
from tests.support.metrics_page import Served, read_page
from tests.support.reference_metrics import FAMILIES, SLIS, Family

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def everything() -> MetricsRegistry:
    """A registry in which every room has made its metrics, with a series in each family."""
    config = new_config()
    config.complete().new("test")
    registry = config.metrics
    for make in (
        AuthenticationMetrics,
        TokenCacheMetrics,
        AuthorizationMetrics,
        AuthorizationWebhookMetrics,
        ConnectionMetrics,
        RequestMetrics,
        FilterMetrics,
        WebhookMetrics,
        MatchConditionMetrics,
        ValidatingPolicyMetrics,
        MutatingPolicyMetrics,
        StorageMetrics,
        TransformationMetrics,
        ObjectCounts,
        comparison_observer,
    ):
        make(registry)
    for kind in ("authn", "authz"):
        DelegationMetrics(registry, kind)
    ClientMetrics(registry, "https://server:6443")
    JWTMetrics(registry, "server", lambda: 0.0)
    for kind in ("authentication", "authorization", "encryption"):
        ConfigReloadMetrics(registry, kind, "server", SystemClock())
    AdmissionMetrics(registry).step("admit", Operation.CREATE)
    InFlightMetrics(registry).publish_waiting(read_only=1, mutating=1)
    EngineSize(registry, [lambda: 1], "memory")
    ReadWriteUtilization.shown_by(registry, lambda: (1, 1, 1, 1))
    flow_control(registry)
    for metric in registry._metrics.values():
        if metric._labelnames:
            metric.labels(*("value" for _ in metric._labelnames))
    return registry


def flow_control(registry: MetricsRegistry) -> None:
    """A level at which everything has happened that is counted."""
    metrics = FlowControlMetrics(registry)
    limited = next(level for level in mandatory_levels() if level.spec.limited is not None)
    level = PriorityLevel.of(limited, clock=lambda: 0.0, call_later=_never)
    level.queues.configure(QueuingConfig(queues=1, length_limit=1), 1)
    metrics.watch(lambda: [level])
    flow = metrics.flow("level", "schema")
    level.queues.start(flow, (0,), "", WorkEstimate(initial_seats=1))
    flow.reject(QUEUE_FULL)
    flow.no_accommodation += 1
    for distribution in (
        flow.waited,
        flow.waited_refused,
        flow.executed,
        flow.executed_watches,
        flow.estimated_seats,
        flow.watch_counts,
    ):
        distribution.observe(1)


def _never(seconds: float, call: object) -> None:
    raise AssertionError("nothing is held afterwards")


@pytest.fixture(scope="module")
def served() -> dict[str, Served]:
    registry = everything()
    registry.describes_itself = True
    return read_page(render(registry).decode())


def left_out() -> dict[str, str]:
    """The families that the document says are not served, with the reason."""
    section = DOCUMENT.read_text().partition("## What is not here")[2]
    found: dict[str, str] = {}
    for names, reason in re.findall(r"^\| (`[^|]*`) \| ([^|]+) \|$", section, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), reason)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_the_references_own(name: str, served: dict[str, Served]) -> None:
    if name in left_out():
        assert name not in served
        return
    assert name in served, f"{name} is neither served nor named in {DOCUMENT.name}"
    compare(served[name], FAMILIES[name])


def compare(found: Served, wanted: Family) -> None:
    assert found.type == wanted.type
    assert found.labels == wanted.labels
    assert found.buckets == pytest.approx(wanted.buckets)
    assert found.stability == wanted.stability


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("authorization_attempts_total", "It can be either 'allowed', 'denied', 'no-opinion' or 'error'."),
        ("apiserver_authorization_webhook_evaluations_total", "Round-trips to authorization webhooks."),
        ("apiserver_authorization_webhook_duration_seconds", "Request latency in seconds."),
        ("apiserver_authentication_jwt_authenticator_latency_seconds", "for cache miss only"),
        ("apiserver_authentication_config_controller_automatic_reloads_total", "automatic reloads of authentication"),
        ("apiserver_encryption_config_controller_automatic_reloads_total", "reload successes and failures"),
        ("apiserver_encryption_config_controller_last_config_info", "last applied encryption configuration with hash"),
        ("apiserver_storage_transformation_operations_total", "a varied status string when the transformation fails"),
        ("apiserver_admission_webhook_request_total", "(validating or admit)"),
        ("etcd_requests_total", "for each operation and object type."),
        ("etcd_request_errors_total", "for each operation and object type."),
    ],
)
def test_the_text_of_a_family_is_the_references_own(name: str, text: str, served: dict[str, Served]) -> None:
    assert text in served[name].help


@pytest.mark.parametrize("name", SLIS)
def test_the_families_of_health_checks(name: str) -> None:
    registry = MetricsRegistry()
    HealthMetrics(registry).observe("ping", "livez", healthy=True)
    compare(read_page(render(registry).decode())[name], SLIS[name])


def test_what_is_deprecated_is_hidden_in_the_release_that_hides_it_there() -> None:
    registry = everything()
    shown = set(read_page(render(registry).decode()))
    registry.policy = MetricsPolicy(version=Release.parse("1.35"))
    after = set(read_page(render(registry).decode()))
    minors = {"ALPHA": 0, "BETA": 1, "STABLE": 3}
    hidden = {
        name
        for name, family in FAMILIES.items()
        if family.deprecated and int(family.deprecated.split(".")[1]) + minors[family.stability] <= 35
    }
    assert shown - after == hidden
    assert len(hidden) == 4


def test_the_document_leaves_out_nothing_that_is_unknown() -> None:
    assert set(left_out()) <= set(FAMILIES)
    assert all(reason.strip() for reason in left_out().values())


def described() -> list[tuple[str, str, str, str]]:
    """The rows of the document's table of families."""
    section = DOCUMENT.read_text().partition("## What is served")[2].partition("## What is not here")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", section, re.MULTILINE)


def test_the_document_describes_every_family_that_is_served() -> None:
    expected = []
    for name, family in sorted({**FAMILIES, **SLIS}.items()):
        if name not in left_out():
            since = f", deprecated since {family.deprecated}" if family.deprecated else ""
            expected.append((name, family.type, ", ".join(sorted(family.labels)), family.stability + since))
    assert described() == expected


def test_the_document_tells_operators_of_metrics_that_there_are() -> None:
    section = DOCUMENT.read_text().partition("## What to watch")[2].partition("## What can be changed")[0]
    named = {name for name in re.findall(r"`(\w+)(?:\{[^`]*\})?`", section) if re.match(r"apiserver_|etcd_|auth", name)}
    here = {"apiserver_serving_certificate_expiration_timestamp_seconds"}
    assert named - here <= set(FAMILIES) - set(left_out())
    assert len(named) > 15
