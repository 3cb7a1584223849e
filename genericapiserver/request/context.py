"""Everything that is known of the request being served, in one object carried in its ASGI scope.

Go spreads these facts over a dozen context keys (pkg/endpoints/request, pkg/audit, pkg/warning). Here the first filter
makes one RequestContext; inner filters fill it; handlers, admission and the registry get it as their first argument.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import attrs

from genericapiserver.aio import Signal
from genericapiserver.asgi import Scope
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request.request_info import RequestInfo
from genericapiserver.request.warnings import WarningRecorder

CONTEXT_KEY: Final = "genericapiserver.context"
"""The scope key under which the context travels."""


class MissingRequestContextError(RuntimeError):
    """A handler was reached without the filter that makes the context: the chain is put together wrongly."""

    def __init__(self) -> None:
        super().__init__("no RequestInfo found in the context")


class AuditRecorder(Protocol):
    """What the request path tells the audit event of a request; the audit room fills the slot.

    Objects are handed over as they are and must not be changed afterwards; a recorder decides by its policy's level
    whether to keep them.
    """

    def add_annotation(self, key: str, value: str) -> None:
        """Add one annotation; a second value for a key is ignored."""

    def record_impersonated_user(self, user: UserInfo) -> None:
        """The request goes on as *user*; the event keeps the caller as its user."""

    def record_impersonation_constraint(self, constraint: str) -> None:
        """Which grant allowed the impersonation, for example `impersonate:user-info`; not called for the plain one.

        Shown as `authenticationMetadata.impersonationConstraint` of the event.
        """

    def record_request_object(self, body: object) -> None:
        """The decoded body of a write, before admission."""

    def record_request_patch(self, patch: bytes) -> None:
        """The body of a patch as sent."""

    def record_response_object(self, body: object) -> None:
        """What the response says, in the version it was asked for."""


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
    shutdown: Signal | None = None
    """Set for watches: when it fires the watch must end, because the server stops."""
    paths_incomplete: bool = False
    """The request came before all paths were installed, so that a 404 for it would be a lie."""
    response_headers: list[tuple[bytes, bytes]] = attrs.field(factory=list)
    """Put on the response by the outermost filter, each only if the handler did not set that name itself."""
    response_status: int = 0
    """The status that was sent; 0 before the response starts."""
    watch_initialized: Callable[[], None] | None = None
    """Called by the handler of a watch, if it is set, once what the watch begins with has been sent."""
    flow_control: "FlowControlled | None" = None
    """Where flow control has put the request, for the log."""
    filter_started: float = 0.0
    """When the filter whose latency is being measured was entered, on the performance counter."""

    @property
    def namespace(self) -> str:
        return self.request_info.namespace

    def add_warning(self, text: str, agent: str = "") -> None:
        """Have the response carry *text* as a warning. Without a recorder, or after the response began, it is lost."""
        if self.warnings is not None:
            self.warnings.add(text, agent)

    def add_audit_annotation(self, key: str, value: str) -> None:
        """Annotate the audit event, if one is being made."""
        if self.audit is not None:
            self.audit.add_annotation(key, value)

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
