"""AuditOptions: the reference's flags for audit logs and webhooks, and their rules.

Source: pkg/server/options/audit.go of k8s.io/apiserver. Audit backends come with a later version: a policy file together
with a backend is refused here, because a server that says it audits and does not would be worse than one that stops.
"""

import attrs

from genericapiserver.config import Config
from genericapiserver.options.flags import BOOL, DURATION, FLOAT, INT, STRING, FlagSet

MODES = ("batch", "blocking", "blocking-strict")
FORMATS = ("legacy", "json")
VERSION = "audit.k8s.io/v1"


@attrs.define(kw_only=True)
class AuditBatchOptions:
    """How one backend is fed."""

    mode: str
    max_size: int
    max_wait: float
    throttle_enable: bool
    throttle_qps: float
    throttle_burst: int
    buffer_size: int = 10000
    truncate_enabled: bool = False
    truncate_max_batch_size: int = 10 * 1024 * 1024
    truncate_max_event_size: int = 100 * 1024
    version: str = VERSION

    def add_flags(self, flags: FlagSet, backend: str) -> None:
        for name, kind, attribute, text in (
            ("mode", STRING, "mode", f"Strategy for sending audit events, one of {', '.join(MODES)}."),
            ("version", STRING, "version", "API group and version used for serializing audit events."),
            ("batch-buffer-size", INT, "buffer_size", "The size of the buffer to store events before batching."),
            ("batch-max-size", INT, "max_size", "The maximum size of a batch."),
            ("batch-max-wait", DURATION, "max_wait", "How long to wait before sending a batch that is not full."),
            ("batch-throttle-enable", BOOL, "throttle_enable", "Whether batching throttling is enabled."),
            ("batch-throttle-qps", FLOAT, "throttle_qps", "Maximum average number of batches per second."),
            ("batch-throttle-burst", INT, "throttle_burst", "Maximum number of requests sent at the same moment."),
            ("truncate-enabled", BOOL, "truncate_enabled", "Whether event and batch truncating is enabled."),
            ("truncate-max-batch-size", INT, "truncate_max_batch_size", "Maximum size of a batch in bytes."),
            ("truncate-max-event-size", INT, "truncate_max_event_size", "Maximum size of an event in bytes."),
        ):
            flags.add(f"audit-{backend}-{name}", kind, self, attribute, text)

    def validate(self, backend: str) -> list[str]:
        problems = []
        if self.mode not in MODES:
            problems.append(f'invalid audit {backend} mode {self.mode}, allowed modes are "{",".join(MODES)}"')
        if self.mode == "batch":
            checked = [("buffer size", self.buffer_size), ("max batch size", self.max_size)]
            if self.throttle_enable:
                checked += [("throttle QPS", int(self.throttle_qps)), ("throttle burst", self.throttle_burst)]
            problems += [
                f"invalid audit batch {backend} {what} {value}, must be a positive number"
                for what, value in checked
                if value <= 0
            ]
        event, batch = self.truncate_max_event_size, self.truncate_max_batch_size
        if event <= 0:
            problems.append(f"invalid audit truncate {backend} max event size {event}, must be a positive number")
        if batch < event:
            problems.append(
                f"invalid audit truncate {backend} max batch size {batch}, must be greater than max event size ({event})"
            )
        if self.version != VERSION:
            problems.append(f'invalid group version, allowed versions are ["{VERSION}"]')
        return problems


@attrs.define(kw_only=True)
class AuditOptions:
    """A backend is on when its path or configuration file is given; without a policy file it records nothing."""

    policy_file: str = ""
    log_path: str = ""
    log_max_age: int = 0
    log_max_backup: int = 0
    log_max_size: int = 0
    log_format: str = "json"
    log_compress: bool = False
    log: AuditBatchOptions = attrs.field(
        factory=lambda: AuditBatchOptions(
            mode="blocking", max_size=1, max_wait=0.0, throttle_enable=False, throttle_qps=0.0, throttle_burst=0
        )
    )
    webhook_config_file: str = ""
    webhook_initial_backoff: float = 10.0
    webhook: AuditBatchOptions = attrs.field(
        factory=lambda: AuditBatchOptions(
            mode="batch", max_size=400, max_wait=30.0, throttle_enable=True, throttle_qps=10.0, throttle_burst=15
        )
    )

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "audit-policy-file",
                STRING,
                "policy_file",
                "Path to the file that defines the audit policy configuration.",
            ),
            ("audit-log-path", STRING, "log_path", "File that audit events are written to; '-' means standard out."),
            ("audit-log-maxage", INT, "log_max_age", "The maximum number of days to retain old audit log files."),
            ("audit-log-maxbackup", INT, "log_max_backup", "The maximum number of old audit log files to retain."),
            ("audit-log-maxsize", INT, "log_max_size", "The maximum size in megabytes of the audit log file."),
            ("audit-log-format", STRING, "log_format", f"Format of saved audits, one of {', '.join(FORMATS)}."),
            (
                "audit-log-compress",
                BOOL,
                "log_compress",
                "If set, the rotated log files will be compressed using gzip.",
            ),
            ("audit-webhook-config-file", STRING, "webhook_config_file", "kubeconfig file of the audit webhook."),
        ):
            flags.add(name, kind, self, attribute, text)
        flags.add(
            "audit-webhook-initial-backoff",
            DURATION,
            self,
            "webhook_initial_backoff",
            "How long to wait before retrying the first failed request.",
            aliases=["audit-webhook-batch-initial-backoff"],
        )
        self.log.add_flags(flags, "log")
        self.webhook.add_flags(flags, "webhook")

    def validate(self) -> list[str]:
        problems = []
        if self.log_path:
            problems += self.log.validate("log")
            if self.log_format not in FORMATS:
                problems.append(
                    f'invalid audit log format {self.log_format}, allowed formats are "{",".join(FORMATS)}"'
                )
            problems += [
                f"--audit-log-{name} {value} can't be a negative number"
                for name, value in (
                    ("maxage", self.log_max_age),
                    ("maxbackup", self.log_max_backup),
                    ("maxsize", self.log_max_size),
                )
                if value < 0
            ]
        if self.webhook_config_file:
            problems += self.webhook.validate("webhook")
        if self.policy_file and (self.log_path or self.webhook_config_file):
            problems.append("--audit-policy-file is not available in this version: leave it out")
        return problems

    def apply_to(self, config: Config) -> None:
        """A backend without a policy is dropped silently, as in the reference; there is nothing else to do yet."""
