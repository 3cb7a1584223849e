"""The page of the sample server, run as the reference's was when its page was recorded, after every kind of request."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.metrics_page import Served, read_page
from tests.support.reference_metrics import FAMILIES, FLOW_CONTROL, SLIS
from tests.support.reference_server import ReferenceServer, reference_server
from tests.support.server_process import eventually, free_port
from tests.support.standalone import standalone

pytestmark = pytest.mark.e2e

GROUP = "wardle.example.com"
V1ALPHA1 = f"/apis/{GROUP}/v1alpha1"
FLUNDERS = f"{V1ALPHA1}/namespaces/dev/flunders"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
APPLY = "application/apply-patch+yaml"


def flunder(name: str) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Flunder", "metadata": {"name": name, "labels": {"a": "b"}}}


def drive(server: ReferenceServer) -> None:
    """One request of each kind."""
    admin, alice, nobody = server.admin, server.clients["alice"], server.clients["none"]
    write(admin)
    read(admin)
    for page in ("/healthz", "/livez", "/readyz", "/version", "/openapi/v2", "/metrics", "/nope", "/apis"):
        admin.get(page)
    admin.request(
        "GET", "/apis", headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    )
    for token in ("token-alice", "token-alice", "nonsense"):
        nobody.request("GET", FLUNDERS, headers={"Authorization": f"Bearer {token}"})
    alice.get(f"{V1ALPHA1}/namespaces/elsewhere/flunders")
    run_out_of_time(alice)
    with pytest.raises(ssl.SSLError):
        HTTPSClient(server.port, authority=server.folder / "rh-ca.crt").get("/version")


def write(admin: HTTPSClient) -> None:
    for name in "abc":
        assert admin.request("POST", f"{FLUNDERS}?fieldValidation=Strict", flunder(name)).status == 201
    assert admin.request("POST", f"{FLUNDERS}?dryRun=All", flunder("dry")).status == 201
    stored = admin.get(f"{FLUNDERS}/a").json()
    stored["metadata"]["labels"] = {"a": "c"}
    assert admin.request("PUT", f"{FLUNDERS}/a", stored).status == 200
    patch = {"Content-Type": "application/merge-patch+json"}
    assert admin.request("PATCH", f"{FLUNDERS}/a", {"metadata": {"labels": {"a": "d"}}}, patch).status == 200
    applied = json.dumps(flunder("applied"))
    assert admin.request("PATCH", f"{FLUNDERS}/applied?fieldManager=m", applied, {"Content-Type": APPLY}).status == 201
    assert admin.request("DELETE", f"{FLUNDERS}/b").status == 200
    assert admin.request("DELETE", FLUNDERS, headers={"Content-Type": "application/json"}).status == 200
    assert admin.request("POST", FLUNDERS, flunder("last")).status == 201


def read(admin: HTTPSClient) -> None:
    newest = admin.get(FLUNDERS).json()["metadata"]["resourceVersion"]
    for query in ("", "?resourceVersion=0", f"?resourceVersion={newest}", "?limit=1", "?watch=1&timeoutSeconds=1"):
        assert admin.get(FLUNDERS + query).status == 200
    assert admin.get(f"{V1ALPHA1}/flunders").status == 200
    initial = (
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    )
    assert admin.get(f"{FLUNDERS}?{initial}").status == 200


def run_out_of_time(alice: HTTPSClient) -> None:
    """A write whose body does not come, and one that has no time at all."""
    slow = alice.connect()
    slow.putrequest("POST", f"{FLUNDERS}?timeout=300ms")
    slow.putheader("Content-Type", "application/json")
    slow.putheader("Content-Length", "100")
    slow.endheaders(b"{")
    assert slow.getresponse().status == 504
    slow.close()
    assert alice.request("POST", f"{FLUNDERS}?timeout=1ns", flunder("late")).status == 504


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "policy.json").write_text(json.dumps(POLICY))
    flags = (
        "--storage-backend=memory",
        f"--audit-log-path={folder}/audit.log",
        f"--audit-policy-file={folder}/policy.json",
    )
    with reference_server(folder, *flags) as running:
        yield running


@pytest.fixture(scope="module")
def page(server: ReferenceServer) -> dict[str, Served]:
    drive(server)

    def published() -> dict[str, Served] | None:
        served = read_page(server.admin.get("/metrics").body.decode())
        return served if "apiserver_current_inflight_requests" in served else None

    return eventually(published, "the gauges of a second are published")


REQUEST = {"group": GROUP, "version": "v1alpha1", "resource": "flunders", "component": "apiserver"}
GR = {"group": GROUP, "resource": "flunders"}
RESULTS = ("success", "error")
BODY = ("create", "update", "patch", "delete_collection")

SEEN: dict[str, list[dict[str, str]]] = {
    "apiserver_request_total": [
        {**REQUEST, "verb": "POST", "scope": "resource", "code": "201", "dry_run": "", "subresource": ""},
        {**REQUEST, "verb": "POST", "scope": "resource", "code": "201", "dry_run": "All", "subresource": ""},
        {**REQUEST, "verb": "PUT", "scope": "resource", "code": "200"},
        {**REQUEST, "verb": "PATCH", "scope": "resource", "code": "200"},
        {**REQUEST, "verb": "APPLY", "scope": "resource", "code": "201"},
        {**REQUEST, "verb": "GET", "scope": "resource", "code": "200"},
        {**REQUEST, "verb": "LIST", "scope": "namespace", "code": "200"},
        {**REQUEST, "verb": "LIST", "scope": "cluster", "code": "200"},
        {**REQUEST, "verb": "WATCH", "scope": "namespace", "code": "200"},
        {**REQUEST, "verb": "DELETE", "scope": "resource", "code": "200"},
        {**REQUEST, "verb": "DELETE", "scope": "namespace", "code": "200"},
        {"verb": "GET", "subresource": "apis", "component": "apiserver", "group": "", "scope": "", "code": "200"},
        *(
            {
                "verb": "GET",
                "subresource": path,
                "component": "",
                "group": "",
                "scope": "",
                "version": "",
                "code": "200",
            }
            for path in ("/healthz", "/livez", "/readyz")
        ),
    ],
    "apiserver_request_duration_seconds": [{**REQUEST, "verb": "GET"}, {**REQUEST, "verb": "WATCH"}],
    "apiserver_request_sli_duration_seconds": [{**REQUEST, "verb": "LIST", "scope": "namespace"}],
    "apiserver_request_slo_duration_seconds": [{**REQUEST, "verb": "LIST", "scope": "namespace"}],
    "apiserver_response_sizes": [{**REQUEST, "verb": "GET"}, {**REQUEST, "verb": "LIST"}, {**REQUEST, "verb": "WATCH"}],
    "apiserver_longrunning_requests": [{**REQUEST, "verb": "WATCH", "scope": "namespace"}],
    "apiserver_current_inflight_requests": [{"request_kind": "readOnly"}, {"request_kind": "mutating"}],
    "apiserver_request_terminations_total": [{**REQUEST, "verb": "POST", "code": "504", "scope": "resource"}],
    "apiserver_request_post_timeout_total": [{"source": "timeout-handler", "status": "ok"}],
    "apiserver_request_filter_duration_seconds": [
        {"filter": name} for name in ("authentication", "audit", "authorization", "impersonation")
    ],
    "apiserver_selfrequest_total": [{"group": GROUP, "resource": "fischers", "verb": "LIST"}],
    "apiserver_requested_deprecated_apis": [
        {**{key: REQUEST[key] for key in ("group", "version", "resource")}, "subresource": ""}
    ],
    "apiserver_tls_handshake_errors_total": [{}],
    "apiserver_watch_events_total": [{**GR, "version": "v1alpha1"}],
    "apiserver_watch_events_sizes": [{**GR, "version": "v1alpha1"}],
    "apiserver_watch_list_duration_seconds": [{**GR, "version": "v1alpha1", "scope": "namespace"}],
    "apiserver_request_timestamp_comparison_time": [{"code_path": "unequal_objects_fast"}],
    "apiserver_request_body_size_bytes": [{**GR, "verb": verb} for verb in BODY],
    "field_validation_request_duration_seconds": [{"field_validation": ""}, {"field_validation": "Strict"}],
    "authenticated_user_requests": [{"username": "admin"}, {"username": "other"}],
    "authentication_attempts": [{"result": result} for result in RESULTS],
    "authentication_duration_seconds": [{"result": result} for result in RESULTS],
    "authorization_attempts_total": [{"result": result} for result in ("allowed", "no-opinion")],
    "authorization_duration_seconds": [{"result": result} for result in ("allowed", "no-opinion")],
    "authentication_token_cache_request_total": [{"status": "hit"}, {"status": "miss"}],
    "authentication_token_cache_request_duration_seconds": [{"status": "hit"}, {"status": "miss"}],
    "authentication_token_cache_fetch_total": [{"status": "ok"}],
    "authentication_token_cache_active_fetch_count": [{"status": "in_flight"}],
    "apiserver_client_certificate_expiration_seconds": [{}],
    "apiserver_delegated_authn_request_total": [{"code": "201"}],
    "apiserver_delegated_authn_request_duration_seconds": [{"code": "201"}],
    "apiserver_delegated_authz_request_total": [{"code": "201"}],
    "apiserver_delegated_authz_request_duration_seconds": [{"code": "201"}],
    "apiserver_admission_step_admission_duration_seconds": [
        {"type": "admit", "operation": "CREATE", "rejected": "false"}
    ],
    "apiserver_admission_step_admission_duration_seconds_summary": [{"type": "admit", "operation": "CREATE"}],
    "apiserver_admission_controller_admission_duration_seconds": [
        {"name": "BanFlunder", "type": "admit", "operation": "CREATE", "rejected": "false"}
    ],
    "apiserver_audit_event_total": [{}],
    "apiserver_audit_level_total": [{"level": "Metadata"}],
    "apiserver_audit_requests_rejected_total": [{}],
    "apiserver_webhooks_x509_missing_san_total": [{}],
    "apiserver_webhooks_x509_insecure_sha1_total": [{}],
    "apiserver_flowcontrol_read_vs_write_current_requests": [
        {"phase": "executing", "request_kind": kind} for kind in ("readOnly", "mutating")
    ],
    "apiserver_flowcontrol_seat_fair_frac": [{}],
    "apiserver_cache_list_total": [{**GR, "index": ""}],
    "apiserver_cache_list_fetched_objects_total": [{**GR, "index": ""}],
    "apiserver_cache_list_returned_objects_total": [GR],
    "apiserver_init_events_total": [GR],
    "apiserver_resource_objects": [GR],
    "apiserver_resource_size_estimate_bytes": [GR],
    "apiserver_storage_objects": [{"resource": f"flunders.{GROUP}"}],
    "apiserver_storage_size_bytes": [{"storage_cluster_id": "etcd-0"}],
    "apiserver_storage_db_total_size_in_bytes": [{"endpoint": "memory"}],
    "apiserver_storage_events_received_total": [GR],
    "apiserver_storage_data_key_generation_duration_seconds": [{}],
    "apiserver_storage_data_key_generation_failures_total": [{}],
    "apiserver_storage_envelope_transformation_cache_misses_total": [{}],
    "apiserver_storage_list_total": [GR],
    "apiserver_storage_list_fetched_objects_total": [GR],
    "apiserver_storage_list_evaluated_objects_total": [GR],
    "apiserver_storage_list_returned_objects_total": [GR],
    "apiserver_validation_declarative_validation_mismatch_total": [{}],
    "apiserver_validation_declarative_validation_panic_total": [{}],
    "apiserver_watch_cache_initializations_total": [GR],
    "apiserver_watch_cache_events_received_total": [GR],
    "apiserver_watch_cache_events_dispatched_total": [GR],
    "apiserver_watch_cache_consistent_read_total": [{**GR, "success": "true", "fallback": "false"}],
    "apiserver_watch_cache_read_wait_seconds": [GR],
    "apiserver_watch_cache_resource_version": [GR],
    "watch_cache_capacity": [GR],
    "aggregator_discovery_aggregation_count_total": [{}],
    "etcd_requests_total": [{**GR, "operation": operation} for operation in ("create", "update", "delete", "list")],
    "etcd_request_duration_seconds": [{**GR, "operation": "create"}],
    "registered_metrics_total": [{"stability_level": level} for level in ("ALPHA", "BETA", "STABLE")],
    "disabled_metrics_total": [{}],
    "hidden_metrics_total": [{}],
    "process_start_time_seconds": [{}],
    "process_resident_memory_bytes": [{}],
    "process_open_fds": [{}],
    "process_cpu_seconds_total": [{}],
    "kubernetes_feature_enabled": [{"name": "APIResponseCompression", "stage": "BETA"}],
}
"""The families that the reference's page had after such requests, and series of theirs."""


