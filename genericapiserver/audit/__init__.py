"""The record of who did what.

    policy (policy, policy_file)  which requests, how much of them
    event, recording              what is written of one
    backend, truncate, buffered   who takes it, in which sizes, when
    log, log_file, webhook        where it goes in the end

And the ID that ties a request's response, its log lines and its events together. The filter that ties these to requests is
filters/audit.py; `request` declares the slot through which the request path speaks to an event. May import rooms of rows 0
to 5.
"""

from genericapiserver.audit.audit_id import AUDIT_ID_HEADER, new_audit_id, request_audit_id, shortened_audit_id
from genericapiserver.audit.backend import AuditBackend, union
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.policy import PolicyRuleEvaluator
from genericapiserver.audit.policy_file import PolicyError, load_policy

__all__ = [
    "AUDIT_ID_HEADER",
    "AuditBackend",
    "AuditEvent",
    "PolicyError",
    "PolicyRuleEvaluator",
    "load_policy",
    "new_audit_id",
    "request_audit_id",
    "shortened_audit_id",
    "union",
]
