"""What is counted of policies. Names, labels and buckets are the reference's (policy/{validating,mutating}/metrics)."""

from typing import Final, Literal

from genericapiserver.metrics import MetricsRegistry

BUCKETS: Final = (0.0000005, 0.001, 0.01, 0.1, 1.0)

Action = Literal["allow", "deny", "audit", "warn"]
OUT_OF_BUDGET: Final = "validation failed due to running out of cost budget"


def error_type(message: str, *, failed: bool) -> str:
    """What kind of error *message* tells of, if an expression failed at all and was not merely false."""
    if message.startswith("compilation"):
        return "compile_error"
    if message.startswith(OUT_OF_BUDGET):
        return "out_of_budget"
    return "invalid_error" if failed else "no_error"


class ValidatingPolicyMetrics:
    """One observation for each validation that was not simply true, and each thing that followed from it."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        labels = ("policy", "policy_binding", "error_type", "enforcement_action")
        self._checks = metrics.counter(
            "apiserver_validating_admission_policy_check_total",
            "[BETA] Validation admission policy check total, labeled by policy and further identified by binding and "
            "enforcement action taken.",
            labels,
        )
        self._seconds = metrics.histogram(
            "apiserver_validating_admission_policy_check_duration_seconds",
            "[BETA] Validation admission latency for individual validation expressions in seconds, labeled by policy and "
            "further including binding and enforcement action taken.",
            labels,
            buckets=BUCKETS,
        )

    def observe(self, policy: str, binding: str, error_type: str, action: Action, seconds: float) -> None:
        self._checks.labels(policy, binding, error_type, action).inc()
        self._seconds.labels(policy, binding, error_type, action).observe(seconds)


class MutatingPolicyMetrics:
    """One observation for each mutation."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        labels = ("policy", "policy_binding", "error_type")
        self._checks = metrics.counter(
            "apiserver_mutating_admission_policy_check_total",
            "[ALPHA] Mutation admission policy check total, labeled by policy and further identified by binding.",
            labels,
        )
        self._seconds = metrics.histogram(
            "apiserver_mutating_admission_policy_check_duration_seconds",
            "[ALPHA] Mutation admission latency for individual mutation expressions in seconds, labeled by policy and "
            "binding.",
            labels,
            buckets=BUCKETS,
        )

    def observe(self, policy: str, binding: str, error_type: str, seconds: float) -> None:
        self._checks.labels(policy, binding, error_type).inc()
        self._seconds.labels(policy, binding, error_type).observe(seconds)
