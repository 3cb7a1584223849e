"""What tests of auditing share: events without a request, and a backend that keeps what it is given."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from genericapiserver.audit.backend import Accepted
from genericapiserver.audit.event import AuditEvent, EventRecord, ObjectReference, raw_user
from genericapiserver.authentication import UserInfo
from genericapiserver.request import AuditLevel

TIME = "2026-11-20T10:58:48.046841Z"


def new_event(audit_id: str = "id", *, level: AuditLevel = AuditLevel.METADATA, **fields: Any) -> AuditEvent:
    """An event of a GET of one pod, with *fields* of its record instead of those."""
    record = EventRecord(
        **{
            "level": level.text,
            "audit_id": audit_id,
            "stage": "RequestReceived",
            "request_uri": "/api/v1/namespaces/default/pods/busybox",
            "verb": "get",
            "user": raw_user(UserInfo(name="admin", groups=("system:masters", "system:authenticated"))),
            "source_ips": ("127.0.0.1",),
            "user_agent": "kubectl/x",
            "object_ref": ObjectReference("pods", "default", "busybox", api_version="v1"),
            "request_received_timestamp": TIME,
            "stage_timestamp": TIME,
            **fields,
        }
    )
    return AuditEvent(record, level)


def large_event(audit_id: str = "id", size: int = 1000) -> AuditEvent:
    """An event with a body of *size* bytes."""
    body = msgspec.Raw(b'"' + b"x" * (size - 2) + b'"')
    return new_event(audit_id, level=AuditLevel.REQUEST, request_object=body)


class Backend:
    """Keeps the events of each call as JSON."""

    name = "fake"

    def __init__(self, accepted: bool = True) -> None:
        self.accepted = accepted
        self.calls: list[list[dict[str, Any]]] = []
        self.started = self.closed = False

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for call in self.calls for event in call]

    @property
    def ids(self) -> list[list[str]]:
        return [[event["auditID"] for event in call] for call in self.calls]

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        self.calls.append([json.loads(event.json()) for event in events])
        return self.accepted

    async def start(self) -> None:
        self.started = True

    async def aclose(self) -> None:
        self.closed = True