@pytest.mark.parametrize("name", SEEN)
def test_a_family_that_was_seen_there_is_seen_here(name: str, page: dict[str, Served]) -> None:
    assert name in page
    found = page[name]
    for labels in SEEN[name]:
        assert found.has(**labels), f"{name}{labels} is not among {sorted(map(dict, found.series), key=str)}"
    if name in FAMILIES:
        family = FAMILIES[name]
        assert (found.type, found.labels, found.stability) == (family.type, family.labels, family.stability)
        assert found.buckets == pytest.approx(family.buckets)


def test_every_family_says_how_stable_it_is(page: dict[str, Served]) -> None:
    silent = {name for name, found in page.items() if not found.stability}
    assert all(re.match(r"process_|python_", name) for name in silent)


def test_what_filters_refuse_is_invisible_among_requests(page: dict[str, Served]) -> None:
    codes = {dict(series)["code"] for series in page["apiserver_request_total"].series}
    assert not codes & {"401", "403", "0"}


def test_numbers_that_can_be_counted_by_hand(page: dict[str, Served]) -> None:
    posts = page["apiserver_request_total"].total(verb="POST", code="201", dry_run="", resource="flunders")
    assert posts == 4
    assert page["apiserver_request_duration_seconds"].total("_count", verb="POST", dry_run="", resource="flunders") >= 4
    assert page["etcd_requests_total"].total(operation="create", resource="flunders") == 5
    assert page["apiserver_request_sli_duration_seconds"].total("_count", verb="WATCH") == 0
    assert page["apiserver_longrunning_requests"].total(resource="flunders") == 0
    assert page["apiserver_tls_handshake_errors_total"].total() >= 1


