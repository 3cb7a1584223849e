"""The facts of one request: what it asks for (RequestInfo), and what was learned on its way (RequestContext).

Lives here: the parser of API paths, the context that filters fill and handlers read, warnings, the rule for
long-running requests, and deadlines. Not here: anything that reads a body or writes a response.
Go keeps this in pkg/endpoints/request. May import rooms of rows 0 to 4.
"""

from genericapiserver.request.audit_recorder import AuditLevel, AuditRecorder
from genericapiserver.request.context import CONTEXT_KEY, MissingRequestContextError, RequestContext, request_context
from genericapiserver.request.long_running import LongRunningCheck, long_running_check
from genericapiserver.request.request_info import RequestInfo, RequestInfoError, RequestInfoFactory
from genericapiserver.request.warnings import WarningRecorder

__all__ = [
    "CONTEXT_KEY",
    "AuditLevel",
    "AuditRecorder",
    "LongRunningCheck",
    "MissingRequestContextError",
    "RequestContext",
    "RequestInfo",
    "RequestInfoError",
    "RequestInfoFactory",
    "WarningRecorder",
    "long_running_check",
    "request_context",
]
