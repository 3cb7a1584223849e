"""The requests that are worth remembering: those that failed, and those that took long.

They are kept in rings of a fixed length, server errors apart, so that a flood of 404s does not push them out. What is kept
is what an access log would say, without the query; of the answer's message only what cannot quote a body: objects hold
secrets, and messages about what is wrong with an object repeat what it says.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.meta import Status
from genericapiserver.asgi import Scope, header_value
from genericapiserver.request import RequestContext
from genericapiserver.request.reporting import normalized_verb

SLOW: Final = 0.5
"""Seconds from which on a request counts as slow: those after which the audit log says where the time went."""
KEPT: Final = 200
"""Requests in each ring."""

_LONGEST: Final = 300
"""Characters kept of a text that a client chose."""
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@attrs.frozen(kw_only=True)
class NotableRequest:
    """One request, when it was over."""

    time: datetime
    seconds: float
    method: str
    verb: str
    path: str
    user: str
    user_agent: str
    client: str
    status: int
    """0 when it ended before there was an answer."""
    reason: str
    message: str
    audit_id: str
    parts: dict[str, float]
    """Seconds spent in parts of the way, as far as they are known."""

    def document(self) -> dict[str, Any]:
        """As the inspector's JSON has it."""
        return {
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(self.seconds, 6),
            "method": self.method,
            "verb": self.verb,
            "path": self.path,
            "user": self.user,
            "userAgent": self.user_agent,
            "client": self.client,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "auditID": self.audit_id,
            "parts": {name: round(seconds, 6) for name, seconds in self.parts.items()},
        }


class NotableRequests:
    """The rings of one server. An `Observer` of the outermost filter."""

    def __init__(self, *, slow: float = SLOW, kept: int = KEPT) -> None:
        self.slow = slow
        self._refused: deque[NotableRequest] = deque(maxlen=kept)
        self._failed: deque[NotableRequest] = deque(maxlen=kept)
        self._slow: deque[NotableRequest] = deque(maxlen=kept)

    def observe(self, scope: Scope, context: RequestContext, seconds: float) -> None:
        """Remember a request that is over. Called for those with an error's status and those that took long."""
        request = _remembered(scope, context, seconds)
        if request.status >= 500:
            self._failed.append(request)
        elif request.status >= 400:
            self._refused.append(request)
        if seconds >= self.slow and not context.long_running:
            self._slow.append(request)

    def errors(self, most: int = KEPT) -> list[NotableRequest]:
        """The last *most* client errors and as many server errors, newest first."""
        newest = (*list(self._refused)[-most:], *list(self._failed)[-most:])
        return sorted(newest, key=lambda request: request.time, reverse=True)

    def slowest(self) -> list[NotableRequest]:
        """The last slow ones, slowest first."""
        return sorted(self._slow, key=lambda request: request.seconds, reverse=True)


def _remembered(scope: Scope, context: RequestContext, seconds: float) -> NotableRequest:
    status, shown = context.response_status, context.shown_status
    return NotableRequest(
        time=context.received_at,
        seconds=seconds,
        method=context.method,
        verb=normalized_verb(context.method, context.request_info, scope["query_string"]),
        path=_short(context.path),
        user=_short(context.user.name) if context.user is not None else "",
        user_agent=_short(header_value(scope, b"user-agent") or ""),
        client=client_address(scope),
        status=status,
        reason=(shown.reason if shown is not None and shown.reason else _phrase(status)),
        message=_short(_message(context, shown)),
        audit_id=_short(context.audit_id),
        parts=dict(context.latencies or ()),
    )


def _message(context: RequestContext, status: Status | None) -> str:
    """What may be told of *status*: its message, unless that may quote the body of the request."""
    if status is None:
        return ""
    if context.refused_unread or context.method in _WITHOUT_BODY:
        return status.message
    details = status.details
    if details is None:
        return ""
    said = " ".join(filter(None, (details.kind, details.name)))
    causes = ", ".join(_causes(details.causes or ()))
    return f"{said}: {causes}" if causes and said else said or causes


def _causes(causes: Iterable[Any]) -> Iterator[str]:
    """Which fields are wrong and in which way, but not what they hold."""
    for cause in causes:
        yield f"{cause.field} ({cause.reason})" if cause.field else cause.reason


def client_address(scope: Scope) -> str:
    client = scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\u2026"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no answer" if not status else ""