def test_a_series_is_there_once_something_was_counted_in_it(page: dict[str, Served]) -> None:
    """But for the one of the reference that never counts anything, and lists that found nothing."""
    empty = {
        name
        for name, found in page.items()
        if name in FAMILIES
        and found.type in ("counter", "histogram", "summary")
        and found.labels
        and any(
            found.total("_count" if found.type != "counter" else "", **dict(series)) == 0 for series in found.series
        )
    }
    numbers = {
        name for name in page if name.startswith(("python_", "apiserver_cache_list_", "apiserver_storage_list_"))
    }
    assert empty <= {"field_validation_request_duration_seconds", *numbers}


def test_health_checks_are_counted_on_a_page_of_their_own(server: ReferenceServer, page: dict[str, Served]) -> None:
    slis = read_page(server.admin.get("/metrics/slis").body.decode())
    assert set(slis) == {*SLIS, "process_start_time_seconds"}
    for name, family in SLIS.items():
        assert (slis[name].type, slis[name].labels, slis[name].stability) == (
            family.type,
            family.labels,
            family.stability,
        )
        assert name not in page
    for type_ in ("healthz", "livez", "readyz"):
        assert slis["kubernetes_healthcheck"].total(name="ping", type=type_) == 1
        assert slis["kubernetes_healthchecks_total"].has(name="ping", type=type_, status="success")


