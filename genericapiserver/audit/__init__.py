"""The record of who did what.

Lives here: the ID that ties a request's response, its log lines and its audit event together. Events, policies and
backends fill the recorder slot that `request` declares. May import rooms of rows 0 to 5.
"""

from genericapiserver.audit.audit_id import AUDIT_ID_HEADER, new_audit_id, request_audit_id, shortened_audit_id

__all__ = ["AUDIT_ID_HEADER", "new_audit_id", "request_audit_id", "shortened_audit_id"]
