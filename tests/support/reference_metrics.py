"""The families of metrics that the reference has: type, labels, buckets, stability and since when they are deprecated.

The buckets stand here as the reference has them and not as the library's constants, which are what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

SLI = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
DURATION = (0.005, 0.025, *SLI)
DEFAULT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
POWERS = tuple(0.001 * 2**power for power in range(15))
CONDITION = (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25)
DELEGATED = (0.25, 0.5, 0.7, 1, 1.5, 3, 5, 10)
ADMISSION = (0.005, 0.025, 0.1, 0.5, 1, 2.5)
POLICY = (0.0000005, 0.001, 0.01, 0.1, 1)
FLOW = (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)

R7 = "verb group version resource subresource scope component"
GR = "group resource"
CONDITION_LABELS = "name kind type operation"
VAP = "policy policy_binding error_type enforcement_action"
LEVEL = "priority_level"
FLOWS = "priority_level flow_schema"
KEY_GENERATION = tuple(5e-6 * 2**power for power in range(14))


@attrs.frozen
class Family:
    type: str
    labels: frozenset[str]
    buckets: tuple[float, ...] = ()
    stability: str = "ALPHA"
    deprecated: str = ""


def _c(labels: str = "", stability: str = "ALPHA", deprecated: str = "") -> Family:
    return Family("counter", frozenset(labels.split()), (), stability, deprecated)


def _g(labels: str = "", stability: str = "ALPHA", deprecated: str = "") -> Family:
    return Family("gauge", frozenset(labels.split()), (), stability, deprecated)


def _h(labels: str, buckets: tuple[float, ...], stability: str = "ALPHA", deprecated: str = "") -> Family:
    return Family("histogram", frozenset(labels.split()), buckets, stability, deprecated)


STABLE, BETA = "STABLE", "BETA"

REQUESTS: Final = {
    "apiserver_request_total": _c(f"{R7} dry_run code", STABLE),
    "apiserver_request_duration_seconds": _h(f"{R7} dry_run", DURATION, STABLE),
    "apiserver_request_sli_duration_seconds": _h(R7, SLI),
    "apiserver_request_slo_duration_seconds": _h(R7, SLI, deprecated="1.27.0"),
    "apiserver_response_sizes": _h(R7, (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9), STABLE),
    "apiserver_longrunning_requests": _g(R7, STABLE),
    "apiserver_current_inflight_requests": _g("request_kind", STABLE),
    "apiserver_current_inqueue_requests": _g("request_kind"),
    "apiserver_request_terminations_total": _c(f"{R7} code"),
    "apiserver_request_aborts_total": _c("verb group version resource subresource scope"),
    "apiserver_request_post_timeout_total": _c("source status"),
    "apiserver_request_filter_duration_seconds": _h(
        "filter", (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30)
    ),
    "apiserver_selfrequest_total": _c("verb group resource subresource"),
    "apiserver_requested_deprecated_apis": _g("group version resource subresource removed_release", STABLE),
    "apiserver_tls_handshake_errors_total": _c(),
    "apiserver_watch_events_total": _c("group version resource"),
    "apiserver_watch_events_sizes": _h("group version resource", (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)),
    "apiserver_watch_list_duration_seconds": _h(
        "group version resource scope", (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60)
    ),
    "apiserver_request_timestamp_comparison_time": _h(
        "code_path", (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5)
    ),
    "apiserver_request_body_size_bytes": _h(
        "group resource verb", tuple(50_000 + 100_000 * number for number in range(31))
    ),
    "field_validation_request_duration_seconds": _h("field_validation", SLI),
}
AUTHENTICATION: Final = {
    "authenticated_user_requests": _c("username"),
    "authentication_attempts": _c("result"),
    "authentication_duration_seconds": _h("result", POWERS),
    "authorization_attempts_total": _c("result"),
    "authorization_duration_seconds": _h("result", POWERS),
    "authentication_token_cache_request_total": _c("status"),
    "authentication_token_cache_request_duration_seconds": _h("status", DEFAULT),
    "authentication_token_cache_fetch_total": _c("status"),
    "authentication_token_cache_active_fetch_count": _g("status"),
    "apiserver_client_certificate_expiration_seconds": _h(
        "",
        (0, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000),
    ),
    "apiserver_delegated_authn_request_total": _c("code"),
    "apiserver_delegated_authz_request_total": _c("code"),
    "apiserver_delegated_authn_request_duration_seconds": _h("code", DELEGATED),
    "apiserver_delegated_authz_request_duration_seconds": _h("code", DELEGATED),
    "apiserver_authentication_jwt_authenticator_latency_seconds": _h(
        "result jwt_issuer_hash", (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    ),
    "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds": _g(
        "result jwt_issuer_hash apiserver_id_hash"
    ),
    "apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info": _g(
        "jwt_issuer_hash apiserver_id_hash hash"
    ),
    "apiserver_authorization_webhook_evaluations_total": _c("name result"),
    "apiserver_authorization_webhook_duration_seconds": _h("name result", DEFAULT),
    "apiserver_authorization_webhook_evaluations_fail_open_total": _c("name result"),
    "apiserver_authorization_match_condition_evaluation_errors_total": _c("type name"),
    "apiserver_authorization_match_condition_exclusions_total": _c("type name"),
    "apiserver_authorization_match_condition_evaluation_seconds": _h("type name", CONDITION),
    "apiserver_authentication_config_controller_automatic_reloads_total": _c("status apiserver_id_hash", BETA),
    "apiserver_authorization_config_controller_automatic_reloads_total": _c("status apiserver_id_hash", BETA),
    "apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds": _g(
        "status apiserver_id_hash", BETA
    ),
    "apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds": _g(
        "status apiserver_id_hash", BETA
    ),
    "apiserver_authentication_config_controller_last_config_info": _g("apiserver_id_hash hash"),
    "apiserver_authorization_config_controller_last_config_info": _g("apiserver_id_hash hash"),
}
ADMISSION_AND_AUDIT: Final = {
    "apiserver_admission_step_admission_duration_seconds": _h("type operation rejected", ADMISSION, STABLE),
    "apiserver_admission_step_admission_duration_seconds_summary": Family(
        "summary", frozenset(("type", "operation", "rejected"))
    ),
    "apiserver_admission_controller_admission_duration_seconds": _h("name type operation rejected", ADMISSION, STABLE),
    "apiserver_admission_webhook_admission_duration_seconds": _h(
        "name type operation rejected", (*ADMISSION, 10, 25), STABLE
    ),
    "apiserver_admission_webhook_request_total": _c("name type operation code rejected"),
    "apiserver_admission_webhook_rejection_count": _c("name type operation error_type rejection_code"),
    "apiserver_admission_webhook_fail_open_count": _c("name type"),
    "apiserver_admission_match_condition_evaluation_errors_total": _c(CONDITION_LABELS),
    "apiserver_admission_match_condition_exclusions_total": _c(CONDITION_LABELS),
    "apiserver_admission_match_condition_evaluation_seconds": _h(CONDITION_LABELS, CONDITION),
    "apiserver_validating_admission_policy_check_total": _c(VAP, BETA),
    "apiserver_validating_admission_policy_check_duration_seconds": _h(VAP, POLICY, BETA),
    "apiserver_mutating_admission_policy_check_total": _c("policy policy_binding error_type"),
    "apiserver_mutating_admission_policy_check_duration_seconds": _h("policy policy_binding error_type", POLICY),
    "apiserver_audit_event_total": _c(),
    "apiserver_audit_error_total": _c("plugin"),
    "apiserver_audit_level_total": _c("level"),
    "apiserver_audit_requests_rejected_total": _c(),
    "apiserver_webhooks_x509_missing_san_total": _c(),
    "apiserver_webhooks_x509_insecure_sha1_total": _c(),
}
_FLOW_CONTROL: Final = {
    "rejected_requests_total": _c(f"{FLOWS} reason", BETA),
    "dispatched_requests_total": _c(FLOWS, BETA),
    "current_inqueue_requests": _g(FLOWS, BETA),
    "current_inqueue_seats": _g(FLOWS),
    "current_executing_requests": _g(FLOWS, BETA),
    "current_executing_seats": _g(FLOWS, BETA),
    "request_wait_duration_seconds": _h(f"{FLOWS} execute", FLOW, BETA),
    "request_execution_seconds": _h(f"{FLOWS} type", FLOW),
    "request_queue_length_after_enqueue": _h(FLOWS, (0, 10, 25, 50, 100, 250, 500, 1000)),
    "work_estimated_seats": _h(FLOWS, (1, 2, 4, 8, 16, 32, 64, 100)),
    "watch_count_samples": _h(FLOWS, (0, 1, 10, 100, 1000, 10000)),
    "request_dispatch_no_accommodation_total": _c(FLOWS),
    "nominal_limit_seats": _g(LEVEL, BETA),
    **{
        name: _g(LEVEL)
        for name in (
            "lower_limit_seats",
            "upper_limit_seats",
            "current_limit_seats",
            "target_seats",
            "demand_seats_high_watermark",
            "demand_seats_average",
            "demand_seats_stdev",
            "demand_seats_smoothed",
            "current_r",
            "dispatch_r",
            "latest_s",
        )
    },
    "seat_fair_frac": _g(),
    "next_s_bounds": _g(f"{LEVEL} bound"),
    "next_discounted_s_bounds": _g(f"{LEVEL} bound"),
    "epoch_advance_total": _c(f"{LEVEL} success"),
    "request_concurrency_limit": _g(LEVEL, deprecated="1.30.0"),
    "request_concurrency_in_use": _g(FLOWS, deprecated="1.31.0"),
    "priority_level_seat_utilization": _h(
        f"{LEVEL} phase", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
    ),
    "priority_level_request_utilization": _h(f"{LEVEL} phase", (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1)),
    "read_vs_write_current_requests": _h(
        "phase request_kind", (0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
    ),
    "demand_seats": _h(LEVEL, (0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6)),
}
FLOW_CONTROL: Final = {f"apiserver_flowcontrol_{name}": family for name, family in _FLOW_CONTROL.items()}
STORAGE: Final = {
    "etcd_request_duration_seconds": _h(f"operation {GR}", DURATION),
    "etcd_requests_total": _c(f"operation {GR}"),
    "etcd_request_errors_total": _c(f"operation {GR}"),
    "etcd_bookmark_counts": _g(GR),
    "etcd_lease_object_counts": _h("", (10, 50, 100, 500, 1000, 2500, 5000)),
    "apiserver_storage_objects": _g("resource", STABLE, "1.34.0"),
    "apiserver_resource_objects": _g(GR),
    "apiserver_resource_size_estimate_bytes": _g(GR),
    "apiserver_storage_size_bytes": _g("storage_cluster_id", STABLE),
    "apiserver_storage_db_total_size_in_bytes": _g("endpoint", deprecated="1.28.0"),
    **{
        name: _c(GR)
        for name in (
            "apiserver_storage_list_total",
            "apiserver_storage_list_fetched_objects_total",
            "apiserver_storage_list_evaluated_objects_total",
            "apiserver_storage_list_returned_objects_total",
            "apiserver_storage_events_received_total",
            "apiserver_storage_decode_errors_total",
            "apiserver_cache_list_returned_objects_total",
            "apiserver_init_events_total",
            "apiserver_watch_cache_events_received_total",
            "apiserver_watch_cache_events_dispatched_total",
            "apiserver_terminated_watchers_total",
            "apiserver_watch_cache_initializations_total",
            "watch_cache_capacity_increase_total",
            "watch_cache_capacity_decrease_total",
        )
    },
    "apiserver_cache_list_total": _c(f"{GR} index"),
    "apiserver_cache_list_fetched_objects_total": _c(f"{GR} index"),
    "apiserver_watch_cache_resource_version": _g(GR),
    "watch_cache_capacity": _g(GR),
    "apiserver_watch_cache_read_wait_seconds": _h(
        GR, (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3)
    ),
    "apiserver_watch_cache_consistent_read_total": _c(f"{GR} success fallback"),
    "apiserver_storage_consistency_checks_total": _c(f"{GR} status"),
}
KEY_USE: Final = "transformation_type provider_name key_id_hash apiserver_id_hash"
ENCRYPTION: Final = {
    "apiserver_storage_transformation_duration_seconds": _h(
        "transformation_type transformer_prefix", tuple(5e-6 * 2**power for power in range(25))
    ),
    "apiserver_storage_transformation_operations_total": _c("resource transformation_type transformer_prefix status"),
    "apiserver_storage_envelope_transformation_cache_misses_total": _c(),
    "apiserver_storage_data_key_generation_failures_total": _c(),
    "apiserver_storage_data_key_generation_duration_seconds": _h("", KEY_GENERATION),
    "apiserver_encryption_config_controller_automatic_reloads_total": _c("status apiserver_id_hash"),
    "apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds": _g("status apiserver_id_hash"),
    "apiserver_encryption_config_controller_last_config_info": _g("apiserver_id_hash hash"),
    "apiserver_envelope_encryption_dek_cache_fill_percent": _g(),
    "apiserver_envelope_encryption_dek_cache_inter_arrival_time_seconds": _h(
        "transformation_type", tuple(60 * 2**power for power in range(10))
    ),
    "apiserver_envelope_encryption_dek_source_cache_size": _g("provider_name"),
    "apiserver_envelope_encryption_invalid_key_id_from_status_total": _c("provider_name error"),
    "apiserver_envelope_encryption_key_id_hash_last_timestamp_seconds": _g(KEY_USE),
    "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds": _g(
        "provider_name key_id_hash apiserver_id_hash"
    ),
    "apiserver_envelope_encryption_key_id_hash_total": _c(KEY_USE),
    "apiserver_envelope_encryption_kms_operations_latency_seconds": _h(
        "provider_name method_name grpc_status_code", tuple(0.0001 * 2**power for power in range(20))
    ),
}
CLIENT_SIZES = (64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
OTHER: Final = {
    "rest_client_requests_total": _c("code method host"),
    "rest_client_request_duration_seconds": _h("verb host", (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)),
    "rest_client_request_size_bytes": _h("verb host", CLIENT_SIZES),
    "rest_client_response_size_bytes": _h("verb host", CLIENT_SIZES),
    "apiserver_egress_dialer_dial_start_total": _c("protocol transport"),
    "apiserver_egress_dialer_dial_duration_seconds": _h("protocol transport", (0.005, 0.025, 0.1, 0.5, 2.5, 12.5)),
    "apiserver_egress_dialer_dial_failure_count": _c("protocol transport stage"),
    "aggregator_discovery_aggregation_count_total": _c(),
    "apiserver_rerouted_request_total": _c("code"),
    "apiserver_validation_declarative_validation_mismatch_total": _c("", BETA),
    "apiserver_validation_declarative_validation_panic_total": _c("", BETA),
    "apiserver_validation_duplicate_validation_error_total": _c("", "INTERNAL"),
    "registered_metrics_total": _c("stability_level deprecated_version", BETA),
    "disabled_metrics_total": _c("", BETA),
    "hidden_metrics_total": _c("", BETA),
    "cardinality_enforcement_unexpected_categorizations_total": _c(),
    "workqueue_adds_total": _c("name"),
    "workqueue_retries_total": _c("name"),
    "workqueue_depth": _g("name"),
    "workqueue_unfinished_work_seconds": _g("name"),
    "workqueue_longest_running_processor_seconds": _g("name"),
    "workqueue_queue_duration_seconds": _h("name", tuple(1e-8 * 10**power for power in range(10))),
    "workqueue_work_duration_seconds": _h("name", tuple(1e-8 * 10**power for power in range(10))),
    "grpc_client_started_total": _c("grpc_type grpc_service grpc_method", ""),
    "grpc_client_handled_total": _c("grpc_type grpc_service grpc_method grpc_code", ""),
    "grpc_client_msg_received_total": _c("grpc_type grpc_service grpc_method", ""),
    "grpc_client_msg_sent_total": _c("grpc_type grpc_service grpc_method", ""),
}
FAMILIES: Final[Mapping[str, Family]] = {
    **REQUESTS,
    **AUTHENTICATION,
    **ADMISSION_AND_AUDIT,
    **FLOW_CONTROL,
    **STORAGE,
    **ENCRYPTION,
    **OTHER,
}
"""What is served at /metrics."""

SLIS: Final[Mapping[str, Family]] = {
    "kubernetes_healthcheck": _g("name type", STABLE),
    "kubernetes_healthchecks_total": _c("name type status", STABLE),
}
"""What is served at /metrics/slis."""