def test_a_reset_starts_over(server: ReferenceServer, page: dict[str, Served]) -> None:
    response = server.admin.request("DELETE", "/metrics")
    assert (response.status, response.body) == (200, b"metrics reset\n")
    after = read_page(server.admin.get("/metrics").body.decode())
    assert after["apiserver_request_total"].total(verb="PUT") == 0
    assert after["etcd_requests_total"].total(operation="create") == 0


def test_a_server_that_stands_alone_shows_its_levels(tmp_path: Path) -> None:
    flags = ("--storage-backend=memory", "--disabled-metrics=etcd_requests_total")
    with standalone(tmp_path / "data", free_port(), *flags) as server:
        flunders = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders"
        created = {"apiVersion": "wardle.example.com/v1beta1", "kind": "Flunder", "metadata": {"name": "a"}}
        assert server.admin.request("POST", flunders, created).status == 201
        with server.admin.stream("GET", f"{flunders}?watch=1&resourceVersion=0") as watch:
            watch.readline()
        page = read_page(server.admin.get("/metrics").body.decode())
        server.process.stop()
    rare = {"rejected_requests_total", "request_dispatch_no_accommodation_total", "epoch_advance_total"}
    queues = {"request_wait_duration_seconds", "request_queue_length_after_enqueue"}  # an administrator waits in none
    for name, family in FLOW_CONTROL.items():
        if name.removeprefix("apiserver_flowcontrol_") in rare | queues:
            continue
        assert name in page
        assert (page[name].type, page[name].labels, page[name].stability) == (
            family.type,
            family.labels,
            family.stability,
        )
        assert page[name].buckets == pytest.approx(family.buckets)
    flows = page["apiserver_flowcontrol_dispatched_requests_total"]
    assert flows.has(priority_level="exempt", flow_schema="exempt")
    level = {"priority_level": "exempt", "phase": "executing"}
    assert page["apiserver_flowcontrol_priority_level_seat_utilization"].total("_count", **level) > 0
    assert "etcd_requests_total" not in page
    assert page["disabled_metrics_total"].total() == 1
    assert page["kubernetes_build_info"].total() == 1
