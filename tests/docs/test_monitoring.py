"""The dashboard, the alerts and the rules look at nothing that a server does not serve; nor do the usual ones of others."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import promql_parser
import pytest
import yaml

from genericapiserver.certificates.metrics import DynamicCertificateMetrics
from genericapiserver.metrics import MetricsRegistry
from tests.metrics.test_reference import left_out
from tests.support.reference_metrics import FAMILIES, SLIS

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / "docs" / "monitoring"

TARGET_LABELS = frozenset(("job", "instance"))
"""Prometheus puts them on whatever it scrapes."""
NOT_OURS = {"up": TARGET_LABELS}
"""What Prometheus makes itself."""
PROCESS = {
    "process_cpu_seconds_total": (),
    "process_resident_memory_bytes": (),
    "process_open_fds": (),
    "process_max_fds": (),
    "process_start_time_seconds": (),
    "python_asyncio_tasks": (),
    "python_gc_collections_total": ("generation",),
}
"""tests/e2e/test_metrics.py and tests/routes see them on a page."""


def certificates() -> dict[str, frozenset[str]]:
    registry = MetricsRegistry()
    DynamicCertificateMetrics(registry)
    return {name: frozenset(metric._labelnames) for name, metric in registry._metrics.items()}


def series() -> dict[str, frozenset[str]]:
    """The names of the series that a server serves, and their labels."""
    found: dict[str, frozenset[str]] = {}
    for name, family in {**FAMILIES, **SLIS}.items():
        if name in left_out():
            continue
        if family.type == "histogram":
            found[f"{name}_bucket"] = family.labels | {"le"}
        if family.type in ("histogram", "summary"):
            found[f"{name}_sum"] = found[f"{name}_count"] = family.labels
        else:
            found[name] = family.labels
    found |= {name: frozenset(labels) for name, labels in PROCESS.items()}
    return found | certificates()


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("monitoring", CHECKOUT / "scripts" / "monitoring.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def recorded(rules: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """What the recording rules make, and its labels."""
    found: dict[str, frozenset[str]] = {}
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "record" in rule:
                by = re.findall(r"by \(([\w, ]+)\)", rule["expr"])
                kept = frozenset(label for labels in by for label in labels.split(", ")) - {"le"}
                found[rule["record"]] = kept | set(rule.get("labels", ())) | TARGET_LABELS
    return found


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    return loaded


def selectors(expression: Any) -> Iterator[Any]:
    """The selectors of series in *expression*."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expression, part, None)
        if isinstance(inner, promql_parser.Expr):
            yield from selectors(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from selectors(argument)


def problems(text: str, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What *text* asks for and nobody has."""
    expression = promql_parser.parse(text.replace("$__rate_interval", "5m"))
    everywhere: set[str] = set()
    for selector in selectors(expression):
        if selector.name not in known:
            yield f"there is no {selector.name}"
            continue
        labels = known[selector.name] | TARGET_LABELS
        everywhere |= labels
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels:
                yield f"{selector.name} has no label {matcher.name}"
    for labels_text in re.findall(r"(?:by|on|group_left|group_right|without|ignoring) ?\(([\w, ]*)\)", text):
        for label in filter(None, re.split(r",\s*", labels_text)):
            if label not in everywhere:
                yield f"nothing in it has the label {label}"


def test_the_files_are_those_that_the_script_writes() -> None:
    for name, text in script().files().items():
        assert (FOLDER / name).read_text() == text, "run scripts/monitoring.py"


def test_every_rule_asks_for_what_there_is(rules: dict[str, Any]) -> None:
    known = {**series(), **NOT_OURS, **recorded(rules)}
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert not list(problems(rule["expr"], known)), rule


def test_rules_are_made_as_prometheus_wants_them(rules: dict[str, Any]) -> None:
    names = [group["name"] for group in rules["groups"]]
    assert len(set(names)) == len(names)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
                assert re.fullmatch(r"\d+[smhd]", rule["for"])
                assert rule["labels"]["severity"] in ("info", "warning", "critical")
                assert set(rule["annotations"]) == {"summary", "description"}
            else:
                assert set(rule) <= {"record", "expr", "labels"}
                assert re.fullmatch(r"[a-zA-Z_:][\w:]*", rule["record"])


def test_annotations_name_labels_that_the_alert_has(rules: dict[str, Any]) -> None:
    for group in rules["groups"]:
        for rule in group["rules"]:
            text = " ".join(rule.get("annotations", {}).values())
            for label in re.findall(r"\$labels\.(\w+)", text):
                aggregated = re.findall(r"by \(([\w, ]+)\)", rule["expr"])
                kept = {each for labels in aggregated for each in labels.split(", ")} or TARGET_LABELS
                assert label in kept, (rule["alert"], label)


def test_every_panel_asks_for_what_there_is(panels: list[dict[str, Any]], rules: dict[str, Any]) -> None:
    known = {**series(), **NOT_OURS, **recorded(rules)}
    asked = 0
    for panel in panels:
        for target in panel.get("targets", ()):
            asked += 1
            assert not list(problems(target["expr"], known)), panel["title"]
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in TARGET_LABELS or re.search(rf"\b{label}\b", target["expr"]), panel["title"]
    assert asked > 50


def test_panels_lie_beside_each_other(panels: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


# What kubernetes-mixin's rules, alerts and dashboard of the API server select, as names and labels.
STOCK = {
    "apiserver_request_total": "job verb code instance resource",
    "apiserver_request_duration_seconds_bucket": "job verb instance le",
    "apiserver_request_sli_duration_seconds_bucket": "job verb scope subresource le resource instance",
    "apiserver_request_sli_duration_seconds_count": "job verb scope subresource resource",
    "apiserver_request_slo_duration_seconds_bucket": "job verb scope subresource le",
    "apiserver_request_slo_duration_seconds_count": "job verb scope subresource",
    "apiserver_request_terminations_total": "job",
    "apiserver_client_certificate_expiration_seconds_count": "job",
    "apiserver_client_certificate_expiration_seconds_bucket": "job le",
    "apiserver_current_inflight_requests": "job instance request_kind",
    "apiserver_flowcontrol_rejected_requests_total": "job priority_level flow_schema reason",
    "etcd_request_duration_seconds_bucket": "job instance operation le",
    "process_resident_memory_bytes": "job instance",
    "process_cpu_seconds_total": "job instance",
    "process_start_time_seconds": "job instance",
}


@pytest.mark.parametrize("name", STOCK)
def test_stock_dashboards_and_rules_find_what_they_look_for(name: str) -> None:
    assert set(STOCK[name].split()) <= series()[name] | TARGET_LABELS


@pytest.mark.parametrize(("scope", "bound"), [("resource", 1.0), ("namespace", 5.0), ("cluster", 30.0)])
def test_objectives_are_bounds_of_buckets(scope: str, bound: float) -> None:
    assert bound in FAMILIES["apiserver_request_sli_duration_seconds"].buckets
    assert bound in script().IN_TIME.values()


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(rate(nobody_total[5m]))", "there is no nobody_total"),
        ('apiserver_request_total{colour="red"}', "apiserver_request_total has no label colour"),
        ("sum by (colour) (apiserver_request_total)", "nothing in it has the label colour"),
        ("1 - (absent(up) or vector(0)) * nobody", "there is no nobody"),
        ("histogram_quantile(0.9, rate(nobody_bucket[5m]))", "there is no nobody_bucket"),
    ],
)
def test_what_nobody_serves_is_found(expression: str, problem: str) -> None:
    assert list(problems(expression, {**series(), **NOT_OURS})) == [problem]
