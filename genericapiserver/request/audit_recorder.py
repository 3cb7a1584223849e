"""What the request path tells the audit event of a request, and how much of it the event keeps.

The audit room fills the slot; this room only says what it looks like, because handlers, admission and filters all speak
to it. Source: pkg/audit/{request,context}.go of k8s.io/apiserver.
"""

import enum
from typing import Any, Protocol

from genericapiserver.apimachinery.meta import Status
from genericapiserver.authentication.user import UserInfo


class AuditLevel(enum.IntEnum):
    """How much of a request an audit policy wants, and from which level on an annotation is kept."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def text(self) -> str:
        """The name that policies and events use."""
        return _TEXTS[self]


_TEXTS = ("None", "Metadata", "Request", "RequestResponse")


class RecordedJSON(Protocol):
    """A body that is encoded only when somebody wants to see it."""

    def json(self) -> bytes:
        """Compact JSON without a newline."""


class RecordedRequest(RecordedJSON, Protocol):
    """A decoded request body; `object` may have `metadata`."""

    @property
    def object(self) -> Any: ...


class AuditRecorder(Protocol):
    """The event of one request, as the request path sees it.

    `level` says what is kept, so that callers need not prepare what nobody wants. Bodies are encoded at once when they
    are kept: the objects behind them change later.
    """

    @property
    def level(self) -> AuditLevel: ...

    def add_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        """Add one annotation if the event is of *level* or above; a second value for a key is ignored."""

    def record_impersonated_user(self, user: UserInfo) -> None:
        """The request goes on as *user*; the event keeps the caller as its user."""

    def record_impersonation_constraint(self, constraint: str) -> None:
        """Which grant allowed the impersonation, for example `impersonate:user-info`; not called for the plain one.

        Shown as `authenticationMetadata.impersonationConstraint` of the event.
        """

    def record_request_object(self, body: RecordedRequest) -> None:
        """The decoded body of a write, before admission; on every level, for it may say which object is meant."""

    def record_request_patch(self, patch: bytes) -> None:
        """The body of a patch as sent."""

    def record_response_status(self, status: Status) -> None:
        """The response says no more than this Status."""

    def record_response_object(self, body: RecordedJSON) -> None:
        """What the response says, in the version it was asked for."""
