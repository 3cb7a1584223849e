"""Everything that is known of the request being served, in one object carried in its ASGI scope.

Go spreads these facts over a dozen context keys (pkg/endpoints/request, pkg/audit, pkg/warning). Here the first filter
makes one RequestContext; inner filters fill it; handlers, admission and the registry get it as their first argument.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import attrs

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.meta import Status
from genericapiserver.asgi import Scope
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request.audit_recorder import AuditLevel, AuditRecorder
from genericapiserver.request.request_info import RequestInfo
from genericapiserver.request.warnings import WarningRecorder

CONTEXT_KEY: Final = "genericapiserver.context"
"""The scope key under which the context travels."""

_NOTABLE_LATENCY: Final = 0.001


class MissingRequestContextError(RuntimeError):
    """A handler was reached without the filter that makes the context: the chain is put together wrongly."""

    def __init__(self) -> None:
        super().__init__("no RequestInfo found in the context")


class FlowControlled(Protocol):
    """A request as flow control sees it."""

    def log_pairs(self) -> Sequence[tuple[str, str | int]]:
        """What the log says of it."""


@attrs.define(eq=False, kw_only=True)
class RequestContext:
    """The facts of one request. One task owns it; it is never shared between requests."""

    request_info: RequestInfo
    method: str = "GET"
    path: str = "/"
    """The decoded path."""
    request_uri: str = "/"
    """Path and query as the client sent them."""
    received_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    received_monotonic: float = 0.0
    """When the request came, on the event loop's clock. Every deadline counts from here."""
    audit_id: str = ""
    long_running: bool = False
    user: UserInfo | None = None
    audiences: tuple[str, ...] = ()
    """What the credentials were good for; empty when the authenticator does not know audiences."""
    deadline: float | None = None
    """When the request must be answered, on the event loop's clock; None for long-running requests."""
    warnings: WarningRecorder | None = None
    audit: AuditRecorder | None = None
    """The audit event, once it is known that there is to be one."""
    early_annotations: dict[str, str] | None = None
    """What was annotated before that; whoever makes the event takes it over."""
    latencies: dict[str, float] | None = None
    """Seconds spent in parts of the way that were slow, by the name of the part in audit annotations."""
    shutdown: Signal | None = None
    """Set for watches: when it fires the watch must end, because the server stops."""
    paths_incomplete: bool = False
    """The request came before all paths were installed, so that a 404 for it would be a lie."""
    response_headers: list[tuple[bytes, bytes]] = attrs.field(factory=list)
    """Put on the response by the outermost filter, each only if the handler did not set that name itself."""
    response_status: int = 0
    """The status that was sent; 0 before the response starts."""
    shown_status: Status | None = None
    """The Status that the response has instead of what was asked for."""
    refused_unread: bool = False
    """The request was refused before anything of its body was read: what it is told quotes nothing of it."""
    watch_initialized: Callable[[], None] | None = None
    """Called by the handler of a watch, if it is set, once what the watch begins with has been sent."""
    flow_control: "FlowControlled | None" = None
    """Where flow control has put the request, for the log."""
    log_pairs: dict[str, Any] | None = None
    """What else the log line of this request says."""
    filter_started: float = 0.0
    """When the filter whose latency is being measured was entered, on the performance counter."""

    @property
    def namespace(self) -> str:
        return self.request_info.namespace

    def add_warning(self, text: str, agent: str = "") -> None:
        """Have the response carry *text* as a warning. Without a recorder, or after the response began, it is lost."""
        if self.warnings is not None:
            self.warnings.add(text, agent)

    def add_audit_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        """Annotate the audit event if one of *level* or above is made; the first value of a key stays."""
        if self.audit is not None:
            self.audit.add_annotation(key, value, level)
        elif level <= AuditLevel.METADATA:
            if self.early_annotations is None:
                self.early_annotations = {}
            self.early_annotations.setdefault(key, value)

    def add_latency(self, part: str, seconds: float) -> None:
        """Add *seconds* to what *part* took, for the audit event of a slow request.

        Less than a millisecond is not worth the work: the annotations are made above half a second in all.
        """
        if seconds >= _NOTABLE_LATENCY:
            latencies = self.latencies = self.latencies or {}
            latencies[part] = latencies.get(part, 0.0) + seconds

    def sum_latency(self, part: str, seconds: float) -> None:
        """The same for a *part* made of many small ones, each of which is worth noting."""
        latencies = self.latencies
        if latencies is None:
            latencies = self.latencies = {}
        latencies[part] = latencies.get(part, 0.0) + seconds

    def add_parallel_latency(self, part: str, seconds: float) -> None:
        """The same for a *part* done several times at once, of which the slowest counts."""
        if seconds >= _NOTABLE_LATENCY:
            latencies = self.latencies = self.latencies or {}
            latencies[part] = max(latencies.get(part, 0.0), seconds)

    def add_log_pair(self, key: str, value: Any) -> None:
        """Have the log line of this request, if there is one, say so."""
        if self.log_pairs is None:
            self.log_pairs = {}
        self.log_pairs[key] = value

    def remaining(self, now: float) -> float | None:
        """Seconds until the deadline at loop time *now*, never negative; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - now)


def request_context(scope: Scope) -> RequestContext:
    """The context of the request that *scope* describes. Raises MissingRequestContextError when none was made."""
    try:
        context: RequestContext = scope[CONTEXT_KEY]
    except KeyError:
        raise MissingRequestContextError from None
    return context
