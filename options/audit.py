"""AuditOptions: the reference's flags for audit logs and webhooks, their rules, and the backends they stand for.

Source: pkg/server/options/audit.go of k8s.io/apiserver.
"""

import logging
from typing import TYPE_CHECKING

import attrs

from genericapiserver.audit import AuditBackend, PolicyError, PolicyRuleEvaluator, load_policy, union
from genericapiserver.audit.backend import IgnoreErrors
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.client.kubeconfig import KubeconfigError, load_kubeconfig
from genericapiserver.client.rest import RESTClient
from genericapiserver.config import Config, ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.flags import BOOL, DURATION, FLOAT, INT, STRING, FlagSet

if TYPE_CHECKING:
    from genericapiserver.audit.log import LogTarget

logger = logging.getLogger(__name__)

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

    def wrap(self, backend: AuditBackend, metrics: AuditMetrics, *, concurrent: bool) -> AuditBackend:
        """*backend* as the mode wants it fed, with events of the size that is wanted."""
        from genericapiserver.audit.buffered import BatchConfig, Buffered  # here: without a backend it is not needed
        from genericapiserver.audit.truncate import Truncate

        if self.mode == "batch":
            batch = BatchConfig(
                buffer_size=self.buffer_size,
                max_size=self.max_size,
                max_wait=self.max_wait,
                throttle_qps=self.throttle_qps if self.throttle_enable else 0.0,
                throttle_burst=self.throttle_burst,
                concurrent=concurrent,
            )
            backend = Buffered(backend, batch, metrics=metrics)
        elif self.mode == "blocking":
            backend = IgnoreErrors(backend)
        if self.truncate_enabled:
            backend = Truncate(
                backend,
                max_event_size=self.truncate_max_event_size,
                max_batch_size=self.truncate_max_batch_size,
                metrics=metrics,
            )
        return backend


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
        return problems

    def apply_to(self, config: Config) -> None:
        """Fill `audit_backend` and `audit_policy`. Raises ConfigError.

        A backend without a policy is dropped, as in the reference, and so is a policy without a backend; the log says so.
        The audit log's file is made at once, so that a path that cannot work is found before anything is served.
        """
        policy = None
        if self.policy_file:
            try:
                policy = load_policy(self.policy_file)
            except PolicyError as error:
                raise ConfigError(f"loading audit policy file: {error}") from error
        metrics = AuditMetrics(config.metrics)
        backends = []
        unused, shared = policy is None, config.worker is not None
        if self.log_path and (backend := self._log_backend(metrics, unused=unused, shared=shared)) is not None:
            backends.append(backend)
        if self.webhook_config_file:
            webhook = self._webhook_backend(metrics, config.metrics, unused=unused)
            backends += [webhook] if webhook is not None else []
        if policy is not None:
            config.audit_policy = PolicyRuleEvaluator(policy)
            config.audit_backend = union(*backends)
        self._say_what_is_unused(policy is not None)

    def _say_what_is_unused(self, has_policy: bool) -> None:
        """The reference keeps most of this to itself, and then nobody knows why an audit log stays empty."""
        if has_policy and not (self.log_path or self.webhook_config_file):
            logger.warning(
                "No audit backend: --audit-policy-file needs --audit-log-path or --audit-webhook-config-file"
            )
        for given, backend in ((self.log_path, "log"), (self.webhook_config_file, "webhook")):
            if given and not has_policy:
                logger.warning("No audit policy file provided, no events will be recorded for %s backend", backend)

    def _log_backend(self, metrics: AuditMetrics, *, unused: bool, shared: bool) -> AuditBackend | None:
        from genericapiserver.audit.log import LogBackend  # here, and the next: without a log it is not needed
        from genericapiserver.audit.log_file import MEGABYTE, LogFile, StandardOut, ensure_log_file

        target: LogTarget = StandardOut()
        file: LogFile | None = None
        if self.log_path != "-":
            try:
                ensure_log_file(self.log_path)
            except OSError as error:
                raise ConfigError(f"ensureLogFile: {error.strerror or error}") from error
            target = file = LogFile(
                self.log_path,
                shared=shared,
                max_size=self.log_max_size * MEGABYTE,
                max_age_days=self.log_max_age,
                max_backups=self.log_max_backup,
                compress=self.log_compress,
            )
        if unused:
            return None
        backend = LogBackend(target, format="legacy" if self.log_format == "legacy" else "json", metrics=metrics)
        if file is not None:
            file.on_rotated = backend.tidy
        return self.log.wrap(backend, metrics, concurrent=False)

    def _webhook_backend(
        self, metrics: AuditMetrics, registry: MetricsRegistry, *, unused: bool
    ) -> AuditBackend | None:
        from genericapiserver.audit.webhook import (  # here: without a webhook it is not needed
            TIMEOUT,
            WebhookBackend,
            webhook_url,
        )

        try:
            client_config = load_kubeconfig(self.webhook_config_file)
            if unused:
                return None
            backend = WebhookBackend(
                RESTClient(client_config, timeout=TIMEOUT, metrics=registry),
                webhook_url(client_config.host),
                initial_backoff=self.webhook_initial_backoff,
                metrics=metrics,
            )
        except (KubeconfigError, OSError, ValueError) as error:
            raise ConfigError(f"initializing audit webhook: {error}") from error
        return self.webhook.wrap(backend, metrics, concurrent=True)
